"""Real damage as material: film overlays, hand-drawn polygons and craquelure, laid on undamaged pictures.

Folder (DATA/heritage/damage): overlays/*.png, white with the damage in the alpha channel (one kind a name: hair,
scratches, stain, ...); polygons/*.json, outlines of dust, dirt, hair and scratches on film scans; craquelure/*.jpg,
photographs of cracked paint, each with a one-pixel skeleton of its cracks (*.tif).
"""

import json
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.random import Generator

FAMILIES = ("overlays", "polygons", "craquelure")
SIGNIFICANT = 0.15  # opacity from which a pixel counts as damaged: below it the picture is legible through the damage
_BROAD = ("dots", "stain", "smut")  # overlays that are areas rather than lines or specks


@dataclass(frozen=True)
class Damages:
    """The damage of one split: opacity of overlays with their kind, outlines (scan pixels), opacity of cracks."""

    overlays: tuple[tuple[str, np.ndarray], ...]
    polygons: tuple[np.ndarray, ...]
    craquelure: tuple[np.ndarray, ...]


@lru_cache(maxsize=4)
def damages(data: Path | str, split: str) -> Damages:
    """The real damage of one split: "train", or held out "calibrate" and "test". About 30 MB, read once.

    Overlays: a file is held out if crc32(name) % 10 == 0, and of those crc32 // 10 % 2 decides calibrate or test.
    Polygons: of the scans ordered by crc32 the first is test, the second calibrate. Craquelure: the first photograph
    is held out, its upper half for calibration, its lower half for tests. Raises ValueError for an unknown split,
    FileNotFoundError.
    """
    if split not in ("train", "calibrate", "test"):
        raise ValueError(f"split must be train, calibrate or test, got {split!r}")
    folder = Path(data) / "heritage" / "damage"
    if not folder.is_dir():
        raise FileNotFoundError(f"no real damage at {folder}: point --data or DIFUSA_DATA at the data folder")
    return Damages(
        tuple((p.name.split("-")[0], _alpha(p)) for p in overlays(data, split)),
        tuple(shape for p in _small_family(folder / "polygons", "*.json", split) for shape in _outlines(p)),
        tuple(_cracks(folder / "craquelure", split)),
    )


def overlays(data: Path | str, split: str) -> list[Path]:
    """The overlay files of one split."""
    return [p for p in sorted((Path(data) / "heritage/damage/overlays").glob("*.png")) if _fold(p.name) == split]


