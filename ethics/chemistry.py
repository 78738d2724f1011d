"""Molecules and crystals as the audits see them: physical descriptors, identity, and what a disguised copy looks like."""

import warnings
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from difusa.ethics.kind import Kind, standardised

MOLECULE_SUFFIXES = (".sdf", ".mol", ".xyz", ".extxyz", ".smi", ".smiles")
CRYSTAL_SUFFIXES = (".cif", ".vasp", ".poscar")
# RDKit's, of the graph; those of TWO_D are functions of rdkit.Chem.rdMolDescriptors
TWO_D = (
    "CalcExactMolWt", "CalcTPSA", "CalcLabuteASA", "CalcFractionCSP3", "CalcNumHBA", "CalcNumHBD", "CalcNumRotatableBonds",
    "CalcNumRings", "CalcNumAromaticRings", "CalcNumAliphaticRings", "CalcNumHeterocycles", "CalcNumSpiroAtoms",
    "CalcNumBridgeheadAtoms", "CalcNumAtomStereoCenters", "CalcNumAmideBonds", "CalcChi0v", "CalcChi1v", "CalcChi2v",
    "CalcKappa1", "CalcKappa2", "CalcKappa3", "CalcHallKierAlpha", "CalcPhi",
)  # fmt: skip
THREE_D = ("CalcRadiusOfGyration", "CalcNPR1", "CalcNPR2", "CalcAsphericity", "CalcSpherocityIndex")
ELEMENTS = (6, 7, 8, 9, 15, 16, 17, 35)
JITTER = 0.01  # angstrom, of a disguised copy


def load_molecules(files: list[Path]) -> tuple[dict[str, object], list[tuple[str, str]]]:
    """Molecules that RDKit can read, and why it cannot read the others."""
    from difusa.domains.molecules.readers import load

    found, refused = {}, []
    for path in files:
        for record in load(path):
            name = f"{path.name}#{record.number}"
            if record.molecule is None or record.reason:
                refused.append((name, record.reason))
            else:
                found[name] = record.molecule
    return found, refused


def molecule_features(molecule) -> np.ndarray:
    """Descriptors of graph, of shape (0 where there are no positions) and of bond lengths.

    logP: Crippen's; shape: principal moments and their kin; bond lengths: mean and spread in units of covalent radii.
    """
    from rdkit.Chem import Crippen, rdMolDescriptors

    mol = graph_of(molecule)
    graph = [float(getattr(rdMolDescriptors, name)(mol)) for name in TWO_D] + [Crippen.MolLogP(mol)]
    heavy = molecule.numbers[molecule.numbers > 1]
    elements = [(heavy == e).mean() if len(heavy) else 0.0 for e in ELEMENTS] + [
        np.abs(molecule.charges).sum(),
        len(heavy),
    ]
    return np.array([*graph, *elements, *shape(molecule)])


def shape(molecule) -> list[float]:
    """THREE_D and the mean and spread of bond lengths; zeros without positions or for what has no shape."""
    from rdkit.Chem import GetPeriodicTable, rdMolDescriptors

    from difusa.domains.molecules.molecule import to_rdkit

    if not np.isfinite(molecule.positions).all() or len(molecule) < 3 or not len(molecule.bonds):
        return [0.0] * (len(THREE_D) + 2)
    mol = to_rdkit(molecule)
    values = [float(getattr(rdMolDescriptors, name)(mol)) for name in THREE_D]
    i, j = molecule.bonds[:, 0], molecule.bonds[:, 1]
    table = GetPeriodicTable()
    radii = np.array([table.GetRcovalent(int(n)) for n in molecule.numbers])
    lengths = np.linalg.norm(molecule.positions[i] - molecule.positions[j], axis=1) / (radii[i] + radii[j])
    return [v if np.isfinite(v) else 0.0 for v in values] + [float(lengths.mean()), float(lengths.std())]


def graph_of(molecule):
    """RDKit's molecule of its SMILES, hydrogens implied. Raises ValueError where it has none."""
    from rdkit import Chem

    if not molecule.smiles:
        raise ValueError("RDKit writes no SMILES of it")
    return Chem.MolFromSmiles(molecule.smiles)


def same_molecule(a, b) -> bool:
    """Whether two are one by their canonical SMILES without stereo."""
    return bool(a.smiles) and a.smiles == b.smiles


def disguise_molecule(molecule, rng: np.random.Generator):
    """A copy turned at random, every atom moved by JITTER angstrom."""
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    return replace(molecule, positions=molecule.positions @ turn + rng.normal(0, JITTER, molecule.positions.shape))


def about_molecule(molecule) -> dict[str, object]:
    """Size, rings and elements, in classes."""
    from rdkit.Chem import rdMolDescriptors

    rings = rdMolDescriptors.CalcNumAromaticRings(graph_of(molecule))
    heavy = molecule.numbers[molecule.numbers > 1]
    odd = sorted({int(n) for n in heavy} - {6})
    names = {7: "N", 8: "O", 9: "F", 15: "P", 16: "S", 17: "Cl", 35: "Br", 53: "I"}
    return {
        "aromatic rings": "none" if rings == 0 else "one" if rings == 1 else "several",
        "elements beside C": "+".join(names.get(n, "other") for n in odd) or "none",
    }


