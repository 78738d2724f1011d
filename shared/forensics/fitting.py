"""Linear judges: logistic regression on standardised figures, what is known of a class of inputs, and calibration."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

FARTHEST = 6.0  # standard deviations: what lies beyond counts as that far, so that one odd figure decides nothing alone


@dataclass(frozen=True)
class Linear:
    """Figures [..., d] -> logit [...]: standardised, cut at FARTHEST, weighed."""

    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    bias: float

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return self.standardised(x) @ self.weights + self.bias

    def standardised(self, x: np.ndarray) -> np.ndarray:
        return np.clip((x - self.mean) / self.scale, -FARTHEST, FARTHEST)


def logistic(x: np.ndarray, y: np.ndarray, weight: np.ndarray, ridge: float, steps: int = 30) -> Linear:
    """Logistic regression of y [n] (0 or 1) on figures x [n, d] by Newton's method; weight [n] of the rows, mean 1.

    ridge: penalty on the squared weights of standardised figures, against the mean loss. Source: Hastie et al. 2009, sec. 4.4.1.
    """
    if set(np.unique(y)) != {0, 1}:
        raise ValueError(f"both classes are needed to tell them apart, got {np.unique(y).tolist()}")
    mean = np.average(x, 0, weight)
    scale = np.sqrt(np.average((x - mean) ** 2, 0, weight)) + 1e-6
    start = Linear(mean, scale, np.zeros(x.shape[1]), 0.0)
    z, back = start.standardised(x), np.eye(x.shape[1])
    if len(x) < x.shape[1]:  # the weights lie in the span of the rows, and a turn of the figures changes no penalty
        _, _, back = np.linalg.svd(z, full_matrices=False)
        z = z @ back.T
    z = np.column_stack([z, np.ones(len(x))])
    penalty = np.full(z.shape[1], ridge)
    penalty[-1] = 0.0
    found, weight = np.zeros(z.shape[1]), weight / weight.sum()
    for _ in range(steps):
        p = sigmoid(z @ found)
        gradient = z.T @ (weight * (p - y)) + penalty * found
        curvature = (z * (weight * p * (1 - p))[:, None]).T @ z + np.diag(penalty + 1e-9)
        step = np.linalg.solve(curvature, gradient)
        found = found - step * min(1.0, 5.0 / max(np.abs(step).max(), 1e-12))
        if np.abs(step).max() < 1e-8:
            break
    return Linear(mean, scale, found[:-1] @ back, float(found[-1]))


def scaled(logits: np.ndarray, y: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """Slope and offset that make probabilities of logits [n]: Platt scaling, whose targets stay off 0 and 1 by what n items of a
    class can tell: (n + 1) / (n + 2) and 1 / (n + 2). Source: Platt 1999, sec. 2.2."""
    sure = np.where(y == 1, (y.sum() + 1) / (y.sum() + 2), 1 / ((1 - y).sum() + 2))
    both = (
        np.tile(logits, 2)[:, None],
        np.repeat([1.0, 0.0], len(y)),
        np.concatenate([weight * sure, weight * (1 - sure)]),
    )
    found = logistic(*both, 1e-6)
    slope = float(found.weights[0] / found.scale[0])
    return slope, float(found.bias - slope * found.mean[0])


def folds(groups: Sequence[str], count: int = 5) -> np.ndarray:
    """Fold [n] of each row; rows of one group (artist) share theirs. Groups are dealt in the order of their crc32.

    Raises ValueError where there is a single group: nothing can then be held out.
    """
    import zlib

    order = sorted(set(groups), key=lambda g: (zlib.crc32(g.encode()), g))
    if len(order) < 2:
        raise ValueError(f"all {len(groups)} rows are of one group, {order}: at least two are needed to hold one out")
    place = {g: k % count for k, g in enumerate(order)}
    return np.array([place[g] for g in groups])


def balanced(families: Sequence[str], real: str) -> np.ndarray:
    """Weights of rows by which the real ones are as heavy as all generated ones, and each family as heavy as any other."""
    families = np.asarray(families)
    names, counts = np.unique(families, return_counts=True)
    count = dict(zip(names, counts, strict=True))
    others = max(1, len(names) - 1)
    return np.array([0.5 / count[f] if f == real else 0.5 / others / count[f] for f in families]) * len(families)


def held_out_logits(x, y, weight, groups, ridge: float) -> np.ndarray:
    """The logit [n] of each row from a judge that was fitted without its group."""
    fold, found = folds(groups), np.zeros(len(y))
    for k in np.unique(fold):
        out = fold == k
        found[out] = logistic(x[~out], y[~out], weight[~out], ridge)(x[out])
    return found


def best_ridge(x, y, weight, groups, choices=(1e-3, 1e-2, 1e-1, 1.0, 10.0)) -> tuple[float, np.ndarray]:
    """The ridge under which rows of unseen groups are told best (log loss), and their logits."""
    tried = [(ridge, held_out_logits(x, y, weight, groups, ridge)) for ridge in choices]
    return min(tried, key=lambda pair: loss(pair[1], y, weight))


def loss(logits: np.ndarray, y: np.ndarray, weight: np.ndarray) -> float:
    """Mean log loss."""
    return float(np.average(np.logaddexp(0, np.where(y == 1, -logits, logits)), weights=weight))


def sigmoid(x):
    """1 / (1 + exp(-x)) without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * np.asarray(x, float)))


def auroc(real: np.ndarray, generated: np.ndarray) -> float:
    """Chance that a generated item scores above a real one; ties count half (Mann and Whitney 1947)."""
    from scipy.stats import rankdata

    if not len(real) or not len(generated):
        raise ValueError(f"{len(real)} real and {len(generated)} generated scores: both are needed")
    ranks = rankdata(np.concatenate([real, generated]))
    above = ranks[len(real) :].sum() - len(generated) * (len(generated) + 1) / 2
    return float(above / len(real) / len(generated))


@dataclass(frozen=True)
class Known:
    """What a detector has seen: mean [d], directions [d, k] scaled to unit spread, and the distance that 1 stands for."""

    mean: np.ndarray
    directions: np.ndarray
    limit: float

    def distance(self, x: np.ndarray) -> np.ndarray:
        """Mahalanobis distance [...] of figures [..., d] along the directions; above 1 is outside."""
        return np.linalg.norm((x - self.mean) @ self.directions, axis=-1) / self.limit


def known(x: np.ndarray, held_out: np.ndarray, keep: int = 24, share: float = 0.99) -> Known:
    """The `keep` widest directions of x [n, d]; the limit is what `share` of held-out rows [m, d] stay below."""
    mean = x.mean(0)
    _, spread, turned = np.linalg.svd(x - mean, full_matrices=False)
    directions = (turned[:keep] / (spread[:keep, None] / np.sqrt(len(x) - 1) + 1e-9)).T
    found = Known(mean, directions, 1.0)
    return Known(mean, directions, float(np.quantile(found.distance(held_out), share)))
