"""Energy above the hull: by how much a crystal's formation energy lies above the best mixture of known crystals and elements."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

ELEMENTS = 119  # atomic numbers 0 .. 118


@dataclass(frozen=True, eq=False)
class Hull:
    """Known phases: fractions [M, ELEMENTS] of their atoms, formation energies [M] in eV/atom; with them the elements, at 0."""

    fractions: np.ndarray
    energies: np.ndarray

    @cached_property
    def _present(self) -> np.ndarray:
        return self.fractions > 0

    def ground(self, numbers: np.ndarray) -> float:
        """The lowest formation energy of a mixture with the composition of atoms `numbers`, eV/atom: a linear programme."""
        from scipy.optimize import linprog

        own, counts = np.unique(np.asarray(numbers, int), return_counts=True)
        other = np.ones(ELEMENTS, bool)
        other[own] = False
        rows = np.flatnonzero(~(self._present & other).any(1))
        fractions = np.vstack([np.eye(len(own)), self.fractions[rows][:, own]])
        energies = np.concatenate([np.zeros(len(own)), self.energies[rows]])
        found = linprog(energies, A_eq=fractions.T, b_eq=counts / counts.sum(), bounds=(0, None), method="highs")
        if not found.success:
            raise RuntimeError(f"the hull of {own.tolist()} has no answer: {found.message}")
        return float(found.fun)

    def above(self, numbers: np.ndarray, energy: float) -> float:
        """Formation energy `energy` (eV/atom) of atoms `numbers` above the hull; negative: the hull did not know it."""
        return energy - self.ground(numbers)


def hull(compositions: Sequence[np.ndarray], energies: np.ndarray) -> Hull:
    """The hull of crystals: their atomic numbers, and formation energies (eV/atom). Of one composition the lowest counts."""
    kept: dict[bytes, float] = {}
    for numbers, energy in zip(compositions, energies, strict=True):
        key = fraction(numbers).tobytes()
        kept[key] = min(float(energy), kept.get(key, np.inf))
    table = np.array([np.frombuffer(k) for k in kept]).reshape(len(kept), ELEMENTS)
    return Hull(table, np.array(list(kept.values())))


def fraction(numbers: np.ndarray) -> np.ndarray:
    """Share of each element among atoms `numbers`, [ELEMENTS]."""
    counts = np.bincount(np.asarray(numbers, int), minlength=ELEMENTS)
    return counts / counts.sum()
