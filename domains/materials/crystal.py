"""One crystal: the value that every part of this domain passes on."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class Crystal:
    """A periodic structure of n atoms.

    cell [3, 3] float64, angstrom, rows are the cell vectors; numbers [n] uint8 atomic numbers; frac [n, 3] float64 fractional
    coordinates in [0, 1). tags: what its file says of it beside (strings, numbers; NaN and None where unknown).
    """

    cell: np.ndarray
    numbers: np.ndarray
    frac: np.ndarray
    tags: dict = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def volume(self) -> float:
        """Of the cell, angstrom^3."""
        return float(abs(np.linalg.det(self.cell)))


class Broken(ValueError):
    """Why a crystal is none, where only its geometry is at fault; numbers [n]: its atoms."""

    def __init__(self, why: str, numbers: np.ndarray):
        super().__init__(why)
        self.numbers = numbers


def to_pymatgen(crystal: Crystal):
    """The crystal as a pymatgen Structure."""
    from pymatgen.core import Lattice, Structure

    return Structure(Lattice(crystal.cell), [int(n) for n in crystal.numbers], crystal.frac)


def from_pymatgen(structure, tags: dict | None = None) -> Crystal:
    """A pymatgen Structure of whole atoms as a Crystal. Raises ValueError for partial occupancies, with the site."""
    if not structure.is_ordered:
        site = next(s for s in structure if not s.is_ordered)
        raise ValueError(f"site {site.species_string} at {np.round(site.frac_coords, 4)} is occupied in part")
    numbers = np.array([site.specie.Z for site in structure], np.uint8)
    frac = np.asarray(structure.frac_coords, float) % 1.0
    return Crystal(np.asarray(structure.lattice.matrix, float), numbers, np.where(frac == 1.0, 0.0, frac), tags or {})
