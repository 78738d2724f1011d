"""What a crystal may be asked to have: ranges of its formation energy, energy above the hull and band gap."""

from dataclasses import dataclass

import numpy as np

DROPPED = 0.4  # share of the training examples that are told nothing
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


def of_rows(names: tuple[str, ...], values: np.ndarray) -> Wishes:
    """What training crystals say: values [n, P], not a number where unknown."""
    figures = (f(values.astype(float), axis=0) for f in (np.nanmean, np.nanstd, np.nanmin, np.nanmax))
    return Wishes(tuple(names), *figures)
