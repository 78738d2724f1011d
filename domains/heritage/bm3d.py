"""BM3D for colour pictures, written from the paper: the package `bm3d` is free for non-commercial use only.

Dabov, Foi, Katkovnik, Egiazarian: Image denoising by sparse 3-D transform-domain collaborative filtering, IEEE TIP
2007. Departures, all small: a DCT where the paper's first step takes a biorthogonal wavelet, groups of fixed size (no
distance threshold), blocks every 4 px, and a window of 33 px. Used as a peer in the bench, not by any verb.
"""

import numpy as np

BLOCK, STEP, REACH = 8, 4, 16  # px: side of a block, distance of reference blocks, farthest match
THRESHOLD = 2.7  # of the hard thresholding, in standard deviations
# luminance and two colour differences, rows of unit length, so that white noise stays white
OPPONENT = np.array([[1, 1, 1], [1, 0, -1], [0.5, -1, 0.5]]) / np.sqrt([[3], [2], [1.5]])


def bm3d(image: np.ndarray, sigma: float) -> np.ndarray:
    """Denoised float [H, W, 3] of `image` [H, W, 3] with white noise of standard deviation `sigma`, in the same
    units.
    """
    noisy = np.float32(image @ OPPONENT.T)
    basic = _step(noisy, noisy[..., 0], sigma, 16, None)
    final = _step(noisy, basic[..., 0], sigma, 32, basic)
    return final @ OPPONENT.astype(np.float32)


def _step(noisy: np.ndarray, guide: np.ndarray, sigma: float, size: int, pilot: np.ndarray | None) -> np.ndarray:
    """One step: groups are matched on `guide`; without `pilot` hard thresholding, with it Wiener filtering."""
    height, width = guide.shape
    first = _match(guide, size)  # [groups, size] index of a block's upper left corner
    inside = (np.arange(BLOCK)[:, None] * width + np.arange(BLOCK)).ravel()
    place = first[..., None] + inside  # [groups, size, 64]
    transform = np.kron(_dct(BLOCK), _dct(BLOCK)), _hadamard(size)
    fade = np.outer(np.kaiser(BLOCK, 2), np.kaiser(BLOCK, 2)).ravel()
    result = np.empty_like(noisy)
    for channel in range(3):
        spectrum = _forward(noisy[..., channel].ravel()[place], transform)
        if pilot is None:
            kept = np.abs(spectrum) > THRESHOLD * sigma
            kept[:, 0, 0] = True  # the mean of a group is no noise
            spectrum *= kept
            weight = 1 / kept.sum((1, 2))
        else:
            power = _forward(pilot[..., channel].ravel()[place], transform) ** 2
            shrink = power / (power + sigma**2)
            spectrum *= shrink
            weight = 1 / (shrink**2).sum((1, 2)).clip(1)  # a group of nothing still counts once
        blocks = _backward(spectrum, transform)
        weights = weight[:, None, None] * fade
        total = np.bincount(place.ravel(), (blocks * weights).ravel(), height * width)
        share = np.bincount(place.ravel(), np.broadcast_to(weights, place.shape).ravel(), height * width)
        result[..., channel] = (total / share).reshape(height, width)
    return result


def _match(guide: np.ndarray, size: int) -> np.ndarray:
    """The `size` most similar blocks of each reference block (itself first) by squared distance: [groups, size]."""
    import cv2

    height, width = guide.shape
    rows, columns = (np.unique(np.append(np.arange(0, n - BLOCK, STEP), n - BLOCK)) for n in guide.shape)
    row, column = (a.ravel() for a in np.meshgrid(rows, columns, indexing="ij"))
    far = np.pad(guide, REACH, constant_values=1e6)  # blocks that leave the picture lose
    shifts = [(y, x) for y in range(-REACH, REACH + 1) for x in range(-REACH, REACH + 1)]
    distance = np.empty((len(row), len(shifts)), np.float32)
    for i, (y, x) in enumerate(shifts):
        square = (far[REACH + y :, REACH + x :][:height, :width] - guide) ** 2
        sums = cv2.boxFilter(
            square, -1, (BLOCK, BLOCK), anchor=(0, 0), normalize=False, borderType=cv2.BORDER_REPLICATE
        )
        distance[:, i] = sums[row, column]
    distance[:, shifts.index((0, 0))] = -1
    best = np.argpartition(distance, size, axis=1)[:, :size]
    best = np.take_along_axis(best, np.take_along_axis(distance, best, 1).argsort(1), 1)
    moved = np.array([y * width + x for y, x in shifts])[best]
    return (row * width + column)[:, None] + moved


def _dct(n: int) -> np.ndarray:
    k, i = np.mgrid[:n, :n]
    basis = np.cos(np.pi * k * (2 * i + 1) / (2 * n)) * np.sqrt(2 / n)
    basis[0] /= np.sqrt(2)
    return basis.astype(np.float32)


def _hadamard(n: int) -> np.ndarray:
    from scipy.linalg import hadamard

    return (hadamard(n) / np.sqrt(n)).astype(np.float32)


def _forward(groups: np.ndarray, transform) -> np.ndarray:
    across, along = transform
    return along @ (groups @ across.T)


def _backward(spectrum: np.ndarray, transform) -> np.ndarray:
    across, along = transform
    return (along.T @ spectrum) @ across
