"""Training crystals that need no file: the prototypes inside pymatgen, with elements swapped inside their families.

An element is swapped for another of its family (below), all sites of it at once, where the new composition is one that smact
lets pass (validity.balanced); the cell is scaled by the cubes of the elements' radii. Nothing is relaxed and no property is
known: good for trying things out, not for shipping.
"""

import sys

import numpy as np

from difusa.domains.materials.crystal import Crystal, from_pymatgen
from difusa.domains.materials.data import build
from difusa.domains.materials.elements import NUMBERS, RADIUS
from difusa.domains.materials.packed import VERSION, Packed
from difusa.shared.prepared import built_once, cached
from difusa.shared.seeds import stream

FAMILIES = (
    ("Li", "Na", "K", "Rb", "Cs", "Cu", "Ag", "Tl"),
    ("Be", "Mg", "Ca", "Sr", "Ba", "Zn", "Cd", "Pb", "Eu"),
    ("B", "Al", "Ga", "In", "Sc", "Y", "La", "Nd", "Gd", "Er", "Lu", "Bi"),
    ("C", "Si", "Ge", "Sn", "Ti", "Zr", "Hf"),
    ("N", "P", "As", "Sb", "V", "Nb", "Ta"),
    ("O", "S", "Se", "Te"),
    ("F", "Cl", "Br", "I", "H"),
    ("Cr", "Mn", "Fe", "Co", "Ni", "Mo", "W", "Re", "Ru", "Rh", "Pd", "Os", "Ir", "Pt", "Au"),
)
ATOMS = 20  # most in a primitive cell
EACH = 12  # crystals of one prototype
TRIES = 60  # draws for them


def load(data=None) -> Packed:
    """The crystals prepared, from the user's cache or built there (minutes; needs pymatgen, spglib, smact). No data is read."""
    return built_once(cached("prototypes", VERSION), Packed.load, lambda: build(substituted(structures())))


def structures() -> list[Crystal]:
    """The ordered prototypes of pymatgen's AFLOW library (Mehl et al. 2017) with at most ATOMS atoms."""
    from pymatgen.analysis.prototypes import AFLOW_PROTOTYPE_LIBRARY

    found = []
    for row in AFLOW_PROTOTYPE_LIBRARY:
        name = str(row["tags"].get("aflow", len(found)))
        try:
            crystal = from_pymatgen(row["snl"].structure, {"id": name})
        except ValueError as why:
            print(f"{name}: left out, {why}", file=sys.stderr)
            continue
        if len(crystal) <= ATOMS and crystal.numbers.max() <= len(RADIUS):
            found.append(crystal)
    return found


def substituted(crystals: list[Crystal]) -> list[Crystal]:
    """At most EACH crystals of each, itself among them where its charges balance; the same at every call."""
    from difusa.domains.materials.validity import balanced

    found = []
    for k, crystal in enumerate(crystals):
        rng, seen = stream(0, k), set()
        for trial in range(TRIES):
            numbers = crystal.numbers if trial == 0 else swapped(crystal.numbers, rng)
            if len(seen) == EACH or numbers.tobytes() in seen or not balanced(numbers):
                continue
            seen.add(numbers.tobytes())
            by = np.cbrt(_size(numbers) / _size(crystal.numbers))
            name = f"{crystal.tags['id']}/{len(seen)}"
            found.append(Crystal(crystal.cell * by, numbers, crystal.frac, {"id": name}))
    return found


def swapped(numbers: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Every element [n] replaced by one of its family, different ones by different ones; those of no family stay."""
    new, taken = {}, set()
    for number in np.unique(numbers).tolist():
        family = next((f for f in FAMILIES if number in [NUMBERS[s] for s in f]), ())
        free = [NUMBERS[s] for s in family if NUMBERS[s] not in taken] or [number]
        new[number] = int(free[rng.integers(len(free))])
        taken.add(new[number])
    return np.array([new[int(n)] for n in numbers], np.uint8)


def _size(numbers: np.ndarray) -> float:
    """Sum of the cubes of the radii, angstrom^3."""
    return float(sum(RADIUS[int(n) - 1] ** 3 for n in numbers))
