"""QM9 (Ramakrishnan et al. 2014) out of the package qm9pack: graphs with formal charges, EDM's split, the report's units.

The package's three tables are read as text: importing it runs code that newer setuptools no longer serves. Its SMILES are
those of the relaxed geometries, atom for atom; each is taken only if the geometry agrees (see `graph_of`).
"""

import csv
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from difusa.domains.molecules.chemistry import AROMATIC, EV, SYMBOLS
from difusa.domains.molecules.molecule import Molecule, canonical
from difusa.domains.molecules.packed import Packed, load_or_build, pack
from difusa.domains.molecules.perception import perceived

COUNT, TRAIN, TEST = 130_831, 100_000, 13_083
NUMBERS = {symbol: number for number, symbol in SYMBOLS.items()}
PROPERTIES = {  # name and unit -> column, factor from the column's unit
    "mu": ("Dipole_debye", 1.0),  # debye
    "alpha": ("Polarizability_bohr3", 1.0),  # bohr^3
    "homo": ("HOMO_au", EV),  # eV, as are the four below
    "lumo": ("LUMO_au", EV),
    "gap": ("HOMO_LUMO_gap_au", EV),
    "zpve": ("ZPVE_au", EV),
    "u0": ("InternalEnergy_0K_au", EV),  # total energy: float32 keeps it to about 1 meV
    "cv": ("Heatcapacity_Cv_cal_mol_K", 1.0),  # cal/(mol K)
}
LONGEST = 1.3  # a bond is shorter than this times the sum of RDKit's covalent radii; every bond of QM9 is below 1.25


def load(data: Path | str | None = None) -> Packed:
    """QM9 prepared: from data/molecules/qm9.npz or the user's cache, else built there (about 2 minutes on one core)."""
    return load_or_build("qm9", data, build)


def split(count: int = COUNT) -> np.ndarray:
    """uint8 [count]: EDM's permutation; rows in Index order, the first 100,000 train, then 17,748 calibrate, 13,083 test.

    EDM (Hoogeboom et al. 2022, qm9/data/prepare/qm9.py of its repository): train, valid, test in this order.
    """
    order = np.random.RandomState(0).permutation(count)
    codes = np.empty(count, np.uint8)
    codes[order] = np.repeat([0, 1, 2], [TRAIN, count - TRAIN - TEST, TEST])
    return codes


def tables() -> list[Path]:
    """The three tables of qm9pack. Raises ValueError when it is not installed."""
    if (found := find_spec("qm9pack")) is None:
        raise ValueError("QM9 comes with the package qm9pack: pip install 'difusa[molecules]'")
    folder = Path(found.submodule_search_locations[0]) / "data"
    return [folder / f"qm9_part{i}.csv" for i in (1, 2, 3)]


def rows(files: list[Path] | None = None) -> Iterator[dict[str, str]]:
    """The rows of the tables, in Index order."""
    for file in files or tables():
        with open(file, newline="", encoding="utf-8") as text:
            yield from csv.DictReader(text)


def number(text: str) -> float:
    """A number as the tables write it: `0.`, `-.5` and Mathematica's `6.8*^-6` too."""
    return float(text.replace("*^", "e"))


def geometry(row: dict[str, str]) -> tuple[np.ndarray, np.ndarray]:
    """Atomic numbers [n] uint8 and positions [n, 3] angstrom. Raises ValueError when the counts disagree."""
    symbols = row["Elements"].strip("[]").replace("'", "").split(",")
    values = row["XYZ_Ang"].replace("[", "").replace("]", "").replace("*^", "e").split(",")
    if len(values) != 3 * len(symbols) or len(symbols) != int(row["N_atoms"]):
        raise ValueError(f"{len(symbols)} elements, {len(values)} coordinates, {row['N_atoms']} atoms announced")
    return np.array([NUMBERS[s] for s in symbols], np.uint8), np.array(values, float).reshape(-1, 3)


