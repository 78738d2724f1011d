"""Heads to paint: label maps of whole real heads, or, with no file at all, nilearn's MNI152 tissue maps in a made-up skull."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from difusa.domains.medical.geometry import turn_of
from difusa.domains.medical.tissues import INDEX, TISSUES, mask

# SynthSeg's generation labels (Billot et al. 2023): FreeSurfer's inside the brain, those of SimNIBS (charm) outside.
SYNTHSEG = {
    "white": (2, 41, 7, 46, 85), "cortex": (3, 42), "cerebellar": (8, 47), "thalamus": (10, 49), "lesion": (25, 57),
    "striatum": (11, 50, 12, 51, 26, 58), "pallidum": (13, 52), "hippocampus": (17, 53, 18, 54), "stem": (16, 28, 60, 512),
    "csf": (24,), "ventricle": (4, 43, 5, 44, 14, 15, 72, 136, 137, 163, 164), "blood": (30, 62, 502, 514), "vitreous": (506,),
    "muscle": (507, 508), "mucosa": (509,), "skin": (511,), "skull": (515,), "marrow": (516,), "nerve": (530,),
}  # fmt: skip
VERSION = 2  # of the heads in the cache
OTHER = 507  # fat and muscle in one label
SCALP = 9.0  # millimetres below the skin's surface in which that label is fat
SPLITS = {
    "train": range(0, 14),
    "calibrate": range(14, 16),
    "test": range(16, 20),
}  # places among the sorted label maps
MNI = "mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"


@dataclass(frozen=True)
class Head:
    """One head: labels [X, Y, Z] uint8, indices into TISSUES, upright; affine [4, 4]: voxel -> RAS+ millimetres."""

    name: str
    labels: np.ndarray
    affine: np.ndarray

    @cached_property
    def counts(self) -> np.ndarray:
        """Voxels of each tissue, of every second along each axis."""
        return np.bincount(self.labels[::2, ::2, ::2].ravel(), minlength=len(TISSUES))

    @cached_property
    def box(self) -> tuple[np.ndarray, np.ndarray]:
        """The outermost voxels' places, low and high, millimetres."""
        ends = np.array([[0, 0, 0, 1], [*(n - 1 for n in self.labels.shape), 1]]) @ self.affine.T
        return ends[0, :3], ends[1, :3]

    @cached_property
    def levels(self) -> np.ndarray:
        """Planes (third index) that cut the cerebrum: from the 5th to the 97th percentile of its white and grey voxels."""
        inside = mask(self.labels, ("white", "cortex", "ventricle")).sum((0, 1)).cumsum()
        return np.flatnonzero((inside > 0.05 * inside[-1]) & (inside < 0.97 * inside[-1]))

    @cached_property
    def near_ventricles(self) -> tuple[np.ndarray, np.ndarray]:
        """White voxels [n, 3], every second along each axis, and the cumulated chance [n] of a lesion's centre: by
        exp(-distance to the ventricles / 8 mm)."""
        from scipy.ndimage import distance_transform_edt

        half = self.labels[::2, ::2, ::2]
        step = 2 * np.sqrt((self.affine[:3, :3] ** 2).sum(0))
        far = distance_transform_edt(half != INDEX["ventricle"], sampling=step)
        places = np.argwhere(half == INDEX["white"])
        chance = np.exp(-far[tuple(places.T)] / 8) + 0.02
        return places * 2, np.cumsum(chance / chance.sum())


def cropped(name: str, labels: np.ndarray, affine: np.ndarray, margin: int = 3) -> Head:
    """The head upright, without the air around it but for a margin of voxels."""
    turn = turn_of(affine)
    upright, affine = np.ascontiguousarray(turn.upright(labels)), turn.affine(affine, labels.shape)
    cuts = []
    for axis in range(3):
        full = np.flatnonzero(upright.any(tuple(k for k in range(3) if k != axis)))
        cuts.append(slice(max(0, full[0] - margin), full[-1] + 1 + margin))
    moved = affine.copy()
    moved[:3, 3] = (affine @ [*(c.start for c in cuts), 1])[:3]
    return Head(name, np.ascontiguousarray(upright[tuple(cuts)]), moved)


def from_synthseg(path: Path) -> Head:
    """A SynthSeg label map. Raises ValueError naming the file and a label that is not SynthSeg's."""
    from difusa.domains.medical.nifti import load

    scan = load(path)
    table = np.full(600, 255, np.uint8)
    table[0] = 0
    for tissue, numbers in SYNTHSEG.items():
        table[list(numbers)] = INDEX[tissue]
    if wrong := [v for v in (scan.array.min(), scan.array.max()) if not 0 <= v < len(table)]:
        raise ValueError(f"{path}: label {wrong[0]} is none of SynthSeg's; give a map of whole-head labels")
    whole = cropped(Path(path).name.split(".")[0], scan.array.astype(np.int16), scan.affine)
    labels = table[whole.labels]
    if (labels == 255).any():
        wrong = whole.labels[labels == 255][0]
        raise ValueError(f"{path}: label {wrong} is none of SynthSeg's; give a map of whole-head labels")
    spacing = np.sqrt((whole.affine[:3, :3] ** 2).sum(0))
    labels[(whole.labels == OTHER) & in_scalp(labels > 0, spacing)] = INDEX["fat"]
    return replace(whole, labels=labels)