def _fold(name: str) -> str:
    code = zlib.crc32(name.encode())
    return "train" if code % 10 else ("calibrate" if code // 10 % 2 == 0 else "test")


def _order(path: Path) -> int:
    return zlib.crc32(path.name.encode())


def _small_family(folder: Path, pattern: str, split: str) -> list[Path]:
    """Files of a family too small for a tenth: ordered by crc32, first test, then calibrate, the rest train."""
    files = sorted(folder.glob(pattern), key=_order)
    return {"test": files[:1], "calibrate": files[1:2], "train": files[2:]}[split]


def _alpha(path: Path) -> np.ndarray:
    from PIL import Image

    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGBA"))[..., 3].copy()


def _outlines(path: Path) -> list[np.ndarray]:
    shapes = (
        np.array([[p["x"], p["y"]] for p in s["points"]], np.float32) for s in json.loads(path.read_text()).values()
    )
    return [s - s.mean(0) for s in shapes if len(s) > 2]


def cracked(data: Path | str) -> list[tuple[Path, np.ndarray, np.ndarray]]:
    """The craquelure photographs, held-out one first: (file, grey picture, skeleton), turned upright by their EXIF."""
    from PIL import Image, ImageOps

    found = []
    for path in sorted((Path(data) / "heritage/damage/craquelure").glob("*.jpg"), key=_order):
        skeleton = next(path.parent.glob(f"{path.stem}_*.tif"))
        with Image.open(path) as photo, Image.open(skeleton) as lines:
            grey = np.asarray(ImageOps.exif_transpose(photo).convert("L"))  # skeletons belong to the upright picture
            found.append((path, grey, np.asarray(lines).astype(bool)))
    return found


def _cracks(folder: Path, split: str):
    """Opacity of cracks: how much darker than the paint around it a pixel is, within 5 pixels of the skeleton."""
    import cv2

    for index, (_, grey, skeleton) in enumerate(cracked(folder.parents[2])):
        if (index == 0) != (split != "train"):
            continue
        paint = cv2.medianBlur(grey, 51).astype(np.float32).clip(32)
        near = np.clip(6 - cv2.distanceTransform(np.uint8(~skeleton), cv2.DIST_L2, 5), 0, 1)
        opacity = np.uint8(255 * np.clip(1.6 * (1 - grey / paint), 0, 1) * near)  # 1.6: the black of a crack is never 0
        half = len(opacity) // 2
        yield {"train": opacity, "calibrate": opacity[:half], "test": opacity[half:]}[split].copy()


def paste(
    picture: np.ndarray, rng: Generator, found: Damages, family: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """A picture in [0, 1] with one to three layers of real damage on it, and the mask of what is damaged.

    Each layer is a random piece of the split's damage at a random scale, turn and flip, in a plausible colour (bright
    scratch, dark dirt, bare ground, brown stain). mask: opacity above SIGNIFICANT, grown by one pixel. `family` limits
    the layers to one family. Raises ValueError for another shape or range.
    """
    import cv2

    if picture.ndim != 3 or picture.shape[2] != 3 or not 0 <= picture.min() <= picture.max() <= 1:
        raise ValueError(f"paste takes a [H, W, 3] picture in [0, 1], got shape {picture.shape}; divide uint8 by 255")
    if family is not None and family not in FAMILIES:
        raise ValueError(f"family must be one of {', '.join(FAMILIES)}, got {family!r}")
    damaged, mask = picture.astype(np.float32), np.zeros(picture.shape[:2], bool)
    for _ in range(rng.choice([1, 2, 3], p=[0.5, 0.3, 0.2])):
        which = family or rng.choice(FAMILIES, p=[0.5, 0.3, 0.2])
        opacity, broad = _LAYERS[which](picture.shape[:2], rng, found)
        strength = rng.uniform(0.7, 1)
        damaged = _laid(damaged, opacity, broad, strength, rng)
        mask |= strength * opacity > SIGNIFICANT
    return damaged, cv2.dilate(np.uint8(mask), np.ones((3, 3), np.uint8)).astype(bool)


def _laid(picture, opacity, broad, strength, rng):
    """One layer over a picture; the colour is drawn again while it would hardly differ from what it covers."""
    weight = (strength * opacity)[..., None]
    covered = (weight * picture).sum((0, 1)) / max(weight.sum(), 1e-6)
    for _ in range(5):
        low, high = ((0.75, 1), (0, 0.2), (0.2, 0.75))[rng.choice(3, p=[0.45, 0.35, 0.2])]
        warmth = np.array([0.3, 0, -0.6], np.float32)  # towards gesso, wood, yellowed paper
        colour = np.float32(rng.uniform(low, high)) * (1 + rng.uniform(0, 0.25) * warmth)
        if np.abs(colour - covered).max() > 0.3:
            break
    if broad and rng.random() < 0.35:  # a stain lets the picture through: it multiplies
        return np.clip(picture * (1 - weight * (1 - np.clip(colour, 0.15, 0.7))), 0, 1)
    surface = colour + _unevenness(picture.shape[:2], rng)[..., None]
    return np.clip(picture + weight * (surface - picture), 0, 1).astype(np.float32)


def _unevenness(size, rng):
    """Slow shading and fine grain of a damaged surface, [h, w] around 0."""
    import cv2

    slow = cv2.resize(rng.normal(0, 1, (4, 4)).astype(np.float32), size[::-1], interpolation=cv2.INTER_CUBIC)
    return rng.uniform(0, 0.08) * slow + rng.uniform(0, 0.05) * rng.normal(0, 1, size).astype(np.float32)


def _placed(source: np.ndarray, size, scale: float, rng: Generator) -> np.ndarray:
    """A random piece of an opacity map on a canvas: turned, flipped, scaled, some opaque pixel near the middle."""
    import cv2

    centre = _opaque(source, rng)
    far = int(np.hypot(*size) / scale) + 4  # nothing farther from the centre reaches the canvas
    left, top = (max(0, c - far) for c in centre)
    source = source[top : centre[1] + far, left : centre[0] + far]
    turn = rng.uniform(0, 2 * np.pi)
    across = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) * scale
    across[:, 0] *= rng.choice([-1, 1])
    target = np.array(size[::-1]) * rng.uniform(0.15, 0.85, 2)
    shift = target - across @ np.array([centre[0] - left, centre[1] - top], float)
    if scale < 0.75:  # without this, thinning aliases hairlines into dots
        source = cv2.GaussianBlur(source, (0, 0), 0.4 / scale)
    warped = cv2.warpAffine(source, np.column_stack([across, shift]), size[::-1], flags=cv2.INTER_LINEAR)
    return warped.astype(np.float32) / 255


def _opaque(source: np.ndarray, rng: Generator) -> tuple[int, int]:
    """Column and row of a random opaque pixel; the middle where hundreds of draws find none."""
    for number in rng.integers(source.size, size=600):
        row, column = divmod(int(number), source.shape[1])
        if source[row, column] > 40:
            return column, row
    rows, columns = np.nonzero(source > 40)
    if not len(rows):
        return source.shape[1] // 2, source.shape[0] // 2
    pick = rng.integers(len(rows))
    return int(columns[pick]), int(rows[pick])


def _overlay_layer(size, rng, found):
    kind, source = found.overlays[rng.integers(len(found.overlays))]
    scale = np.exp(rng.uniform(np.log(0.35), np.log(1.4))) * (min(size) / 256) ** 0.5
    opacity = _placed(source, size, scale, rng)
    for _ in range(rng.integers(0, 3)):
        opacity = np.maximum(opacity, _placed(source, size, scale * rng.uniform(0.8, 1.25), rng))
    return opacity, kind in _BROAD


def _polygon_layer(size, rng, found):
    """Two to thirty outlines on 256 x 256 px, filled; drawn at four times the size, then averaged for soft edges."""
    import cv2

    canvas = np.zeros((4 * size[0], 4 * size[1]), np.uint8)
    scale = np.exp(rng.uniform(np.log(0.4), np.log(2.0)))
    for _ in range(max(1, round(rng.integers(2, 31) * size[0] * size[1] / 256**2))):
        shape = found.polygons[rng.integers(len(found.polygons))]
        turn = rng.uniform(0, 2 * np.pi)
        turned = shape @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]], np.float32)
        points = turned * (4 * scale * rng.choice([-1, 1], 2)) + 4 * rng.uniform(0, 1, 2) * np.array(size[::-1])
        cv2.fillPoly(canvas, [np.int32(points)], 255)
    return cv2.resize(canvas, size[::-1], interpolation=cv2.INTER_AREA).astype(np.float32) / 255, False


def _crack_layer(size, rng, found):
    source = found.craquelure[rng.integers(len(found.craquelure))]
    return _placed(source, size, np.exp(rng.uniform(np.log(0.2), np.log(0.9))), rng), False


_LAYERS = {"overlays": _overlay_layer, "polygons": _polygon_layer, "craquelure": _crack_layer}
