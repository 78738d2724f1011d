"""How a picture was compressed: tables told by its file or read off its pixels, and what they say of the truth."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch
from torch import Tensor

from difusa.shared.guidance.cells import Cells, planes
from difusa.shared.operators import JPEG
from difusa.shared.operators.jpeg import dct, inverse_dct

QUALITIES = range(1, 96)
ROUNDING = 0.4  # standard error of a decoded coefficient, in levels: planes are rounded to 8 bits
FLAT = 2.0  # the same of a block's mean: flat blocks are rounded alike everywhere, by up to half a level times 8
HALVED = 0.7  # the same of colours that the decoder interpolated
TELLING = 2.0  # levels; smaller coefficients may be nothing but rounding
ENOUGH = 60  # telling coefficients, fewer prove nothing
PROOF = 0.2  # mean log likelihood ratio of a telling coefficient against an uncompressed picture
MOST = 4000  # coefficients looked at for one grid
STRAY = 1.5  # levels; a sample so far from what whole coefficients give shows that its block was changed or clipped
SLACK = 0.5  # levels added to half a cell, since the encoder rounded colours and means: holds 99.9 % of coefficients
FINE = 4  # quantisation steps below are too fine to tell one multiple from the next by 8-bit pixels
FINEST = 70  # the finest quality for which cells are used; above, what is to be mended is older than the file


@dataclass(frozen=True)
class Compression:
    """tables: of the file; top, left: where the first whole coding unit begins; colour: whether of Cb and Cr too."""

    tables: JPEG
    top: int = 0
    left: int = 0
    colour: bool = True

    @property
    def quality(self) -> int:
        """libjpeg's quality whose luma table is nearest."""
        mine = np.log(np.asarray(self.tables.luma, float).ravel())
        return min(QUALITIES, key=lambda q: abs(np.log(_tables()[q - 1]) - mine).mean())


def of_file(image) -> JPEG | None:
    """Tables and subsampling of a JPEG file that Pillow has opened; None for other files, for colours that are neither
    grey nor YCbCr, and for subsamplings other than 4:4:4 and 4:2:0.
    """
    from PIL import JpegImagePlugin

    if image.format != "JPEG" or image.mode not in ("L", "RGB") or image.info.get("adobe_transform") == 0:
        return None
    found = image.quantization
    step = {-1: 1, 0: 1, 2: 2}.get(JpegImagePlugin.get_sampling(image))
    if step is None or 0 not in found:
        return None
    return JPEG(tuple(found[0]), tuple(found.get(1, found[0])), step)


def known(pixels: np.ndarray, jpeg: JPEG | None = None) -> Compression | None:
    """The compression to be undone: `jpeg`, the tables of the file that `pixels` are whole and unturned, else what the
    pixels tell. None above quality 70: the damage is then older than the file, whose cells would only hold it fast.
    """
    how = Compression(jpeg) if jpeg is not None else in_pixels(pixels)
    return how if how is not None and how.quality <= FINEST else None


