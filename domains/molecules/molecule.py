"""Molecules as arrays, their skeletons of heavy atoms, and the way to RDKit and back."""

from dataclasses import dataclass, field, replace

import numpy as np


@dataclass(frozen=True)
class Molecule:
    """One molecule in three dimensions, hydrogens explicit.

    numbers [n] uint8 atomic numbers; positions [n, 3] float64 angstrom; charges [n] int8 formal charges; bonds [m, 3] int32
    rows (i, j, order) with i < j and order 1, 2, 3 or 4 = aromatic (RDKit's perception); smiles: canonical, without stereo,
    as RDKit writes it, "" if it cannot be sanitised.
    """

    numbers: np.ndarray
    positions: np.ndarray
    charges: np.ndarray
    bonds: np.ndarray
    smiles: str = ""
    tags: dict = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.numbers)


@dataclass(frozen=True)
class Skeleton:
    """The heavy atoms: numbers [h] uint8, positions [h, 3] angstrom, charges [h] int8, bonds [m, 3] int32.

    hydrogens [h] uint8: how many each carries. mended: how many of the drawn bonds were changed so that it can be written.
    """

    numbers: np.ndarray
    positions: np.ndarray
    charges: np.ndarray
    hydrogens: np.ndarray
    bonds: np.ndarray
    mended: int = 0

    def __len__(self) -> int:
        return len(self.numbers)


def parents(molecule: Molecule) -> np.ndarray:
    """For each atom the heavy atom that carries it, if it is a hydrogen; its own index otherwise. [n] int64.

    Raises ValueError when there is no heavy atom, or a hydrogen has not exactly one single bond to a heavy atom.
    """
    light = molecule.numbers == 1
    if light.all():
        raise ValueError(f"{molecule.smiles or 'the molecule'}: no heavy atom, so there is no skeleton")
    found, seen = np.arange(len(light)), np.zeros(len(light), int)
    for i, j, order in molecule.bonds:
        for h, other in ((i, j), (j, i)):
            if light[h]:
                if light[other] or order != 1:
                    raise ValueError(f"hydrogen {h} has a bond of order {order} to atom {other}: no skeleton fits")
                found[h], seen[h] = other, seen[h] + 1
    if (wrong := np.flatnonzero(light & (seen != 1))).size:
        raise ValueError(f"hydrogen {wrong[0]} has {seen[wrong[0]]} bonds; a skeleton needs exactly one")
    return found


def skeleton(molecule: Molecule) -> Skeleton:
    """The heavy atoms in their order, each with its count of hydrogens. Raises ValueError as `parents`."""
    heavy, carrier = molecule.numbers != 1, parents(molecule)
    place = np.cumsum(heavy) - 1
    inside = heavy[molecule.bonds[:, 0]] & heavy[molecule.bonds[:, 1]]
    bonds = molecule.bonds[inside].copy()
    bonds[:, :2] = place[bonds[:, :2]]
    counts = np.bincount(carrier[~heavy], minlength=len(heavy))[heavy].astype(np.uint8)
    return Skeleton(
        molecule.numbers[heavy], molecule.positions[heavy], molecule.charges[heavy], counts, bonds.astype(np.int32)
    )


def hydrogens_of(molecule: Molecule) -> tuple[np.ndarray, np.ndarray]:
    """Parents [k] int64 (places in the skeleton, rising) and positions [k, 3] of the hydrogens. Raises as `parents`."""
    heavy, carrier = molecule.numbers != 1, parents(molecule)
    place = (np.cumsum(heavy) - 1)[carrier[~heavy]]
    order = np.argsort(place, kind="stable")
    return place[order], molecule.positions[~heavy][order]


def assemble(bare: Skeleton, positions: np.ndarray, tags: dict | None = None) -> Molecule:
    """Skeleton and hydrogens [k, 3], ordered by parent as `hydrogens_of` gives them, as one molecule; smiles left empty."""
    parent = np.repeat(np.arange(len(bare)), bare.hydrogens)
    if len(positions) != len(parent):
        raise ValueError(f"{len(positions)} hydrogen positions for a skeleton that carries {len(parent)}")
    h, k = len(bare), len(parent)
    single = np.stack([parent, np.arange(h, h + k), np.ones(k, int)], axis=1)
    return Molecule(
        np.concatenate([bare.numbers, np.ones(k, np.uint8)]).astype(np.uint8),
        np.concatenate([bare.positions, np.asarray(positions, float).reshape(k, 3)]).astype(float),
        np.concatenate([bare.charges, np.zeros(k, np.int8)]).astype(np.int8),
        np.concatenate([bare.bonds.reshape(-1, 3), single]).astype(np.int32),
        tags=tags or {},
    )


