"""Spaces: how states are measured and moved; the only place that knows geometry.

A state is one tensor or a dict of named tensors. `index` maps a row to its sample, for ragged
batches in which the rows of all samples are stacked; without it, row i is sample i.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

State = Tensor | dict[str, Tensor]
Streams = Sequence[np.random.Generator]


class Space(Protocol):
    """Geometry of a state."""

    def noise(self, like: State, rng: Streams) -> State: ...
    def diff(self, a: State, b: State) -> State: ...
    def nudge(self, x: State, v: State, by=1.0) -> State: ...
    def blend(self, a: State, b: State, w) -> State: ...


def combine(tangents: Sequence[State], weights: Sequence) -> State:
    """Weighted sum of tangents, field by field."""
    if isinstance(tangents[0], Mapping):
        return {k: combine([t[k] for t in tangents], weights) for k in tangents[0]}
    return sum(w * t for w, t in zip(weights, tangents, strict=True))


def normal(like: Tensor, rng: Streams, index: Tensor | None = None) -> Tensor:
    """Standard normal numbers in the shape of `like`; the rows of a sample come from its own stream."""
    samples = len(like) if index is None else (int(index.max()) + 1 if len(index) else 0)
    if len(rng) != samples:
        raise ValueError(f"{samples} samples need {samples} random streams, got {len(rng)}")
    if index is None:
        rows = [r.standard_normal(like.shape[1:], dtype=np.float32) for r in rng]
        draws = np.stack(rows) if rows else np.zeros(like.shape, np.float32)
    else:
        owner = index.cpu().numpy()
        draws = np.empty(like.shape, np.float32)
        sizes = np.bincount(owner, minlength=samples)
        rows = [r.standard_normal((n, *like.shape[1:]), dtype=np.float32) for n, r in zip(sizes, rng, strict=True)]
        if rows:
            draws[np.argsort(owner, kind="stable")] = np.concatenate(rows)
    return torch.from_numpy(draws).to(like.device, like.dtype)


def per_row(w, x: Tensor):
    """A weight with one number a row, shaped to multiply x; scalars and full-size masks pass unchanged."""
    if isinstance(w, Tensor) and w.ndim == 1 and x.ndim > 1:
        return w.reshape(-1, *[1] * (x.ndim - 1))
    return w


@dataclass(frozen=True)
class Euclidean:
    """Flat space: pixels, voxels, one-hot types, standardised numbers."""

    index: Tensor | None = None

    def noise(self, like: Tensor, rng: Streams) -> Tensor:
        return normal(like, rng, self.index)

    def diff(self, a: Tensor, b: Tensor) -> Tensor:
        return b - a

    def nudge(self, x: Tensor, v: Tensor, by=1.0) -> Tensor:
        return x + per_row(by, x) * v

    def blend(self, a: Tensor, b: Tensor, w) -> Tensor:
        return self.nudge(a, self.diff(a, b), w)


@dataclass(frozen=True)
class Centred:
    """Coordinates [rows, d] (angstrom or scaled) of samples whose mean is zero.

    Dense [batch, points, d] tensors are centred over their points. Source: Hoogeboom et al. 2022, sec. 3.1.
    """

    index: Tensor | None = None

    def project(self, v: Tensor) -> Tensor:
        """v without its mean over each sample."""
        if self.index is None:
            return v - v.mean(dim=1, keepdim=True)
        count = int(self.index.max()) + 1
        total = v.new_zeros(count, *v.shape[1:]).index_add(0, self.index, v)
        size = torch.bincount(self.index, minlength=count).to(v)
        return v - (total / per_row(size, total))[self.index]

    def noise(self, like: Tensor, rng: Streams) -> Tensor:
        return self.project(normal(like, rng, self.index))

    def diff(self, a: Tensor, b: Tensor) -> Tensor:
        return self.project(b - a)

    def nudge(self, x: Tensor, v: Tensor, by=1.0) -> Tensor:
        return self.project(x + per_row(by, x) * v)

    def blend(self, a: Tensor, b: Tensor, w) -> Tensor:
        return self.nudge(a, self.diff(a, b), w)


@dataclass(frozen=True)
class Torus:
    """Numbers on a circle of circumference `period`: fractional coordinates, angles; kept in [0, period)."""

    period: float = 1.0
    index: Tensor | None = None

    def noise(self, like: Tensor, rng: Streams) -> Tensor:
        return normal(like, rng, self.index)

    def diff(self, a: Tensor, b: Tensor) -> Tensor:
        half = self.period / 2
        return torch.remainder(b - a + half, self.period) - half

    def nudge(self, x: Tensor, v: Tensor, by=1.0) -> Tensor:
        moved = torch.remainder(x + per_row(by, x) * v, self.period)
        return torch.where(moved == self.period, torch.zeros_like(moved), moved)

    def blend(self, a: Tensor, b: Tensor, w) -> Tensor:
        return self.nudge(a, self.diff(a, b), w)


@dataclass(frozen=True)
class Held:
    """A space in which only part of a state may move; the rest stays as it is, to the bit.

    free: 1 where a state moves, 0 where it is held; a tensor that broadcasts to the state.
    """

    space: Space
    free: Tensor

    def noise(self, like: Tensor, rng: Streams) -> Tensor:
        return self.space.noise(like, rng) * self.free

    def diff(self, a: Tensor, b: Tensor) -> Tensor:
        return self.space.diff(a, b) * self.free

    def nudge(self, x: Tensor, v: Tensor, by=1.0) -> Tensor:
        return torch.where(self.free.expand_as(x) > 0, self.space.nudge(x, v * self.free, by), x)

    def blend(self, a: Tensor, b: Tensor, w) -> Tensor:
        return self.nudge(a, self.diff(a, b), w)


class Product:
    """Named fields, each in its own space: Product(coords=Centred(), cell=Euclidean())."""

    def __init__(self, **spaces: Space):
        self.spaces = spaces

    def __repr__(self) -> str:
        return f"Product({', '.join(f'{k}={v!r}' for k, v in self.spaces.items())})"

    def noise(self, like: dict, rng: Streams) -> dict:
        return {k: s.noise(like[k], rng) for k, s in self.spaces.items()}

    def diff(self, a: dict, b: dict) -> dict:
        return {k: s.diff(a[k], b[k]) for k, s in self.spaces.items()}

    def nudge(self, x: dict, v: dict, by=1.0) -> dict:
        return {k: s.nudge(x[k], v[k], _field(by, k)) for k, s in self.spaces.items()}

    def blend(self, a: dict, b: dict, w) -> dict:
        return {k: s.blend(a[k], b[k], _field(w, k)) for k, s in self.spaces.items()}


def _field(weight, name: str):
    return weight[name] if isinstance(weight, Mapping) else weight
