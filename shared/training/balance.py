"""Training that does not only see the common groups: how often each row is drawn, so that groups come equally often."""

from collections import Counter
from collections.abc import Sequence

import numpy as np


def evenly(groups: Sequence[str]) -> np.ndarray:
    """The chance [n] of each row for all groups to be drawn equally often; within a group all rows are."""
    counts = Counter(groups)
    return np.array([1 / (len(counts) * counts[g]) for g in groups])


def told(groups: Sequence[str], chances: np.ndarray | None = None) -> dict[str, dict[str, float]]:
    """Of each group: rows, the share of draws as they lie (before), and by these chances (after)."""
    chances = evenly(groups) if chances is None else chances
    shares: Counter = Counter()
    for group, chance in zip(groups, chances, strict=True):
        shares[group] += float(chance)
    counts = Counter(groups)
    return {
        g: {"rows": n, "before": round(n / len(groups), 4), "after": round(shares[g], 4)} for g, n in counts.items()
    }
