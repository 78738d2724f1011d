"""How sure: the half-width of a pixel's 90 % interval, from the spread of the samples and the way to the nearest known
pixel.

half-width = factor * (spread + floor); each factor is the conformal quantile of one bin of held-out pixels (Mondrian
conformal prediction, Vovk, Gammerman and Shafer 2005, section 4.5). Bins: in losses by distance, else by spread, for a
network that is sure errs less than it says. Chosen by the interval score (Gneiting and Raftery 2007, Eq. 43) in grey
levels, 14 calibration crops a task, five folds by artist; one factor -> bins: x2 66.2 -> 56.7, JPEG 51.5 -> 46.7, losses
111.7 -> 108.1, scratches 92.9 -> 92.3, outpainting 189.1 -> 185.2. In losses bins of both gained no more (106.6, 92.4,
187.7) and let the coverage vary more from crop to crop; the picture's local activity did as well as the spread, not
better.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

VERSION = 2  # of calibration.json; files of another version are not used
LEVEL = 0.9
FLOOR = 0.01  # on the [-1, 1] scale: a spread of nothing is never believed
GUESS = 2.5  # factor without calibration, and the report says so
FILLING = ("inpaint", "outpaint")  # tasks that answer for lost pixels; the others answer for doubtful ones
DISTANCES = (1.5, 3.0, 6.0, 12.0, 24.0)  # pixels to the nearest known one, upper bounds; the last bin is open
SPREADS = 5  # bins of the spread, equally full, of tasks without losses
CROPS, VALUES = 5, 100  # a bin with fewer crops or values takes the factor of its neighbour


@dataclass(frozen=True)
class Factors:
    """distances (pixels), spreads ([-1, 1] scale): upper bounds of the bins, ascending, each list's last bin is open;
    table[distance bin][spread bin]: factor."""

    distances: tuple[float, ...]
    spreads: tuple[float, ...]
    table: tuple[tuple[float, ...], ...]

    def at(self, spread: Tensor, distance: Tensor) -> Tensor:
        """Factor of every pixel, in the shape of spread and distance."""
        row = torch.bucketize(distance.float(), torch.tensor(self.distances))
        column = torch.bucketize(spread.float(), torch.tensor(self.spreads))
        return torch.tensor(self.table)[row, column]


@dataclass(frozen=True)
class Calibration:
    """factors: task -> number of samples -> Factors; settings: task -> what they were fitted with."""

    factors: dict[str, dict[int, Factors]]
    floor: float = FLOOR
    level: float = LEVEL
    settings: dict[str, dict] = field(default_factory=dict)

    def known(self, task: str, samples: int) -> Factors | None:
        """The factors for so many samples, or the next smaller number: fewer samples need a wider interval."""
        fitted = {n: f for n, f in self.factors.get(task, {}).items() if n <= samples}
        return fitted[max(fitted)] if fitted else None

    def half_width(self, spread: Tensor, doubt: Tensor, tasks: tuple[str, ...], samples: int) -> tuple[Tensor, bool]:
        """Half-width [H, W] of the interval on the [-1, 1] scale, and whether all of it is calibrated.

        spread [H, W] of `samples` samples; doubt [1, H, W]: infinity lost, 0 exact (there the width means nothing). Of
        several tasks the widest counts: in lost pixels of those that fill, in other doubtful ones of the rest.
        """
        lost, distance = torch.isinf(doubt[0]), distance_to_known(doubt)
        half, calibrated = torch.zeros_like(spread), True
        for where, fills in ((lost, True), ((doubt[0] > 0) & ~lost, False)):
            if not bool(where.any()):
                continue
            found = [self.known(task, samples) for task in tasks if (task in FILLING) == fills]
            sure = bool(found) and all(f is not None for f in found)
            factors = [f.at(spread[where], distance[where]) for f in found if f is not None]
            factors += [] if sure else [torch.full_like(spread[where], GUESS)]
            half[where] = torch.stack(factors).amax(dim=0) * (spread[where] + self.floor)
            calibrated &= sure
        return half, calibrated

    def record(self, task: str) -> dict | str:
        """What a bench notes of a task's factors: settings, and a fingerprint of all that makes the width."""
        if task not in self.factors:
            return "not calibrated"
        code = hashlib.sha256(repr((self.floor, self.level, sorted(self.factors[task].items()))).encode()).hexdigest()
        return {"factors_sha256": code[:12], **self.settings.get(task, {})}

    def save(self, folder, model: str) -> None:
        """Write calibration.json for the weights `model` (sha256) into their folder."""
        from difusa.shared.files import write_json

        told = {"version": VERSION, "model": model, "level": self.level, "floor": self.floor, "settings": self.settings}
        told["factors"] = {
            task: {str(n): asdict(factors) for n, factors in row.items()} for task, row in self.factors.items()
        }
        write_json(Path(folder) / "calibration.json", told)


