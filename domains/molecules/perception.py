"""Bonds and formal charges out of bare coordinates, and RDKit's messages as text."""

import contextlib
import io

import numpy as np

from difusa.domains.molecules.molecule import Molecule, from_rdkit, to_rdkit


def perceived(numbers: np.ndarray, positions: np.ndarray, charge: int = 0) -> Molecule:
    """RDKit's perception (xyz2mol, Kim and Kim 2015) at a total charge, formal charges allowed. ValueError if nothing fits.

    numbers [n]; positions [n, 3] angstrom. The search is cut after 20,000 tries.
    """
    from rdkit import Chem
    from rdkit.Chem.rdDetermineBonds import DetermineBonds

    bare = Molecule(numbers, positions, np.zeros(len(numbers), np.int8), np.zeros((0, 3), np.int32))
    mol = Chem.RWMol(to_rdkit(bare, sanitize=False))
    for atom in mol.GetAtoms():
        atom.SetNoImplicit(False)
    with told() as log:
        try:
            DetermineBonds(mol, charge=charge, embedChiral=False, maxIterations=20_000)
        except (ValueError, RuntimeError) as why:
            raise ValueError(f"no bonds fit these atoms at charge {charge}: {log() or why}") from why
    return from_rdkit(mol)


@contextlib.contextmanager
def told():
    """While open, RDKit's messages are kept: the value given is a function that tells the first, without its time."""
    from rdkit import rdBase

    text = io.StringIO()
    rdBase.LogToPythonStderr()
    try:
        with contextlib.redirect_stderr(text):
            yield lambda: text.getvalue().strip().split("\n")[0].split("] ", 1)[-1]
    finally:
        rdBase.LogToCppStreams()
