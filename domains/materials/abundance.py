"""How common the elements of a crystal are in the crust, how few hands supply them, and which are poisonous.

Crustal abundance (mg/kg) and the Herfindahl-Hirschman index of production and of reserves (0 to 10,000; above 2,500 a market
counts as highly concentrated) are smact's tables (Gaultois et al. 2013, doi:10.1021/cm400893e).
"""

from functools import cache
from math import log10

import numpy as np

from difusa.domains.materials.crystal import Crystal
from difusa.domains.materials.elements import CLASSES, SYMBOLS

COMMON = 50.0  # mg/kg in the crust, at least
CONCENTRATED = 5500.0  # index of production and of reserves, at most
# Left out whatever their price: elements whose common compounds are poisonous, and those without a stable isotope.
TOXIC = ("Be", "Cr", "As", "Se", "Cd", "Sb", "Te", "Ba", "Os", "Hg", "Tl", "Pb")
FREE = (
    "H",
    "N",
    "O",
    "S",
)  # of water and air, and sulphur, a by-product for which smact has a hundredth of the usual 350 mg/kg
RADIOACTIVE = ("Tc", "Pm", "Po", "At", "Rn", "Fr", "Ra", "Ac", "Th", "Pa", "U", "Np", "Pu")


@cache
def supply() -> dict[int, tuple[float, float, float]]:
    """Atomic number -> abundance (mg/kg), index of production, index of reserves; NaN where smact has none."""
    import smact

    found = {}
    for number in range(1, CLASSES + 1):
        element = smact.Element(SYMBOLS[number])
        values = element.crustal_abundance, element.HHI_p, element.HHI_r
        found[number] = tuple(np.nan if v is None else float(v) for v in values)
    return found


def abundant(common: float = COMMON, concentrated: float = CONCENTRATED) -> tuple[int, ...]:
    """Atomic numbers of the elements with at least `common` mg/kg in the crust and both indices at most `concentrated`, neither
    toxic nor radioactive; those in FREE whatever their numbers."""
    chosen, barred = [], {*TOXIC, *RADIOACTIVE}
    for number, (amount, production, reserves) in supply().items():
        held = amount >= common and production <= concentrated and reserves <= concentrated
        if SYMBOLS[number] not in barred and (SYMBOLS[number] in FREE or held):
            chosen.append(number)
    return tuple(chosen)


def scored(crystal: Crystal) -> dict[str, float]:
    """Of a crystal by mass: log10 of the geometric mean abundance (mg/kg), mean indices of production and reserves; elements
    without a number are left out, and all that lack one give NaN."""
    from ase.data import atomic_masses

    elements, counts = np.unique(crystal.numbers, return_counts=True)
    mass = counts * atomic_masses[elements]
    table = np.array([supply()[int(e)] for e in elements])
    values = [np.array([log10(v) if v > 0 else np.nan for v in table[:, 0]]), table[:, 1], table[:, 2]]
    known = [np.isfinite(v) for v in values]
    means = [float(mass[k] @ v[k] / mass[k].sum()) if k.any() else float("nan") for v, k in zip(values, known)]
    return dict(zip(("log_abundance", "hhi_production", "hhi_reserves"), means))