def load_calibration(folder, model: str) -> Calibration:
    """calibration.json of a model's folder; without one, of another version, or fitted to other weights than `model`
    (sha256), nothing is calibrated. ValueError: the file cannot be read.
    """
    path = Path(folder) / "calibration.json"
    if not path.exists():
        return Calibration({})
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if told.get("version") != VERSION or told["model"] != model:
            return Calibration({})
        factors = {task: {int(n): _read(f) for n, f in row.items()} for task, row in told["factors"].items()}
        return Calibration(factors, told["floor"], told["level"], told["settings"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged ({error}): delete it and run `difusa heritage calibrate`") from error


def _read(told: dict) -> Factors:
    table = tuple(tuple(map(float, row)) for row in told["table"])
    found = Factors(tuple(map(float, told["distances"])), tuple(map(float, told["spreads"])), table)
    if np.shape(table) != (len(found.distances) + 1, len(found.spreads) + 1):
        raise ValueError(f"a table of {np.shape(table)} factors")
    return found


def distance_to_known(doubt: Tensor) -> Tensor:
    """Distance [H, W] in pixels of each lost pixel of doubt [1, H, W] to the nearest that is not lost; 0 in those,
    infinity where nothing is left.
    """
    from scipy.ndimage import distance_transform_edt

    lost = torch.isinf(doubt[0])
    if bool(lost.all()):
        return torch.full(lost.shape, torch.inf)
    return torch.from_numpy(distance_transform_edt(lost.numpy()).astype(np.float32))


@dataclass(frozen=True)
class Held:
    """One held-out crop: errors [3, n] of its doubtful pixels, their spread [n] and distance [n]."""

    errors: np.ndarray
    spread: np.ndarray
    distance: np.ndarray


def fitted(held: Sequence[Held], level: float = LEVEL, floor: float = FLOOR) -> Factors:
    """Factors by bins; each crop counts as much as any other, whatever its number of pixels.

    A bin of too few crops or values takes the factor of the nearest bin, in distance first. ValueError: too few of
    everything, or values that are not finite.
    """
    spread, distance = (np.concatenate([getattr(h, name) for h in held]) for name in ("spread", "distance"))
    crop = np.repeat(np.arange(len(held)), [len(h.spread) for h in held])
    weight = np.concatenate([np.full(len(h.spread), 1 / len(h.spread)) for h in held])
    ratio = np.concatenate([h.errors for h in held], axis=1) / (spread + floor)
    if not np.isfinite(ratio).all():
        bad = np.unique(crop[~np.isfinite(ratio).all(axis=0)]).tolist()
        raise ValueError(f"errors or spreads of the held-out crops {bad} are not numbers")
    distances = DISTANCES if (distance > 0).any() else ()
    bins = 1 if distances else SPREADS
    spreads = np.unique([float(f"{quantile(spread, weight, k / bins):.4g}") for k in range(1, bins)])
    cell = np.searchsorted(distances, distance), np.searchsorted(spreads, spread)
    table = np.full((len(distances) + 1, len(spreads) + 1), np.nan)
    for row, column in np.ndindex(table.shape):
        inside = (cell[0] == row) & (cell[1] == column)
        if len(np.unique(crop[inside])) >= CROPS and 3 * inside.sum() >= VALUES:
            table[row, column] = quantile(ratio[:, inside].ravel(), np.tile(weight[inside], 3), level)
    if np.isnan(table).all():
        raise ValueError(
            f"{ratio.size} values of {len(held)} held-out crops are too few for an interval of {level:.0%}: take more crops"
        )
    rows = np.round(neighbours(table), 4)
    return Factors(distances, tuple(spreads.tolist()), tuple(map(tuple, rows.tolist())))


def neighbours(table: np.ndarray) -> np.ndarray:
    """NaN replaced by the nearest number, in the same column where it has one."""
    from scipy.ndimage import distance_transform_edt

    index = distance_transform_edt(
        np.isnan(table), sampling=(1, len(table)), return_distances=False, return_indices=True
    )
    return table[tuple(index)]


def quantile(values: np.ndarray, weight: np.ndarray, level: float) -> float:
    """Smallest value that holds at least `level` of the weight; of n equal weights, n + 1 as in split conformal
    prediction (Lei et al. 2018, Eq. 4). ValueError: too few values.
    """
    order = np.argsort(values)
    held = np.cumsum(weight[order], dtype=np.float64)
    rank = np.searchsorted(held, level * held[-1] * (1 + 1 / len(values)) * (1 - 1e-12))
    if rank >= len(values):
        raise ValueError(f"{len(values)} held-out values are too few for {level:.0%}; take more crops")
    return float(values[order[rank]])
