"""Yellowed and faded colour as one change of the whole picture: what is measured of it, and how it is undone.

Varnish that absorbs and scatters, and dyes that lose part of their density, both map each channel by a straight line
(`damage.age`): aged = gain * clean + offset. The way back is a straight line too, told by what the darkest and the
brightest value of each channel were: six numbers, the state of the diffusion. No texture can be invented.

Darkest and brightest are read behind a median of 3 x 3 pixels, which every rising line leaves as it is: a speck of dust
or a grain of noise would move them otherwise.
"""

import numpy as np
import torch
from torch import Tensor

from difusa.domains.heritage import damage

SIDE = (
    256  # pixels of the shorter side, about, at which a picture is measured: specks of a large scan are averaged away
)
GRID = 64  # rows and columns of pixels of which all but the ends is measured, about
SCALE = 6.0  # of the state: its standard deviation over the training examples is about 1/2
FLAT = 1 / 255  # range below which a channel tells nothing of its gain, on the [0, 1] scale
GAINS = (0.5, 5.0)  # no aged picture of `damage.age` needs a gain beyond these
FULL = np.float32([0, 0, 0, 1, 1, 1])  # the ends of most pictures
LEVELS = np.array([0.002, 0.01, 0.03, 0.07, 0.15, 0.25, 0.37, 0.5, 0.63, 0.75, 0.85, 0.93, 0.97, 0.99, 0.998])
BANDS = 8  # of brightness, whose mean colours are told
PATCHES = 4  # rows and columns of the thumbnail
COLOURS = len(LEVELS) + BANDS + PATCHES**2  # told as they are and in units of the range
SHAPE = 3 * COLOURS + 12 + 3 * len(LEVELS)
ENDS = np.float32([[[-1] * 3], [[1] * 3]])  # a picture of a black and a white pixel
STATISTICS = 6 + 3 * COLOURS + SHAPE


