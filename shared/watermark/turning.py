"""Fits of places to keyed noise after the best turn, and their exact chance.

Places A [n, 3], turned by nobody knows what, are compared with noise Z [n, 3] by the largest cosine over all rotations
(Kabsch 1976). Null: Z is normal, whatever A. Then A^T Z is S^(1/2) G with S = A^T A and G nine standard normal numbers: the
largest fit is |G| times a function of G's direction, and the rest of Z only lengthens it. So its chance is the mean, over
directions drawn once, of a Beta law's tail: exact but for that mean, and to very small chances.
"""

import math
from functools import lru_cache

import numpy as np

DIRECTIONS, BINS = 20_000, 400


def fits(a: np.ndarray, z: np.ndarray) -> np.ndarray:
    """[N] largest cosines of a [n, 3] with z [N, n, 3] over rotations."""
    return _turned(np.einsum("ni,knj->kij", a, z)) / (np.linalg.norm(a) * np.sqrt((z**2).sum((1, 2))) + 1e-300)


def chances(cosines: np.ndarray, a: np.ndarray, dimensions: int) -> np.ndarray:
    """[N] chances that fits() of noise of so many free numbers is at least as large."""
    from scipy.special import betainc

    if dimensions <= 9:
        return np.ones(len(cosines))
    size, axes = np.linalg.eigh(a.T @ a / (a**2).sum())
    root = axes * np.sqrt(size.clip(0)) @ axes.T
    count, edges = np.histogram(_turned(root @ directions()), BINS)
    reach = (edges[1:] + edges[:-1]) / 2
    grid = np.linspace(0, 1, 201)  # chances fall smoothly: their logarithms are read off between
    share = (grid[:, None] / reach) ** 2
    tail = betainc((dimensions - 9) / 2, 4.5, np.clip(1 - share, 0, 1)) @ count / count.sum()
    return np.exp(np.interp(cosines, grid, np.log(tail.clip(1e-300)))).clip(0, 1)


def _turned(m: np.ndarray) -> np.ndarray:
    """The largest trace of R^T M over rotations R, of M [N, 3, 3]."""
    s = np.linalg.svd(m, compute_uv=False)
    return s[:, 0] + s[:, 1] + np.sign(np.linalg.det(m)) * s[:, 2]


@lru_cache(1)
def directions() -> np.ndarray:
    """[DIRECTIONS, 3, 3]: directions of nine numbers, always the same."""
    drawn = np.random.Generator(np.random.Philox(key=[1976, 0])).standard_normal((DIRECTIONS, 3, 3))
    return drawn / np.linalg.norm(drawn, axis=(1, 2), keepdims=True)


def matched(a: np.ndarray, z: np.ndarray, starts: int = 48, rounds: int = 8) -> tuple[float, int]:
    """The largest cosine that was found over turns and orders of the rows of a [n, 3], and how many orders there are.

    From each of some first turns, order and turn are improved by turns: the best assignment, then Kabsch. What it misses only
    makes the mark harder to find: all orders count.
    """
    from scipy.optimize import linear_sum_assignment

    best = 0.0
    for turn in np.linalg.qr(directions()[:starts])[0]:
        turn = turn * np.sign(np.linalg.det(turn))
        for _ in range(rounds):
            order = linear_sum_assignment(-(z @ turn.T) @ a.T)[1]
            u, _, vt = np.linalg.svd(a[order].T @ z)
            turn = u * [1, 1, np.sign(np.linalg.det(u @ vt))] @ vt
        best = max(best, float(fits(a[order], z[None])[0]))
    return best, math.factorial(len(a))
