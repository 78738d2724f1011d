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
from difusa.domains.molecules.wishes import TAGS
from difusa.shared import conformal
from difusa.shared.conformal import FILE, LEVEL, Calibration, calibrated
from difusa.shared.targets import Target

__all__ = ["FILE", "LEVEL", "Calibration", "Guide", "calibrated", "load"]


def load(folder: Path, weights: str) -> Calibration:
    """As conformal.load."""
    return conformal.load(folder, weights, "molecules")


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
