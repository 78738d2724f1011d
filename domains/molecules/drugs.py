"""Drug-like molecules: DFT conformers of the Open Force Field industry benchmark (B3LYP-D3BJ/DZVP), split by scaffold."""

import os
import zlib
from pathlib import Path

import numpy as np

from difusa.domains.molecules.molecule import Molecule, canonical, named
from difusa.domains.molecules.packed import Packed, load_or_build, pack

SOURCE = "openff_drugs.npz"
PROPERTIES = ("energy_kcal", "charge")  # kcal/mol above the molecule's lowest conformer here; elementary charges


def load(data: Path | str | None = None) -> Packed:
    """The conformers prepared: from data/molecules/drugs.npz or the user's cache, else built there from openff_drugs.npz."""
    return load_or_build("drugs", data, lambda: build(data))


def source(data: Path | str | None) -> dict[str, np.ndarray]:
    """The arrays of openff_drugs.npz. Raises FileNotFoundError saying where it is looked for."""
    root = data or os.environ.get("DIFUSA_DATA")
    path = Path(root or "") / "molecules" / SOURCE
    if not root or not path.exists():
        raise FileNotFoundError(f"no molecules/{SOURCE} in the data folder {root}: name it by --data or DIFUSA_DATA")
    with np.load(path, allow_pickle=False) as file:
        return {k: file[k] for k in file.files}


def formal_charges(numbers: np.ndarray, bonds: np.ndarray) -> np.ndarray:
    """int8 [n] from the valences of Kekule bonds [m, 3]: N and O by what they lack or exceed, C and S as in chemistry texts."""
    valence = np.bincount(bonds[:, :2].ravel(), np.repeat(bonds[:, 2], 2), len(numbers)).astype(int)
    charge = np.select([numbers == 7, numbers == 8], [valence - 3, valence - 2])
    charge -= (numbers == 6) & (valence == 3) | (numbers == 16) & (valence == 1)
    charge += (numbers == 16) & np.isin(valence, (3, 5)) | (numbers == 15) & (valence == 4)
    return charge.astype(np.int8)


def sulfonyls(numbers: np.ndarray, bonds: np.ndarray) -> np.ndarray:
    """Bonds with S+2 between two lone O- (22 rows) written S(=O)(=O), as all the other rows write sulfonyls."""
    valence = np.bincount(bonds[:, :2].ravel(), np.repeat(bonds[:, 2], 2), len(numbers))
    sulphur, oxygen = (numbers == 16) & (valence == 4), (numbers == 8) & (valence == 1)
    ends = bonds[:, :2]
    between = (sulphur[ends] & oxygen[ends[:, ::-1]]).any(1)
    two = np.bincount(ends[between].ravel(), minlength=len(numbers)) == 2
    changed = bonds.copy()
    changed[between & (two & sulphur)[ends].any(1), 2] = 2
    return changed


def plain(smiles: str) -> str:
    """Canonical SMILES without stereo, sulfonyls as in `sulfonyls`."""
    from rdkit import Chem
    from rdkit.Chem.MolStandardize.rdMolStandardize import Normalize

    mol = Chem.MolFromSmiles(smiles)
    return canonical(Normalize(mol) if "[S+2]" in smiles else mol)


def split_of(smiles: str) -> int:
    """0 train, 1 calibrate or 2 test, by the Bemis-Murcko scaffold (crc32 of its SMILES; without rings, of the molecule's own).

    A tenth of the scaffolds is held out, half of it to calibrate, half to test.
    """
    from rdkit.Chem.Scaffolds.MurckoScaffold import MurckoScaffoldSmiles

    code = zlib.crc32((MurckoScaffoldSmiles(smiles, includeChirality=False) or smiles).encode())
    if code % 10:
        return 0
    return 2 if code // 10 % 2 else 1


def conformer(arrays: dict[str, np.ndarray], i: int, smiles: str) -> Molecule:
    """Conformer i. Raises ValueError when its graph is not that of `smiles` (canonical, without stereo)."""
    a, b = arrays["offsets"][i : i + 2]
    p, q = arrays["bond_offsets"][i : i + 2]
    numbers = arrays["numbers"][a:b]
    bonds = sulfonyls(numbers, arrays["bonds"][p:q].astype(np.int32))
    positions = arrays["positions_milliangstrom"][a:b] / 1000
    found = named(Molecule(numbers, positions, formal_charges(numbers, bonds), bonds))
    if not smiles or found.smiles != smiles or found.charges.sum() != arrays["charge"][i]:
        raise ValueError(f"row {i}: the bonds make {found.smiles or 'no molecule'}, the SMILES says {smiles}")
    return found


def relative(energy: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Energy above the lowest of the same key."""
    _, place = np.unique(keys, return_inverse=True)
    lowest = np.full(place.max(initial=-1) + 1, np.inf)
    np.minimum.at(lowest, place, energy)
    return energy - lowest[place]


def build(data: Path | str | None = None) -> Packed:
    """All conformers whose bonds agree with their SMILES; the others are told and left out."""
    from rdkit import rdBase

    from difusa.shared.run import Meter

    arrays, meter = source(data), Meter()
    texts = arrays["smiles"]
    with rdBase.BlockLogs():
        smiles = {s: plain(s) for s in np.unique(texts).tolist()}
    parts = {s: split_of(s) for s in set(smiles.values())}
    molecules, index, lost = [], [], []
    for i in range(len(texts)):
        try:
            molecules.append(conformer(arrays, i, smiles[str(texts[i])]))
            index.append(i)
        except ValueError as why:
            lost.append(str(why))
        meter(i + 1, len(texts))
    print(f"drugs: {len(molecules)} of {len(texts)} conformers agree with their SMILES", *lost, sep="\n  ")
    values = np.stack([relative(arrays["energy_kcal"], texts), arrays["charge"]], axis=1)[index]
    return pack(molecules, index, [parts[m.smiles] for m in molecules], values, PROPERTIES, texts[index])
