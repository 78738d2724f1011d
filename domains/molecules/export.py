"""Writing molecules: SDF V3000, extended XYZ, a Parquet table. Broken molecules are written too, with their reason.

SDF as RDKit and Open Babel both read it: hydrogens explicit, bonds Kekule, formal charges and radicals on their atoms, `3D`
in the header. Only a broken molecule can hold the bond type 4 (aromatic).
"""

import io
from pathlib import Path

import numpy as np

from difusa.domains.molecules.chemistry import SYMBOLS
from difusa.domains.molecules.molecule import Molecule, canonical, to_rdkit
from difusa.domains.molecules.screening import refuse
from difusa.shared.files import write_atomic, write_text

FORMATS = (".sdf", ".extxyz", ".xyz", ".parquet")


def save(molecules: list[Molecule], path: Path | str) -> None:
    """Writes all molecules by the suffix of path, whole or not at all.

    Raises ValueError for another suffix, before any work, and for a molecule on the block list of harmful substances.
    """
    path = check_target(path)
    refuse([m for m in molecules if m.smiles], str(path))
    if path.suffix == ".sdf":
        write_text(path, "".join(sdf(m) for m in molecules))
    elif path.suffix == ".parquet":
        write_atomic(path, lambda temporary: write_parquet(molecules, temporary))
    else:
        write_text(path, "".join(extxyz(m) for m in molecules))


def check_target(path: Path | str) -> Path:
    """The path, if its format is one of FORMATS."""
    path = Path(path)
    if path.suffix not in FORMATS:
        raise ValueError(f"--out {path}: unknown format {path.suffix or '(none)'}; write one of {', '.join(FORMATS)}")
    return path


def described(molecule: Molecule) -> tuple[object, dict[str, object]]:
    """RDKit's molecule, and the tags of a file: SMILES, ISOMERIC_SMILES, INCHIKEY, the molecule's own, REASON if it is broken.

    The SMILES is RDKit's of the graph that is written, whatever the molecule says. Stereo is perceived from the coordinates.
    """
    from rdkit import Chem, rdBase

    tags = {"SMILES": "", "ISOMERIC_SMILES": "", "INCHIKEY": ""}
    own = {k: v for k, v in molecule.tags.items() if k not in tags}
    try:
        mol = to_rdkit(molecule)
    except ValueError as why:
        mol = to_rdkit(molecule, sanitize=False)
        mol.UpdatePropertyCache(strict=False)
        return mol, tags | own | {"REASON": str(own.get("REASON") or why)}
    with rdBase.BlockLogs():
        Chem.AssignStereochemistryFrom3D(mol)
        tags["SMILES"] = canonical(mol)
        tags["ISOMERIC_SMILES"] = Chem.MolToSmiles(Chem.RemoveHs(mol))
        tags["INCHIKEY"] = Chem.MolToInchiKey(mol)
    return mol, tags | own


def sdf(molecule: Molecule) -> str:
    """One record, up to and with its $$$$ line. Raises ValueError as to_rdkit for bonds that cannot even be drawn."""
    return block_of(*described(molecule))


def block_of(mol, tags: dict[str, object]) -> str:
    """The record of what `described` tells."""
    from rdkit import Chem

    tags = dict(tags)
    mol.SetProp("_Name", _line(tags.pop("NAME", "")))
    block = Chem.MolToV3KMolBlock(mol, kekulize="REASON" not in tags or bool(tags["SMILES"]))
    if wrong := [k for k in tags if not k.strip() or set(k) & set("<>\n\r")]:
        raise ValueError(f"{wrong[0]!r} is no name of an SDF tag")
    return block + "".join(f">  <{k}>\n{_line(v)}\n\n" for k, v in tags.items()) + "$$$$\n"


def extxyz(molecule: Molecule) -> str:
    """One frame of extended XYZ (ASE's), with the tags, `charge`, `bonds` (i-j-order, from 0; or none) and formal_charges."""
    from ase import Atoms
    from ase.io import write

    _, tags = described(molecule)
    atoms = Atoms(numbers=molecule.numbers, positions=molecule.positions)
    atoms.set_array("formal_charges", molecule.charges.astype(int))
    bonds = " ".join("-".join(map(str, row)) for row in molecule.bonds.tolist())
    atoms.info = {k: v if isinstance(v, int | float) else _line(v) for k, v in tags.items() if v != ""}  # ASE loses ""
    atoms.info |= {"charge": int(molecule.charges.sum()), "bonds": bonds or "none"}
    text = io.StringIO()
    write(text, atoms, format="extxyz")
    return text.getvalue()


def write_parquet(molecules: list[Molecule], path: Path) -> None:
    """A table, one row a molecule: all tags, `atoms`, `heavy_atoms`, `charge`, `formula`; empty where a molecule lacks a tag."""
    import pyarrow
    from pyarrow import parquet

    rows = [described(m)[1] | counts(m) for m in molecules]
    names = list(dict.fromkeys(k for row in rows for k in row))
    columns = {}
    for name in names:
        values = [row.get(name) for row in rows]
        kinds = {type(v) for v in values if v is not None}
        plain = len(kinds) <= 1 or kinds <= {int, float}
        columns[name] = values if plain else [None if v is None else str(v) for v in values]
    parquet.write_table(pyarrow.table(columns), path)


def counts(molecule: Molecule) -> dict[str, object]:
    """Atoms, heavy atoms, total charge and formula in Hill's order (carbon, hydrogen, then by name)."""
    found = {SYMBOLS.get(int(n), f"#{n}"): int(c) for n, c in zip(*np.unique(molecule.numbers, return_counts=True))}
    first = [s for s in ("C", "H") if s in found] if "C" in found else []
    order = first + sorted(set(found) - set(first))
    return {
        "atoms": len(molecule),
        "heavy_atoms": int((molecule.numbers != 1).sum()),
        "charge": int(molecule.charges.sum()),
        "formula": "".join(s + (str(found[s]) if found[s] > 1 else "") for s in order),
    }


def _line(value) -> str:
    """Text on one line: a blank line would end an SDF tag."""
    return " ".join(str(value).split())
