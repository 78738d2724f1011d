"""Judges that know nothing of the generator: relaxation under GFN2-xTB, and PoseBusters' checks.

Both cost time and can hang or crash on a strange molecule: run many of them through `difusa.shared.limited`.
"""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from difusa.domains.molecules.molecule import Molecule, to_rdkit

KCAL = 23.060548  # kcal/mol in an electronvolt
FORCE = 0.01  # eV/angstrom on every atom: relaxed
STEPS = 500
SECONDS = 60.0  # of a processor for a molecule, as `limited` takes it
BUST_SECONDS = (
    10.0  # PoseBusters needs 0.15; where RDKit embeds no conformer it tries on for a minute, and the check is failed
)


@dataclass(frozen=True)
class Relaxation:
    """kcal: energy that the relaxation sets free, kcal/mol; rmsd: how far the heavy atoms moved, angstrom; steps taken."""

    kcal: float
    rmsd: float
    steps: int


def relax(molecule: Molecule) -> Relaxation:
    """What relaxed() says of the way there."""
    return relaxed(molecule)[1]


def relaxed(molecule: Molecule) -> tuple[Molecule, Relaxation]:
    """The molecule at the nearest minimum of GFN2-xTB (Bannwarth et al. 2019, doi:10.1021/acs.jctc.8b01176), in vacuum.

    tblite's energies and forces, ASE's L-BFGS, until every force is below FORCE; total charge from the formal charges,
    the lowest spin. Raises ValueError when STEPS do not suffice, RuntimeError when the electrons do not converge.
    """
    from ase import Atoms
    from ase.optimize import LBFGS
    from tblite.ase import TBLite

    charge = int(molecule.charges.sum())
    atoms = Atoms(numbers=molecule.numbers, positions=molecule.positions)
    odd = (int(molecule.numbers.sum()) - charge) % 2
    atoms.calc = TBLite(method="GFN2-xTB", charge=charge, multiplicity=1 + odd, verbosity=0)
    before = atoms.get_potential_energy()
    search = LBFGS(atoms, logfile=None)
    if not search.run(fmax=FORCE, steps=STEPS):
        raise ValueError(f"not relaxed after {STEPS} steps: a force of {_largest(atoms):.2g} eV/angstrom is left")
    heavy = molecule.numbers != 1
    moved = rmsd(molecule.positions[heavy], atoms.positions[heavy]) if heavy.any() else 0.0
    told = Relaxation(float(before - atoms.get_potential_energy()) * KCAL, moved, search.get_number_of_steps())
    return replace(molecule, positions=atoms.get_positions()), told


def _largest(atoms) -> float:
    return float(np.linalg.norm(atoms.get_forces(), axis=1).max())


def rmsd(a: np.ndarray, b: np.ndarray) -> float:
    """Root mean square distance of a [n, 3] and b [n, 3], atom by atom, after the best rotation (Kabsch 1976, proper)."""
    a, b = a - a.mean(0), b - b.mean(0)
    u, sizes, v = np.linalg.svd(a.T @ b)
    sizes[-1] *= np.sign(np.linalg.det(u) * np.linalg.det(v))
    square = (a**2).sum() + (b**2).sum() - 2 * sizes.sum()
    return float(np.sqrt(max(square, 0.0) / len(a)))


@cache
def _buster():
    from posebusters import PoseBusters

    return PoseBusters(config="mol", max_workers=0)


def bust(molecule: Molecule) -> dict[str, bool]:
    """PoseBusters' checks of a molecule alone (Buttenschoen et al. 2024, doi:10.1039/d3sc04185a; its configuration `mol`).

    Check -> passed. A check that gives no answer (the energy ratio, where no conformer can be embedded) is not passed.
    Raises ValueError as to_rdkit for bonds that cannot even be drawn.
    """
    from pandas import notna

    mol = to_rdkit(molecule, sanitize=False)
    mol.UpdatePropertyCache(strict=False)
    table = _buster().bust([mol]).iloc[0]
    return {name: bool(notna(value) and value) for name, value in table.items()}
