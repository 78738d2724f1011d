"""A mark in the grain of a scan: waves in the space of the scanner, in millimetres, read back with the key alone.

A cube of 64 millimetres, repeated through space, holds keyed waves of 4 to 7 millimetres (keyed.py), finer than most
anatomy and coarser than the voxels of a usual scan. Where a voxel lies is told
by the affine, which cutting, resampling and a change of format keep: nothing has to be searched for. A scan that was brought
into other coordinates, or lost its affine, cannot be read.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from difusa.shared.watermark.keyed import heard, secret

SCHEME = "grain-volume/1"
SIDE, PITCH = 64, 1.0  # places along an edge of the cube, millimetres between them
BAND = (9.0, 15.0)  # cycles a cube
SLAB = 2**20  # voxels at a time


@dataclass(frozen=True)
class Marked:
    """volume: with its mark. left: packed bits of voxels whose value does not tell whether they were marked; None for a volume
    of broken numbers, which is given back to within its rounding only."""

    volume: np.ndarray
    left: bytes | None


@lru_cache(1)
def frequencies() -> np.ndarray:
    """[D / 2, 3] int: cycles a cube along x, y and z of the waves in the band; one of each pair of opposite ones."""
    k = np.arange(-SIDE // 2, SIDE // 2)
    rows = np.stack(np.meshgrid(k, k, k, indexing="ij"), axis=-1).reshape(-1, 3)
    radius = np.linalg.norm(rows, axis=1)
    u, v, w = rows.T
    half = (u > 0) | ((u == 0) & (v > 0)) | ((u == 0) & (v == 0) & (w > 0))
    return rows[half & (radius >= BAND[0]) & (radius <= BAND[1])]


def cube(waves: np.ndarray) -> np.ndarray:
    """[SIDE, SIDE, SIDE]: the sum of waves [D], cosines and then sines, of the norm of `waves`."""
    half = len(waves) // 2
    plane = np.zeros((SIDE,) * 3, complex)
    plane[tuple((frequencies() % SIDE).T)] = waves[:half] - 1j * waves[half:]
    return math.sqrt(2) * SIDE**1.5 * np.fft.ifftn(plane).real


def waves_of(cube: np.ndarray) -> np.ndarray:
    """[D]: the waves of the band in a cube; undoes cube()."""
    found = np.fft.fftn(cube)[tuple((frequencies() % SIDE).T)] * math.sqrt(2) / SIDE**1.5
    return np.concatenate([found.real, -found.imag])


def places(affine: np.ndarray, shape, first: int, last: int) -> np.ndarray:
    """[3, n]: where the voxels of the planes first..last - 1 (first axis) lie in the cube, in its own places."""
    rows = np.stack(np.meshgrid(np.arange(first, last), *map(np.arange, shape[1:]), indexing="ij")).reshape(3, -1)
    return np.mod((affine[:3, :3] @ rows + affine[:3, 3:]) / PITCH, SIDE)


def slabs(shape) -> list[tuple[int, int]]:
    deep = max(1, SLAB // (shape[1] * shape[2]))
    return [(k, min(k + deep, shape[0])) for k in range(0, shape[0], deep)]


def pattern(affine: np.ndarray, shape, key: bytes, payload: int) -> np.ndarray:
    """[X, Y, Z] float32: the mark of root mean square 1, at every voxel of a grid; affine [4, 4]: voxel -> millimetres."""
    from scipy.ndimage import map_coordinates

    whole = cube(secret(SCHEME, key, payload, 2 * len(frequencies()))) * SIDE**1.5
    made, affine = np.empty(shape, np.float32), affine.astype(np.float32).astype(np.float64)  # as NIfTI keeps it
    for first, last in slabs(shape):
        at = places(affine, shape, first, last)
        made[first:last] = map_coordinates(whole, at, order=1, mode="grid-wrap").reshape(last - first, *shape[1:])
    return made


def embed(
    volume: np.ndarray, affine: np.ndarray, key: bytes, payload: int, strength: float, where: np.ndarray | None = None
) -> Marked:
    """A volume [X, Y, Z] with a mark of root mean square `strength`, in its own units, where `where` is true.

    Voxels of whole numbers that would leave the range of their type stay as they are. Raises ValueError as keyed.secret().
    """
    if where is None:
        where = np.ones(volume.shape, bool)
    added = strength * pattern(affine, volume.shape, key, payload)
    if volume.dtype.kind == "f":
        return Marked(np.where(where, volume + added.astype(volume.dtype), volume), None)
    low, high = ends(volume)
    added = np.rint(added).astype(np.int64)
    changed = volume + added
    fits = (changed >= low) & (changed <= high)
    marked = np.where(where & fits, changed, volume).astype(volume.dtype)
    doubt = where & _ambiguous(marked, added, low, high)
    return Marked(marked, np.packbits(fits[doubt]).tobytes())


def remove(
    marked: np.ndarray,
    affine: np.ndarray,
    key: bytes,
    payload: int,
    strength: float,
    where: np.ndarray,
    left: bytes | None,
) -> np.ndarray:
    """The volume that embed() was given: bit for bit for whole numbers, else to within rounding.

    Raises ValueError where the bits it left do not belong to the volume.
    """
    added = strength * pattern(affine, marked.shape, key, payload)
    if marked.dtype.kind == "f":
        return np.where(where, marked - added.astype(marked.dtype), marked)
    low, high = ends(marked)
    added = np.rint(added).astype(np.int64)
    back = marked - added
    fits = (back >= low) & (back <= high)
    doubt = where & _ambiguous(marked, added, low, high)
    if left is None or len(left) != -(-int(doubt.sum()) // 8):
        raise ValueError("these bits are not of this volume: it was changed, or key, payload or mask are others")
    fits[doubt] = np.unpackbits(np.frombuffer(left, np.uint8))[: doubt.sum()].astype(bool)
    return np.where(where & fits, back, marked).astype(marked.dtype)


def ends(volume: np.ndarray) -> tuple[int, int]:
    """The least and the largest whole number of the volume's type."""
    info = np.iinfo(volume.dtype)
    return int(info.min), int(info.max)


