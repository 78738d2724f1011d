"""Many molecules in flat arrays: one compressed file that needs numpy alone."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from difusa.domains.molecules.molecule import Molecule
from difusa.shared import prepared

VERSION = 1
cached = partial(prepared.cached, version=VERSION)  # where this user's prepared copy of a data set lies


@dataclass(frozen=True, eq=False)  # equal only to itself, so that what is worked out of a set can be remembered
class Packed:
    """M molecules of A atoms in all.

    numbers [A] uint8; positions_milliangstrom [A, 3] int32; charges [A] int8; offsets [M + 1] int64 into the atoms; bonds
    [B, 3] uint16 rows (i, j, order) inside the molecule, i < j; bond_offsets [M + 1]; smiles [M] canonical, without stereo;
    source_smiles [M] as the source writes it, with stereo (conformers of one molecule share it); index [M] row in the
    source; split [M] uint8, a place in SPLITS; properties [M, P] float32, named by property_names. A molecule whose graph
    is undetermined has no bonds and smiles "".
    """

    numbers: np.ndarray
    positions_milliangstrom: np.ndarray
    charges: np.ndarray
    offsets: np.ndarray
    bonds: np.ndarray
    bond_offsets: np.ndarray
    smiles: np.ndarray
    source_smiles: np.ndarray
    index: np.ndarray
    split: np.ndarray
    properties: np.ndarray
    property_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.index)

    @classmethod
    def load(cls, path: Path | str) -> "Packed":
        """Reads what `save` wrote. Raises ValueError naming the file if it is something else or cut off."""
        return prepared.read_arrays(cls, path, "packed molecules")

    def save(self, path: Path | str) -> None:
        """Writes the arrays as one compressed npz, whole or not at all."""
        prepared.keep_arrays(self, path)

    def molecule(self, i: int) -> Molecule:
        """Molecule i; tags hold its row in the source, its SMILES there and its properties."""
        if not 0 <= i < len(self):
            raise IndexError(f"molecule {i} of {len(self)}")
        atoms = slice(self.offsets[i], self.offsets[i + 1])
        bonds = slice(self.bond_offsets[i], self.bond_offsets[i + 1])
        values = dict(zip(self.property_names, self.properties[i].tolist()))
        return Molecule(
            self.numbers[atoms],
            self.positions_milliangstrom[atoms] / 1000.0,
            self.charges[atoms],
            self.bonds[bonds].astype(np.int32),
            str(self.smiles[i]),
            {"index": int(self.index[i]), "source_smiles": str(self.source_smiles[i]), **values},
        )

    def rows(self, split: str) -> np.ndarray:
        """The molecules of a split, in the order of the file. Raises ValueError for an unknown name."""
        return prepared.rows_of_split(self.split, split)


def pack(molecules: list[Molecule], index, split, properties, property_names, source_smiles=None) -> Packed:
    """Molecules as one Packed; the other arguments as there; source_smiles: by default the molecules' own."""
    sizes = [len(m) for m in molecules]
    bonds = [len(m.bonds) for m in molecules]

    def join(name, dtype, *tail):
        rows = [np.asarray(getattr(m, name)) for m in molecules]
        return np.concatenate(rows).astype(dtype) if rows else np.zeros((0, *tail), dtype)

    positions = np.rint(join("positions", float, 3) * 1000).astype(np.int32)
    return Packed(
        join("numbers", np.uint8),
        positions,
        join("charges", np.int8),
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        join("bonds", np.uint16, 3),
        np.concatenate([[0], np.cumsum(bonds)]).astype(np.int64),
        np.array([m.smiles for m in molecules], np.str_),
        np.array([m.smiles for m in molecules] if source_smiles is None else source_smiles, np.str_),
        np.asarray(index, np.int64),
        np.asarray(split, np.uint8),
        np.asarray(properties, np.float32).reshape(len(molecules), len(property_names)),
        tuple(property_names),
    )


def sizes(packed: Packed, rows: np.ndarray | None = None) -> dict[tuple[int, int], int]:
    """(heavy atoms, hydrogens) -> count, among `rows` (all by default), sorted."""
    chosen = counts(packed) if rows is None else counts(packed)[rows]
    return dict(sorted(Counter(map(tuple, chosen.tolist())).items()))


def counts(packed: Packed) -> np.ndarray:
    """Heavy atoms and hydrogens [M, 2] of each molecule."""
    hydrogens = np.add.reduceat(packed.numbers == 1, packed.offsets[:-1], dtype=np.int64)
    return np.stack([np.diff(packed.offsets) - hydrogens, hydrogens], axis=1)


def load_or_build(name: str, data: Path | str | None, build: Callable[[], Packed]) -> Packed:
    """The prepared set from data/molecules (data: by default DIFUSA_DATA), else from the cache, else built into the cache."""
    if file := prepared.given("molecules", name, data):
        return Packed.load(file)
    return prepared.built_once(cached(name), Packed.load, build)
