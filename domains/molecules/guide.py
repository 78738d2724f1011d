"""The guide: what a drawn molecule's properties are, between which bounds, and how probably it has what was asked for.

Split conformal (Vovk et al. 2005; Lei et al. 2018): the errors of held-out molecules, each over the deviation that the regressor
told, take the place of the Gaussian. A new molecule from the same law lies in its 90 % interval at least 90 times of 100; for
drawn molecules, which are not from the law of the data, that is an assumption, which `property_metrics.calibration` measures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from difusa.domains.molecules.molecule import Skeleton
from difusa.domains.molecules.wishes import TAGS, Target

FILE = "calibration.npz"
LEVEL = 0.9
JOINT = 4000  # held-out molecules whose errors travel with the guide


@dataclass(frozen=True)
class Calibration:
    """bounds [P, 2]: between which multiples of the told deviation LEVEL of the errors lie; errors [n, P]: those of n
    molecules, all properties together; weights: SHA-256 of the regressor's."""

    bounds: np.ndarray
    errors: np.ndarray
    weights: str = ""

    def interval(self, mean: np.ndarray, std: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ends, shaped as mean [n, P]."""
        return mean + std * self.bounds[:, 0], mean + std * self.bounds[:, 1]

    def probability(self, mean: np.ndarray, std: np.ndarray, windows: dict[int, tuple[float, float]]):
        """How probably each property lies in its window, [n, len(windows)], and all of them at once [n].

        windows: column of the property -> (low, high). The errors of one molecule hang together, so they are taken together.
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
    """From predictions and truths [n, P] of molecules that were not trained on. Raises ValueError for fewer than 40."""
    count = len(truth)
    if count < 40:
        raise ValueError(f"{count} held-out molecules: at least 40 are needed for bounds of {LEVEL:.0%}")
    errors = np.sort((truth - mean) / std, axis=0)
    # the kth of n + 1 equally likely gaps, half of what is left out on either side
    k = int(np.floor((count + 1) * (1 - LEVEL) / 2))
    kept = np.random.RandomState(0).permutation(count)[:JOINT]
    return Calibration(np.stack([errors[k - 1], errors[count - k]], 1), ((truth - mean) / std)[kept], weights)


def load(folder: Path, weights: str) -> Calibration:
    """The calibration beside these weights (their SHA-256). Raises ValueError with the way out if there is none for them."""
    path = Path(folder) / FILE
    way = f"run `difusa molecules calibrate {folder}`"
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


@dataclass(frozen=True)
class Guide:
    """A regressor with its calibration. elements: atomic number of each class; spread: standard deviation of each property
    in the training data, which says how wide a single value is; sha256: of the weights."""

    network: object
    elements: tuple[int, ...]
    calibration: Calibration
    targets: tuple[Target, ...] = ()
    spread: dict[str, float] | None = None
    sha256: str = ""

    def tags(self, bare: Sequence[Skeleton], fit: Sequence[bool]) -> list[dict]:
        """Tags of each molecule: NAME, NAME_LOW, NAME_HIGH of every property, P_PROPERTY of every target and P_ALL.

        fit: which molecules are valid: a broken one meets no target, and its interval promises nothing. One whose places
        are not finite has no properties.
        """
        from difusa.domains.molecules.predicting import predict

        names, found = self.network.names, [dict.fromkeys(self.asked, 0.0) for _ in bare]
        rows = [k for k, s in enumerate(bare) if np.isfinite(s.positions).all()]
        mean, std = predict(self.network, [bare[k] for k in rows], self.elements)
        low, high = self.calibration.interval(mean, std)
        windows = {names.index(t.name): t.window((self.spread or {}).get(t.name, 0.0)) for t in self.targets}
        each, both = self.calibration.probability(mean, std, windows)
        for row, k in enumerate(rows):
            for column, name in enumerate(names):
                tag = TAGS.get(name, name.upper())
                ends = {"": mean, "_LOW": low, "_HIGH": high}
                found[k] |= {tag + end: round(float(value[row, column]), 4) for end, value in ends.items()}
            if self.targets and fit[k]:
                values = [*each[row], both[row]]
                found[k] |= {tag: round(float(p), 4) for tag, p in zip(self.asked, values, strict=True)}
        return found

    @property
    def asked(self) -> list[str]:
        """Tags of the probabilities: one for each target, and the last for all of them."""
        return [*(f"P_{t.name.upper()}" for t in self.targets), "P_ALL"] if self.targets else []