def in_scalp(inside: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Where fat lies among the soft tissue: close below the surface, and in streaks between the muscles."""
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    half = inside[::2, ::2, ::2]
    deep = distance_transform_edt(half, sampling=2 * spacing)
    noise = gaussian_filter(np.random.default_rng(0).standard_normal(half.shape).astype(np.float32), 2.0)
    fat = (deep < SCALP) | (noise > 1.0 * noise.std())
    for axis, size in enumerate(inside.shape):
        fat = fat.repeat(2, axis).take(range(size), axis)
    return fat


def made_up() -> Head:
    """The MNI152 brain (Fonov et al. 2009) in a skull, scalp and skin of even thickness. Raises ValueError without nilearn."""
    from importlib.util import find_spec

    from scipy.ndimage import distance_transform_edt

    from difusa.domains.medical.nifti import load

    found = find_spec("nilearn")
    if found is None:
        raise ValueError(
            "the default head needs nilearn: pip install 'difusa[medical]', or name label maps by --labels"
        )
    folder = Path(found.submodule_search_locations[0]) / "datasets" / "data"
    t1, grey, white = (load(folder / MNI.format(kind)) for kind in ("t1", "gm", "wm"))
    brain = np.pad(t1.array > 0, 16)
    shares = [np.pad(s.array.astype(np.float32) / float(s.array.max()), 16) for s in (grey, white)]
    affine = t1.affine.copy()
    affine[:3, 3] -= affine[:3, :3] @ [16, 16, 16]
    outside = distance_transform_edt(~brain, sampling=t1.spacing)
    depth = distance_transform_edt(brain, sampling=t1.spacing)
    labels = np.zeros(brain.shape, np.uint8)
    for reach, tissue in ((15, "skin"), (13, "fat"), (9, "skull"), (7, "marrow"), (5, "skull"), (2.5, "csf")):
        labels[outside <= reach] = INDEX[tissue]
    fluid = brain & (shares[0] + shares[1] < 0.5)
    labels[brain] = np.where(shares[0] > shares[1], INDEX["cortex"], INDEX["white"])[brain]
    labels[brain & (depth > 28) & (shares[0] > shares[1])] = INDEX["striatum"]
    labels[fluid] = np.where(depth > 16, INDEX["ventricle"], INDEX["csf"])[fluid]
    return cropped("mni152", labels, affine)


@lru_cache(1)
def mni() -> Head:
    """The default head, out of the user's cache."""
    return stored("mni152", MNI, made_up)


def maps(folder: Path) -> list[Path]:
    """The label maps in a folder, sorted."""
    return sorted(p for p in Path(folder).glob("*.nii.gz"))


def heads(data: Path | None, split: str) -> list[Head]:
    """The heads of a split: those of medical/labelmaps in the data folder, or the MNI152 head where there is no such folder.

    A label map is read once and kept in the user's cache. Raises ValueError for an unknown split.
    """
    if split not in SPLITS:
        raise ValueError(f"split {split!r} is none of {', '.join(SPLITS)}")
    found = maps(Path(data) / "medical" / "labelmaps") if data else []
    if not found:
        return [mni()]
    return [kept(str(found[k])) for k in SPLITS[split] if k < len(found)]


@lru_cache(32)
def kept(path: str) -> Head:
    """A label map out of the user's cache, put there first where it is missing."""
    from difusa.shared.files import sha256

    return stored(Path(path).name.split(".")[0], sha256(path), lambda: from_synthseg(Path(path)))


def stored(name: str, key: str, build) -> Head:
    """A head out of the user's cache, built and put there first where it is missing; key: what it is made from."""
    import hashlib

    from difusa.shared.files import write_arrays
    from difusa.shared.prepared import cached

    place = cached(f"head-{hashlib.sha256(key.encode()).hexdigest()[:16]}", VERSION)
    if not place.exists():
        head = build()
        write_arrays(place, {"labels": head.labels, "affine": head.affine})
    with np.load(place, allow_pickle=False) as file:
        return Head(name, file["labels"], file["affine"])


def each(data: Path | None, labels: list[Path] | None = None) -> Iterator[Head]:
    """All heads of named label maps, or of the data folder's training split."""
    yield from (from_synthseg(Path(p)) for p in labels) if labels else heads(data, "train")
