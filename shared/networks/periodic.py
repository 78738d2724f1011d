"""Edges between points of a crystal: what all images of a neighbour say together, smooth where two of them are equally near.

An image at the shift d (in cells, each component wrapped to half a cell and moved by -1, 0 or 1) counts by a taper that falls
from 1 at one cell to 0 at one and a half along each axis: the 27 images that are looked at then come and go unseen, and a
shift of exactly half a cell says the same whichever way it is wrapped.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from difusa.shared.networks.equivariant import TINY

BUMPS = 16  # along the distance
ARROWS = 6  # bumps whose vectors and tensors are summed too
REACH = 7.0  # angstrom
NEAR = 0.5  # angstrom: images that much farther than the nearest hardly count in `apart`


@dataclass(frozen=True)
class Edges:
    """bumps [B, N, N, BUMPS]; apart [B, N, N, 3] from j to the images of i nearest to it, angstrom; push [B, N, N, ARROWS, 3]
    and stress [B, N, N, ARROWS, 6] (xx, yy, zz, xy, xz, yz): bumps of unit vectors and of their squares."""

    bumps: Tensor
    apart: Tensor
    push: Tensor
    stress: Tensor


def edges(frac: Tensor, cell: Tensor) -> Edges:
    """Of points frac [B, N, 3] in cells [B, 3, 3] (angstrom, rows are vectors); a point and its own images among them."""
    count, points = frac.shape[:2]
    i, j = torch.triu_indices(points, points, device=frac.device)  # what j says to i is what i says to j, turned round
    apart = frac[:, i] - frac[:, j]
    apart = apart - torch.round(apart)
    steps = torch.tensor([-1.0, 0.0, 1.0], device=frac.device, dtype=frac.dtype)
    images = torch.cartesian_prod(steps, steps, steps)
    shift = apart[:, :, None] + images  # [B, pairs, 27, 3]
    over = (shift.abs() - 1).clamp(min=0, max=0.5)
    itself = (i == j).to(frac.dtype)[:, None] * (images == 0).all(-1)
    weight = (0.5 + 0.5 * torch.cos(2 * torch.pi * over)).prod(-1) * (1 - itself)
    r = (shift.flatten(1, 2) @ cell).view(shift.shape)
    far2 = r.square().sum(-1)
    far = (far2 + TINY).sqrt()
    near = torch.exp((far2.amin(-1, keepdim=True) - far2) / (2 * NEAR**2)) * weight
    nearest = (near[..., None] * r).sum(-2) / near.sum(-1, keepdim=True).clamp(min=1e-30)
    weight = weight / (1 + far2 / 9)
    bump = torch.exp(-((far[..., None] - centres(far)) / width(far)).square() / 2) * weight[..., None]
    unit = r / (1 + far)[..., None]  # a vector that vanishes with the distance, so that no direction is undefined
    x, y, z = unit.unbind(-1)
    squares = torch.stack([x, y, z, x * x, y * y, z * z, x * y, x * z, y * z], -1)
    # one bump after the other: a batched product of such thin matrices runs ten times slower on a CPU
    sums = torch.stack([(bump[..., k, None] * squares).sum(-2) for k in range(3, 3 + 2 * ARROWS, 2)], -2)
    even = torch.cat([bump.sum(-2), sums[..., 3:].flatten(-2)], -1)
    odd = torch.cat([nearest, sums[..., :3].flatten(-2)], -1)
    even, odd = _dense(even, i, j, points, 1.0), _dense(odd, i, j, points, -1.0)
    return Edges(
        even[..., :BUMPS],
        odd[..., :3],
        odd[..., 3:].unflatten(-1, (ARROWS, 3)),
        even[..., BUMPS:].unflatten(-1, (ARROWS, 6)),
    )


def _dense(pairs: Tensor, i: Tensor, j: Tensor, points: int, sign: float) -> Tensor:
    """[B, pairs, C] of i <= j -> [B, N, N, C], with `sign` where the two change places; of a point and itself half the sum."""
    out = pairs.new_zeros(len(pairs), points, points, pairs.shape[-1])
    out[:, i, j] = pairs
    out[:, j, i] = torch.where((i == j)[:, None], (1 + sign) / 2, sign) * pairs
    return out


def centres(like: Tensor) -> Tensor:
    """Middles of the bumps, angstrom."""
    return torch.linspace(0.4, REACH, BUMPS, device=like.device, dtype=like.dtype)


def width(like: Tensor) -> Tensor:
    """Widths of the bumps, angstrom: narrow where bonds lie."""
    return 0.25 + 0.06 * centres(like)


def full(six: Tensor) -> Tensor:
    """Symmetric matrices [..., 3, 3] of xx, yy, zz, xy, xz, yz [..., 6]."""
    return six[..., [0, 3, 4, 3, 1, 5, 4, 5, 2]].unflatten(-1, (3, 3))