def measured(picture: np.ndarray, where: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Ends [6], the least and the largest value of each channel of picture [H, W, 3] in [0, 1] behind a median, and its
    shape [SHAPE]: quantiles, mean colours by brightness and place and the ends without the median, all in units of the
    range, and how the channels go together.

    A straight line of positive slope changes the ends alone, never the shape. Only pixels in `where` [H, W] count.
    ValueError: there are none.
    """
    where = np.ones(picture.shape[:2], bool) if where is None else where
    if not where.any():
        raise ValueError("no pixel to measure the colours of: the mask leaves none")
    picture, where = _reduced(picture, where)
    outer, ends = _ends(picture, where), _settled(picture, where)
    outer = ((outer - np.tile(ends[:3], 2)) / np.tile(np.maximum(ends[3:] - ends[:3], FLAT), 2)).clip(-0.5, 1.5)
    grid = tuple(slice(s // 2, None, s) for s in (max(1, n // GRID) for n in where.shape))
    if where[grid].any():
        picture, where = picture[grid], where[grid]
    planes = np.ascontiguousarray(picture.transpose(2, 0, 1), dtype=np.float32)
    unit = (planes - ends[:3, None, None]) / np.maximum(ends[3:] - ends[:3], FLAT)[:, None, None] * where
    inside = unit[:, where]
    return ends, np.concatenate([_colours(inside).ravel(), _places(unit, where).ravel(), outer, _together(inside)])


def _ends(picture: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Least and largest value of each channel [6]."""
    pixels = picture.reshape(-1, 3) if where.all() else picture[where]
    return np.array([part(pixels[:, c]) for part in (np.min, np.max) for c in range(3)], np.float32)


def _settled(picture: np.ndarray, where: np.ndarray) -> np.ndarray:
    """The ends behind a median of 3 x 3 pixels that all lie in `where`; as they are where there is no such square."""
    import cv2

    inner = cv2.erode(np.uint8(where), np.ones((3, 3), np.uint8)).astype(bool)
    if not inner.any():
        return _ends(picture, where)
    return _ends(cv2.medianBlur(np.ascontiguousarray(picture, dtype=np.float32), 3), inner)


def _reduced(picture: np.ndarray, where: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cells of pixels averaged until the shorter side is about SIDE; only cells that are wholly in `where` count, and
    where there are none the picture stays as it is."""
    import cv2

    factor = min(where.shape) // SIDE
    if factor < 2:
        return picture, where
    height, width = (n // factor * factor for n in where.shape)
    cells = where[:height, :width].reshape(height // factor, factor, width // factor, factor).all((1, 3))
    if not cells.any():
        return picture, where
    rows = np.ascontiguousarray(picture[:height, :width], dtype=np.float32)
    return cv2.resize(rows, (width // factor, height // factor), interpolation=cv2.INTER_AREA), cells


def _colours(unit: np.ndarray) -> np.ndarray:
    """Quantiles of each channel and mean colours of bands of equally many pixels, dark to bright; unit [3, n]."""
    bands = np.array_split(np.argsort(unit.sum(0), kind="stable"), BANDS)
    means = [unit[:, b].mean(1) if len(b) else np.zeros(3, np.float32) for b in bands]
    return np.concatenate([_quantiles(unit).T, means])


def _places(unit: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Mean colours of PATCHES x PATCHES parts of unit [3, H, W], of the measured pixels alone; 0 where there are none."""
    cells = []
    for rows, marks in zip(np.array_split(unit, PATCHES, 1), np.array_split(where, PATCHES, 0), strict=True):
        for cell, seen in zip(np.array_split(rows, PATCHES, 2), np.array_split(marks, PATCHES, 1), strict=True):
            cells.append(cell.sum((1, 2)) / max(1, np.count_nonzero(seen)))
    return np.stack(cells)


def _together(unit: np.ndarray) -> np.ndarray:
    """Deviations and correlations of the channels, and quantiles of their differences."""
    pairs = ((0, 1), (1, 2), (0, 2))
    deviation = unit.std(1)
    centred = (unit - unit.mean(1, keepdims=True)) / np.maximum(deviation, 1e-3)[:, None]
    alike = [float((centred[a] * centred[b]).mean()) for a, b in pairs]
    apart = _quantiles(np.stack([centred[a] - centred[b] for a, b in pairs]))
    return np.concatenate([deviation, alike, apart.ravel()]).astype(np.float32)


def _quantiles(values: np.ndarray) -> np.ndarray:
    return np.sort(values, axis=1)[:, np.rint(LEVELS * (values.shape[1] - 1)).astype(int)]


def told(ends: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """What the network sees [STATISTICS]: the ends, the colours in [-1, 1], and the shape."""
    colours = ends[:3] + (ends[3:] - ends[:3]) * shape[: 3 * COLOURS].reshape(-1, 3)
    return np.concatenate([4 * (ends - FULL), 2 * colours.ravel() - 1, 2 * shape - 1]).astype(np.float32)


def aged(ends: np.ndarray, rng) -> np.ndarray:
    """The ends [6] of a picture of these ends after `damage.age`: a line a channel, read off black and white."""
    black, white = (damage.age(ENDS, rng)[:, 0] + 1) / 2
    return np.tile(black, 2) + np.tile(white - black, 2) * ends


def state(ends: np.ndarray) -> np.ndarray:
    """The state [6] of a clean picture of these ends: how far they are from black and white."""
    return ((ends - FULL) * SCALE).astype(np.float32)


def line(state: Tensor, ends: Tensor) -> tuple[Tensor, Tensor]:
    """Gain and offset [..., 3] on the [0, 1] scale that give a picture of these ends [6] the ends of the states [..., 6].

    The gain lies in GAINS, so that the order of tones never turns; the middle of the range then stays where it belongs.
    """
    clean = state / SCALE + torch.from_numpy(FULL)
    gain = ((clean[..., 3:] - clean[..., :3]) / (ends[3:] - ends[:3]).clamp(min=FLAT)).clamp(*GAINS)
    return gain, (clean[..., 3:] + clean[..., :3]) / 2 - gain * (ends[3:] + ends[:3]) / 2


def straightened(picture: Tensor, gain: Tensor, offset: Tensor) -> Tensor:
    """gain * light + offset of picture [3, H, W] in [-1, 1], light = (picture + 1) / 2; clipped to [-1, 1]."""
    shift = 2 * offset + gain - 1
    return torch.addcmul(shift[:, None, None], gain[:, None, None], picture).clamp(-1, 1)
