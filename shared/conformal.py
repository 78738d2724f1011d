"""Intervals and probabilities from the errors of held-out items, each over the deviation that a regressor told.

Split conformal (Vovk et al. 2005; Lei et al. 2018): the errors of held-out items take the place of the Gaussian. A new item from
the same law lies in its 90 % interval at least 90 times of 100; for drawn ones, which are not from the law of the data, that
is an assumption, to be measured.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from difusa.shared.metrics import share

FILE = "calibration.npz"
LEVEL = 0.9
JOINT = 4000  # held-out items whose errors travel with the guide


@dataclass(frozen=True)
class Calibration:
    """bounds [P, 2]: between which multiples of the told deviation LEVEL of the errors lie; errors [n, P]: those of n items,
    all properties together; weights: SHA-256 of the regressor's."""

    bounds: np.ndarray
    errors: np.ndarray
    weights: str = ""

    def interval(self, mean: np.ndarray, std: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ends, shaped as mean [n, P]."""
        return mean + std * self.bounds[:, 0], mean + std * self.bounds[:, 1]

    def probability(self, mean: np.ndarray, std: np.ndarray, windows: dict[int, tuple[float, float]]):
        """How probably each property lies in its window, [n, len(windows)], and all of them at once [n].

        windows: column of the property -> (low, high). The errors of one item hang together, so they are taken together.
        """
        each, both = np.zeros((len(mean), len(windows))), np.zeros(len(mean))
        for row in range(len(mean)):
            met = np.ones(len(self.errors), bool)
            for k, (column, (low, high)) in enumerate(windows.items()):
                value = mean[row, column] + std[row, column] * self.errors[:, column]
                inside = (value >= low) & (value <= high)
                each[row, k] = inside.mean()
                met &= inside
            both[row] = met.mean()
        return each, both

    def save(self, folder: Path) -> None:
        """Writes FILE into a model folder, whole or not at all."""
        from difusa.shared.files import write_arrays

        errors = self.errors.astype(np.float16)
        write_arrays(Path(folder) / FILE, {"bounds": self.bounds, "errors": errors, "weights": np.array(self.weights)})


def calibrated(mean: np.ndarray, std: np.ndarray, truth: np.ndarray, weights: str = "") -> Calibration:
    """From predictions and truths [n, P] of items that were not trained on; a truth that is unknown is not a number.

    Bounds of each property rest on all items that know it, the errors are those of items that know all. Raises ValueError where
    either are fewer than 40.
    """
    errors = (truth - mean) / std
    whole = errors[np.isfinite(errors).all(1)]
    known = [column[np.isfinite(column)] for column in errors.T]
    if (count := min(map(len, [whole, *known]))) < 40:
        raise ValueError(f"{count} held-out items: at least 40 are needed for bounds of {LEVEL:.0%}")
    bounds = []
    for own in known:
        # the kth of n + 1 equally likely gaps, half of what is left out on either side
        k = int(np.floor((len(own) + 1) * (1 - LEVEL) / 2))
        bounds.append(np.sort(own)[[k - 1, len(own) - k]])
    kept = np.random.RandomState(0).permutation(len(whole))[:JOINT]
    return Calibration(np.stack(bounds), whole[kept], weights)


def load(folder: Path, weights: str, domain: str) -> Calibration:
    """The calibration beside these weights (their SHA-256). Raises ValueError with the way out if there is none for them."""
    path = Path(folder) / FILE
    way = f"run `difusa {domain} calibrate --model {folder}`"
    if not path.exists():
        raise ValueError(f"{folder} has no {FILE}: {way}")
    try:
        with np.load(path, allow_pickle=False) as file:
            found = Calibration(file["bounds"].astype(float), file["errors"].astype(float), str(file["weights"]))
    except Exception as error:  # zipfile and numpy raise many types for a broken file
        raise ValueError(f"{path} is not what this version writes ({error}): {way}") from error
    if found.weights != weights:
        raise ValueError(f"{path} belongs to other weights: {way}")
    return found


def curve(probability: np.ndarray, hit: np.ndarray, bins: int = 10) -> dict:
    """How often what was given a probability came true: {"error", "rows": [{low, high, n, told, seen, seen_low, seen_high}]}.

    probability, hit [n]. told: mean probability in the bin; seen: share of hits, with Wilson's 95 % interval; error: the
    mean distance of the two, each bin as heavy as it is full (expected calibration error; Naeini et al. 2015).
    """
    probability, hit = np.asarray(probability, float), np.asarray(hit, bool)
    if not len(hit) or not ((probability >= 0) & (probability <= 1)).all():
        raise ValueError(f"{len(hit)} probabilities: at least one is needed, each between 0 and 1")
    place, rows = np.minimum((probability * bins).astype(int), bins - 1), []
    for k in range(bins):
        here = place == k
        if here.any():
            seen = share(hit[here].astype(float))
            ends = {"low": k / bins, "high": (k + 1) / bins, "n": int(here.sum())}
            told = float(probability[here].mean())
            rows.append(ends | {"told": told, "seen": seen.value, "seen_low": seen.low, "seen_high": seen.high})
    off = sum(row["n"] * abs(row["told"] - row["seen"]) for row in rows) / len(hit)
    return {"error": off, "rows": rows}
