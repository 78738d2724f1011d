"""Many crystals in flat arrays, with what their symmetry leaves free: one compressed file that needs numpy alone."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from difusa.domains.materials.crystal import Crystal
from difusa.domains.materials.symmetry import Template
from difusa.shared.prepared import keep_arrays, read_arrays, rows_of_split

PROPERTIES = ("formation_energy", "e_above_hull", "band_gap")  # eV/atom, eV/atom, eV
VERSION = 1


@dataclass(frozen=True, eq=False)  # equal only to itself, so that what is worked out of a set can be remembered
class Packed:
    """M crystals of A atoms in all, each a Niggli-reduced primitive cell that obeys its space group exactly.

    numbers [A] uint8; frac [A, 3] float64; cells [M, 3, 3] float64 angstrom, rows are vectors; offsets [M + 1] int64 into the
    atoms; spacegroup, spacegroup_tight [M] uint8 as found at 0.1 and 0.01 angstrom in the source's cell (what is stored has
    the first); rotations [R, 3, 3] int8 with rotation_offsets [M + 1]; orbit [A] uint8, directions [A, 3, 3] int8 and wyckoff
    [A] uint8 (a letter's code) as in symmetry.Template; ids [M] names in the source; split [M] uint8, a place in SPLITS;
    properties [M, P] float32 by property_names, not a number where unknown.
    """

    numbers: np.ndarray
    frac: np.ndarray
    cells: np.ndarray
    offsets: np.ndarray
    spacegroup: np.ndarray
    spacegroup_tight: np.ndarray
    rotations: np.ndarray
    rotation_offsets: np.ndarray
    orbit: np.ndarray
    directions: np.ndarray
    wyckoff: np.ndarray
    ids: np.ndarray
    split: np.ndarray
    properties: np.ndarray
    property_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def load(cls, path: Path | str) -> "Packed":
        """Reads what `save` wrote. Raises ValueError naming the file if it is something else or cut off."""
        return read_arrays(cls, path, "packed crystals")

    def save(self, path: Path | str) -> None:
        """Writes the arrays as one compressed npz, whole or not at all."""
        keep_arrays(self, path)

    def crystal(self, i: int) -> Crystal:
        """Crystal i; tags hold its id, space group and properties."""
        if not 0 <= i < len(self):
            raise IndexError(f"crystal {i} of {len(self)}")
        atoms = slice(self.offsets[i], self.offsets[i + 1])
        values = dict(zip(self.property_names, self.properties[i].tolist()))
        tags = {"id": str(self.ids[i]), "spacegroup": int(self.spacegroup[i]), **values}
        return Crystal(self.cells[i], self.numbers[atoms], self.frac[atoms], tags)

    def template(self, i: int) -> Template:
        """What the symmetry of crystal i leaves free."""
        atoms = slice(self.offsets[i], self.offsets[i + 1])
        group = slice(self.rotation_offsets[i], self.rotation_offsets[i + 1])
        return Template(
            int(self.spacegroup[i]),
            self.rotations[group],
            self.frac[atoms],
            self.orbit[atoms].astype(int),
            self.directions[atoms],
            self.wyckoff[atoms].tobytes().decode("ascii"),
        )

    def rows(self, split: str) -> np.ndarray:
        """The crystals of a split, in the order of the file. Raises ValueError for an unknown name."""
        return rows_of_split(self.split, split)


def pack(crystals: list[Crystal], templates: list[Template], tight, split) -> Packed:
    """Crystals with the properties and ids in their tags as one Packed; tight, split [M]: as there."""
    sizes, groups = [len(c) for c in crystals], [len(t.rotations) for t in templates]

    def ends(counts) -> np.ndarray:
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)

    def join(rows, dtype, *tail) -> np.ndarray:
        return np.concatenate(rows).astype(dtype) if rows else np.zeros((0, *tail), dtype)

    return Packed(
        join([c.numbers for c in crystals], np.uint8),
        join([c.frac for c in crystals], float, 3),
        np.array([c.cell for c in crystals], float).reshape(-1, 3, 3),
        ends(sizes),
        np.array([t.spacegroup for t in templates], np.uint8),
        np.asarray(tight, np.uint8),
        join([t.rotations for t in templates], np.int8, 3, 3),
        ends(groups),
        join([t.orbit for t in templates], np.uint8),
        join([t.directions for t in templates], np.int8, 3, 3),
        np.frombuffer("".join(t.wyckoff for t in templates).encode("ascii"), np.uint8),
        np.array([c.tags["id"] for c in crystals], np.str_),
        np.asarray(split, np.uint8),
        np.array([[c.tags.get(p, np.nan) for p in PROPERTIES] for c in crystals], np.float32).reshape(-1, 3),
        PROPERTIES,
    )
