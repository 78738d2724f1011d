"""Real and generated molecules that the detector of molecules is fitted, calibrated and tested on."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from difusa.domains.molecules.forensics import Usual, figures, usual
from difusa.domains.molecules.molecule import Molecule, from_rdkit, to_rdkit
from difusa.shared.forensics.tables import REAL, Table

OURS, ETKDG, MMFF = "Difusa", "RDKit ETKDG", "RDKit ETKDG and MMFF94"
FAMILIES = (OURS, ETKDG, MMFF)
SPLITS = ("train", "calibrate", "test")


def tables(data: Path, work: Path, n: int, seed: int = 0) -> tuple[dict[str, Table], Usual]:
    """A table for each split: n real ones of each set, n of each generated family and set, and what is usual of 10 n others.

    work: folder for our own draws, which are of QM9's kind alone. Real molecules of a split are of that split of their set:
    QM9's by EDM, the drugs' by scaffold; RDKit places the atoms of other molecules of the same split.
    """
    sets = {"qm9": quantum(n, seed), "drugs": drug_like(data, n, seed)}
    known = usual([m for parts in sets.values() for m in parts["usual"]])
    drawn = ours(work, len(SPLITS) * n, seed)
    found = {}
    for number, split in enumerate(SPLITS):
        rows = [(m, OURS, m.smiles) for m in drawn[number * n : (number + 1) * n]]
        for parts in sets.values():
            rows += [(m, REAL, m.smiles) for m in parts[split][:n]]
            rows += [(made, family, m.smiles) for m in parts[split][n:] for family, made in embedded(m, seed)]
        found[split] = table_of(rows, known)
    return found, known


def table_of(rows: list[tuple[Molecule, str, str]], known: Usual) -> Table:
    """The figures of the rows that have any."""
    kept = []
    for molecule, family, group in rows:
        try:
            kept.append((figures(molecule, known), family, group))
        except ValueError:  # nothing to judge it by; the bench counts them
            continue
    x, families, groups = zip(*kept, strict=True)
    return Table(np.stack(x), tuple(families), tuple(groups))


def wanted(rows: dict[str, np.ndarray], n: int, seed: int) -> dict[str, np.ndarray]:
    """2 n of the rows of each split, drawn anew, and 10 n further ones of the training split for what is usual."""
    shuffled = {k: np.random.default_rng(seed).permutation(v) for k, v in rows.items()}
    return {k: v[: 2 * n] for k, v in shuffled.items()} | {"usual": shuffled["train"][2 * n : 12 * n]}


def drug_like(data: Path, n: int, seed: int) -> dict[str, list[Molecule]]:
    """Of the Open Force Field set, one conformer of a molecule."""
    from difusa.domains.molecules import drugs

    packed = drugs.load(data)
    _, first = np.unique(packed.smiles, return_index=True)
    first = first[packed.smiles[first] != ""]
    rows = {split: first[np.isin(first, packed.rows(split))] for split in SPLITS}
    return {k: [packed.molecule(int(i)) for i in v] for k, v in wanted(rows, n, seed).items()}


def quantum(n: int, seed: int) -> dict[str, list[Molecule]]:
    """Of QM9, read from its tables: a small part does not need all of it prepared."""
    from rdkit import rdBase

    from difusa.domains.molecules import qm9

    codes = qm9.split()
    chosen = wanted({split: np.flatnonzero(codes == k) for k, split in enumerate(SPLITS)}, n, seed)
    place = {int(row): split for split, rows in chosen.items() for row in rows}
    found: dict[str, list[Molecule]] = {split: [] for split in chosen}
    with rdBase.BlockLogs():
        for number, row in enumerate(qm9.rows()):
            if number in place and (molecule := qm9.molecule_of(row)[0]).smiles:
                found[place[number]].append(molecule)
    return found


def embedded(molecule: Molecule, seed: int) -> Iterator[tuple[str, Molecule]]:
    """The same molecule with the places that RDKit gives its atoms: by ETKDGv3 alone, and then relaxed in MMFF94."""
    from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

    mol = to_rdkit(molecule)
    if rdDistGeom.EmbedMolecule(mol, randomSeed=seed + 1) < 0:
        return
    yield ETKDG, from_rdkit(mol)
    if rdForceFieldHelpers.MMFFHasAllMoleculeParams(mol) and not rdForceFieldHelpers.MMFFOptimizeMolecule(
        mol, maxIters=500
    ):
        yield MMFF, from_rdkit(mol)


def ours(work: Path, count: int, seed: int) -> list[Molecule]:
    """Raw draws of the shipped model of QM9's kind that are valid and in one piece; kept in a file."""
    from difusa.domains.molecules.readers import load
    from difusa.domains.molecules.task import generate

    path = Path(work) / f"molecules-{count}-{seed}.sdf"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        generate(out=path, count=count, seed=seed, valid_only=True, passport=False, watermark=False, threads=1)
    return [r.molecule for r in load(path) if r.molecule is not None and r.molecule.smiles]
