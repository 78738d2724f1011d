"""The symmetries that generated crystals are lent: space groups and the orbits that the training crystals occupy.

A model folder holds templates.npz: of each training crystal its space group, its orbits without the values of their free
parameters, the element on each orbit and its properties; no cell and no free coordinate. properties.json holds what the
properties are like.
"""

import json
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from difusa.domains.materials.packed import Packed
from difusa.domains.materials.symmetry import Template
from difusa.domains.materials.wishes import Wishes

FILES = ("templates.npz", "properties.json")
GRID = 48  # sites without free parameters lie on multiples of 1 / GRID


@dataclass(frozen=True, eq=False)
class Templates:
    """M templates of A sites in all, as lent by training crystals.

    spacegroup [M] uint8; rotations [R, 3, 3] int8, rotation_offsets [M + 1]; numbers [A] uint8: the lender's elements; sites
    [A, 3] float32: places at zero parameters; orbit [A] uint8; directions [A, 3, 3] int8; wyckoff [A] uint8; offsets [M + 1];
    properties [M, P] float32, not a number where unknown.
    """

    spacegroup: np.ndarray
    rotations: np.ndarray
    rotation_offsets: np.ndarray
    numbers: np.ndarray
    sites: np.ndarray
    orbit: np.ndarray
    directions: np.ndarray
    wyckoff: np.ndarray
    offsets: np.ndarray
    properties: np.ndarray

    def __len__(self) -> int:
        return len(self.spacegroup)

    @cached_property
    def atoms(self) -> np.ndarray:
        """Sites of each template [M]."""
        return np.diff(self.offsets)

    @cached_property
    def known(self) -> tuple[int, ...]:
        """Atomic numbers that occur, in rising order."""
        return tuple(np.unique(self.numbers).tolist())

    @cached_property
    def multiplicities(self) -> list[np.ndarray]:
        """Of each template the sizes of its orbits, in the order of their first sites."""
        parts = [self.orbit[a:b] for a, b in zip(self.offsets, self.offsets[1:])]
        return [np.unique(p, return_counts=True)[1] for p in parts]

    @cached_property
    def kinds(self) -> list[np.ndarray]:
        """Of each template the lender's element on each orbit, in the same order."""
        return [self.numbers[a:b][np.unique(self.orbit[a:b])] for a, b in zip(self.offsets, self.offsets[1:])]

    @cached_property
    def by_shape(self) -> dict[tuple[int, ...], list[int]]:
        """Sorted counts of the lenders' reduced compositions, (1, 1, 3) of any ABC3 -> rows."""
        found: dict[tuple[int, ...], list[int]] = {}
        for row, (sizes, kinds) in enumerate(zip(self.multiplicities, self.kinds)):
            counts = np.bincount(kinds, sizes).astype(int)
            counts = np.sort(counts[counts > 0])
            found.setdefault(tuple((counts // np.gcd.reduce(counts)).tolist()), []).append(row)
        return found

    def template(self, i: int) -> Template:
        """Template i."""
        at = slice(self.offsets[i], self.offsets[i + 1])
        group = slice(self.rotation_offsets[i], self.rotation_offsets[i + 1])
        return Template(
            int(self.spacegroup[i]),
            self.rotations[group],
            _exact(self.sites[at].astype(float)),
            self.orbit[at].astype(int),
            self.directions[at],
            self.wyckoff[at].tobytes().decode("ascii"),
            (self.numbers[at][:, None] == self.numbers[at]).argmax(1),
        )


def _exact(sites: np.ndarray) -> np.ndarray:
    """Sites that lie on the grid to the precision of the file, put there in double precision."""
    on = np.rint(sites * GRID)
    return np.where(np.abs(sites * GRID - on) < 1e-3, on / GRID, sites)


def bare(template: Template) -> np.ndarray:
    """The sites [n, 3] of a template at zero parameters."""
    first = template.directions[template.orbit].astype(float)
    value = np.einsum("nij,nj->ni", np.linalg.pinv(first), template.frac[template.orbit])
    places = (template.frac - np.einsum("nij,nj->ni", template.directions, value)) % 1.0
    return np.where(places > 1 - 1e-6, 0.0, places)


def of_packed(packed: Packed, rows: np.ndarray, columns: list[int]) -> Templates:
    """The templates of crystals, with those columns of their properties."""
    found = [packed.template(int(i)) for i in rows]
    counts = np.diff(packed.offsets)[rows]
    return Templates(
        packed.spacegroup[rows],
        np.concatenate([t.rotations for t in found]),
        np.concatenate([[0], np.cumsum([len(t.rotations) for t in found])]),
        np.concatenate([packed.numbers[packed.offsets[i] : packed.offsets[i + 1]] for i in rows]),
        np.concatenate([bare(t) for t in found]).astype(np.float32),
        np.concatenate([t.orbit for t in found]).astype(np.uint8),
        np.concatenate([t.directions for t in found]),
        np.frombuffer("".join(t.wyckoff for t in found).encode("ascii"), np.uint8),
        np.concatenate([[0], np.cumsum(counts)]),
        packed.properties[rows][:, columns],
    )


def files(packed: Packed, options, wishes: Wishes) -> dict[str, object]:
    """What a model folder holds of the training crystals that options (examples.Options) name."""
    rows = packed.rows("train")
    rows = rows[np.diff(packed.offsets)[rows] <= options.sizes[-1]]
    found = of_packed(packed, rows, [packed.property_names.index(p) for p in options.properties])
    figures = {k: [float(v) for v in getattr(wishes, k)] for k in ("mean", "std", "low", "high")}
    return {
        FILES[0]: {f.name: getattr(found, f.name) for f in fields(found)},
        FILES[1]: {"names": list(wishes.names)} | figures,
    }


def read(folder: Path) -> tuple[Templates, Wishes]:
    """The templates and wishes of a model folder. Raises FileNotFoundError, or ValueError for broken files."""
    for name in FILES:
        if not (Path(folder) / name).exists():
            raise FileNotFoundError(f"{Path(folder) / name} is missing: train the model again with this version")
    return _read(Path(folder).resolve(), (Path(folder) / FILES[0]).stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _read(folder: Path, written: int) -> tuple[Templates, Wishes]:
    """`read`, remembered until the file is `written` again."""
    try:
        with np.load(Path(folder) / FILES[0], allow_pickle=False) as file:
            found = Templates(**{f.name: file[f.name] for f in fields(Templates)})
        told = json.loads((Path(folder) / FILES[1]).read_text(encoding="utf-8"))
        wishes = Wishes(tuple(told["names"]), *(np.array(told[k], float) for k in ("mean", "std", "low", "high")))
        if found.offsets[-1] != len(found.numbers) or found.properties.shape != (len(found), len(wishes.names)):
            raise ValueError(
                f"{len(found)} templates of {len(found.numbers)} sites, properties {found.properties.shape}"
            )
    except Exception as error:  # zipfile, json and numpy raise many types for a broken file
        raise ValueError(f"{folder}: {', '.join(FILES)} are not what this version writes ({error})") from error
    return found, wishes
