"""Undoing a known blur: the first guess that the restorer refines, as the harmonic filling is in losses."""

import numpy as np
from scipy.fft import irfft2, next_fast_len, rfft2

ROUNDING = 1 / 255 / 3**0.5  # standard error of 8-bit levels on the [-1, 1] scale
POWER = 5e-4  # a picture's spectral power times squared frequency (cycles a pixel); best for 2 grey levels of noise
ROUNDS = 8  # of conjugate gradients


def sharpened(
    picture: np.ndarray, kernel: np.ndarray, noise: float = 0.0, rounds: int = ROUNDS, known: np.ndarray | None = None
) -> np.ndarray:
    """The most likely picture [H, W, 3] before a correlation with `kernel` [K, K], K odd, for spectra that fall as 1/f^2.

    picture: float in [-1, 1]; noise: its standard deviation on that scale, beside the rounding to 8 bits; known [H, W]:
    True where the picture is to be believed (everywhere when None). What is not known, and what lies beyond the border,
    is solved for too (Almeida and Figueiredo 2013), by conjugate gradients that Wiener's filter preconditions.
    """
    spare = len(kernel) // 2 + 8  # the transforms are periodic: room for the far side not to be seen
    around = [(spare, next_fast_len(n + 2 * spare, real=True) - n - spare) for n in picture.shape[:2]]
    inside = tuple(slice(spare, spare + n) for n in picture.shape[:2])
    seen = np.pad((np.ones(picture.shape[:2]) if known is None else known).astype(np.float32), around)
    transfer = _transfer(kernel, seen.shape)
    rows, columns = np.fft.fftfreq(seen.shape[0])[:, None], np.fft.rfftfreq(seen.shape[1])[None]
    least = 1 / max(seen.shape) ** 2
    stiff = ((noise**2 + ROUNDING**2) / POWER * np.maximum(rows**2 + columns**2, least)).astype(np.float32)
    solved = [
        _solved(np.pad(picture[..., c], around, mode="symmetric").astype(np.float32), seen, transfer, stiff, rounds)[
            inside
        ]
        for c in range(picture.shape[2])  # one by one, for memory
    ]
    return np.stack(solved, axis=-1)


def _transfer(kernel: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The kernel's transfer function [H, W // 2 + 1]; correlation is convolution with the turned kernel."""
    margin, spot = len(kernel) // 2, np.zeros(shape, np.float32)
    spot[: len(kernel), : len(kernel)] = kernel[::-1, ::-1]
    return rfft2(np.roll(spot, (-margin, -margin), (0, 1)))


def _solved(wide: np.ndarray, seen: np.ndarray, transfer: np.ndarray, stiff: np.ndarray, rounds: int) -> np.ndarray:
    """One channel [H, W] of the solution."""

    def filtered(x, by):
        return irfft2(rfft2(x) * by, wide.shape)

    def normal(x):
        return filtered(seen * filtered(x, transfer), transfer.conj()) + filtered(x, stiff)

    wiener = 1 / (abs(transfer) ** 2 + stiff)
    x = filtered(wide, wiener * transfer.conj())
    rest = filtered(seen * wide, transfer.conj()) - normal(x)
    way = filtered(rest, wiener)
    size = float((rest * way).sum())
    for _ in range(rounds):
        bent = normal(way)
        step = size / max(float((way * bent).sum()), 1e-12)
        x, rest = x + step * way, rest - step * bent
        ahead = filtered(rest, wiener)
        size, before = float((rest * ahead).sum()), size
        way = ahead + size / max(before, 1e-12) * way
    return x
