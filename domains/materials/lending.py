"""Which templates may carry a composition, and in which order: by what near elements crystallise in.

A candidate is a template with an element on each orbit. Candidates of one arrangement (space group, kinds of sites, which of them
hold the same element) are one prototype; it counts by the sum over its lenders of exp(-distance), the mean distance of a lender's
elements from those that take their sites. Where no lender has the stoichiometry,
elements are dealt to the orbits of any template whose sizes allow it.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import permutations

import numpy as np

from difusa.domains.materials.elements import described
from difusa.domains.materials.templates import Templates

# By maximum likelihood of the right prototype of 400 crystals of the calibration split; it comes first for 49 % of those that
# were not fitted to, among the first 20 for 78 %, and 81 % have any (44, 79 and 81 % with the distances guessed).
WEIGHTS = {"group": 4.5, "period": 0.7, "electronegativity": 2.0, "radius": 1.6, "element": 1.9}
PENALTY = 20.0  # distance added where orbits are dealt freely
DEALT = 200  # ways to deal elements to the orbits of one template


@dataclass(frozen=True, eq=False)
class Candidate:
    """A template (its row) with the atomic number of each orbit; distance of its lender's elements from these."""

    row: int
    kinds: tuple[int, ...]
    distance: float


@dataclass(frozen=True, eq=False)
class Prototype:
    """Candidates of one arrangement, the nearest first, and how much they count together."""

    key: tuple
    candidates: tuple[Candidate, ...]
    weight: float


@cache
def far() -> np.ndarray:
    """Distances [CLASSES, CLASSES] of elements: group, period, electronegativity and radius (elements.described), and being
    another one at all."""
    d = described()
    parts = {
        "group": np.abs(d[:, None, :19] - d[None, :, :19]).max(-1),
        "period": np.abs(d[:, None, 19] - d[None, :, 19]),
        "electronegativity": np.abs(d[:, None, 20] - d[None, :, 20]),
        "radius": np.abs(d[:, None, 21] - d[None, :, 21]),
        "element": 1.0 - np.eye(len(d)),
    }
    return sum(WEIGHTS[k] * v for k, v in parts.items())


def prototypes(templates: Templates, formula: dict[int, int], rows: Sequence[int] | None = None) -> list[Prototype]:
    """The prototypes that can carry a reduced composition (atomic number -> count), those that count most first.

    rows: templates that may be lent, all by default.
    """
    between = far()
    allowed = None if rows is None else set(rows)
    found = defaultdict(list)
    for row in templates.by_shape.get(tuple(sorted(formula.values())), ()):
        if allowed is not None and row not in allowed:
            continue
        times = int(templates.atoms[row]) // sum(formula.values())
        sizes, kinds = templates.multiplicities[row], templates.kinds[row]
        own = {int(n): int(sizes[kinds == n].sum()) for n in np.unique(kinds)}
        for swap in swaps(own, {n: c * times for n, c in formula.items()}):
            new = tuple(swap[int(n)] for n in kinds)
            apart = np.mean([between[a - 1, b - 1] for a, b in swap.items()])
            found[arrangement(templates, row, new)].append(Candidate(row, new, float(apart)))
    return ranked(found)


def dealt(templates: Templates, formula: dict[int, int], rows: Sequence[int] | None = None) -> list[Prototype]:
    """The same where the stoichiometry of the lender does not matter: elements dealt to orbits whose sizes add up."""
    units, between = sum(formula.values()), far()
    found, seen = defaultdict(list), defaultdict(int)
    for row in range(len(templates)) if rows is None else rows:
        if templates.atoms[row] % units:
            continue
        times = int(templates.atoms[row]) // units
        sizes, kinds = templates.multiplicities[row], templates.kinds[row]
        bare = (int(templates.spacegroup[row]), tuple(sorted(sizes.tolist())))
        if seen[bare] >= DEALT:
            continue
        for new in deals(tuple(sizes.tolist()), {n: c * times for n, c in formula.items()}):
            seen[bare] += 1
            apart = np.mean([between[a - 1, b - 1] for a, b in zip(kinds, new)])
            found[arrangement(templates, row, new)].append(Candidate(row, new, PENALTY + float(apart)))
    return ranked(found)


def ranked(found: dict[tuple, list[Candidate]]) -> list[Prototype]:
    """Prototypes by weight, the largest first; ties in the order of their keys."""
    made = []
    for key, candidates in found.items():
        own = sorted(candidates, key=lambda c: (c.distance, c.row))
        made.append(Prototype(key, tuple(own), float(sum(np.exp(-c.distance) for c in own))))
    return sorted(made, key=lambda p: (-p.weight, p.key))


def swaps(old: dict[int, int], new: dict[int, int]) -> list[dict[int, int]]:
    """All ways to give the elements of `old` to those of `new` that keep the counts."""
    found = []
    for order in permutations(new):
        if all(old[a] == new[b] for a, b in zip(old, order)):
            found.append(dict(zip(old, order)))
    return found


def deals(sizes: tuple[int, ...], counts: dict[int, int], most: int = 24) -> list[tuple[int, ...]]:
    """Elements for orbits of these sizes with these counts of atoms in all; at most so many ways, the first found."""
    found: list[tuple[int, ...]] = []

    def deal(at: int, left: dict[int, int], chosen: tuple[int, ...]) -> None:
        if len(found) >= most:
            return
        if at == len(sizes):
            found.append(chosen)
            return
        for n, c in left.items():
            if c >= sizes[at]:
                deal(at + 1, left | {n: c - sizes[at]}, (*chosen, n))

    deal(0, counts, ())
    return found


def arrangement(templates: Templates, row: int, kinds: tuple[int, ...]) -> tuple:
    """What two candidates share if they are one prototype: space group, atoms, and (element, kind of site) of each orbit."""
    at = slice(templates.offsets[row], templates.offsets[row + 1])
    first = np.unique(templates.orbit[at])
    letters = templates.wyckoff[at][first].tolist()
    sites = tuple(sorted(zip(kinds, letters, templates.multiplicities[row].tolist())))
    return int(templates.spacegroup[row]), int(templates.atoms[row]), sites


def shared_out(weights: Sequence[float], count: int, rigid: Sequence[bool]) -> list[int]:
    """To which prototype each of `count` samples goes: the largest weight first, each one counting less the more it has.

    rigid: prototypes in which no site can move: a second sample of these says little that is new.
    """
    given, order = np.zeros(len(weights)), []
    weights = np.asarray(weights, float)
    slow = np.where(rigid, 20.0, 1.5)
    for _ in range(count):
        k = int(np.argmax(weights / (1 + slow * given)))
        given[k] += 1
        order.append(k)
    return order