MOLECULES = Kind(
    "molecules", MOLECULE_SUFFIXES, load_molecules, molecule_features, standardised, same_molecule, disguise_molecule,
    about_molecule, "RDKit descriptors of graph, shape and bond lengths",
)  # fmt: skip


def load_crystals(files: list[Path]) -> tuple[dict[str, object], list[tuple[str, str]]]:
    """Crystals, and why others cannot be read."""
    from difusa.domains.materials.readers import load

    found, refused = {}, []
    for path in files:
        for record in load(path):
            if record.crystal is None:
                refused.append((record.name, record.reason))
            else:
                found[record.name] = record.crystal
    return found, refused


RADIUS = 4  # its place in `element`


@cache
def element(number: int) -> tuple[float, ...]:
    """Electronegativity (0 where there is none), row, group, mass, radius in angstrom, Mendeleev number, as pymatgen tells."""
    from pymatgen.core import Element

    e = Element.from_Z(number)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymatgen warns of noble gases, which have no electronegativity
        values = (e.X, e.row, e.group, e.atomic_mass, e.atomic_radius or 0.0, e.mendeleev_no)
    return tuple(float(v) if v == v else 0.0 for v in values)


def crystal_features(crystal) -> np.ndarray:
    """Composition: mean, spread, least and greatest of `element` over the atoms (Ward et al. 2016, as matminer's Magpie set);
    cell: atoms, elements, density, volume an atom, shape; shortest distance; whether charges can balance (smact); structure: mean
    and spread of each atom's nearest distance over the sum of radii, log2 of the order of the point group."""
    from difusa.domains.materials.validity import balanced, distances

    table = np.array([element(int(n)) for n in crystal.numbers])
    composition = np.concatenate([table.mean(0), table.std(0), table.min(0), table.max(0)])
    lengths = np.sort(np.linalg.norm(crystal.cell, axis=1))
    unit = crystal.cell / np.linalg.norm(crystal.cell, axis=1, keepdims=True)
    angles = np.sort(np.abs((unit @ unit.T)[np.triu_indices(3, 1)]))
    cell = [
        len(crystal), len(np.unique(crystal.numbers)), table[:, 3].sum() * 1.66054 / crystal.volume,
        crystal.volume / len(crystal), lengths[1] / lengths[0], lengths[2] / lengths[0], *angles,
    ]  # fmt: skip
    apart = distances(crystal)
    near = (apart / np.maximum(table[:, None, RADIUS] + table[:, RADIUS], 1.0)).min(1)
    structure = [near.mean(), near.std(), np.log2(operations(crystal))]
    return np.concatenate([composition, cell, [apart.min(), float(balanced(crystal.numbers))], structure])


def operations(crystal) -> int:
    """How many rotations, mirrors and inversions leave the crystal as it is: the order of its point group by spglib at .1
    angstrom, 1 where it finds none."""
    from difusa.domains.materials.reducing import LOOSE, dataset

    try:
        found = dataset(crystal.cell, crystal.frac, crystal.numbers, LOOSE)
    except ValueError:
        return 1
    return len(np.unique(found.rotations, axis=0))


def same_crystal(a, b) -> bool:
    """Whether two match (pymatgen's StructureMatcher, its defaults)."""
    from pymatgen.analysis.structure_matcher import StructureMatcher

    from difusa.domains.materials.crystal import to_pymatgen
    from difusa.domains.materials.data import composition

    return composition(a.numbers) == composition(b.numbers) and StructureMatcher().fit(to_pymatgen(a), to_pymatgen(b))


def disguise_crystal(crystal, rng: np.random.Generator):
    """A copy with another origin, its atoms in another order and moved by JITTER angstrom."""
    order = rng.permutation(len(crystal))
    moved = (
        crystal.frac[order] + rng.random(3) + rng.normal(0, JITTER, crystal.frac.shape) @ np.linalg.inv(crystal.cell)
    )
    return replace(crystal, numbers=crystal.numbers[order], frac=moved % 1.0)


def about_crystal(crystal) -> dict[str, object]:
    """How many elements, and the class of its most electronegative one."""
    from pymatgen.core import Element

    kinds = [Element.from_Z(int(n)) for n in np.unique(crystal.numbers)]
    table = {int(n): element(int(n))[0] for n in np.unique(crystal.numbers)}
    anion = Element.from_Z(max(table, key=table.get))
    named = {8: "oxide", 9: "halide", 17: "halide", 35: "halide", 53: "halide", 16: "chalcogenide", 34: "chalcogenide"}
    return {"elements": str(min(len(kinds), 5)), "class": named.get(anion.Z, "other")}


CRYSTALS = Kind(
    "materials", CRYSTAL_SUFFIXES, load_crystals, crystal_features, standardised, same_crystal, disguise_crystal,
    about_crystal, "descriptors of composition (as Magpie's), cell, distances and symmetry",
)  # fmt: skip