def in_pixels(pixels: np.ndarray) -> Compression | None:
    """The compression whose traces uint8 pixels [H, W] or [H, W, 3] bear; None when there are none.

    Coefficients of a decoded picture lie near multiples of the quantisation step, on the right grid and no other
    (Fan and de Queiroz 2003). Likelihood ratio against a smooth density, over libjpeg's qualities 1 to 95, 4:2:0 and
    4:4:4, and, where the picture was cropped, the 64 grids.
    """
    if pixels.dtype != np.uint8 or min(pixels.shape[:2]) < 24:
        return None
    seen = _planes(pixels)
    clipped = ((pixels == 0) | (pixels == 255)).reshape(*pixels.shape[:2], -1).any(axis=2)
    luma = seen[0, 0].masked_fill(torch.from_numpy(clipped), torch.nan)  # whole blocks become NaN, and tell nothing
    found = _best(luma, [(0, 0)])
    if found is None:
        middle = tuple(slice(max(0, n // 2 - 64) // 8 * 8, n // 2 + 64) for n in luma.shape)
        found = _best(luma[middle], [(top, left) for top in range(8) for left in range(8)])
    if found is None:
        return None
    quality, top, left = found
    proofs = {}
    for step, tops, lefts in ((1, (top,), (left,)), (2, (top, top + 8), (left, left + 8))):
        for a in tops:
            for b in lefts:
                tables = JPEG.at(quality, step)
                small = _reduced(seen[0, 1:], a, b, step)
                gone = _reduced(torch.from_numpy(clipped).float().expand(2, *clipped.shape), a, b, step) > 1e-3
                coefficients = _coefficients(small.masked_fill(gone, torch.nan), 0, 0)
                table = np.asarray(tables.chroma).reshape(1, 64)
                proofs[Compression(tables, a, b)] = _evidence(coefficients, table, HALVED)[0]
    best = max(proofs, key=proofs.get)
    return best if proofs[best] > 0 else replace(best, colour=False)


def cells(pixels: np.ndarray, how: Compression, lost: np.ndarray | None = None) -> tuple[Cells, ...]:
    """The cells in which the truth's coefficients lie, given uint8 pixels [H, W] or [H, W, 3] and their compression.

    Blocks that hold lost pixels [H, W], that were clipped or changed after decoding, or that the edge cuts: left out.
    """
    seen = _planes(pixels)
    luma = _cells(seen[0, :1], how.tables.luma, 0, how.top % 8, how.left % 8, 1, lost)
    if pixels.ndim == 2 or not how.colour:
        return (luma,)
    step = how.tables.chroma_step
    small = _reduced(seen[0, 1:], how.top, how.left, step)
    return luma, _cells(small, how.tables.chroma, 1, how.top, how.left, step, lost)


def _cells(seen: Tensor, table, first: int, top: int, left: int, step: int, lost) -> Cells:
    """seen: planes as the file held them: Y [1, H, W] from the picture's corner, Cb and Cr [2, ...] from (top, left)."""
    at = (top, left) if first == 0 else (0, 0)
    m, n = ((size - start) // 8 for size, start in zip(seen.shape[1:], at, strict=True))
    have = dct(seen[:, at[0] : at[0] + 8 * m, at[1] : at[1] + 8 * n])
    q = torch.tensor(table, dtype=have.dtype).reshape(8, 8)
    wide = q.repeat(m, n)
    near = (have / wide).round() * wide
    centre = torch.where(wide >= FINE, near, have)
    stray = inverse_dct(centre - have).abs() > STRAY
    known = ~stray.any(0).reshape(m, 8, n, 8).any(3).any(1)
    if lost is not None:
        unit = 8 * step
        inside = torch.from_numpy(lost[top : top + unit * m, left : left + unit * n].copy())
        known &= ~inside.reshape(m, unit, n, unit).any(3).any(1)
    return Cells(centre.float(), (q / 2 + SLACK).float(), known, first, top, left, step)


def _planes(pixels: np.ndarray) -> Tensor:
    """Y, Cb, Cr [1, 3, H, W] of 8-bit pixels, in levels about zero, as a decoder held them: whole numbers.

    The decoder's rounding to R, G and B is the same for all pixels of one colour; left in, it adds up in flat blocks.
    """
    x = torch.from_numpy(pixels.astype(np.float32) / 127.5 - 1)
    x = x.expand(3, *x.shape) if x.ndim == 2 else x.permute(2, 0, 1)
    return planes(x[None]).round()


def _reduced(colour: Tensor, top: int, left: int, step: int) -> Tensor:
    """Colour planes [2, H, W] from (top, left) on, as the file held them [2, H / step, W / step].

    For 4:2:0, libjpeg's decoder interpolates with weights 3/4 and 1/4 either way; the mean of 2 x 2 pixels is then
    (1, 6, 1) / 8 of the samples, which is undone (two banded systems; ends are repeated).
    """
    from scipy.linalg import solve_banded

    height, width = ((n - start) // step * step for n, start in zip(colour.shape[1:], (top, left), strict=True))
    part = colour[:, top : top + height, left : left + width]
    if step == 1:
        return part
    small = part.unflatten(-1, (-1, 2)).mean(-1).unflatten(-2, (-1, 2)).mean(-2).numpy()
    for axis in (1, 2):
        bands = np.full((3, small.shape[axis]), 1 / 8, np.float32)
        bands[1] = 6 / 8
        bands[1, [0, -1]] = 7 / 8
        lines = np.moveaxis(small, axis, 0)
        solved = solve_banded((1, 1), bands, lines.reshape(len(lines), -1)).reshape(lines.shape)
        small = np.moveaxis(solved, 0, axis)
    return torch.from_numpy(np.ascontiguousarray(small, np.float32))


def _best(plane: Tensor, grids) -> tuple[int, int, int] | None:
    """Quality and grid of the strongest evidence in a luma plane [H, W], or None where it is no proof."""
    found = []
    for top, left in grids:
        proofs = _evidence(_coefficients(plane[None], top, left), _tables())
        found.append((proofs.max(), int(proofs.argmax()) + 1, top, left))
    proof, *how = max(found)
    return tuple(how) if proof > PROOF else None


def _coefficients(seen: Tensor, top: int, left: int) -> np.ndarray:
    """Coefficients [blocks, 64] of the whole blocks of planes [n, H, W] on one grid."""
    m, n = (seen.shape[1] - top) // 8, (seen.shape[2] - left) // 8
    blocks = dct(seen[:, top : top + 8 * m, left : left + 8 * n]).reshape(-1, m, 8, n, 8)
    return blocks.transpose(2, 3).reshape(-1, 64).numpy()


def _evidence(coefficients: np.ndarray, tables: np.ndarray, rounding: float = ROUNDING) -> np.ndarray:
    """Mean log likelihood ratio of telling coefficients [blocks, 64] for each of the tables [n, 64]; -inf if few."""
    block, place = np.nonzero(abs(coefficients) > TELLING)
    if len(block) < ENOUGH:
        return np.full(len(tables), -np.inf)
    pick = np.linspace(0, len(block) - 1, min(MOST, len(block))).astype(int)
    values, q = coefficients[block[pick], place[pick]], tables[:, place[pick]]
    spread = np.where(place[pick] > 0, rounding, FLAT)
    off = values - q * np.rint(values / q)
    density = np.exp(-((off / spread) ** 2) / 2) / (spread * np.sqrt(2 * np.pi))
    return np.log(0.1 + 0.9 * q * density).mean(axis=1)


@cache
def _tables() -> np.ndarray:
    return np.asarray([JPEG.at(q).luma for q in QUALITIES], np.float32).reshape(-1, 64)
