"""What the signs in videos are tried on: windows of a real clip, and four manipulations of our own, each delivered with a crop,
size, codec and quality of one law for all.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from difusa.shared.forensics.clips import CODECS, Clip, read, write
from difusa.shared.forensics.deliveries import resized, saved
from difusa.shared.forensics.liveliness import LIDS, onto
from difusa.shared.seeds import stream

REAL = "real"
WINDOW = 30  # frames
SOURCE = "datasets/data/carphone_pristine.mp4"


def swapped(frames: np.ndarray, points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Two frames, 4 to 11 apart, in each other's place."""
    first = int(rng.integers(3, len(frames) - 14))
    found, order = frames.copy(), [first, first + int(rng.integers(4, 12))]
    found[order] = found[order[::-1]]
    return found


def blended(frame: np.ndarray, other: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """`other` inside of the hull of an outline [n, 2], with a soft edge."""
    import cv2

    mask = np.zeros(frame.shape[:2], np.float32)
    cv2.fillConvexPoly(mask, cv2.convexHull(np.int32(np.rint(outline))), 1.0)
    mask = cv2.GaussianBlur(mask, (0, 0), 1.0)[..., None]
    return (mask * other + (1 - mask) * frame).round().astype(np.uint8)


def pasted(frames: np.ndarray, points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The face of each frame, reduced to 0.6 to 0.85 of its size and saved as JPEG 30 to 60, put back where it was."""
    quality, scale = int(rng.integers(30, 61)), rng.uniform(0.6, 0.85)
    height, width = frames.shape[1:3]
    found = []
    for frame, face in zip(frames, points):
        (left, top), (right, low) = np.maximum(face.min(0).astype(int) - 4, 0), face.max(0).astype(int) + 5
        cut = np.ascontiguousarray(frame[top : min(low, height), left : min(right, width)])
        small = resized(cut, round(scale * cut.shape[0]), round(scale * cut.shape[1]))
        other = frame.copy()
        other[top : top + cut.shape[0], left : left + cut.shape[1]] = resized(saved(small, quality), *cut.shape[:2])
        found.append(blended(frame, other, face))
    return np.stack(found)


def carried(frame: np.ndarray, points: np.ndarray, to: np.ndarray) -> np.ndarray:
    """A frame turned, scaled and moved so that landmarks [n, 2] come to lie on others."""
    import cv2

    size = frame.shape[1], frame.shape[0]
    return cv2.warpAffine(frame, onto(points, to), size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def frozen(frames: np.ndarray, points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The eyes of the first frame in all others, carried along with the head."""
    found = []
    for frame, face in zip(frames, points):
        for lids in LIDS:
            eye = face[list(lids)]
            other = carried(frames[0], points[0], face)
            around = eye.mean(0) + (eye - eye.mean(0)) * [1.5, 2.5]
            frame = blended(frame, other, around)
        found.append(frame)
    return np.stack(found)


def still(frames: np.ndarray, points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The first frame alone, carried along with the head's motion, the mouth's half pulled up and down as it talks."""
    import cv2

    height, width = frames.shape[1:3]
    y, x = np.indices((height, width), np.float32)
    gap = np.linalg.norm(points[:, 13] - points[:, 14], axis=1)
    size, found = np.ptp(points[0][:, 1]), []
    for face, open_ in zip(points, gap - gap[0]):
        image = carried(frames[0], points[0], face)
        away = (y - face[14, 1]) / (0.25 * size)
        near = np.exp(-(((x - face[14, 0]) / (0.25 * size)) ** 2) - away**2)
        pulled = (y - 0.5 * open_ * near).astype(np.float32)
        found.append(cv2.remap(image, x, pulled, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE))
    return np.stack(found)


MANIPULATIONS: dict[str, Callable] = {
    "swapped frames": swapped, "pasted face": pasted, "frozen eyes": frozen, "animated portrait": still,
}  # fmt: skip


@dataclass(frozen=True)
class Made:
    """One clip: its family (REAL or a manipulation), the window of the source that it is of, and what was delivered."""

    family: str
    group: str
    clip: Clip


def delivered(frames: np.ndarray, rate: float, folder: Path, rng: np.random.Generator) -> Clip:
    """Cut, resized, and written as a video of random codec and quality."""
    height, width = frames.shape[1:3]
    top, left = int(rng.integers(0, height // 12)), int(rng.integers(0, width // 10))
    low, right = height - int(rng.integers(0, height // 16)), width - int(rng.integers(0, width // 10))
    scale = rng.uniform(1.0, 1.45)
    size = [2 * round(scale * n / 2) for n in (low - top, right - left)]
    cut = np.stack([resized(np.ascontiguousarray(f[top:low, left:right]), *size) for f in frames])
    codec, quality = list(CODECS)[int(rng.integers(len(CODECS)))], int(rng.integers(40, 95))
    return read(write(Path(folder) / f"clip{CODECS[codec]}", cut, rate, codec, quality))


def made(source: Clip, landmarks: Callable, folder: Path, repeats: int, seed: int = 0) -> Iterator[Made]:
    """Each window of a clip `repeats` times as it is and in every manipulation; the law of deliveries is one for all families."""
    points = np.stack([landmarks(f) for f in source.frames])
    for number, (family, change) in enumerate({REAL: None, **MANIPULATIONS}.items()):
        for repeat in range(repeats):
            for start in range(0, len(source.frames) - WINDOW + 1, WINDOW):
                rng = stream(seed, 1000 * repeat + start, number)
                part = slice(start, start + WINDOW)
                frames = source.frames[part] if change is None else change(source.frames[part], points[part], rng)
                yield Made(family, f"frames {start} on", delivered(frames, source.rate, folder, rng))
