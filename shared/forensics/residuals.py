"""What pictures leave behind when their content is taken away: the power of each frequency, and how neighbouring residues go
together.
"""

from functools import cache

import numpy as np

BANDS = 24
LEVELS = 2  # residues are cut to -LEVELS..LEVELS steps
STEPS = (2.0, 3.0, 4.0)  # grey levels a step, of differences of order 1, 2, 3


@cache
def rings(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Band of each frequency of a square (-1 beyond the last), and the sizes of the bands."""
    away = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side), indexing="ij"))
    band = np.where(away < 0.5, (away / 0.5 * BANDS).astype(int), -1)
    return band, np.bincount(band[band >= 0], minlength=BANDS)


def spectrum(image: np.ndarray) -> np.ndarray:
    """Log power by distance from the middle of the spectrum, of luminance and of two colour differences, 3 x BANDS.

    uint8 [S, S, 3]; each less its own mean, so that contrast does not count. The square is faded out at its edges (Hann).
    Source: Durall et al. 2020 (arXiv:2003.01826), sec. 3.
    """
    x = image.astype(np.float64)
    planes = (x @ [0.299, 0.587, 0.114], x[..., 0] - x[..., 1], x[..., 2] - x[..., 1])
    window = np.hanning(len(x))
    band, sizes = rings(len(x))
    found = []
    for plane in planes:
        power = np.abs(np.fft.fft2((plane - plane.mean()) * window[:, None] * window)) ** 2
        logs = np.log(np.bincount(band[band >= 0], power[band >= 0], BANDS) / sizes + 1.0)
        found.append(logs - logs.mean())
    return np.concatenate(found)


def cooccurrence(residue: np.ndarray) -> np.ndarray:
    """How often two neighbours of a residue [H, W], in whole steps, take each pair of values; pairs that mirror each other or
    differ in sign alone count as one. Source: Fridrich and Kodovsky 2012 (doi:10.1109/TIFS.2012.2190402), sec. II.
    """
    n = 2 * LEVELS + 1
    codes = np.clip(np.rint(residue), -LEVELS, LEVELS).astype(int) + LEVELS
    pairs = np.zeros((n, n))
    for a, b in ((codes[:, :-1], codes[:, 1:]), (codes[:-1], codes[1:])):
        pairs += np.bincount((a * n + b).ravel(), minlength=n * n).reshape(n, n)
    pairs = pairs + pairs.T
    pairs = pairs + pairs[::-1, ::-1]
    kept = [(i, j) for i in range(n) for j in range(i, n) if i + j <= 2 * LEVELS]
    found = np.array([pairs[i, j] for i, j in kept]) / pairs.sum()
    return np.log(found + 1e-4)


def cooccurrences(image: np.ndarray) -> np.ndarray:
    """Co-occurrences of the differences of order 1, 2, 3 of luminance along rows and columns, and of two colour differences."""
    x = image.astype(np.float64)
    luma = x @ [0.299, 0.587, 0.114]
    found = []
    for order, step in enumerate(STEPS, start=1):
        along = [cooccurrence(np.diff(luma, order, axis=axis) / step) for axis in (0, 1)]
        found.append((along[0] + along[1]) / 2)
    for plane in (x[..., 0] - x[..., 1], x[..., 2] - x[..., 1]):
        found.append(cooccurrence(np.diff(plane, 2, axis=1) / 3.0))
    return np.concatenate(found)
