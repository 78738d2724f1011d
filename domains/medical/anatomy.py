"""Anatomy that varies: a smooth velocity field whose flow never folds, and an affine change.

A flow of a stationary velocity field is a diffeomorphism; half the time twice is the whole (Arsigny et al. 2006, scaling and
squaring). Fields live on a coarse grid; points are carried in millimetres.
"""

from dataclasses import dataclass

import numpy as np

CELL = 10.0  # millimetres between the knots of a velocity field
STEPS = 6  # halvings: the first small step is 1/64 of the flow


@dataclass(frozen=True)
class Field:
    """Vectors [3, X, Y, Z] in millimetres at knots `cell` mm apart; origin [3]: where knot (0, 0, 0) lies."""

    vectors: np.ndarray
    origin: np.ndarray
    cell: float = CELL

    def at(self, points: np.ndarray) -> np.ndarray:
        """Vectors [3, ...] at points [3, ...] in millimetres, linear between knots; beyond them the nearest."""
        from scipy.ndimage import map_coordinates

        places = (points - self.origin.reshape(3, *[1] * (points.ndim - 1))) / self.cell
        return np.stack([map_coordinates(v, places, order=1, mode="nearest") for v in self.vectors])

    def knots(self) -> np.ndarray:
        """Where the knots lie [3, X, Y, Z]."""
        grid = np.meshgrid(*(np.arange(n) for n in self.vectors.shape[1:]), indexing="ij")
        return np.stack(grid) * self.cell + self.origin.reshape(3, 1, 1, 1)


def velocity(low, high, rng: np.random.Generator, size: float = 2.2, smooth: float = 28.0, cell: float = CELL) -> Field:
    """A random velocity field over a box (millimetres): vectors of about `size` mm, alike within about `smooth` mm."""
    from scipy.ndimage import gaussian_filter

    low, high = np.asarray(low, float), np.asarray(high, float)
    shape = tuple(np.ceil((high - low) / cell).astype(int) + 1)
    raw = rng.standard_normal((3, *shape))
    filtered = np.stack([gaussian_filter(v, smooth / cell, mode="reflect") for v in raw])
    return Field((filtered * (size / max(filtered.std(), 1e-12))).astype(np.float32), low, cell)


def flow(field: Field, time: float = 1.0, steps: int = STEPS) -> Field:
    """The displacement field of following `field` for `time`: x -> x + flow(x). Scaling and squaring."""
    knots, moved = field.knots(), field.vectors * (time / 2**steps)
    for _ in range(steps):
        now = Field(moved, field.origin, field.cell)
        moved = moved + now.at(knots + moved)
    return Field(moved.astype(np.float32), field.origin, field.cell)


def jacobian(displacement: Field) -> np.ndarray:
    """Determinant [X, Y, Z] of the derivative of x -> x + displacement(x): volumes are multiplied by it; 0 or less folds."""
    d = np.stack([np.stack(np.gradient(v, displacement.cell)) for v in displacement.vectors])  # [component, axis, ...]
    return np.linalg.det(np.moveaxis(d, (0, 1), (-2, -1)) + np.eye(3))


def affine_change(rng: np.random.Generator, turn: float = 6.0, scale: float = 0.06, shear: float = 0.03) -> np.ndarray:
    """A random matrix [3, 3]: turned by about `turn` degrees about each axis, scaled and sheared."""
    a, b, c = np.deg2rad(turn) * np.clip(rng.standard_normal(3), -2.5, 2.5)
    x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    wide = np.diag(np.exp(scale * np.clip(rng.standard_normal(3), -2.5, 2.5)))
    return z @ y @ x @ wide @ (np.eye(3) + shear * np.triu(rng.standard_normal((3, 3)), 1))


@dataclass(frozen=True)
class Change:
    """Where the tissue of each place comes from: point -> matrix @ (point - middle) + middle, then along the displacement.

    Points in millimetres; everything in one frame, that of the label map.
    """

    matrix: np.ndarray
    middle: np.ndarray
    displacement: Field | None = None

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Points [3, ...] in the new anatomy -> where they lie in the label map."""
        middle = self.middle.reshape(3, *[1] * (points.ndim - 1))
        moved = np.tensordot(self.matrix, points - middle, 1) + middle
        return moved if self.displacement is None else moved + self.displacement.at(moved)


def drawn(low, high, rng: np.random.Generator, size: float = 2.2) -> Change:
    """A random person: an affine change and a flow over the box low..high (millimetres). size 0: nothing changes."""
    middle = (np.asarray(low, float) + np.asarray(high, float)) / 2
    if size == 0:
        return Change(np.eye(3), middle)
    field = velocity(low, high, rng, size)
    return Change(affine_change(rng), middle, flow(field))
