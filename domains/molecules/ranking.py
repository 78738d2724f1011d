"""Order by several aims at once: the Pareto fronts of Deb et al. 2002 (doi:10.1109/4235.996017), first the ones nothing beats."""

import numpy as np


def fronts(scores: np.ndarray) -> np.ndarray:
    """The front [n] of each row of scores [n, T], more is better: 1 for those that none dominates, 2 without these, ...

    One row dominates another if it is at least as good in all and better in one. By insertion in falling order, with a
    binary search for the front (Zhang et al. 2015, doi:10.1109/TEVC.2014.2308305, ENS-BS). Raises ValueError for NaN.
    """
    scores = np.asarray(scores, float)
    if np.isnan(scores).any():
        raise ValueError("a score is not a number: it can be neither better nor worse")
    found, members = np.zeros(len(scores), int), []
    for row in np.lexsort(-scores.T[::-1]):  # what comes later never dominates what came before
        low, high = 0, len(members)
        while low < high:
            middle = (low + high) // 2
            if dominated(scores[row], scores[members[middle]]):
                low = middle + 1
            else:
                high = middle
        if low == len(members):
            members.append([])
        members[low].append(row)
        found[row] = low + 1
    return found


def dominated(one: np.ndarray, others: np.ndarray) -> bool:
    """Whether a row of `others` [n, T] is at least as good as `one` [T] in all and better in one."""
    return bool(((others >= one).all(1) & (others > one).any(1)).any())


def ranked(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Order [n] by front, then by the product of the scores, then as they came; and the front of each row, unsorted."""
    found = fronts(scores)
    return np.lexsort([np.arange(len(found)), -np.prod(scores, axis=1), found]), found
