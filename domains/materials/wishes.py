"""What a crystal may be asked to have: ranges of its formation energy, energy above the hull and band gap."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from difusa.shared.targets import Target, parse

DROPPED = 0.4  # share of the training examples that are told nothing
FEW = 50  # templates from which a range is drawn as it is
UNITS = {"formation_energy": "eV/atom", "e_above_hull": "eV/atom", "band_gap": "eV"}


@dataclass(frozen=True)
class Wishes:
    """What a model can be asked for: names [P], with mean, std, low and high [P] of the training data in their units."""

    names: tuple[str, ...]
    mean: np.ndarray
    std: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def standard(self, values: np.ndarray) -> np.ndarray:
        """Values [..., P] as the network is told them; what is not a number stays so."""
        return ((values - self.mean) / self.std).astype(np.float32)

    def told(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The wish [P] of a training example: nothing for DROPPED of them, else each known property or not, evenly."""
        kept = (rng.random(len(values)) < 0.5) & (rng.random() >= DROPPED)
        return np.where(kept, self.standard(values), np.nan).astype(np.float32)

    def parse(self, texts: Sequence[str]) -> tuple[Target, ...]:
        """`band_gap=1..2`, `formation_energy=..-1`, `e_above_hull=0`. Raises ValueError as targets.parse."""
        return parse(texts, self.names, self.low, self.high, UNITS)


def of_rows(names: tuple[str, ...], values: np.ndarray) -> Wishes:
    """What training crystals say: values [n, P], not a number where unknown."""
    figures = (f(values.astype(float), axis=0) for f in (np.nanmean, np.nanstd, np.nanmin, np.nanmax))
    return Wishes(tuple(names), *figures)


def nearest(wishes: Wishes, targets: Sequence[Target], values: np.ndarray) -> tuple[np.ndarray, str]:
    """Which rows of values [n, P] lie in all targets, and a note for the user: of fewer than FEW, the nearest FEW.

    Near: Euclidean, each property in its own standard deviations; unknown values are never near. Raises ValueError where no
    row knows the properties.
    """
    columns = [wishes.names.index(t.name) for t in targets]
    low, high = np.array([[t.low for t in targets], [t.high for t in targets]])
    seen = values[:, columns].astype(float)
    away = (((seen - seen.clip(low, high)) / wishes.std[columns]) ** 2).sum(1) ** 0.5
    known = np.flatnonzero(np.isfinite(away))
    if not len(known):
        raise ValueError(
            f"no template that is left knows {' and '.join(t.name for t in targets)}: ask for less beside it"
        )
    meet = known[away[known] == 0]
    if len(meet) >= FEW:
        return meet, ""
    close = known[np.argsort(away[known], kind="stable")[:FEW]]
    what = " and ".join(t.text for t in targets)
    return close, (
        f"{len(meet)} of the {len(known)} templates that are at hand have lenders with {what}; the {len(close)} nearest, at most "
        f"{away[close].max():.2g} standard deviations away, are lent: expect less"
    )