def to_rdkit(molecule: Molecule, sanitize: bool = True):
    """The molecule for RDKit: one conformer, explicit hydrogens, none implied, so a lacking hydrogen shows as a radical.

    Sanitised without RDKit's clean-up, which would repair some valences. Raises ValueError with RDKit's reason.
    """
    from rdkit import Chem, rdBase

    kinds = (None, Chem.BondType.SINGLE, Chem.BondType.DOUBLE, Chem.BondType.TRIPLE, Chem.BondType.AROMATIC)
    if not np.isfinite(molecule.positions).all():
        raise ValueError("a position is not finite")
    mol = Chem.RWMol()
    for number, charge in zip(molecule.numbers.tolist(), molecule.charges.tolist()):
        atom = Chem.Atom(number)
        atom.SetFormalCharge(charge)
        atom.SetNoImplicit(True)
        mol.AddAtom(atom)
    try:
        for i, j, order in molecule.bonds.tolist():
            if not 1 <= order <= 4:
                raise ValueError(f"bond {i}-{j} has order {order}; orders are 1, 2, 3 and 4 (aromatic)")
            mol.AddBond(i, j, kinds[order])
            if order == 4:
                for a in (i, j):
                    mol.GetAtomWithIdx(a).SetIsAromatic(True)
                mol.GetBondBetweenAtoms(i, j).SetIsAromatic(True)
    except (RuntimeError, OverflowError) as error:
        raise ValueError(f"bonds do not fit the atoms: {str(error).strip().splitlines()[0]}") from error
    conformer = Chem.Conformer(len(molecule))
    conformer.SetPositions(np.ascontiguousarray(molecule.positions, dtype=float))
    mol.AddConformer(conformer, assignId=True)
    mol = mol.GetMol()
    if sanitize:
        with rdBase.BlockLogs():
            Chem.SanitizeMol(mol, Chem.SANITIZE_ALL ^ Chem.SANITIZE_CLEANUP)
    return mol


def from_rdkit(mol, conformer: int = -1) -> Molecule:
    """An RDKit molecule with explicit hydrogens and a conformer. ValueError for implied hydrogens, no conformer, other bonds."""
    if implied := sum(a.GetTotalNumHs() for a in mol.GetAtoms()):
        raise ValueError(f"{implied} hydrogens are only implied: add them with coordinates first")
    if not mol.GetNumConformers():
        raise ValueError("the molecule has no coordinates")
    orders = {1.0: 1, 2.0: 2, 3.0: 3, 1.5: 4}
    bonds = []
    for b in mol.GetBonds():
        order, name = orders.get(b.GetBondTypeAsDouble()), str(b.GetBondType())
        if order is None or name not in ("SINGLE", "DOUBLE", "TRIPLE", "AROMATIC"):
            raise ValueError(f"bond {b.GetBeginAtomIdx()}-{b.GetEndAtomIdx()} is of the kind {name}")
        bonds.append((*sorted((b.GetBeginAtomIdx(), b.GetEndAtomIdx())), order))
    return Molecule(
        np.array([a.GetAtomicNum() for a in mol.GetAtoms()], np.uint8),
        np.array(mol.GetConformer(conformer).GetPositions(), float).reshape(-1, 3),
        np.array([a.GetFormalCharge() for a in mol.GetAtoms()], np.int8),
        np.array(sorted(bonds), np.int32).reshape(-1, 3),
        canonical(mol),
    )


def canonical(mol) -> str:
    """Canonical SMILES without stereo, hydrogens implied; "" if the molecule cannot be sanitised.

    Written, read and written again: the second text is the one that RDKit gives for any reading of the first.
    """
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        try:
            read = Chem.MolFromSmiles(Chem.MolToSmiles(Chem.RemoveHs(mol), isomericSmiles=False))
        except (ValueError, RuntimeError):  # RDKit's own exceptions are ValueErrors, its broken promises RuntimeErrors
            return ""
        return "" if read is None else Chem.MolToSmiles(read, isomericSmiles=False)


def named(molecule: Molecule) -> Molecule:
    """The molecule with its canonical SMILES and RDKit's aromaticity; unchanged, with smiles "", if it cannot be sanitised."""
    try:
        found = from_rdkit(to_rdkit(molecule))
    except ValueError:
        return replace(molecule, smiles="")
    return replace(found, tags=molecule.tags)
