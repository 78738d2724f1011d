"""How far a set of crystals lies from held-out ones: density, atoms, number of elements, elements, space groups."""

import numpy as np

from difusa.domains.materials.crystal import Crystal
from difusa.domains.materials.reducing import LOOSE, spacegroup
from difusa.shared.distributions import compared, jensen_shannon, tallied

AMU = 1.66053906660  # g/cm^3 in a dalton per angstrom^3
UNITS = {
    "density": "g/cm^3", "volume_per_atom": "angstrom^3", "atoms": "atoms", "number_of_elements": "elements",
    "elements": "", "space_group": "",
}  # fmt: skip


def density(crystal: Crystal) -> float:
    """g/cm^3."""
    from ase.data import atomic_masses

    return float(atomic_masses[crystal.numbers].sum() / crystal.volume * AMU)


def profile(crystals: list[Crystal]) -> dict[str, np.ndarray]:
    """All that is compared, of structurally valid crystals."""
    numbers = [c.numbers for c in crystals]
    return {
        "density": np.array([density(c) for c in crystals], float),
        "volume_per_atom": np.array([c.volume / len(c) for c in crystals], float),
        "atoms": np.array([len(c) for c in crystals], int),
        "number_of_elements": np.array([len(np.unique(n)) for n in numbers], int),
        "elements": np.concatenate([np.unique(n) for n in numbers]).astype(int) if numbers else np.zeros(0, int),
        "space_group": np.array([spacegroup(c, LOOSE) for c in crystals], int),
    }


def distances(sample: dict[str, np.ndarray], reference: dict[str, np.ndarray]) -> dict[str, dict]:
    """The distances of two profiles. Elements (each counted once a crystal) and space groups are names: only Jensen-Shannon."""
    found = {name: compared(sample[name], reference[name]) for name in ("density", "volume_per_atom")}
    found |= {name: compared(sample[name], reference[name], tallied) for name in ("atoms", "number_of_elements")}
    for name in ("elements", "space_group"):
        sizes = {"n": len(sample[name]), "reference_n": len(reference[name])}
        both = sizes["n"] and sizes["reference_n"]
        near = {"jensen_shannon": jensen_shannon(*tallied(sample[name], reference[name]))} if both else {}
        found[name] = near | sizes
    return found
