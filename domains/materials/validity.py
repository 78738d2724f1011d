"""Whether a crystal is one at all: no two atoms on top of each other, and a composition that charges can balance.

Both are the checks of CDVAE (Xie et al. 2022, appendix B; Davies et al. 2019 for the second).
"""

from functools import lru_cache

import numpy as np

from difusa.domains.materials.crystal import Crystal
from difusa.domains.materials.data import composition

CLOSE = 0.5  # angstrom: below, two atoms overlap
FLAT = 0.1  # angstrom^3: below, the cell has collapsed
STATES = "smact14"  # the oxidation states that CDVAE's protocol had


def distances(crystal: Crystal) -> np.ndarray:
    """The smallest distance [n, n] of each two atoms' images, angstrom; on the diagonal of an atom and its own image."""
    from pymatgen.core import Lattice

    lattice = Lattice(crystal.cell)
    steps = np.array(np.meshgrid(*[[-1, 0, 1]] * 3)).reshape(3, -1).T
    images = np.linalg.norm(steps[np.any(steps, axis=1)] @ lattice.get_lll_reduced_lattice().matrix, axis=1)
    apart = lattice.get_all_distances(crystal.frac, crystal.frac)
    np.fill_diagonal(apart, images.min())
    return apart


def shortest(crystal: Crystal) -> float:
    """The smallest distance in the crystal, angstrom: of two atoms, or of an atom and its own image."""
    return float(distances(crystal).min())


def overlap(crystal: Crystal) -> str:
    """Why the crystal is structurally invalid, "" if it is not: a distance of at most CLOSE, a volume of at most FLAT."""
    if not (np.isfinite(crystal.cell).all() and np.isfinite(crystal.frac).all()):
        return "a number is not finite"
    if crystal.volume <= FLAT:
        return f"the cell has a volume of {crystal.volume:.3g} angstrom^3"
    if (near := shortest(crystal)) <= CLOSE:
        return f"two atoms are {near:.3g} angstrom apart"
    return ""


def balanced(numbers: np.ndarray) -> bool:
    """Whether oxidation states that sum to zero exist, the more electronegative element being the anion; metals among
    themselves and elements always pass (smact's test with the states STATES)."""
    return _balanced(composition(numbers))


@lru_cache(maxsize=100_000)
def _balanced(counts: tuple[tuple[int, int], ...]) -> bool:
    from pymatgen.core import Composition, Element
    from smact.screening import smact_validity

    formula = Composition({Element.from_Z(e): count for e, count in counts})
    try:
        return bool(smact_validity(formula, oxidation_states_set=STATES))
    except (KeyError, NameError):  # an element that smact has no data of
        return False
