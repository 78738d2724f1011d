"""Which element sits on each orbit, or on those that share it: drawn from the network's probabilities, under what must be obeyed.

They are drawn by the Gumbel trick (Maddison et al. 2014), so that the first draw is one of the network's own law; elements
that must occur get one each by the assignment of the largest sum. Draws go on, ever more freely, until the composition is
one that charges can balance (validity.balanced).
"""

from dataclasses import dataclass

import numpy as np

from difusa.domains.materials.elements import CLASSES

TRIES = 60  # draws for a balanced composition
WARMEST = 3.0  # the last draws are from probabilities to the power 1 / WARMEST


@dataclass(frozen=True)
class Rules:
    """Elements by atomic number: those that may occur (None: all) and those that must."""

    allowed: tuple[int, ...] | None = None
    contains: tuple[int, ...] = ()

    def mask(self) -> np.ndarray:
        """Of each class whether it may occur [CLASSES]."""
        found = np.zeros(CLASSES, bool)
        found[np.array(self.allowed if self.allowed is not None else range(1, CLASSES + 1)) - 1] = True
        return found


@dataclass(frozen=True, eq=False)
class Choice:
    """Atomic numbers [n] of the sites, and whether charges can balance them."""

    numbers: np.ndarray
    balanced: bool


def choose(logits: np.ndarray, order, known: np.ndarray, balance: bool, rng: np.random.Generator) -> Choice:
    """Elements of the sites of a sampling.Order from logits [N, CLASSES] (even in an orbit, -inf where forbidden).

    known [N]: atomic numbers that are given, else 0. balance: whether to draw again where the charges do not balance; the
    draw of the largest probability stands where none of TRIES does. Raises ValueError where the rules cannot be obeyed.
    """
    from difusa.domains.materials.validity import balanced

    template = order.template
    first, where = np.unique(template.even, return_inverse=True)
    rows = log_softmax(np.clip(logits[first].astype(float), -1e4, None))
    held = known[: len(template)][first]
    best, top = None, -np.inf
    for trial in range(TRIES if balance else 1):
        warmth = 1 + (WARMEST - 1) * trial / TRIES
        orbits = obeying(rows / warmth + rng.gumbel(size=rows.shape), held, order.rules)
        numbers = orbits[where]
        if balanced(numbers):
            return Choice(numbers, True)
        free = held == 0
        likely = rows[free, orbits[free] - 1].sum()
        if likely > top:
            best, top = numbers, likely
    return Choice(best, False)


def obeying(scores: np.ndarray, held: np.ndarray, rules: Rules) -> np.ndarray:
    """Atomic numbers of the orbits at the largest sum of scores [orbits, CLASSES]; held [orbits]: given ones, else 0.

    Raises ValueError where the elements that must occur are more than the orbits that are free.
    """
    from scipy.optimize import linear_sum_assignment

    found = np.where(held > 0, held, np.where(rules.mask(), scores, -np.inf).argmax(-1) + 1)
    missing = [n for n in rules.contains if n not in held]
    if all(n in found for n in missing):
        return found
    free = np.flatnonzero(held == 0)
    if len(missing) > len(free):
        raise ValueError(f"{len(missing)} elements must occur and {len(free)} orbits are free")
    gain = scores[np.ix_(free, np.array(missing) - 1)] - scores[free, found[free] - 1][:, None]
    at, which = linear_sum_assignment(np.maximum(gain, -1e6), maximize=True)
    found = found.copy()
    found[free[at]] = np.array(missing)[which]
    return found


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Log-probabilities of the rows."""
    off = logits - logits.max(-1, keepdims=True)
    return off - np.log(np.exp(off).sum(-1, keepdims=True))
