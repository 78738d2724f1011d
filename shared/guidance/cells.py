"""Guidance by rounding: a JPEG file says of every DCT coefficient in which cell it lay before it was rounded."""

import math

import torch
from torch import Tensor

from difusa.shared.audit import audited
from difusa.shared.denoisers import Denoiser
from difusa.shared.operators.jpeg import TO_YCC, dct, inverse_dct


@audited
class Cells:
    """Cells of the coefficients of one or two colour planes, in levels of 8 bits.

    centre [planes, 8 m, 8 n]: middle of each cell, for m x n whole blocks; half [8, 8]: half a cell's width; known
    [m, n]: blocks of which the cells are known; first: 0 for Y, 1 for Cb and Cr; top, left: the picture's pixel at
    which the first block begins; step: pixels across that one sample of the plane is the mean of (2 in 4:2:0).
    """

    centre: Tensor
    half: Tensor
    known: Tensor
    first: int = 0
    top: int = 0
    left: int = 0
    step: int = 1

    def crop(self, box: tuple[slice, slice]) -> "Cells":
        """The blocks that lie wholly in `box` (rows, columns of the picture), counted from its corner."""
        unit, cuts, starts = 8 * self.step, [], []
        for at, part, count in zip((self.top, self.left), box, self.known.shape, strict=True):
            low = max(0, math.ceil((part.start - at) / unit))
            cuts.append(slice(low, max(low, min(count, (part.stop - at) // unit))))
            starts.append(at + low * unit - part.start)
        wide = tuple(slice(8 * c.start, 8 * c.stop) for c in cuts)
        return Cells(self.centre[:, *wide], self.half, self.known[*cuts], self.first, *starts, self.step)

    def coefficients(self, planes: Tensor) -> Tensor:
        """Y, Cb, Cr [batch, 3, H, W] in levels about zero -> coefficients of these blocks [batch, planes, 8 m, 8 n]."""
        mine = planes[:, self.first : self.first + len(self.centre), *self._where()]
        if self.step > 1:
            mine = mine.unflatten(-1, (-1, self.step)).mean(-1).unflatten(-2, (-1, self.step)).mean(-2)
        return dct(mine)

    def outside(self, planes: Tensor, spread: float = 0.0) -> Tensor:
        """How far each coefficient must move to reach its cell, shaped as `coefficients`; 0 inside.

        With `spread`, how far to its mean given the cell, if its error is normal with spread times the cell's width.
        """
        have, half = self.coefficients(planes), self.half.to(planes).repeat(*self.known.shape)
        low, high = (self.centre.to(planes) + end - have for end in (-half, half))
        gap = _truncated(low, high, 2 * spread * half) if spread else torch.zeros_like(have).clamp(low, high)
        return gap * self.known.to(planes).repeat_interleave(8, 0).repeat_interleave(8, 1)

    def moves(self, planes: Tensor, spread: float = 0.0) -> Tensor:
        """The smallest change of the planes [batch, 3, H, W] that brings every coefficient into its cell, or the change
        to the means (see `outside`).
        """
        move = (
            inverse_dct(self.outside(planes, spread)).repeat_interleave(self.step, -1).repeat_interleave(self.step, -2)
        )
        all_of_it = torch.zeros_like(planes)
        all_of_it[:, self.first : self.first + len(self.centre), *self._where()] = move
        return all_of_it

    def _where(self) -> tuple[slice, slice]:
        rows, columns = (8 * self.step * n for n in self.known.shape)
        return slice(self.top, self.top + rows), slice(self.left, self.left + columns)


def planes(x: Tensor) -> Tensor:
    """RGB [batch, 3, H, W] in [-1, 1] -> Y, Cb, Cr in levels about zero."""
    levels = torch.einsum("dc,bchw->bdhw", _to_ycc(x), x) * 127.5
    levels[:, 0] -= 0.5  # 127.5 (x + 1) - 128
    return levels


def project(x: Tensor, cells: tuple[Cells, ...], spread: float = 0.0) -> Tensor:
    """The picture nearest to x [batch, 3, H, W] in [-1, 1], in Y, Cb and Cr, whose coefficients lie in `cells`.

    Cells are convex: the distance to any picture in them shrinks, in each plane and each block of its own. With
    `spread` (see Cells.outside) the mean of all such pictures about x instead: inside the cells, not on their faces.
    """
    seen = planes(x)
    moves = sum((c.moves(seen, spread) for c in cells), torch.zeros_like(seen))
    inverse = torch.linalg.inv(_to_ycc(x).double()).to(x)
    return x + torch.einsum("cd,bdhw->bchw", inverse, moves / 127.5)


def _truncated(low: Tensor, high: Tensor, scale: Tensor) -> Tensor:
    """Mean of a normal number of standard deviation `scale` between low and high; far out, the nearer end."""
    a, b = low.double() / scale, high.double() / scale
    turned = a > 0  # the mass of an upper tail is read off the lower one, where small numbers keep their digits
    mass = torch.special.ndtr(torch.where(turned, -a, b)) - torch.special.ndtr(torch.where(turned, -b, a))
    mass = mass.clamp(min=1e-300)
    mean = (torch.exp(-(a**2) / 2) - torch.exp(-(b**2) / 2)) / math.sqrt(2 * math.pi) / mass
    far = (a > 8) | (b < -8)
    return torch.where(far, torch.zeros_like(a).clamp(a, b), mean.clamp(a, b)).to(low) * scale


def _to_ycc(like: Tensor) -> Tensor:
    return torch.tensor(TO_YCC, dtype=like.dtype, device=like.device)


@audited
class Quantised:
    """The clean estimate moved among the pictures that would have been rounded to the same JPEG coefficients.

    spread 0: projected onto them (convex sets, Zakhor 1992, doi 10.1109/76.134376); else their mean (see `project`).
    """

    denoise: Denoiser
    cells: tuple[Cells, ...]
    spread: float = 0.0

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        return project(self.denoise(x, sigma), self.cells, self.spread)
