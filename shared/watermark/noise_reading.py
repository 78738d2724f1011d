"""Reading the keyed noise of a picture: upright, and where it was turned, scaled or moved.

A picture drawn by a deterministic sampler keeps the waves of its starting noise so well that it can be read as it is: measured
with the heritage prior at 64 px, the picture's own coarse waves correlate with the noise's by 0.4 to 0.7, the network's
inversion in 8 evaluations by 0.8 to 0.95. No network is needed, and each pose is tried on the picture itself; every pose, shift
and issued index counts in the p-value.
"""

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate

from difusa.shared.watermark.issued import either, noises, sidak
from difusa.shared.watermark.keyed import tail

FINE, COARSE = 24, 10  # cycles a picture: the band that is read upright, and the one by which poses are searched
TURNS = np.arange(0, 360, 4.0)  # degrees
SCALES = np.exp(np.arange(math.log(0.7), math.log(1.4), 0.06))
SHIFTS = np.arange(-6, 7, 2)  # pixels of 64, down and across
CLOSE = (np.arange(-2, 3) * 1.0, np.exp(np.arange(-2, 3) * 0.015), np.arange(-2, 3) * 1.0)  # looked at around the best


@dataclass(frozen=True)
class Reading:
    """p_value: how often a key that has nothing to do with the picture fits it as well; index: the issued one that fits best;
    turn (degrees, anticlockwise) and scale at which it was read."""

    p_value: float
    index: int
    turn: float
    scale: float


