"""`difusa bench watermark`, scans: found after what happens to scans, false alarms, and what segmentation makes of a mark."""

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from difusa.domains.medical import mark_null, segmenting
from difusa.domains.medical.marking import SHARE
from difusa.domains.medical.readers import load
from difusa.domains.medical.scan import Made, Scan
from difusa.shared.bench import Bench
from difusa.shared.benchmark import Asked, tell
from difusa.shared.watermark import volume_grain
from difusa.shared.watermark.facts import payload_of

METHOD, KEY = "waves in millimetres", hashlib.sha256(b"the bench's own key").digest()
CONTRASTS = ("T1", "T2", "FLAIR")


def rows(store: Bench, asked: Asked, n: int) -> None:
    """A row an attack, on real scans; then p-values of unmarked volumes under random keys, and the Dice of tissues."""
    folder = asked.folder() / "medical"
    chosen = scans(folder, n)
    store.groups |= {name: name.split(",")[0] for name in chosen}
    for attack, change in ATTACKS.items():
        row = store.row(
            METHOD, f"volumes: {attack}", list(chosen),
            lambda names, change=change: scored(chosen, names, change), chunk=1, settings={"strength": SHARE},
        )  # fmt: skip
        tell(row, ("found_1", "found_6", "exponent", "psnr"))
    row = store.row(METHOD, "volumes: p-values without a mark", ["all"], lambda _: [mark_null.null(asked.folder())])
    tell(row, ("distance", "ks_p", "below_1"))
    row = store.row(METHOD, "volumes: segmentation", ["openms patient 07"], lambda _: [segmented(folder)])
    tell(row, ("dice_fluid", "dice_grey", "dice_white"))


@lru_cache(4)
def scan(folder: Path, contrast: str) -> Scan:
    return load(folder / f"openms_patient07_{contrast}.nii.gz", contrast)


def scans(folder: Path, n: int) -> dict[str, Scan]:
    """The first n of the real scans there are, by person and contrast: one patient's whole, the MNI152 T1 (a mean of many) with
    1.5 % of noise, and the stacks of planes of the other patients."""
    from nilearn.datasets import load_mni152_template

    found = {f"cross-07, {contrast}": scan(folder / "nifti", contrast) for contrast in CONTRASTS}
    mni = load_mni152_template(resolution=1)
    array = np.asarray(mni.dataobj, np.float32) * 1000
    noise = np.random.default_rng(0).normal(0, 15, array.shape).astype(np.float32)
    found["MNI152, T1"] = Scan(np.where(array > 0, (array + noise).clip(1), 0).astype(np.float32), mni.affine, "T1")
    others = mark_null.real(folder.parent)
    found |= {k: v for k, v in others.items() if v.contrast in CONTRASTS and not k.startswith("cross-07")}
    return dict(list(found.items())[:n])


def cut(whole: Scan, corner, size) -> Scan:
    """A box of a scan, where it lies."""
    affine = whole.affine.copy()
    affine[:3, 3] = whole.affine[:3] @ [*corner, 1]
    box = tuple(slice(a, a + s) for a, s in zip(corner, size))
    return replace(whole, array=np.ascontiguousarray(whole.array[box]), affine=affine)


def marked(one: Scan, name: str) -> Scan:
    """With a mark of SHARE of the reference signal where there is a head."""
    array = one.array.astype(np.float32)
    strength = SHARE * float(np.percentile(array, 99.8))
    made = volume_grain.embed(array, one.affine, KEY, payload_of("bench", name), strength, array > 0)
    return replace(one, array=made.volume)


def resampled(one: Scan) -> Scan:
    from scipy.ndimage import affine_transform

    affine = one.affine.copy()
    affine[:3, :3] *= 1.5
    shape = tuple(int((n - 1) / 1.5) + 1 for n in one.array.shape)
    return replace(one, array=affine_transform(one.array, np.full(3, 1.5), 0, shape, order=1), affine=affine)


def windowed(one: Scan) -> Scan:
    """To 8 bits between the 5th and the 98th percentile of the head."""
    low, high = np.percentile(one.array[one.array > 0], (5, 98))
    return replace(one, array=np.rint(255 * np.clip((one.array - low) / (high - low), 0, 1)).astype(np.uint8))


def whole_numbers(one: Scan) -> Scan:
    """int16, 1,000 for the reference signal."""
    return replace(one, array=np.rint(1000 * one.array / np.percentile(one.array, 99.8)).astype(np.int16))


def through_dicom(one: Scan) -> Scan:
    """Written as a DICOM series and read back."""
    from difusa.domains.medical.dicom_export import save_dicom

    with tempfile.TemporaryDirectory() as folder:
        return load(save_dicom(whole_numbers(one), Path(folder) / "series", Made("translated")), one.contrast)


ATTACKS: dict[str, Callable[[Scan], Scan]] = {
    "clean": lambda one: one,
    "resampled to 1.5 of its voxels": resampled,
    "cropped to a third of its volume": lambda one: cut(
        one, [n * 3 // 20 for n in one.array.shape], [n * 7 // 10 for n in one.array.shape]
    ),
    "windowed to 8 bits": windowed,
    "int16": whole_numbers,
    "DICOM round trip": through_dicom,
}


def scored(chosen: dict[str, Scan], names: list[str], change: Callable[[Scan], Scan]) -> Iterator[dict]:
    """Whether each part is found after the attack, and what the mark cost."""
    for name in names:
        made = marked(chosen[name], name)
        seen = change(made)
        p, payload, whole = volume_grain.read(seen.array, seen.affine, KEY)
        inside = chosen[name].array > 0
        peak = float(np.percentile(chosen[name].array, 99.8))
        error = float(((made.array - chosen[name].array)[inside] ** 2).mean())
        yield {
            "found_1": float(p < 0.01), "found_6": float(p < 1e-6), "exponent": float(np.log10(max(p, 1e-300))),
            "payload": float(whole and payload == payload_of("bench", name)), "psnr": float(10 * np.log10(peak**2 / error)),
        }  # fmt: skip


def segmented(folder: Path) -> dict:
    """Dice of fluid, grey and white matter between the segmentations of a patient with and without a mark in all contrasts."""
    box = ((40, 60, 60), (100, 100, 60))  # of the brain
    plain = [cut(scan(folder / "nifti", c), *box) for c in CONTRASTS]
    labels = []
    for given in (plain, [marked(one, one.contrast) for one in plain]):
        inside = plain[0].array > 0
        values = np.stack([one.array[inside].astype(float) for one in given], 1)
        tissue = np.zeros(inside.shape, np.uint8)
        tissue[inside] = segmenting.mixture_of(values[::7]).labels(values)
        labels.append(tissue)
    return {f"dice_{k}": segmenting.dice(*labels, number) for number, k in enumerate(("fluid", "grey", "white"), 1)}
