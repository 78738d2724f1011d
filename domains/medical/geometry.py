"""Affines: turning a volume upright without touching a value, carrying it to another grid, and back."""

from dataclasses import dataclass

import numpy as np


def directions(affine: np.ndarray) -> np.ndarray:
    """Unit vectors [3, 3] in RAS+ along each voxel axis, one a row."""
    axes = affine[:3, :3]
    return (axes / np.sqrt((axes**2).sum(0))).T


@dataclass(frozen=True)
class Turn:
    """Voxel axes reordered and flipped so that they run to the right, the front and the top as nearly as they can.

    order: which axis comes first, second, third; flipped: which of the reordered ones run backwards. Exact both ways.
    """

    order: tuple[int, int, int]
    flipped: tuple[bool, bool, bool]

    def upright(self, array: np.ndarray) -> np.ndarray:
        """array [a, b, c, ...] with its first three axes upright; a view."""
        steps = tuple(slice(None, None, -1) if f else slice(None) for f in self.flipped)
        return array.transpose(*self.order, *range(3, array.ndim))[steps]

    def back(self, array: np.ndarray) -> np.ndarray:
        """The inverse of `upright`; a view."""
        steps = tuple(slice(None, None, -1) if f else slice(None) for f in self.flipped)
        return array[steps].transpose(*np.argsort(self.order), *range(3, array.ndim))

    def affine(self, affine: np.ndarray, shape) -> np.ndarray:
        """The affine of the upright volume; shape: of the volume as it was."""
        move = np.zeros((4, 4))
        move[3, 3] = 1
        for new, (old, flip) in enumerate(zip(self.order, self.flipped, strict=True)):
            move[old, new] = -1 if flip else 1
            move[old, 3] = shape[old] - 1 if flip else 0
        return affine @ move


def turn_of(affine: np.ndarray) -> Turn:
    """The turn that brings a volume of this affine upright: the assignment of axes that loses least."""
    from itertools import permutations

    along = directions(affine)  # [voxel axis, patient axis]
    order = max(permutations(range(3)), key=lambda p: sum(abs(along[p[k], k]) for k in range(3)))
    return Turn(order, tuple(bool(along[order[k], k] < 0) for k in range(3)))


def on_grid(array: np.ndarray, affine: np.ndarray, to: np.ndarray, shape, order: int = 1) -> np.ndarray:
    """The volume on another grid (affine `to`, `shape`), interpolated in space; outside it, the value of its first corner.

    order: of the spline, 0 for labels.
    """
    from scipy.ndimage import affine_transform

    move = np.linalg.inv(affine) @ to
    kept = array if order == 0 else array.astype(np.float32, copy=False)
    if np.allclose(move, np.eye(4), atol=1e-6) and tuple(shape) == array.shape:
        return kept
    return affine_transform(
        kept, move[:3, :3], move[:3, 3], tuple(shape), order=order, mode="constant", cval=float(array.min())
    )


def with_spacing(affine: np.ndarray, shape, spacing) -> tuple[np.ndarray, tuple[int, int, int]]:
    """The affine and shape of a grid of the same box and directions with other voxels; spacing [3] in millimetres."""
    old, new = np.sqrt((affine[:3, :3] ** 2).sum(0)), np.asarray(spacing, float)
    sizes = tuple(max(1, int(np.ceil(n * o / s - 1e-6))) for n, o, s in zip(shape, old, new, strict=True))
    scaled = affine.copy()
    scaled[:3, :3] = affine[:3, :3] * (new / old)
    # the outer edges coincide, not the middles of the first voxels
    scaled[:3, 3] = affine[:3, 3] + affine[:3, :3] @ ((new / old - 1) / 2)
    return scaled, sizes
