"""Intervals that hold: half-width = factor * (spread of the samples + floor), the factor found on people never trained on.

Split conformal prediction (Lei et al. 2018) on voxels and on structures; the factor belongs to exact weights.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

VERSION, LEVEL, FLOOR, GUESS = (
    1,
    0.9,
    0.02,
    2.5,
)  # FLOOR on the encoded scale; GUESS where nothing is calibrated, and it is said
CLASSES = ("dark", "middle", "bright")


@dataclass(frozen=True)
class Calibration:
    """Factors: target contrast -> factor, of voxels, of structures' volumes and of their means; samples they were fitted with."""

    voxels: dict[str, float] = field(default_factory=dict)
    volumes: dict[str, float] = field(default_factory=dict)
    means: dict[str, float] = field(default_factory=dict)
    samples: int = 0
    people: int = 0

    def factor(self, what: str, target: str, samples: int) -> tuple[float, bool]:
        """The factor, and whether it is calibrated; fewer samples than it was fitted with are not."""
        known = getattr(self, what).get(target)
        return (known, True) if known is not None and samples >= self.samples else (GUESS, False)

    def save(self, folder: Path, model: str) -> None:
        """calibration.json of the weights `model` (SHA-256)."""
        from difusa.shared.files import write_json

        write_json(
            Path(folder) / "calibration.json", {"version": VERSION, "model": model, "level": LEVEL, **asdict(self)}
        )


def load(folder: Path, model: str) -> Calibration:
    """What was fitted to these weights; of another version or other weights, or none: nothing. ValueError: a broken file."""
    path = Path(folder) / "calibration.json"
    if not path.exists():
        return Calibration()
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if told.pop("version") != VERSION or told.pop("model") != model or told.pop("level") != LEVEL:
            return Calibration()
        return Calibration(**told)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged ({error}): delete it, and calibrate the model anew") from error


def quantile(ratios: np.ndarray, level: float = LEVEL) -> float:
    """The smallest factor that holds: the ceil((n + 1) level)-th of n ratios. Raises ValueError for too few."""
    n = len(ratios)
    rank = int(np.ceil((n + 1) * level - 1e-9))
    if rank > n:
        raise ValueError(f"{n} held-out values are too few for {level:.0%}: give more people")
    return float(np.partition(ratios, rank - 1)[rank - 1])


def classes(image: np.ndarray, head: np.ndarray) -> np.ndarray:
    """Structures of an image: 1 dark, 2 middle, 3 bright inside the head, by two thresholds (multi-Otsu,
    Liao, Chen and Chung 2001); 0 outside."""
    from skimage.filters import threshold_multiotsu

    values = image[head]
    if values.size < 16 or np.ptp(values) == 0:
        return head.astype(np.uint8)
    low, high = np.quantile(values, [0.005, 0.995])
    steps = threshold_multiotsu(np.clip(values[:: max(1, values.size // 200_000)], low, high), len(CLASSES), nbins=128)
    return np.where(head, 1 + np.digitize(image, steps), 0).astype(np.uint8)


def structures(samples: list[np.ndarray], head: np.ndarray, voxel_ml: float) -> dict[str, dict]:
    """Of each of CLASSES: volumes (millilitres) and mean encoded intensity, one of each sample."""
    found = {name: {"volumes": [], "means": []} for name in CLASSES}
    for image in samples:
        labels = classes(image, head)
        for number, name in enumerate(CLASSES):
            there = labels == number + 1
            found[name]["volumes"].append(float(there.sum()) * voxel_ml)
            found[name]["means"].append(float(image[there].mean()) if there.any() else 0.0)
    return found
