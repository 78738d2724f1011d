"""A mark in the grain of a picture, put in after the fact: only where it may be, readable with the key alone, removable.

A tile of 64 x 64 pixels, repeated over the plane, holds numbers of whole grey levels in a band of middle frequencies:
- a few public waves, which say how the picture was turned, scaled and moved;
- secret waves, which nobody can tell from noise without the key (keyed.py).
What aligns a picture does not look at the key, so the p-value is exact.
Sources: spread spectrum, Cox et al. 1997 (doi:10.1109/83.650120); waves to align by, Pereira and Pun 2000
(doi:10.1109/83.846253).
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from difusa.shared.watermark.keyed import normals, secret, unit

SCHEME = "grain/1"
SIDE = 64  # pixels of a tile
BAND = (3.5, 15.5)  # cycles a tile: what JPEG and a smaller size leave
WAVES = 24  # that are public
PUBLIC = 0.24  # of the mark's power is in them
STRENGTH = 3.0  # root mean square in grey levels of 8 bits: 38.6 dB


@dataclass(frozen=True)
class Marked:
    """picture: with its mark. left: packed bits, one for each pixel whose value does not tell whether it was marked (near
    black and white), in reading order; remove() needs them. decibel: PSNR where it may be marked."""

    picture: np.ndarray
    left: bytes
    decibel: float


@lru_cache(1)
def frequencies() -> np.ndarray:
    """[D / 2, 2] int: cycles a tile, down and across, of the waves in the band; one of each pair of opposite ones."""
    k = np.arange(-SIDE // 2, SIDE // 2)
    u, v = (x.ravel() for x in np.meshgrid(k, k, indexing="ij"))
    radius = np.hypot(u, v)
    half = ((u > 0) | ((u == 0) & (v > 0))) & (radius >= BAND[0]) & (radius <= BAND[1])
    return np.stack([u[half], v[half]], axis=1)


@lru_cache(1)
def band() -> np.ndarray:
    """[D, SIDE * SIDE] float64: an orthonormal basis of the band, the cosines of all waves and then their sines."""
    at = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE), indexing="ij")).reshape(2, -1)
    phase = 2 * np.pi / SIDE * (frequencies() @ at)
    return np.concatenate([np.cos(phase), np.sin(phase)]) * math.sqrt(2) / SIDE


@lru_cache(1)
def chosen() -> np.ndarray:
    """[WAVES] the public ones among the frequencies, neither the lowest nor the highest."""
    radius = np.hypot(*frequencies().T)
    middle = np.flatnonzero((radius > 5) & (radius < 14))
    return np.sort(middle[np.argsort(normals(SCHEME, b"waves", len(middle)))[:WAVES]])


@lru_cache(1)
def public() -> np.ndarray:
    """[D]: the public waves as a unit vector in the band, all of one size."""
    half = len(frequencies())
    own = np.isin(np.arange(half), chosen())
    wave = normals(SCHEME, b"phases", 2 * half).reshape(2, half)
    return unit(np.where(own, wave / np.hypot(*wave), 0).ravel())


def tile(key: bytes, payload: int, strength: float = STRENGTH) -> np.ndarray:
    """[SIDE, SIDE] int: what is added to the plane, in grey levels of 8 bits. Raises ValueError for a payload that does not
    fit."""
    mark = math.sqrt(PUBLIC) * public() + math.sqrt(1 - PUBLIC) * secret(SCHEME, key, payload, len(band()))
    return np.rint(strength * SIDE * unit(mark) @ band()).reshape(SIDE, SIDE).astype(np.int32)


def moved(rows: np.ndarray, down: float, across: float) -> np.ndarray:
    """Patterns [..., D] in the band, moved by so many pixels."""
    half = len(frequencies())
    turn = np.exp(-2j * np.pi / SIDE * (frequencies() @ [down, across]))
    wave = (rows[..., :half] - 1j * rows[..., half:]) * turn
    return np.concatenate([wave.real, -wave.imag], axis=-1)


def embed(
    picture: np.ndarray, key: bytes, payload: int, *, where: np.ndarray | None = None, strength: float = STRENGTH
) -> Marked:
    """A picture [H, W] or [H, W, 3], uint8 or uint16, with a mark where `where` [H, W] is true (everywhere if left out).

    Other pixels, and those that would leave the range, stay as they are. Raises ValueError for another type or shape.
    """
    added, top = addend(picture, key, payload, strength)
    mask = np.ones(picture.shape[:2], bool) if where is None else where.astype(bool)
    if mask.shape != picture.shape[:2]:
        raise ValueError(f"the mask is {mask.shape}, the picture {picture.shape[:2]}: they must be of one size")
    changed = picture.astype(np.int64) + spread(added, picture)
    fits = every((changed >= 0) & (changed <= top))
    marked = np.where(spread(mask & fits, picture), changed, picture).astype(picture.dtype)
    doubt = mask & ambiguous(marked, added, top)
    error = (marked.astype(np.float64) - picture)[mask]
    mean = float((error**2).mean()) if error.size else 0.0
    return Marked(marked, np.packbits(fits[doubt]).tobytes(), math.inf if mean == 0 else 10 * math.log10(top**2 / mean))


def remove(
    marked: np.ndarray,
    key: bytes,
    payload: int,
    left: bytes,
    *,
    where: np.ndarray | None = None,
    strength: float = STRENGTH,
) -> np.ndarray:
    """The picture that embed() was given, bit for bit: same key, payload, mask and strength, and the bits that it left.

    Raises ValueError where these do not belong to the picture.
    """
    added, top = addend(marked, key, payload, strength)
    mask = np.ones(marked.shape[:2], bool) if where is None else where.astype(bool)
    back = marked.astype(np.int64) - spread(added, marked)
    within = every((back >= 0) & (back <= top))
    doubt = mask & ambiguous(marked, added, top)
    if len(left) != -(-int(doubt.sum()) // 8):
        raise ValueError("these bits are not of this picture: it was changed, or key, payload or mask are others")
    fits = within.copy()
    fits[doubt] = np.unpackbits(np.frombuffer(left, np.uint8))[: doubt.sum()].astype(bool)
    return np.where(spread(mask & fits, marked), back, marked).astype(marked.dtype)


def addend(picture: np.ndarray, key: bytes, payload: int, strength: float) -> tuple[np.ndarray, int]:
    """What embed() adds [H, W] in the picture's own levels, and white."""
    if picture.dtype not in (np.uint8, np.uint16) or picture.ndim not in (2, 3):
        raise ValueError(
            f"a picture is [H, W] or [H, W, 3] of uint8 or uint16, got {picture.dtype} of shape {picture.shape}"
        )
    one = tile(key, payload, strength) * (1 if picture.dtype == np.uint8 else 257)
    rows, columns = (np.arange(n) % SIDE for n in picture.shape[:2])
    return one[rows][:, columns], int(np.iinfo(picture.dtype).max)


def ambiguous(marked: np.ndarray, added: np.ndarray, top: int) -> np.ndarray:
    """[H, W]: where a value could both have been left, because it could not be marked, and be that of a marked pixel."""
    values, add = marked.astype(np.int64), spread(added, marked)
    was = every((values - add >= 0) & (values - add <= top))
    could = ~every((values + add >= 0) & (values + add <= top))
    return was & could


def spread(plane: np.ndarray, like: np.ndarray) -> np.ndarray:
    """[H, W] beside a picture with or without colours."""
    return plane[..., None] if like.ndim == 3 else plane


def every(found: np.ndarray) -> np.ndarray:
    """Whether it holds in all colours."""
    return found.all(-1) if found.ndim == 3 else found
