"""How crystals are shown: the cell with all atoms on its faces, and the powder pattern that X-rays would give."""

from dataclasses import dataclass
from itertools import product

import numpy as np

FACE = 0.02  # as a fraction of the cell: atoms that near to a face are drawn on the opposite one too
LEAST, FLATTEST = 0.5, 1e-3  # angstrom of a cell vector; volume over the product of the three: below, nothing is drawn
ANGLES = (5.0, 90.0)  # degree, 2 theta
WAVELENGTH = "CuKa"  # 1.54184 angstrom, the mean of both lines


@dataclass(frozen=True)
class Peak:
    """angle: 2 theta in degree; height: 100 for the largest; spacing: angstrom; planes: such as 111, 200."""

    angle: float
    height: float
    spacing: float
    planes: str


def seen(crystal) -> str:
    """A CIF for the 3D view, without symmetry: the atoms of the cell and their images on its corners, edges and faces.

    It is for the eye alone, since atoms on faces occur twice. Empty for a cell that has collapsed.
    """
    from difusa.domains.materials.export import Listed, cif, parameters_of

    lengths = np.linalg.norm(crystal.cell, axis=1)
    if not (np.isfinite(crystal.cell).all() and np.isfinite(crystal.frac).all()):
        return ""
    if lengths.min() < LEAST or crystal.volume < FLATTEST * lengths.prod():
        return ""
    places, numbers = [], []
    for number, place in zip(crystal.numbers, crystal.frac % 1.0):
        ways = [(x, x + 1) if x < FACE else (x, x - 1) if x > 1 - FACE else (x,) for x in place]
        for image in product(*ways):
            places.append(image)
            numbers.append(number)
    listed = Listed(parameters_of(crystal.cell), np.array(numbers), np.array(places), np.arange(len(numbers)))
    return cif(listed, {}, "seen")


def pattern(crystal) -> list[Peak]:
    """The powder X-ray pattern for copper's K alpha by pymatgen, in rising angle. Raises ValueError for a cell without volume."""
    from pymatgen.analysis.diffraction.xrd import XRDCalculator

    from difusa.domains.materials.crystal import to_pymatgen

    found = XRDCalculator(wavelength=WAVELENGTH).get_pattern(to_pymatgen(crystal), two_theta_range=ANGLES)
    return [
        Peak(float(x), float(y), float(d), ", ".join("".join(map(str, one["hkl"])) for one in planes))
        for x, y, d, planes in zip(found.x, found.y, found.d_hkls, found.hkls)
    ]
