"""JPEG as a measurement: what is left of a picture after colour transform, chroma averaging, DCT and rounding."""

import functools
import math

import torch
from torch import Tensor

from difusa.shared.audit import audited

# ITU-T T.81, Tables K.1 and K.2 (natural order)
LUMA = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
CHROMA = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)
# JFIF 1.02: R, G, B -> Y, Cb, Cr (Cb and Cr about zero)
TO_YCC = ((0.299, 0.587, 0.114), (-0.168735892, -0.331264108, 0.5), (0.5, -0.418687589, -0.081312411))


@audited
class JPEG:
    """Quantised DCT coefficients of RGB pictures [batch, 3, H, W] in [-1, 1]; the files' own rounding, not their bytes.

    luma, chroma: quantisation tables 8 x 8 in natural order, as Pillow's `Image.quantization` gives them for a file (64
    numbers in a row are taken too); JPEG.at(quality) makes libjpeg's. chroma_step: 2 for 4:2:0 (the usual), 1 for
    4:4:4. A(x) has 6 channels for 4:2:0 (four luma blocks, Cb, Cr), 3 for 4:4:4, and is an integer everywhere.
    A(A_pinv(y)) = y exactly; gradients pass the rounding as if it were not there. Values beyond [-1, 1] are not
    clipped. Not linear: no adjoint. Raises ValueError where H or W is no multiple of 8 chroma_step.
    """

    luma: tuple
    chroma: tuple
    chroma_step: int = 2

    @classmethod
    def at(cls, quality: int, chroma_step: int = 2) -> "JPEG":
        """The tables libjpeg uses at `quality` 1 to 100."""
        if not 1 <= quality <= 100:
            raise ValueError(f"JPEG quality runs from 1 to 100, got {quality}")
        scale = 5000 // quality if quality < 50 else 200 - 2 * quality

        def scaled(table):
            return tuple(tuple(min(max((q * scale + 50) // 100, 1), 255) for q in row) for row in table)

        return cls(scaled(LUMA), scaled(CHROMA), chroma_step)

    def A(self, x: Tensor) -> Tensor:
        step, unit = self.chroma_step, 8 * self.chroma_step
        if x.shape[1] != 3 or x.shape[-2] % unit or x.shape[-1] % unit:
            raise ValueError(f"JPEG needs [batch, 3, H, W] with H, W multiples of {unit}, got {tuple(x.shape)}")
        planes = torch.einsum("dc,bchw->bdhw", _matrix(TO_YCC, x), x) * 127.5
        y, colour = planes[:, :1] - 0.5, planes[:, 1:]  # 127.5 (x + 1) - 128
        colour = colour.unflatten(-1, (-1, step)).mean(-1).unflatten(-2, (-1, step)).mean(-2)
        blocks = torch.cat([_to_units(dct(y), step), dct(colour)], 1)
        exact = blocks / self._tables(blocks)
        return exact + (exact.round() - exact).detach()  # the sum is the integer itself: x and round(x) are neighbours

    def A_pinv(self, y: Tensor) -> Tensor:
        step = self.chroma_step
        blocks = y * self._tables(y)
        luma = inverse_dct(_from_units(blocks[:, :-2], step)) + 0.5
        colour = inverse_dct(blocks[:, -2:]).repeat_interleave(step, -1).repeat_interleave(step, -2)
        inverse = torch.linalg.inv(_matrix(TO_YCC, y).double()).to(y)
        return torch.einsum("cd,bdhw->bchw", inverse, torch.cat([luma, colour], 1) / 127.5)

    def _tables(self, y: Tensor) -> Tensor:
        """The quantisation step of every coefficient of y."""
        luma, chroma = (torch.tensor(t, dtype=y.dtype, device=y.device).reshape(8, 8) for t in (self.luma, self.chroma))
        stack = torch.stack([luma] * self.chroma_step**2 + [chroma] * 2)
        return stack.repeat(1, y.shape[-2] // 8, y.shape[-1] // 8)


@functools.cache
def _cosines() -> Tensor:
    """The orthonormal DCT-II of 8 points."""
    place, frequency = torch.meshgrid(torch.arange(8.0).double(), torch.arange(8.0).double(), indexing="xy")
    matrix = torch.cos((2 * place + 1) * frequency * math.pi / 16) / 2
    matrix[0] /= math.sqrt(2)
    return matrix


def _matrix(rows, like: Tensor) -> Tensor:
    return torch.tensor(rows, dtype=like.dtype, device=like.device)


def dct(planes: Tensor) -> Tensor:
    """Orthonormal DCT-II of every 8 x 8 block of [..., H, W]."""
    return _blockwise(planes, _cosines().to(planes))


def inverse_dct(planes: Tensor) -> Tensor:
    """The inverse of dct."""
    return _blockwise(planes, _cosines().T.to(planes))


def _blockwise(planes: Tensor, matrix: Tensor) -> Tensor:
    """matrix @ block @ matrix^T for every 8 x 8 block of [..., H, W]."""
    blocks = planes.unflatten(-1, (-1, 8)).unflatten(-3, (-1, 8))
    return torch.einsum("ij,...hjwk,lk->...hiwl", matrix, blocks, matrix).flatten(-2).flatten(-3, -2)


def _to_units(plane: Tensor, step: int) -> Tensor:
    """[batch, 1, H, W] -> [batch, step^2, H/step, W/step]: the blocks of each coding unit as channels."""
    b, _, h, w = plane.shape
    units = plane.reshape(b, h // (8 * step), step, 8, w // (8 * step), step, 8)
    return units.permute(0, 2, 5, 1, 3, 4, 6).reshape(b, step * step, h // step, w // step)


def _from_units(units: Tensor, step: int) -> Tensor:
    """The inverse of _to_units."""
    b, _, h, w = units.shape
    blocks = units.reshape(b, step, step, h // 8, 8, w // 8, 8)
    return blocks.permute(0, 3, 1, 4, 5, 2, 6).reshape(b, 1, h * step, w * step)
