"""Reading molecules, ours and users': SDF, XYZ, extended XYZ, SMILES. An unreadable row keeps its place and gets a reason."""

import contextlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from difusa.domains.molecules.molecule import Molecule, from_rdkit, named, to_rdkit
from difusa.domains.molecules.perception import perceived, told

SUFFIXES = (".sdf", ".mol", ".xyz", ".extxyz", ".smi", ".smiles", ".txt")
LARGEST = 1000  # atoms; beyond, bond perception and conformer search do not end in reasonable time


@dataclass(frozen=True)
class Record:
    """One row of a file, counted from 1: its molecule (None if unreadable) and why it is broken ("" if it is not).

    A molecule that reads but cannot be sanitised has both. From SMILES: hydrogens explicit, positions not a number.
    """

    number: int
    molecule: Molecule | None
    reason: str = ""


def load(path: Path | str) -> list[Record]:
    """All rows of a file, by its suffix. Raises ValueError for another suffix, FileNotFoundError; never for a broken row."""
    path = Path(path)
    readers = {".sdf": sdf_rows, ".mol": sdf_rows, ".xyz": xyz_rows, ".extxyz": xyz_rows}
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"{path}: unknown format {path.suffix or '(none)'}; one of {', '.join(SUFFIXES)}")
    cut, read = readers.get(path.suffix.lower(), smiles_rows)
    text = path.read_text(encoding="utf-8", errors="replace")
    return [_record(number, row, read) for number, row in enumerate(cut(text), start=1)]


def _record(number: int, row: str, read) -> Record:
    try:
        molecule = read(row)
    except Exception as why:  # whatever a parser raises at a stranger's text is that row's reason
        return Record(number, None, " ".join(str(why).split()) or type(why).__name__)
    if molecule.smiles:
        return Record(number, molecule)
    try:
        to_rdkit(molecule)
    except ValueError as why:
        return Record(number, molecule, str(why))
    return Record(number, molecule, "RDKit writes no SMILES of it")


def cut_sdf(text: str) -> Iterator[str]:
    """The records between $$$$ lines; the last may lack one."""
    rows = []
    for line in text.splitlines():
        if line.startswith("$$$$"):
            yield "\n".join(rows) + "\n"
            rows = []
        else:
            rows.append(line)
    if any(r.strip() for r in rows):
        yield "\n".join(rows) + "\n"


def read_sdf(row: str) -> Molecule:
    """A mol block (V2000 or V3000) with its tags. ValueError: what RDKit says, implied hydrogens, too large."""
    from rdkit import Chem

    with told() as log:
        mol = Chem.MolFromMolBlock(row, sanitize=False, removeHs=False)
    if mol is None:
        raise ValueError(log() or "no mol block")
    _limit(mol.GetNumAtoms())
    mol.UpdatePropertyCache(strict=False)
    return replace(named(from_rdkit(mol)), tags=sdf_tags(row))


def sdf_tags(row: str) -> dict[str, object]:
    """The tags below a mol block; numbers as numbers. The title line becomes NAME."""
    lines = row.splitlines()
    tags: dict[str, object] = {"NAME": lines[0].strip()} if lines[0].strip() else {}
    for i, line in enumerate(lines[:-1]):
        if line.startswith(">") and "<" in line:
            tags[line[line.index("<") + 1 : line.rindex(">")]] = value_of(lines[i + 1].strip())
    return unstamped(tags)


def value_of(text: str) -> object:
    """The number that the text is, or the text."""
    with contextlib.suppress(ValueError):
        if isinstance(found := json.loads(text), int | float) and not isinstance(found, bool):
            return found
    return text


def unstamped(tags: dict) -> dict[str, object]:
    """The tags without the passport's stamp: that belongs to the bytes of one file, and would be wrong in any other."""
    return {k: v for k, v in tags.items() if k.upper() != "DIFUSA_PASSPORT"}


def cut_xyz(text: str) -> Iterator[str]:
    """Frames: a count, a comment, the atoms. After a frame without a count, the next line that is a count begins one."""
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        stop = at + 1
        if lines[at].strip().isdecimal():
            stop = at + 2 + int(lines[at])
        else:
            while stop < len(lines) and not lines[stop].strip().isdecimal():
                stop += 1
        yield "\n".join(lines[at:stop]) + "\n"
        at = stop


def read_xyz(row: str) -> Molecule:
    """A frame of (extended) XYZ by ASE. Bonds and formal charges from it, else by RDKit's perception for its `charge`, or 0."""
    from ase.io import read

    lines = row.splitlines()
    if not lines[0].strip().isdecimal() or len(lines) != int(lines[0]) + 2:
        raise ValueError(f"the frame begins with {lines[0][:40]!r} and has {max(len(lines) - 2, 0)} atom lines")
    _limit(int(lines[0]))
    atoms = read(io.StringIO(row), format="extxyz")
    numbers, positions, tags = atoms.numbers.astype(np.uint8), atoms.positions.astype(float), unstamped(atoms.info)
    charge, bonds = int(tags.pop("charge", 0)), tags.pop("bonds", None)
    if bonds is not None:
        table = np.array([b.split("-") for b in str(bonds).split() if b != "none"], np.int32).reshape(-1, 3)
        charges = atoms.arrays.get("formal_charges", np.zeros(len(atoms))).astype(np.int8)
        found = named(Molecule(numbers, positions, charges, table))
        return replace(found, tags=tags | {"SMILES": found.smiles})  # ASE takes the SMILES of HF, F, for a truth value
    return replace(perceived(numbers, positions, charge), tags=tags)


def cut_smiles(text: str) -> Iterator[str]:
    """Lines that are neither empty nor comments (#)."""
    return (line for line in text.splitlines() if line.strip() and not line.startswith("#"))


def read_smiles(row: str) -> Molecule:
    """A SMILES, and perhaps a name after it; see Record. ValueError with RDKit's reason."""
    from rdkit import Chem

    text, _, name = row.strip().partition(" ") if "\t" not in row else row.strip().partition("\t")
    if len(text) > 20 * LARGEST:
        raise ValueError(f"the SMILES has {len(text)} letters: at most {LARGEST} atoms are taken")
    with told() as log:
        mol = Chem.MolFromSmiles(text)
    if mol is None or not mol.GetNumAtoms():
        raise ValueError(log() or f"{text!r} holds no atom")
    mol = Chem.AddHs(mol)
    _limit(mol.GetNumAtoms())
    conformer = Chem.Conformer(mol.GetNumAtoms())
    conformer.SetPositions(np.full((mol.GetNumAtoms(), 3), np.nan))
    mol.AddConformer(conformer)
    tags = {"source_smiles": text} | ({"NAME": name.strip()} if name.strip() else {})
    return replace(from_rdkit(mol), tags=tags)


sdf_rows, xyz_rows, smiles_rows = (cut_sdf, read_sdf), (cut_xyz, read_xyz), (cut_smiles, read_smiles)


def _limit(atoms: int) -> None:
    if not 0 < atoms <= LARGEST:
        raise ValueError(f"{atoms} atoms: between 1 and {LARGEST} are taken")
