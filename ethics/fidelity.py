"""How near a synthetic set comes to a real one, and how much of it it covers; judged by what real scores against real.

Each figure is taken `repeats` times: two disjoint halves A, B of the real set and a draw S of the synthetic one, all of one
size; S against A is the value, B against A what a perfect generator would score. The bound is the looser of what the policy
asks (a factor of the latter) and four standard deviations of chance.
"""

from collections.abc import Callable

import numpy as np

from difusa.ethics.findings import Finding, judged
from difusa.ethics.nearest import distances
from difusa.shared.metrics import Interval, frechet
from difusa.shared.passport.saying import Said

AUDIT = "fidelity"
NEIGHBOURS = 5
LARGEST = 1500  # things of a draw: all pairs are taken
AXES = 64
BETTER = {
    "Frechet distance": "low",
    "kernel distance": "low",
    "precision": "high",
    "density": "high",
    "alpha-precision": "high",
    "recall": "high",
    "coverage": "high",
    "beta-recall": "high",
    "authenticity": "high",
    "Vendi score": "high",
}
NOTE = "real against real: {null}; n is the size of each draw"


def measures(real: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """The figures of BETTER for features of equal units: real [n, D], other [m, D].

    Kernel distance: squared MMD, Gaussian, unbiased (Gretton et al. 2012, eq. 3), as wide as the median real distance. Precision
    and recall: Kynkaanniemi et al. 2019; density and coverage: Naeem et al. 2020; alpha-precision, beta-recall and authenticity:
    Alaa et al. 2022, around the means; Vendi score: Friedman and Dieng 2023, with the same kernel.
    """
    rr, oo, ro = distances(real, real), distances(other, other), distances(real, other)
    width = np.median(rr[np.triu_indices(len(rr), 1)]) or 1.0
    reach, reach_other = kth(rr, NEIGHBOURS), kth(oo, NEIGHBOURS)
    inside = ro <= reach[:, None]
    return {
        "Frechet distance": frechet(real[:, :AXES], other[:, :AXES]),
        "kernel distance": mmd(rr, oo, ro, width),
        "precision": float(inside.any(0).mean()),
        "density": float(inside.sum(0).mean() / NEIGHBOURS),
        "recall": float((ro <= reach_other).any(1).mean()),
        "coverage": float(inside.any(1).mean()),
        "Vendi score": vendi(oo, width),
    } | integrated(real, other, rr, ro)


def kth(d: np.ndarray, k: int) -> np.ndarray:
    """Distance of each thing to its k-th nearest other, from all pairs."""
    return np.partition(d, k, axis=1)[:, k]


def mmd(rr: np.ndarray, oo: np.ndarray, ro: np.ndarray, width: float) -> float:
    """Squared maximum mean discrepancy, unbiased: it may fall below 0."""

    def mean(d: np.ndarray, own: bool) -> float:
        k = np.exp(-((d / width) ** 2) / 2)
        n = len(d)
        return float((k.sum() - n) / (n * (n - 1)) if own else k.mean())

    return mean(rr, True) + mean(oo, True) - 2 * mean(ro, False)


def vendi(d: np.ndarray, width: float) -> float:
    """Effective number of different things: exp of the entropy of the kernel's eigenvalues."""
    values = np.linalg.eigvalsh(np.exp(-((d / width) ** 2) / 2) / len(d))
    values = values[values > 1e-12]
    return float(np.exp(-(values * np.log(values)).sum()))


def integrated(real: np.ndarray, other: np.ndarray, rr: np.ndarray, ro: np.ndarray) -> dict[str, float]:
    """Alpha-precision and beta-recall over all levels (1 = as a perfect generator would), and authenticity."""
    levels = np.linspace(0, 1, 51)[1:-1]
    radius, radius_other = (np.linalg.norm(x - x.mean(0), axis=1) for x in (real, other))
    centred = np.linalg.norm(other - real.mean(0), axis=1)
    precise = np.array([(centred <= r).mean() for r in np.quantile(radius, levels)])
    own = rr + np.diag(np.full(len(rr), np.inf))
    met, partner = ro.min(1) <= kth(rr, NEIGHBOURS), ro.argmin(1)
    recalled = np.array([(met & (radius_other[partner] <= r)).mean() for r in np.quantile(radius_other, levels)])
    source = ro.argmin(0)
    return {
        "alpha-precision": float(1 - 2 * np.abs(precise - levels).mean()),
        "beta-recall": float(1 - 2 * np.abs(recalled - levels).mean()),
        "authenticity": float((ro.min(0) > own.min(1)[source]).mean()),
    }


def compared(
    real: np.ndarray, other: np.ndarray, repeats: int, rng: np.random.Generator, measure: Callable = measures
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], int]:
    """Name -> values [repeats] of `other`, and of real against real, and the size of a draw."""
    size = min(len(real) // 2, len(other), LARGEST)
    if size <= NEIGHBOURS:
        raise ValueError(
            f"{len(real)} real and {len(other)} synthetic things are too few: {2 * NEIGHBOURS + 2} and {NEIGHBOURS + 1} at least"
        )
    values, null = [], []
    for _ in range(repeats):
        order = rng.permutation(len(real))
        first, second = real[order[:size]], real[order[size : 2 * size]]
        values.append(measure(first, other[rng.permutation(len(other))[:size]]))
        null.append(measure(first, second))
    return *({k: np.array([row[k] for row in rows]) for k in rows[0]} for rows in (values, null)), size


def bound(null: np.ndarray, factor: float, better: str) -> float:
    """The looser of `factor` times what real scores against real and of four standard deviations of it."""
    mean, spread = float(null.mean()), 4 * float(null.std(ddof=1))
    if better == "low":
        return max(mean * factor, mean + spread)
    return min(mean * factor, mean - spread)


def fidelity(
    real: np.ndarray, other: np.ndarray, factors: dict[str, float], rng: np.random.Generator, repeats: int = 20
) -> list[Finding]:
    """The findings; features on their principal axes of the real set; factors: name -> how much worse than real may pass."""
    values, null, size = compared(real, other, repeats, rng)
    found = []
    for name, better in BETTER.items():
        low, high = np.quantile(values[name], [0.025, 0.975])
        middle = Interval(float(values[name].mean()), float(low), float(high), size, repeats)
        limit = bound(null[name], factors[name], better) if name in factors else None
        found.append(judged(AUDIT, name, middle, limit, better, Said(NOTE, null=f"{null[name].mean():.3g}")))
    return found