def _ambiguous(marked: np.ndarray, added: np.ndarray, low: int, high: int) -> np.ndarray:
    """Where a value could both have been left, because it could not be marked, and be that of a marked voxel."""
    values = marked.astype(np.int64)
    was = (values - added >= low) & (values - added <= high)
    could = (values + added < low) | (values + added > high)
    return was & could


def read(
    volume: np.ndarray, affine: np.ndarray, key: bytes, where: np.ndarray | None = None
) -> tuple[float, int, bool]:
    """p-value, payload, and whether that is whole, as keyed.heard() tells; where: voxels that are looked at."""
    return heard(SCHEME, key, folded(volume, affine, where))


def folded(volume: np.ndarray, affine: np.ndarray, where: np.ndarray | None = None) -> np.ndarray:
    """[D]: what of a volume lies in the band, all cubes laid on one, white; it does not look at any key."""
    white, weight = residual(volume, affine, where)
    total, count = np.zeros(SIDE**3), np.zeros(SIDE**3)
    for first, last in slabs(volume.shape):
        at = np.rint(places(affine, volume.shape, first, last)).astype(np.int64) % SIDE
        index = (at[0] * SIDE + at[1]) * SIDE + at[2]
        total += np.bincount(index, white[first:last].ravel(), SIDE**3)
        count += np.bincount(index, weight[first:last].ravel(), SIDE**3)
    waves = waves_of((total / np.sqrt(np.maximum(count, 1))).reshape((SIDE,) * 3))
    half = len(frequencies())
    ring = np.rint(np.linalg.norm(frequencies(), axis=1)).astype(int)
    mean = np.bincount(ring, waves[:half] ** 2 + waves[half:] ** 2) / np.maximum(2 * np.bincount(ring), 1)
    size = np.sqrt(mean[ring] + 1e-12)
    return waves / np.concatenate([size, size])


def residual(volume: np.ndarray, affine: np.ndarray, where: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """What may be the mark at each voxel, by the local size of that, clipped; and weights, 0 where there is nothing."""
    from scipy.ndimage import gaussian_filter

    spacing = np.sqrt((affine[:3, :3] ** 2).sum(0))
    weight = (np.ones(volume.shape) if where is None else where).astype(np.float32)
    values = np.nan_to_num(volume.astype(np.float32), posinf=0, neginf=0)

    def mean(x: np.ndarray, width: float) -> np.ndarray:
        sigma = width / spacing
        return gaussian_filter(x * weight, sigma) / (gaussian_filter(weight, sigma) + 1e-6)

    found = (values - mean(values, 0.8)) * weight
    power = mean(found**2, 1.5)
    seen = power[(power > 1e-6 * power.max()) & (weight > 0)]
    usual = float(np.percentile(seen, 20)) if seen.size else 1.0  # where there is little anatomy
    found *= (usual / (power + usual)) ** 1.5  # beyond Wiener's: edges are rather left out than believed
    size = np.sqrt(mean(found**2, 8.0))
    return np.clip(found / (size + 0.02 * size.max() + 1e-12), -2.5, 2.5) * weight, weight