@lru_cache(4)
def frequencies(side: int, most: int) -> np.ndarray:
    """[F, 2] int: waves of up to `most` cycles a picture, down and across; one of each pair of opposite ones, not the mean."""
    k = np.arange(-most, most + 1)
    u, v = (x.ravel() for x in np.meshgrid(k, k, indexing="ij"))
    half = ((u > 0) | ((u == 0) & (v > 0))) & (np.hypot(u, v) <= min(most, side // 2 - 1))
    return np.stack([u[half], v[half]], axis=1)


def waves(pictures: Tensor, most: int) -> Tensor:
    """[B, C, F] complex: the waves of pictures [B, C, S, S]; of unit noise, each part is normal of variance 1."""
    side = pictures.shape[-1]
    u, v = frequencies(side, most).T
    return torch.fft.fft2(pictures)[..., u % side, v % side] * (math.sqrt(2) / side)


def flat(found: Tensor) -> Tensor:
    """Complex waves [..., C, F] as real numbers [..., 2 C F]."""
    return torch.cat([found.real, found.imag], -1).flatten(-2)


def white(found: Tensor, most: int, side: int) -> Tensor:
    """Waves [B, C, F] over the size of those of about their frequency, colours told apart, the finest weighed least."""
    ring = torch.from_numpy(np.rint(np.hypot(*frequencies(side, most).T))).long()
    power = found.abs().square().mean(1)
    count = torch.bincount(ring).clamp(min=1)
    mean = torch.zeros(len(found), len(count)).index_add(1, ring, power) / count
    found = found / (mean[:, ring][:, None] + 1e-12).sqrt()
    tied = torch.einsum("bcf,bdf->bcd", found, found.conj()).real / found.shape[-1]
    size, axes = torch.linalg.eigh(tied + 0.05 * torch.eye(found.shape[1]))
    freed = torch.einsum("bce,be,bde->bcd", axes, size.rsqrt(), axes)
    return torch.einsum("bcd,bdf->bcf", freed.to(found), found) / (1 + (ring / 16.0) ** 2)


@dataclass(frozen=True)
class Issued:
    """The waves of the noise of all issued indices, in both bands [N, 2 C F]."""

    fine: Tensor
    coarse: Tensor

    def __len__(self) -> int:
        return len(self.fine)


def issued(secret: bytes, seed: int, count: int, shape: tuple[int, int, int]) -> Issued:
    """What indices 0 to count - 1 were drawn of; shape [C, S, S]."""
    drawn = torch.from_numpy(noises(secret, seed, range(count), shape))
    return Issued(*(flat(waves(drawn, most)) for most in (FINE, COARSE)))


def upright(picture: Tensor, known: Issued) -> tuple[float, int]:
    """p-value and index of the best fit of a picture [C, S, S], or of an estimate of its noise, that lies as it was drawn."""
    found = flat(white(waves(picture[None], FINE), FINE, picture.shape[-1]))
    return _best(found, known.fine)[:2]


def _best(rows: Tensor, known: Tensor, tests: int | None = None) -> tuple[float, int, int]:
    """p-value, index and row of the best fit of rows [R, D] with what is known [N, D]."""
    rows = rows / rows.norm(dim=1, keepdim=True).clamp(min=1e-12)
    fits = rows @ (known / known.norm(dim=1, keepdim=True)).T
    at = int(fits.argmax())
    row, index = divmod(at, len(known))
    return sidak(tail(float(fits.flatten()[at]), rows.shape[1]), tests or fits.numel()), index, row


def posed(picture: Tensor, turns, scales) -> Tensor:
    """[T, C, S, S]: a picture [C, S, S] turned back by each of `turns` (degrees) and scaled back by each of `scales`."""
    angle, scale = (torch.as_tensor(np.asarray(x), dtype=torch.float32) for x in (turns, scales))
    c, s = torch.cos(torch.deg2rad(angle)) * scale, torch.sin(torch.deg2rad(angle)) * scale
    nought = torch.zeros_like(c)
    matrix = torch.stack([torch.stack([c, s, nought], -1), torch.stack([-s, c, nought], -1)], 1)
    middle = picture - picture.mean((1, 2), keepdim=True)
    many = middle[None].expand(len(c), *picture.shape)
    return grid_sample(many, affine_grid(matrix, list(many.shape), align_corners=False), align_corners=False)


def moved(found: Tensor, shifts, most: int, side: int) -> Tensor:
    """Waves [B, C, F] moved by each of `shifts` down and across: [B, shifts^2, C, F]."""
    down, across = (x.ravel() for x in np.meshgrid(shifts, shifts, indexing="ij"))
    phase = np.exp(-2j * np.pi / side * (np.stack([down, across], 1) @ frequencies(side, most).T))
    return found[:, None] * torch.from_numpy(phase.astype(np.complex64))[None, :, None]


def searched(picture: Tensor, known: Issued) -> Reading:
    """The best fit of a picture [C, S, S] over turns, scales and shifts; all that was, or might have been, tried is counted."""
    side, unit = picture.shape[-1], picture.shape[-1] / 64
    turns, scales = (x.ravel() for x in np.meshgrid(TURNS, SCALES, indexing="ij"))
    tests = len(known) * len(turns) * len(SHIFTS) ** 2
    _, index, row = _looked(picture, turns, scales, SHIFTS * unit, known.coarse)
    pose, shift = divmod(row, len(SHIFTS) ** 2)
    down, across = (SHIFTS[k] * unit for k in divmod(shift, len(SHIFTS)))
    # Around the best: as if every coarse pose had been looked at as closely.
    near = [x.ravel() for x in np.meshgrid(turns[pose] + CLOSE[0], scales[pose] * CLOSE[1], indexing="ij")]
    tests *= len(near[0]) * len(CLOSE[2]) ** 2
    found = white(waves(posed(picture, *near), COARSE), COARSE, side)
    to = np.exp(-2j * np.pi / side * (frequencies(side, COARSE) @ [down, across])).astype(np.complex64)
    rows = flat(moved(found * torch.from_numpy(to), CLOSE[2] * unit, COARSE, side)).flatten(0, 1)
    p, _, row = _best(rows, known.coarse[index : index + 1], tests)
    at = row // len(CLOSE[2]) ** 2
    return Reading(p, index, float(near[0][at]), float(near[1][at]))


def _looked(picture: Tensor, turns, scales, shifts, known: Tensor) -> tuple[float, int, int]:
    """_best() over poses and shifts, some poses at a time."""
    side, best = picture.shape[-1], (2.0, 0, 0)
    for first in range(0, len(turns), 100):
        part = slice(first, first + 100)
        found = white(waves(posed(picture, turns[part], scales[part]), COARSE), COARSE, side)
        rows = flat(moved(found, shifts, COARSE, side)).flatten(0, 1)
        p, index, row = _best(rows, known, 1)
        best = min(best, (p, index, row + first * len(shifts) ** 2))
    return best


def read(picture: Tensor, known: Issued, *, enough: float = 1e-9) -> Reading:
    """What a key reads in a picture [C, S, S]; poses are searched for where it is not read as it was drawn."""
    p, index = upright(picture, known)
    if p < enough:
        return Reading(either(p, 1.0), index, 0.0, 1.0)
    other = searched(picture, known)
    best = Reading(p, index, 0.0, 1.0) if p <= other.p_value else other
    return replace(best, p_value=either(p, other.p_value))


def fitted(pixels: np.ndarray, side: int) -> Tensor:
    """[3, side, side] in [-1, 1] of a picture [H, W, 3] of 8 bits and any size."""
    picture = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1).float() / 127.5 - 1
    return interpolate(picture[None], (side, side), mode="bilinear", antialias=True, align_corners=False)[0]
