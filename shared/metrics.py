"""Metrics shared by the domains: PSNR and SSIM, intervals of means, shares and medians, paired differences, the Frechet
distance.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 4000


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % interval over `n` items that fall into `groups` independent groups."""

    value: float
    low: float
    high: float
    n: int
    groups: int


def psnr(truth: np.ndarray, image: np.ndarray, *, mask: np.ndarray | None = None, peak: float = 255.0) -> float:
    """Peak signal-to-noise ratio in dB of `image` against `truth` [H, W] or [H, W, C]; infinite when they are equal.

    mask [H, W]: where it is true the error counts, elsewhere it does not. Raises ValueError when nothing is left to
    compare.
    """
    _same(truth, image)
    truth, image = truth.astype(np.float64), image.astype(np.float64)
    if mask is not None:
        if mask.shape != truth.shape[:2] or not mask.any():
            raise ValueError(
                f"mask {mask.shape} must have the picture's size {truth.shape[:2]} and at least one pixel set"
            )
        truth, image = truth[mask.astype(bool)], image[mask.astype(bool)]
    if np.array_equal(truth, image):
        return float("inf")
    from skimage.metrics import peak_signal_noise_ratio

    return float(peak_signal_noise_ratio(truth, image, data_range=peak))


def ssim(truth: np.ndarray, image: np.ndarray, *, peak: float = 255.0) -> float:
    """Structural similarity of [H, W] or [H, W, C], Gaussian window of 1.5 pixels, mean over channels (Wang et al.
    2004).
    """
    _same(truth, image)
    from skimage.metrics import structural_similarity

    axis = 2 if truth.ndim == 3 else None
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "channel_axis": axis}
    return float(structural_similarity(truth.astype(np.float64), image.astype(np.float64), data_range=peak, **options))


def _same(truth: np.ndarray, image: np.ndarray) -> None:
    if truth.shape != image.shape:
        raise ValueError(f"sizes differ: truth {truth.shape}, picture {image.shape}; bring both to one size first")


def interval(values: Sequence[float], groups: Sequence | None = None, *, level: float = 0.95) -> Interval:
    """Mean of `values` with its percentile bootstrap interval (Efron 1979).

    groups: a label an item (artist, patient, page); whole groups are drawn, because items of one group resemble each
    other.
    The resampling is seeded, so the same values give the same interval. With one group the interval is NaN: unknown.
    """
    values = np.asarray(values, np.float64)
    if not len(values):
        raise ValueError("no values: an interval needs at least one")
    labels = np.arange(len(values)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1].ravel()
    if len(labels) != len(values):
        raise ValueError(f"{len(values)} values need {len(values)} groups, got {len(labels)}")
    count = int(labels.max()) + 1
    if count < 2:
        return Interval(float(values.mean()), float("nan"), float("nan"), len(values), count)
    sums, sizes = np.bincount(labels, values, count), np.bincount(labels, minlength=count)
    draws = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), RESAMPLES)
    means = (draws @ sums) / (draws @ sizes)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(values.mean()), float(low), float(high), len(values), count)


def share(hits: Sequence[float], sizes: Sequence[int] | None = None) -> Interval:
    """Share of hits with its 95 % interval (Wilson 1927): hits are 0 or 1, or counts out of `sizes` (atoms of molecules).

    With sizes, items of one group resemble each other: the interval is that of as many independent trials as have the
    variance of the ratio over groups (Cochran 1977, eq. 2.39); of as many as there are groups where all agree.
    """
    hits = np.asarray(hits, np.float64)
    sizes = np.ones(len(hits)) if sizes is None else np.asarray(sizes, np.float64)
    if not len(hits) or len(hits) != len(sizes) or not sizes.sum():
        raise ValueError(f"{len(hits)} counts of {len(sizes)} groups: a share needs at least one trial")
    groups, total = len(hits), float(sizes.sum())
    p, trials = float(hits.sum()) / total, float(groups)
    if groups > 1 and 0 < p < 1 and (sizes != 1).any():
        spread = ((hits - p * sizes) ** 2).sum() * groups / (groups - 1) / total**2
        trials = p * (1 - p) / spread if spread else trials
    z = 1.959963984540054
    middle, half = p + z**2 / (2 * trials), z * np.sqrt(p * (1 - p) / trials + z**2 / (4 * trials**2))
    low, high = ((middle + s * half) / (1 + z**2 / trials) for s in (-1, 1))
    return Interval(p, max(0.0, float(low)), min(1.0, float(high)), int(total), groups)


def median(values: Sequence[float]) -> Interval:
    """Median of `values` with its 95 % interval from the order statistics (binomial, normal approximation)."""
    values = np.sort(np.asarray(values, np.float64))
    n = len(values)
    if not n:
        raise ValueError("no values: a median needs at least one")
    half = 1.959963984540054 * np.sqrt(n) / 2
    low, high = max(int(n / 2 - half), 0), min(int(np.ceil(n / 2 + half)), n - 1)
    return Interval(float(np.median(values)), float(values[low]), float(values[high]), n, n)


def averaged(parts: Sequence[Interval]) -> Interval:
    """The mean of independent estimates with its interval, from their own: MOVER (Zou and Donner 2008, doi:10.1002/sim.3095).

    mean - low is the root of the summed squares of (value - low) over their number; likewise high. One part stays as it is.
    """
    if not parts:
        raise ValueError("no intervals: a mean needs at least one")
    if len(parts) == 1:
        return parts[0]
    value, low, high = (np.array([getattr(p, k) for p in parts], float) for k in ("value", "low", "high"))
    mean, k = float(value.mean()), len(parts)
    below, above = float(np.sqrt(((value - low) ** 2).sum()) / k), float(np.sqrt(((high - value) ** 2).sum()) / k)
    return Interval(mean, mean - below, mean + above, sum(p.n for p in parts), sum(p.groups for p in parts))


def paired(values: dict, baseline: dict, groups: dict | None = None) -> Interval:
    """Mean of `values[item] - baseline[item]` over the items both have, with its interval."""
    items = [item for item in values if item in baseline]
    if not items:
        raise ValueError("the two methods share no item: score them on the same items")
    labels = None if groups is None else [groups[item] for item in items]
    return interval([values[item] - baseline[item] for item in items], labels)


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """Frechet distance between Gaussians fitted to features a [n, d] and b [m, d] (Dowson and Landau 1982).

    |mean_a - mean_b|^2 + tr(A + B - 2 (AB)^(1/2)); the trace of the root comes from the eigenvalues of A^(1/2) B
    A^(1/2), which are real. With fewer samples than features it is biased upwards: compare only equal n.
    """
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ValueError(
            f"two tables of features with equal columns and at least two rows are needed, got {a.shape}, {b.shape}"
        )
    first, second = (np.atleast_2d(np.cov(f.astype(np.float64), rowvar=False)) for f in (a, b))
    values, vectors = np.linalg.eigh(first)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    cross = np.sqrt(np.linalg.eigvalsh(root @ second @ root).clip(0)).sum()
    shift = a.mean(0, dtype=np.float64) - b.mean(0, dtype=np.float64)
    return float(shift @ shift + np.trace(first) + np.trace(second) - 2 * cross)
