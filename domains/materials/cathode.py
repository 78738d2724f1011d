"""Cathodes: hosts of lithium or sodium, judged with and without the ion.

The average voltage against the metal is V = -(E(with) - E(without) - n E(metal)) / n with CHGNet's energies of the relaxed
crystals (Aydinol et al. 1997, doi:10.1103/PhysRevB.56.1354): an estimate, without temperature, and of one step from full
to empty.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from difusa.domains.materials.crystal import Crystal
from difusa.domains.materials.elements import NUMBERS

IONS = ("Li", "Na")
REDOX = ("Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Nb", "Mo", "W")  # metals that change their charge
FRAME = ("O", "F", "S", "P", "Si", "B")
METAL = {"Li": 3.44, "Na": 4.20}  # angstrom: bcc, where the relaxation starts
FARADAY = 26801.4  # mAh/mol
WINDOW = (2.0, 5.0)  # volt against the metal: between them an electrolyte can be found
SWELLING = 0.2  # largest relative change of the volume


@dataclass(frozen=True)
class Cathode:
    """voltage: average, volt against the metal; capacity: mAh/g of the full host; swelling: relative change of volume when the
    ion leaves; energy: CHGNet's of the relaxed full host, eV/atom."""

    voltage: float
    capacity: float
    swelling: float
    energy: float

    @property
    def useful(self) -> bool:
        """Whether voltage and swelling lie in WINDOW and SWELLING."""
        return WINDOW[0] <= self.voltage <= WINDOW[1] and abs(self.swelling) <= SWELLING


def hosted(crystal: Crystal, ion: str) -> str:
    """Why the crystal is no host of the ion, "" if it is: it needs the ion, a metal that changes its charge, and a frame."""
    own = set(crystal.numbers.tolist())
    if NUMBERS[ion] not in own:
        return f"no {ion}"
    if not own & {NUMBERS[s] for s in REDOX}:
        return "no metal that changes its charge"
    if not own & {NUMBERS[s] for s in FRAME}:
        return "nothing to hold them together"
    return ""


def emptied(crystal: Crystal, ion: str) -> Crystal:
    """The host without the ion. Raises ValueError where nothing of it is left."""
    kept = crystal.numbers != NUMBERS[ion]
    if not kept.any():
        raise ValueError(f"nothing is left without {ion}")
    return Crystal(crystal.cell, crystal.numbers[kept], crystal.frac[kept], crystal.tags)


@cache
def metal(ion: str) -> float:
    """CHGNet's energy of the metal, bcc, relaxed, eV/atom."""
    from difusa.domains.materials.judges import relax

    cell = METAL[ion] / 2 * np.array([[-1.0, 1, 1], [1, -1, 1], [1, 1, -1]])
    return relax(Crystal(cell, np.array([NUMBERS[ion]], np.uint8), np.zeros((1, 3)))).energy


def judged(asked: tuple[Crystal, str]) -> Cathode:
    """A host and its ion, relaxed with and without it; run many through `limited`. Raises ValueError as hosted and relax."""
    from ase.data import atomic_masses

    from difusa.domains.materials.judges import relax

    crystal, ion = asked
    if why := hosted(crystal, ion):
        raise ValueError(why)
    full = relax(crystal)
    empty = relax(emptied(full.crystal, ion))
    ions = int((crystal.numbers == NUMBERS[ion]).sum())
    gained = full.energy * len(crystal) - empty.energy * (len(crystal) - ions) - ions * metal(ion)
    mass = float(atomic_masses[crystal.numbers].sum())
    swelling = empty.crystal.volume / full.crystal.volume - 1
    return Cathode(-gained / ions, FARADAY * ions / mass, swelling, full.energy)
