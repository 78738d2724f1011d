"""Numbered training examples out of packed crystals: padded arrays, a pure function of (seed, number), numpy alone.

Part of them are noised inside the symmetry of their own space group (symmetry.Template), the others without any. Crystals of
about one size come together, `group` numbers in a row, padded to one of `sizes`: small ones need not be as wide as large ones.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from difusa.domains.materials.elements import CLASSES
from difusa.domains.materials.packed import Packed
from difusa.domains.materials.symmetry import Template, free_template, strain_of
from difusa.shared.seeds import stream

NOISE, WISH, SIZE = 1, 2, 3  # parts of an example's random stream


@dataclass(frozen=True)
class Noise:
    """Levels (lognormal, in units of the network's state); how often the symmetry is kept; how often all elements are given,
    and how often only those of some sites."""

    mean: float = -1.2  # of ln sigma
    std: float = 1.2
    symmetric: float = 0.75
    given: float = 0.4
    fragment: float = 0.1


@dataclass(frozen=True)
class Options:
    """What a recipe may say of the training examples: source, the Materials Project or pymatgen's prototypes (which need no file,
    and know no properties); sizes to which they are padded, in rising order (larger crystals are left
    out); group: numbers in a row that have one size; properties: names of what an example may be told."""

    source: Literal["mp", "prototypes"] = "mp"
    sizes: tuple[int, ...] = (8, 12, 16, 20)
    group: int = 32
    properties: tuple[str, ...] = ()
    noise: Noise = field(default_factory=Noise)


class Examples:
    """Crystals drawn evenly from a split, with their noise: what `Materials.loss` takes.

    tell(properties [P], rng) -> wish [P]: what of them the network is told. self[n]: frac [N, 3] float32; strain, shape [3, 3]
    (S and T of symmetry.py); elements [N] classes; present [N] bool; sigma; noise_frac [N, 3], noise_strain [3, 3] and
    noise_elements [N, CLASSES] inside the symmetry; given [N] bool; orbit, freedom [N]; share [N], 1 / the size of the orbit;
    spacegroup, rank; wish [P] with options.properties. Raises ValueError where the split has no crystal of a size.
    """

    def __init__(self, packed: Packed, split: str, options: Options, seed: int = 0, tell: Callable | None = None):
        if unknown := [p for p in options.properties if p not in packed.property_names]:
            raise ValueError(f"property {unknown[0]!r} is none of {', '.join(packed.property_names)}")
        self.packed, self.options, self.seed, self.tell = packed, options, seed, tell
        self.noise_seed = seed  # another one gives the same crystals with other noise
        self.columns = [packed.property_names.index(p) for p in options.properties]
        self.buckets = buckets(packed, packed.rows(split), options.sizes)
        counts = np.array([len(rows) for rows in self.buckets])
        if not counts.sum():
            raise ValueError(f"no {split} crystal of at most {options.sizes[-1]} atoms")
        self.ends = np.cumsum(counts) / counts.sum()
        self.known: dict[int, Template] = {}

    def __getitem__(self, number: int) -> dict[str, np.ndarray]:
        draw = stream(self.seed, number // self.options.group, SIZE).random()
        bucket = min(int(np.searchsorted(self.ends, draw, side="right")), len(self.buckets) - 1)
        rng = stream(self.seed, number)
        rows = self.buckets[bucket]
        row = int(rows[rng.integers(len(rows))])
        return self.example(row, self.options.sizes[bucket], number)

    def template(self, row: int) -> Template:
        """The template of a crystal, made once."""
        if row not in self.known:
            self.known[row] = self.packed.template(row)
        return self.known[row]

    def example(self, row: int, width: int, number: int) -> dict[str, np.ndarray]:
        """Crystal `row` padded to `width` sites, with the noise of example `number`."""
        rng, noise = stream(self.noise_seed, number, NOISE), self.options.noise
        kept = self.template(row)
        template = kept if rng.random() < noise.symmetric else free_template(kept.frac)
        atoms = slice(self.packed.offsets[row], self.packed.offsets[row + 1])
        found = {
            "sigma": np.float32(np.exp(noise.mean + noise.std * rng.standard_normal())),
            "strain": strain_of(self.packed.cells[row], template.shape).astype(np.float32),
            "given": padded(hinted(template, noise, rng), width),
            "elements": padded(self.packed.numbers[atoms].astype(np.int64) - 1, width),
            "frac": padded(template.frac.astype(np.float32), width),
            **told_of(template, width),
            **shaken(template, width, rng),
        }
        if self.columns:
            values = self.packed.properties[row, self.columns]
            found["wish"] = self.tell(values, stream(self.seed, number, WISH)) if self.tell else values
        return found


def buckets(packed: Packed, rows: np.ndarray, sizes: tuple[int, ...]) -> list[np.ndarray]:
    """The rows whose crystals are padded to each of the sizes."""
    atoms = np.diff(packed.offsets)[rows]
    return [rows[(atoms > low) & (atoms <= high)] for low, high in zip((0, *sizes), sizes)]


def padded(value: np.ndarray, width: int) -> np.ndarray:
    """value [n, ...] with rows of zeros up to `width`."""
    return np.concatenate([value, np.zeros((width - len(value), *value.shape[1:]), value.dtype)])


def told_of(template: Template, width: int) -> dict[str, np.ndarray]:
    """What the network is told of a template of n sites, padded to `width`: present, shape, freedom, orbit, share, spacegroup,
    rank; padding is in no orbit."""
    n = len(template)
    orbit = np.concatenate([template.orbit, np.arange(n, width)])
    return {
        "present": np.arange(width) < n,
        "shape": template.shape.astype(np.float32),
        "freedom": padded(template.freedom.astype(np.int64), width),
        "orbit": orbit.astype(np.int64),
        "share": padded((1 / np.bincount(template.orbit, minlength=n)[template.orbit]).astype(np.float32), width),
        "spacegroup": np.int64(template.spacegroup),
        "rank": np.int64(len(template.strains)),
    }


def shaken(template: Template, width: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Unit noise of each field inside the symmetry: the sites of an orbit move together, those of one element share its noise."""
    n = len(template)
    strain = np.tensordot(rng.standard_normal(len(template.strains)), template.strains, 1)
    moved = template.sites(rng.standard_normal((n, 3)))
    kinds = rng.standard_normal((n, CLASSES), dtype=np.float32)[template.even]
    return {
        "noise_strain": strain.astype(np.float32),
        "noise_frac": padded(moved.astype(np.float32), width),
        "noise_elements": padded(kinds, width),
    }


def hinted(template: Template, noise: Noise, rng: np.random.Generator) -> np.ndarray:
    """Whose elements [n] are given: all, none, or those of a random part of the orbits."""
    draw, n = rng.random(), len(template)
    if draw < noise.given:
        return np.ones(n, bool)
    if draw < noise.given + noise.fragment:
        return (rng.random(n) < rng.random())[template.orbit]
    return np.zeros(n, bool)
