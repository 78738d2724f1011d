"""Stacks that the gate must refuse: real planes made wrong, simulated CT given as MR, and real things that are no head."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from difusa.domains.medical import codec
from difusa.domains.medical.bench_setup import Setup
from difusa.domains.medical.gate_stacks import STACK, Stack, rows_of
from difusa.domains.medical.scan import CONTRASTS
from difusa.shared.seeds import stream

UNSHOWN = (  # kinds that no network of the gate learned from
    "smooth blobs", "another organ", "body of another scan", "photograph or microscopy", "pieces out of place", "stretched",
    "CT not in HU",
)  # fmt: skip
EVERY = {"long": 3.0, "cross": 1.0}  # millimetres from plane to plane of the real sets
PICTURES = (
    "camera", "coins", "moon", "page", "text", "brick", "grass", "gravel", "cell", "retina", "immunohistochemistry",
    "microaneurysms", "astronaut", "chelsea", "coffee", "rocket", "hubble_deep_field", "clock", "horse",
)  # fmt: skip
DICOMS = {
    "693_J2KI.dcm": "CT",
    "CT_small.dcm": "CT",
    "examples_overlay.dcm": "MR",
    "MR_small.dcm": "MR",
}  # pydicom's, no heads


def wrong(setup: Setup, rights: list[Stack]) -> list[Stack]:
    """All of them. Groups are patients, simulated people, or kinds."""
    found = [one for stack in rights for one in spoilt(stack)]
    for kind, make in (("noise", noise), ("smooth blobs", blobs), ("blank", blank)):
        for number in range(8):
            contrast = CONTRASTS[number % 4]
            planes = codec.encode(make(stream(setup.asked.seed, number, 6)), contrast)
            found.append(Stack(f"{kind}/{number}", kind, kind, planes, contrast))
    makers = (across, prostates, tomographies, pictures, bodies)
    return found + [one for make in makers for one in make(setup)]


def spoilt(stack: Stack) -> Iterator[Stack]:
    """A real stack made wrong: said to be another contrast, turned, negative, of another size, in pieces."""
    image = codec.decode(stack.planes, stack.said)

    def made(kind: str, planes: np.ndarray, said: str = stack.said) -> Stack:
        return Stack(f"{stack.name}: {kind}", stack.group, kind, planes, said)

    for other in (c for c in CONTRASTS if c != stack.said):
        yield made(f"said to be {other}", codec.encode(image * (1000 if other == "CT" else 1), other), other)
    yield made("upside down", stack.planes[:, ::-1].copy())
    yield made("on its side", stack.planes.swapaxes(1, 2)[:, ::-1].copy())
    yield made("negative", codec.encode(np.clip(1 - image, 0, 1), stack.said))
    yield made("half the size", codec.encode(resized(image, 0.5, 0.5), stack.said))
    yield made("stretched", codec.encode(resized(image, 1.0, 1.7), stack.said))
    yield made("pieces out of place", pieces(stack.planes))


def resized(image: np.ndarray, rows: float, columns: float) -> np.ndarray:
    """Planes [Z, rows, columns] by these factors."""
    from scipy.ndimage import zoom

    return zoom(image, (1, rows, columns), order=1)


def pieces(planes: np.ndarray, edge: int = 40) -> np.ndarray:
    """Planes whose squares of `edge` pixels stand in another order, the same in every plane."""
    tall, wide = (n // edge for n in planes.shape[1:])
    cut = planes[:, : tall * edge, : wide * edge].reshape(-1, tall, edge, wide, edge).swapaxes(2, 3)
    cut = cut.reshape(len(planes), tall * wide, edge, edge)[:, stream(0, 0, 7).permutation(tall * wide)]
    return cut.reshape(-1, tall, wide, edge, edge).swapaxes(2, 3).reshape(len(planes), tall * edge, wide * edge).copy()


def noise(rng: np.random.Generator) -> np.ndarray:
    return rng.random((STACK, 96, 96), dtype=np.float32)


def blobs(rng: np.random.Generator) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    found = gaussian_filter(rng.standard_normal((STACK, 128, 128)), (2, 6, 6))
    return np.clip(found / found.std() / 2, 0, 1).astype(np.float32)


def blank(rng: np.random.Generator) -> np.ndarray:
    return np.full((STACK, 96, 96), rng.uniform(0.2, 1), np.float32)


def across(setup: Setup) -> Iterator[Stack]:
    """Sagittal and coronal planes out of each examination, given as axial ones."""
    from scipy.ndimage import zoom

    for slices in setup.sets:
        for patient in sorted({str(p) for p in slices.patient}):
            for study in np.unique(slices.study[slices.patient == patient]):
                rows = rows_of(slices, patient, study)
                for contrast in [c for c in slices.contrasts if c in CONTRASTS]:
                    volume = np.stack([slices.signal(r, contrast) for r in rows])[::-1]  # the top of the head first
                    for axis, name in ((1, "coronal"), (2, "sagittal")):
                        middle = volume.shape[axis] // 2
                        cut = np.moveaxis(volume, axis, 0)[middle - STACK : middle + STACK : 2]
                        planes = zoom(cut, (1, EVERY[patient.split("-")[0]], 1), order=1)
                        full = f"{patient}/{study}/{contrast}/{name}"
                        planes = codec.encode(planes, contrast)
                        yield Stack(full, patient, "planes in another direction", planes, contrast)


def prostates(setup: Setup) -> Iterator[Stack]:
    """The real prostate series, whole and cut smaller, as each of the four contrasts."""
    from difusa.domains.medical.readers import load
    from difusa.domains.medical.volumes import prepare

    folder = Path(setup.folder) / "medical" / "dicom" / "prostate_t2"
    if not folder.exists():
        return
    scan = load(folder, "T2")
    image = codec.decode(prepare([scan], 8).given[CONTRASTS.index("T2")], "T2")
    for edge in (0, 24, 48):
        part = image[:, edge : image.shape[1] - edge, edge : image.shape[2] - edge]
        for contrast in CONTRASTS[:4]:
            planes = codec.encode(part, contrast)
            yield Stack(f"prostate/{edge}/{contrast}", "prostate", "another organ", planes, contrast)


def tomographies(setup: Setup) -> Iterator[Stack]:
    """Simulated CT given as MR, its air at 0 and soft tissue in the middle as a viewer would write it; and CT not in HU."""
    for case in setup.simulated():
        hounsfield = case.signals["CT"][None].repeat(3, 0)
        for low, wide in ((-1000, 2000), (-100, 300)):
            image = np.clip((hounsfield - low) / wide, 0, 1).astype(np.float32)
            for contrast in ("T1", "T2"):
                name = f"{case.name}/{low}/{contrast}"
                yield Stack(name, case.group, "CT given as MR", codec.encode(image, contrast), contrast)
        raw = codec.encode(hounsfield + 1024, "CT")  # as stored, its intercept forgotten
        yield Stack(f"{case.name}/raw", case.group, "CT not in HU", raw, "CT")


def pictures(setup: Setup) -> Iterator[Stack]:
    """Photographs, textures, microscopy and a retina (scikit-image's), as two contrasts."""
    import skimage.data
    from skimage.color import rgb2gray
    from skimage.transform import resize

    for number, name in enumerate(PICTURES):
        picture = getattr(skimage.data, name)()
        grey = rgb2gray(picture[..., :3]) if picture.ndim == 3 else picture / max(picture.max(), 1)
        planes = resize(grey.astype(np.float32), (200, 200), anti_aliasing=True)[None].repeat(3, 0)
        for contrast in (CONTRASTS[number % 4], CONTRASTS[(number + 1) % 4]):
            made = codec.encode(planes, contrast)
            yield Stack(f"{name}/{contrast}", name, "photograph or microscopy", made, contrast)


def bodies(setup: Setup) -> Iterator[Stack]:
    """Single planes of bodies out of pydicom's test files: CT as CT and MR as MR."""
    import pydicom
    from pydicom.data import get_testdata_file
    from skimage.transform import resize

    for name, kind in DICOMS.items():
        dataset = pydicom.dcmread(get_testdata_file(name, download=False))
        image = dataset.pixel_array * float(dataset.get("RescaleSlope", 1)) + float(dataset.get("RescaleIntercept", 0))
        spacing = [float(s) for s in dataset.get("PixelSpacing", (1.0, 1.0))]
        shape = [round(n * s) for n, s in zip(image.shape, spacing, strict=True)]
        image = resize(image.astype(np.float32), shape, anti_aliasing=True)[None].repeat(3, 0)
        for contrast in ("CT",) if kind == "CT" else CONTRASTS[:4]:
            signal = image if contrast == "CT" else image / codec.reference(image)
            planes = codec.encode(signal, contrast)
            yield Stack(f"{name}/{contrast}", name, "body of another scan", planes, contrast)
