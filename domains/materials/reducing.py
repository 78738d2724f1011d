"""A crystal as the network sees it: the Niggli-reduced primitive cell, made to obey its space group exactly."""

import os
import warnings

import numpy as np

from difusa.domains.materials.crystal import Crystal
from difusa.domains.materials.symmetry import Template, cell_of, strain_of, template_of

os.environ.setdefault("SPGLIB_WARNING", "OFF")  # what spglib cannot do is raised; it need not write to the terminal too

LOOSE, TIGHT = 0.1, 0.01  # angstrom, how far atoms may lie from where a space group has them
TINY = 1e-3  # the same for a cell that was made to obey


def dataset(cell: np.ndarray, frac: np.ndarray, numbers: np.ndarray, tolerance: float):
    """spglib's account of a crystal's symmetry. Raises ValueError where it finds none (atoms that overlap)."""
    import spglib

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = spglib.get_symmetry_dataset((cell, frac, numbers), symprec=tolerance)
        except Exception as why:  # spglib's own errors differ between its versions
            raise ValueError(f"no symmetry can be found at {tolerance} angstrom: {why}") from why
    if found is None:
        raise ValueError(f"no symmetry can be found at {tolerance} angstrom: atoms overlap, or the cell is flat")
    return found


def spacegroup(crystal: Crystal, tolerance: float = TIGHT) -> int:
    """The international number that spglib finds, 0 where it finds none."""
    try:
        return int(dataset(crystal.cell, crystal.frac, crystal.numbers, tolerance).number)
    except ValueError:
        return 0


def reduced(crystal: Crystal) -> Crystal:
    """The same crystal in a Niggli-reduced primitive cell, nothing moved by more than 0.01 angstrom; needs spglib."""
    return _niggli(*_primitive(crystal, TIGHT, idealise=False), crystal.tags)


def idealised(crystal: Crystal) -> tuple[Crystal, Template]:
    """The Niggli-reduced primitive cell moved by at most 0.1 angstrom to obey the space group found so, and its template."""
    whole = _niggli(*_primitive(crystal, LOOSE, idealise=True), crystal.tags)
    return exact(whole, TINY)


def exact(crystal: Crystal, tolerance: float) -> tuple[Crystal, Template]:
    """The crystal in its own cell, moved to obey the symmetry found at the tolerance (angstrom), and its template."""
    found = dataset(crystal.cell, crystal.frac, crystal.numbers, tolerance)
    template = template_of(
        int(found.number), found.rotations, found.translations, crystal.frac, "".join(found.wyckoffs)
    )
    strain = template.symmetric(strain_of(crystal.cell, template.shape))
    return Crystal(cell_of(strain, template.shape), crystal.numbers, template.frac, crystal.tags), template


def _primitive(crystal: Crystal, tolerance: float, idealise: bool):
    import spglib

    cell = (crystal.cell, crystal.frac, crystal.numbers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = spglib.standardize_cell(cell, to_primitive=True, no_idealize=not idealise, symprec=tolerance)
    if found is None:
        raise ValueError(f"no primitive cell can be found at {tolerance} angstrom: atoms overlap, or the cell is flat")
    return found


def _niggli(cell: np.ndarray, frac: np.ndarray, numbers: np.ndarray, tags: dict) -> Crystal:
    import spglib

    short = spglib.niggli_reduce(cell)
    if short is None:
        raise ValueError(f"the cell {np.round(cell, 3).tolist()} cannot be reduced")
    places = frac @ cell @ np.linalg.inv(short) % 1.0
    return Crystal(np.array(short), numbers.astype(np.uint8), np.where(places >= 1 - 1e-12, 0.0, places), tags)


def standard(crystal: Crystal, tolerance: float = TIGHT) -> Crystal:
    """The crystal in the conventional cell of its space group, in spglib's standard setting, idealised."""
    import spglib

    cell = (crystal.cell, crystal.frac, crystal.numbers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = spglib.standardize_cell(cell, to_primitive=False, no_idealize=False, symprec=tolerance)
    if found is None:
        raise ValueError(
            f"no conventional cell can be found at {tolerance} angstrom: atoms overlap, or the cell is flat"
        )
    frac = found[1] % 1.0
    return Crystal(np.array(found[0]), found[2].astype(np.uint8), np.where(frac == 1.0, 0.0, frac), crystal.tags)
