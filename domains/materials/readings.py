"""Crystals as a regressor reads them: training examples, and its answers for any crystals in fixed batches."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from difusa.domains.materials.crystal import Crystal
from difusa.domains.materials.data import system
from difusa.domains.materials.elements import CLASSES
from difusa.domains.materials.examples import SIZE, buckets, padded
from difusa.domains.materials.packed import Packed
from difusa.shared.networks.periodic import edges
from difusa.shared.seeds import stream

LEAST = {"band_gap": 0.0}  # properties that have a lower end
PAIRS = 4608  # of sites in a batch: 32 crystals of 12 sites
STEP = 4  # sites: a crystal is padded to a multiple of it


@dataclass(frozen=True)
class Options:
    """What a recipe may say of a regressor's examples: properties; half: of the training split's chemical systems; sizes and
    group as in examples.Options; noise: angstrom by which atoms are moved in all `copies` of a crystal but the first, so that
    what is not quite relaxed is known too."""

    properties: tuple[str, ...] = ("formation_energy", "band_gap")
    half: Literal["both", "first", "second"] = "both"
    sizes: tuple[int, ...] = (8, 12, 16, 20)
    group: int = 32
    noise: float = 0.02
    copies: int = 3


class Readings:
    """Crystals drawn evenly from a split, by size as examples.Examples does: what `Regressor.loss` takes; pure in the number.

    The edges cost more than the network, so those of each copy of a crystal are kept, in half precision."""

    def __init__(self, packed: Packed, split: str, options: Options, seed: int = 0):
        self.packed, self.options, self.seed = packed, options, seed
        self.columns = columns(packed, options.properties)
        self.buckets = buckets(packed, rows_of(packed, split, options.half), options.sizes)
        counts = np.array([len(rows) for rows in self.buckets])
        if not counts.sum():
            raise ValueError(f"no {split} crystal of at most {options.sizes[-1]} atoms")
        self.ends = np.cumsum(counts) / counts.sum()
        self.seen: dict[tuple[int, int], dict[str, np.ndarray]] = {}

    def __getitem__(self, number: int) -> dict[str, np.ndarray]:
        draw = stream(self.seed, number // self.options.group, SIZE).random()
        bucket = min(int(np.searchsorted(self.ends, draw, side="right")), len(self.buckets) - 1)
        rng = stream(self.seed, number)
        row = int(self.buckets[bucket][rng.integers(len(self.buckets[bucket]))])
        told = padding(self.copy(row, int(rng.integers(self.options.copies))), self.options.sizes[bucket])
        return told | {"properties": self.packed.properties[row, self.columns]}

    def copy(self, row: int, number: int) -> dict[str, np.ndarray]:
        """The state of a copy of crystal `row`, whose atoms are moved unless it is copy 0."""
        if (row, number) not in self.seen:
            crystal = self.packed.crystal(row)
            if number:
                shake = stream(self.seed, row, number).standard_normal(crystal.frac.shape)
                moved = crystal.frac + self.options.noise * shake @ np.linalg.inv(crystal.cell)
                crystal = Crystal(crystal.cell, crystal.numbers, moved)
            self.seen[row, number] = state(crystal, np.float16)
        return self.seen[row, number]


def columns(packed: Packed, names: Sequence[str]) -> list[int]:
    """Where the packed set has the properties. Raises ValueError for one it has not."""
    if unknown := [p for p in names if p not in packed.property_names]:
        raise ValueError(f"property {unknown[0]!r} is none of {', '.join(packed.property_names)}")
    return [packed.property_names.index(p) for p in names]


def rows_of(packed: Packed, split: str, half: str = "both") -> np.ndarray:
    """Rows of a split; the halves of the training split share no chemical system (crc32 of its name)."""
    rows = packed.rows(split)
    if split != "train" or half == "both":
        return rows
    code = [zlib.crc32(system(packed.crystal(int(r)).numbers).encode()) // 10 % 2 for r in rows]
    return rows[np.array(code) == ("first", "second").index(half)]


def state(crystal: Crystal, kind=np.float32) -> dict[str, np.ndarray]:
    """What the network takes of a crystal of n sites: bumps [n, n, BUMPS] and apart [n, n, 3] of periodic.Edges, in the type
    `kind` for floats; room, (volume / n)^(1/3) in angstrom; elements [n] classes. Raises ValueError for an element it has no
    class of."""
    import torch

    if int(crystal.numbers.max()) > CLASSES:
        raise ValueError(f"element {int(crystal.numbers.max())} lies beyond {CLASSES}")
    precise = torch.float64 if kind == np.float64 else torch.float32
    with torch.no_grad():
        near = edges(*(torch.tensor(a, dtype=precise)[None] for a in (crystal.frac, crystal.cell)))
    return {
        "bumps": near.bumps[0].numpy().astype(kind),
        "apart": near.apart[0].numpy().astype(kind),
        "room": np.asarray((crystal.volume / len(crystal)) ** (1 / 3), kind),
        "elements": crystal.numbers.astype(np.int64) - 1,
    }


def padding(told: dict[str, np.ndarray], width: int) -> dict[str, np.ndarray]:
    """A state padded to `width` sites, half precision made single, with present [width]."""
    n = len(told["elements"])
    found = {k: v.astype(np.float32) if v.dtype == np.float16 else v for k, v in told.items()}
    for name in ("bumps", "apart"):
        found[name] = np.pad(found[name], [(0, width - n), (0, width - n), (0, 0)])
    return found | {"elements": padded(found["elements"], width), "present": np.arange(width) < n}


def predict(network, crystals: Sequence[Crystal]) -> tuple[np.ndarray, np.ndarray]:
    """Means and standard deviations [n, P] in the properties' units; those of each crystal depend on nothing else."""
    import torch

    mean, std = (np.zeros((len(crystals), len(network.names))) for _ in range(2))
    like = next(network.parameters())
    kind = np.float64 if like.dtype == torch.float64 else np.float32
    widths = np.array([STEP * -(-len(c) // STEP) for c in crystals], int)
    for width in np.unique(widths):
        rows, full = np.flatnonzero(widths == width), max(1, PAIRS // int(width) ** 2)
        for part in (rows[k : k + full] for k in range(0, len(rows), full)):
            states = [padding(state(crystals[i], kind), int(width)) for i in part]
            states += states[:1] * (full - len(part))
            batch = {k: torch.from_numpy(np.stack([s[k] for s in states])).to(like.device) for k in states[0]}
            with torch.no_grad():
                found = network(**batch)
            mean[part], std[part] = (v[: len(part)].cpu().double().numpy() for v in found)
    least = np.array([LEAST.get(name, -np.inf) for name in network.names])
    return np.maximum(mean, least), std


def heldout(
    packed: Packed, split: str, names: Sequence[str], count: int | None = None
) -> tuple[list[Crystal], np.ndarray]:
    """Crystals and true properties [n, P] (not a number where unknown) of a split: all, or `count` evenly drawn ones."""
    rows = packed.rows(split)
    rows = rows if count is None else np.random.RandomState(0).permutation(rows)[:count]
    return [packed.crystal(int(r)) for r in rows], packed.properties[rows][:, columns(packed, names)].astype(float)