def graph_of(mol, numbers: np.ndarray, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Charges [n] and bonds [m, 3] of the geometry, from RDKit's molecule of its SMILES.

    Demanded: the heavy atoms in the same order; in units of the covalent radii every bond shorter than every other pair;
    each hydrogen, given to its nearest heavy atom, where the SMILES counts it. Raises ValueError saying what fails.
    """
    from rdkit import Chem

    heavy, light = np.flatnonzero(numbers > 1), np.flatnonzero(numbers == 1)
    if [a.GetAtomicNum() for a in mol.GetAtoms()] != numbers[heavy].tolist():
        raise ValueError("the heavy atoms of SMILES and geometry differ")
    table = Chem.GetPeriodicTable()
    radii = np.array([table.GetRcovalent(n) for n in numbers.tolist()])
    far = np.linalg.norm(positions[:, None] - positions, axis=-1) / (radii[:, None] + radii)
    upper = np.triu_indices(len(heavy), 1)
    bonded, between = Chem.GetAdjacencyMatrix(mol).astype(bool)[upper], far[np.ix_(heavy, heavy)][upper]
    longest = between[bonded].max(initial=0)
    if longest >= min(between[~bonded].min(initial=np.inf), LONGEST):
        raise ValueError("the distances do not show the bonds of the SMILES")
    near = far[np.ix_(light, heavy)].argmin(1)
    if np.bincount(near, minlength=len(heavy)).tolist() != [a.GetTotalNumHs() for a in mol.GetAtoms()]:
        raise ValueError("the hydrogens sit on other atoms than the SMILES says")
    bonds = [(heavy[near[k]], light[k], 1) for k in range(len(light))]
    for b in mol.GetBonds():
        order = AROMATIC if b.GetIsAromatic() else int(b.GetBondTypeAsDouble())
        bonds.append((heavy[b.GetBeginAtomIdx()], heavy[b.GetEndAtomIdx()], order))
    charges = np.zeros(len(numbers), np.int8)
    charges[heavy] = [a.GetFormalCharge() for a in mol.GetAtoms()]
    rows = sorted((min(i, j), max(i, j), order) for i, j, order in bonds)
    return charges, np.array(rows, np.int32).reshape(-1, 3)


def molecule_of(row: dict[str, str]) -> tuple[Molecule, str]:
    """One row as a molecule, and why its SMILES was not taken ("" where it was): then the bonds are RDKit's perception.

    If that fails too, the molecule has no bonds, and smiles "".
    """
    from rdkit import Chem

    numbers, positions = geometry(row)
    try:
        if (mol := Chem.MolFromSmiles(row["SMILES"])) is None:
            raise ValueError("RDKit does not read the SMILES")
        return Molecule(numbers, positions, *graph_of(mol, numbers, positions), canonical(mol)), ""
    except ValueError as why:
        reason = f"{row['XYZ_file']} {row['SMILES']}: {why}"
    try:
        found = perceived(numbers, positions)
        return found, f"{reason}; perceived {found.smiles}"
    except ValueError as why:
        nothing = np.zeros(len(numbers), np.int8), np.zeros((0, 3), np.int32)
        return Molecule(numbers, positions, *nothing), f"{reason}; {why}"


def build(files: list[Path] | None = None) -> Packed:
    """All rows, prepared. Those whose SMILES was not taken are told; none is left out, so the split stays EDM's."""
    from rdkit import rdBase

    from difusa.shared.run import Meter

    molecules, index, values, smiles, odd, meter = [], [], [], [], [], Meter()
    with rdBase.BlockLogs():
        for row in rows(files):
            molecule, why = molecule_of(row)
            molecules.append(molecule)
            odd += [why] if why else []
            index.append(int(row["Index"]))
            smiles.append(row["SMILES"])
            values.append([number(row[column]) * factor for column, factor in PROPERTIES.values()])
            meter(len(molecules), COUNT)
    if len(molecules) != COUNT or index != sorted(index):
        raise ValueError(f"qm9pack has {len(molecules)} rows, not {COUNT}, or not in order: install qm9pack 1.0.3")
    lost = sum(not m.smiles for m in molecules)
    print(
        f"QM9: geometry and SMILES agree in {COUNT - len(odd)} rows of {COUNT}; {lost} stay undetermined",
        *odd,
        sep="\n  ",
    )
    return pack(molecules, index, split(), values, tuple(PROPERTIES), smiles)
