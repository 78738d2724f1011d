"""Pictures of a volume: three orthogonal planes through a place, windowed, at true proportions; overlays and blends."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

SIDE = 380  # pixels of the longest side of a plane
NAMES = ("sagittal", "coronal", "axial")  # across the axes right, front, up
ORANGE = np.array([255, 120, 0], np.float32)
COLOURS = np.array([[0, 0, 0], [255, 196, 0], [0, 170, 255], [255, 40, 60], [150, 0, 110], [60, 220, 120]], np.float32)


@dataclass(frozen=True)
class Volume:
    """An upright volume [X, Y, Z] float32 and its spacing [3] in millimetres; contrast None where nothing tells it."""

    array: np.ndarray
    spacing: np.ndarray
    contrast: str | None

    @property
    def ends(self) -> tuple[float, float]:
        """Window that shows the brain: from the 1st percentile to the 99.5th of its middle, for the fat around it is brighter;
        CT as brain."""
        if self.contrast == "CT":
            return 0.0, 80.0
        inner = self.array[tuple(slice(n // 3, n - n // 3) for n in self.array.shape)]
        low, high = np.percentile(self.array[::2, ::2, ::2], 1), np.percentile(inner, 99.5)
        return float(low), float(max(high, low + 1e-3))


def read(path: Path, contrast: str | None = None) -> Volume:
    """A scan as the page shows it. Raises ValueError or OSError as the readers do."""
    from difusa.domains.medical.geometry import turn_of
    from difusa.domains.medical.readers import load

    scan = load(path, contrast)
    turn = turn_of(scan.affine)
    upright = np.ascontiguousarray(turn.upright(scan.array), np.float32)
    return Volume(upright, scan.spacing[list(turn.order)], scan.contrast)


def plane(volume: Volume, axis: int, at: int) -> np.ndarray:
    """The plane across an axis [rows, columns], as radiologists look: front or top upwards, the patient's right on the left."""
    cut = np.take(volume.array, at, axis).T[::-1]
    return cut if axis == 0 else cut[:, ::-1]


def grey(cut: np.ndarray, low: float, high: float) -> np.ndarray:
    """Values -> [rows, columns, 3] float32, 0 to 255."""
    shown = np.clip((cut - low) / max(high - low, 1e-9), 0, 1) * 255
    return np.repeat(shown[..., None], 3, axis=2).astype(np.float32)


def heat(picture: np.ndarray, cut: np.ndarray, top: float, strength: float) -> np.ndarray:
    """A picture with what is high in `cut` (0 to top) in orange."""
    share = (np.clip(cut / max(top, 1e-9), 0, 1) * strength)[..., None]
    return picture * (1 - share) + ORANGE * share


def marked(picture: np.ndarray, labels: np.ndarray, strength: float) -> np.ndarray:
    """A picture with labels 1 to 5 in colours."""
    share = ((labels > 0) * strength)[..., None]
    return picture * (1 - share) + COLOURS[labels.astype(int).clip(0, 5)] * share


def sized(picture: np.ndarray, volume: Volume, axis: int) -> np.ndarray:
    """uint8, scaled so that a millimetre is as long both ways."""
    from PIL import Image

    across = [k for k in range(3) if k != axis]
    wide, high = (n * volume.spacing[k] for n, k in zip((picture.shape[1], picture.shape[0]), across, strict=True))
    scale = SIDE / max(wide, high)
    image = Image.fromarray(np.clip(np.rint(picture), 0, 255).astype(np.uint8))
    return np.asarray(
        image.resize((max(1, round(wide * scale)), max(1, round(high * scale))), Image.Resampling.BICUBIC)
    )
