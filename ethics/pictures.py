"""Pictures as the audits see them: paintings, photographs, pages, and planes of scans shown as pictures."""

import io
from pathlib import Path

import numpy as np

from difusa.ethics.kind import Kind, unit_length
from difusa.shared.phash import ALIKE, differing, mirrored, perceptual_hash

LIKENESS = 0.9
SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp")


def load(files: list[Path]) -> tuple[dict[str, np.ndarray], list[tuple[str, str]]]:
    """Pictures uint8 [H, W, 3] by name, and those that cannot be read."""
    from difusa.domains.heritage.metrics import read

    found, refused = {}, []
    for path in files:
        try:
            found[path.name] = read(path)
        except (ValueError, OSError) as why:
            refused.append((path.name, str(why)))
    return found, refused


def features(image: np.ndarray) -> np.ndarray:
    """Mean [768] of the patch tokens of the CLIP ViT-B/16 tower that shared.perceptual loads (0.05 to 0.2 s on one core).

    Not the class token: that tells what a picture shows, and brings disguised copies no nearer than pictures of one kind.
    """
    from difusa.shared.perceptual import tokens

    return tokens(np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image, threads=1)[1:].mean(0)


def bits(image: np.ndarray) -> tuple[int, ...]:
    """Perceptual hashes of a picture and of its mirror image."""
    return perceptual_hash(image), perceptual_hash(mirrored(image))


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether a picture is another one, trimmed, rescaled, relit or mirrored: how far they correlate, laid over each other.

    Of 580 paintings with disguises of theirs the least was .94. Of 250 pairs of paintings whose hashes are near, two are one
    drawing coloured twice (.92, .95), a black and a red square on white count as one (.99), and the most of the others was .87.
    """
    return max(laid_over(x, b) for x in (a, mirrored(a))) >= LIKENESS


def laid_over(a: np.ndarray, b: np.ndarray) -> float:
    """Correlation [0, 1] of two pictures [H, W(, 3)] of 64 px without their broad shading, after the affine map that makes it
    largest (Evangelidis and Psarakis 2008); 0 where there is none that is near to leaving all as it is."""
    import cv2

    def seen(image: np.ndarray) -> np.ndarray:
        grey = (
            image.astype(np.float32) if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
        )
        small = cv2.resize(grey, (64, 64), interpolation=cv2.INTER_AREA)
        small = small - cv2.GaussianBlur(small, (0, 0), 6)
        return small / (small.std() + 1e-3)

    enough = cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 40, 1e-4
    try:
        found, way = cv2.findTransformECC(
            seen(a), seen(b), np.eye(2, 3, dtype=np.float32), cv2.MOTION_AFFINE, enough, None, 3
        )
    except cv2.error:  # it does not converge, or one of them is of one colour
        return 0.0
    sizes = np.linalg.svd(way[:, :2], compute_uv=False)
    near = sizes.min() > 0.8 and sizes.max() < 1.25 and np.abs(way[:, 2]).max() < 16
    return float(found) if near else 0.0


def same_plane(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two planes of scans are one by their perceptual hashes, mirrored ones too."""
    theirs = perceptual_hash(b)
    return min(differing(perceptual_hash(x), theirs) for x in (a, mirrored(a))) <= ALIKE


def disguise(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A copy as it comes back: trimmed by up to 4 % a side, at another size and brightness, saved as JPEG of quality 60 to 90."""
    from PIL import Image

    height, width = image.shape[:2]
    top, left, bottom, right = (rng.uniform(0, 0.04, 4) * [height, width, height, width]).astype(int)
    part = image[top : height - bottom, left : width - right]
    scale = rng.uniform(0.7, 1.2)
    shape = max(8, round(part.shape[1] * scale)), max(8, round(part.shape[0] * scale))
    lit = np.clip(part * rng.uniform(0.9, 1.1), 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(lit).resize(shape, Image.Resampling.BICUBIC).save(file, "JPEG", quality=int(rng.integers(60, 91)))
    return np.asarray(Image.open(io.BytesIO(file.getvalue())))


def about(image: np.ndarray) -> dict[str, object]:
    """Shape and colour of a picture, in words; what else is known of it comes in a table of attributes."""
    height, width = image.shape[:2]
    shape = "upright" if height > 1.1 * width else "wide" if width > 1.1 * height else "square"
    chroma = np.ptp(image.astype(np.int16), axis=2).mean() if image.ndim == 3 else 0.0
    return {"shape": shape, "colour": "coloured" if chroma > 12 else "grey"}


TONES = {55: "very light", 41: "light", 28: "intermediate", 10: "tan", -30: "brown", -90: "dark"}  # Chardon et al. 1991
SKIN = (50, 280, 151)  # landmarks of the mesh: both cheeks, the middle of the forehead


def skin_tone(image: np.ndarray) -> str:
    """Of the surest face in uint8 [H, W, 3], by the typology angle of its cheeks and forehead: one of TONES, `no face`, or
    `grey`, where the picture has no colours to measure by. Raises ModuleNotFoundError without the packages that find faces."""
    from difusa.domains.heritage.faces import landmarks
    from difusa.ethics.bias import tone

    if about(image)["colour"] == "grey":
        return "grey"
    found = landmarks(image)
    if found is None:
        return "no face"
    reach, (rows, columns) = 0.05 * np.ptp(found[:, 0]), np.indices(image.shape[:2])
    near = [np.hypot(columns - x, rows - y) <= max(reach, 1.0) for x, y in found[list(SKIN)]]
    angle = tone(image[np.any(near, axis=0)]) if np.any(near) else np.nan
    return next((name for least, name in TONES.items() if angle > least), "no face")


def itself(image: np.ndarray) -> np.ndarray:
    return image


KIND = Kind(
    "heritage",
    SUFFIXES,
    load,
    features,
    unit_length,
    same,
    disguise,
    about,
    "CLIP ViT-B/16, mean of the patch tokens",
    itself,
    bits,
    linear=True,
)


def plane(scan) -> np.ndarray:
    """The middle axial plane of a scan as grey uint8, 99.8th percentile of the scan = 255."""
    values = np.asarray(scan.array, np.float32)
    lowest, highest = np.percentile(values, [0.2, 99.8])
    axis = int(np.abs(scan.affine[2, :3]).argmax())
    middle = np.take(values, values.shape[axis] // 2, axis)
    return np.uint8(np.clip((middle - lowest) / max(highest - lowest, 1e-6), 0, 1) * 255).T[::-1].copy()


def load_scans(files: list[Path]) -> tuple[dict[str, np.ndarray], list[tuple[str, str]]]:
    """The middle plane of each scan, and why the others cannot be read."""
    from difusa.domains.medical.readers import load_all

    found, refused = {}, []
    for path, scan in load_all(files):
        if isinstance(scan, Exception):
            refused.append((path.name, str(scan)))
        else:
            found[path.name] = plane(scan)
    return found, refused


def of_plane(image: np.ndarray) -> dict[str, object]:
    """How much of the plane shows tissue."""
    return {"tissue share": float((image > 25).mean())}


SCANS = Kind(
    "medical", (".nii", ".nii.gz"), load_scans, features, unit_length, same_plane, disguise, of_plane,
    "CLIP ViT-B/16, mean of the patch tokens of the middle axial plane", itself, linear=True,
)  # fmt: skip
