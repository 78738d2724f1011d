"""Stability by the bonds that a molecule carries: the corrected one, and the legacy one beside it.

Corrected (Nikitin et al. 2025, "GEOM-Drugs revisited", doi:10.48550/arXiv.2505.00169): an atom is stable if its element,
formal charge, number of aromatic bonds and sum of the other orders occur together in the training data. Counting aromatic
bonds apart keeps their 1.5 exact: the N of pyrrole has 2 aromatic bonds and a sum of 1 (valence 4), and no N without a
charge may have four single bonds for that. Legacy: aromatic bonds count as 1, and a table wide enough to let that pass.
"""

import numpy as np

from difusa.domains.molecules.chemistry import AROMATIC, VALENCE
from difusa.domains.molecules.molecule import Molecule
from difusa.domains.molecules.packed import Packed

# (atomic number, formal charge, aromatic bonds, sum of the other orders)
Patterns = frozenset[tuple[int, int, int, int]]

LEGACY = {  # (atomic number, formal charge) -> valences, as in MiDi's code (Vignac et al. 2023); others: unstable
    (1, 0): (1,), (1, 1): (0,), (1, -1): (0,), (6, 0): (3, 4), (6, 1): (3,), (6, -1): (3,), (7, 0): (2, 3),
    (7, 1): (2, 3, 4), (7, -1): (2,), (8, 0): (2,), (8, 1): (3,), (8, -1): (1,), (9, 0): (1,), (9, -1): (0,),
    (15, 0): (3, 5), (15, 1): (4,), (16, 0): (2, 6), (16, 1): (2, 3), (16, 2): (4,), (16, 3): (5,), (16, -1): (3,),
    (17, 0): (1,), (35, 0): (1,), (35, 1): (2,), (53, 0): (1,),
}  # fmt: skip


def bond_counts(atoms: int, bonds: np.ndarray) -> np.ndarray:
    """Per atom the number of aromatic bonds and the sum of the other orders: int64 [atoms, 2] of bonds [m, 3]."""
    ends, orders = bonds[:, :2].ravel().astype(int), np.repeat(bonds[:, 2], 2).astype(int)
    aromatic = np.bincount(ends, orders == AROMATIC, atoms)
    others = np.bincount(ends, np.where(orders == AROMATIC, 0, orders), atoms)
    return np.stack([aromatic, others], axis=1).astype(int)


def atom_patterns(molecule: Molecule) -> np.ndarray:
    """int64 [n, 4] rows as in Patterns."""
    own = np.stack([molecule.numbers.astype(int), molecule.charges.astype(int)], axis=1)
    return np.concatenate([own, bond_counts(len(molecule), molecule.bonds)], axis=1)


def training_patterns(packed: Packed) -> Patterns:
    """The patterns of all atoms of the training split whose graph is known, each seen at least once."""
    molecules = np.repeat(np.arange(len(packed)), np.diff(packed.offsets))
    first = np.repeat(packed.offsets[:-1], np.diff(packed.bond_offsets))
    bonds = packed.bonds.astype(np.int64)
    bonds[:, :2] += first[:, None]
    own = np.stack([packed.numbers.astype(int), packed.charges.astype(int)], axis=1)
    table = np.concatenate([own, bond_counts(len(own), bonds)], axis=1)
    chosen = ((packed.split == 0) & (packed.smiles != ""))[molecules]
    return frozenset(map(tuple, np.unique(table[chosen], axis=0).tolist()))


def valences(patterns: Patterns) -> dict[tuple[int, int], list[float]]:
    """(element, charge) -> the valences that the patterns add up to, aromatic bonds as 1.5; for people to read."""
    found: dict[tuple[int, int], set[float]] = {}
    for number, charge, aromatic, others in patterns:
        found.setdefault((number, charge), set()).add(aromatic * VALENCE[AROMATIC] + others)
    return {key: sorted(found[key]) for key in sorted(found)}


def stable(molecule: Molecule, patterns: Patterns) -> np.ndarray:
    """bool [n]: which atoms have a pattern of the training data."""
    return np.array([tuple(row) in patterns for row in atom_patterns(molecule).tolist()], bool)


def stable_legacy(molecule: Molecule) -> np.ndarray:
    """bool [n]: which atoms have a valence of LEGACY when an aromatic bond counts as 1."""
    rows = atom_patterns(molecule).tolist()
    return np.array([aromatic + others in LEGACY.get((n, c), ()) for n, c, aromatic, others in rows], bool)
