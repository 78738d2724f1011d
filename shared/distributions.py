"""How far a sample of numbers lies from another: Wasserstein-1 in the unit of the quantity, and the Jensen-Shannon divergence in
bits (0 = equal, 1 = disjoint)."""

import numpy as np

BINS = 30  # of the reference's quantiles


def wasserstein(sample: np.ndarray, reference: np.ndarray) -> float:
    """Wasserstein-1 distance of two samples of numbers, in their unit: the area between their distribution functions."""
    sample, reference = np.sort(sample), np.sort(reference)
    values = np.sort(np.concatenate([sample, reference]))
    below = [np.searchsorted(s, values[:-1], side="right") / len(s) for s in (sample, reference)]
    return float(np.abs(below[0] - below[1]) @ np.diff(values))


def jensen_shannon(p: np.ndarray, q: np.ndarray) -> float:
    """Jensen-Shannon divergence in bits of two tables of counts of equal length (Lin 1991)."""
    p, q = p / p.sum(), q / q.sum()
    m = (p + q) / 2
    parts = [x[x > 0] @ np.log2(x[x > 0] / m[x > 0]) for x in (p, q)]
    return float(max(sum(parts) / 2, 0.0))


def binned(sample: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Counts of both in BINS equally frequent bins of the reference; what lies outside falls into the outermost."""
    inner = np.unique(np.quantile(reference, np.linspace(0, 1, BINS + 1)[1:-1]))
    return tuple(
        np.bincount(np.searchsorted(inner, v, side="right"), minlength=len(inner) + 1) for v in (sample, reference)
    )


def tallied(sample: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Counts of both, value by value."""
    values = np.union1d(sample, reference)
    return tuple(np.bincount(np.searchsorted(values, v), minlength=len(values)) for v in (sample, reference))


def compared(sample: np.ndarray, reference: np.ndarray, counts=binned) -> dict[str, float]:
    """The two distances, the two means and the sizes; nothing but the sizes when one is empty."""
    sample, reference = np.asarray(sample, float), np.asarray(reference, float)
    sizes = {"n": len(sample), "reference_n": len(reference)}
    if not (len(sample) and len(reference)):
        return sizes
    near = {"wasserstein": wasserstein(sample, reference), "jensen_shannon": jensen_shannon(*counts(sample, reference))}
    return near | {"mean": float(sample.mean()), "reference_mean": float(reference.mean())} | sizes
