"""From a recipe to its rows: how many samples of each combination of conditions, in which order, with which values."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from difusa.datasets.recipe import Quota, Recipe, value_of
from difusa.shared.factory import Row
from difusa.shared.seeds import stream

ORDER, RANGES = 2**62, 2**62 + 1  # parts of random streams that no domain uses


@dataclass(frozen=True)
class Plan:
    """kind: the domain's conditions; cells: their combinations that occur; order [count]: which of them each row is of."""

    recipe: Recipe
    kind: type
    cells: tuple[dict, ...]
    order: np.ndarray

    def row(self, index: int, attempt: int = 0) -> Row:
        """Row `index`: its cell's conditions, and its own draw from each range."""
        rng, drawn = stream(self.recipe.seed, index, RANGES), {}
        for key, (low, high) in self.recipe.conditions.ranges.items():
            whole = isinstance(low, int) and isinstance(high, int)
            drawn[key] = int(rng.integers(low, high + 1)) if whole else round(float(rng.uniform(low, high)), 6)
        return Row(index, self.kind(**self.cells[self.order[index]] | drawn), attempt)

    def asked(self) -> tuple:
        """Every distinct conditions that may occur, of ranges the two ends."""
        ranges = self.recipe.conditions.ranges
        ends = [dict(zip(ranges, e)) for e in product(*ranges.values())]
        return tuple(dict.fromkeys(self.kind(**cell | end) for cell in self.cells for end in ends))

    @cached_property
    def told(self) -> tuple[str, ...]:
        """The conditions that the recipe says anything of, the same for every row."""
        said = self.recipe.conditions
        return (*said.fixed, *said.grid, *said.shares, *said.ranges)

    def counts(self) -> list[tuple[dict, int]]:
        """Each cell with the number of its samples."""
        return list(zip(self.cells, np.bincount(self.order, minlength=len(self.cells)).tolist()))


def planned(recipe: Recipe) -> Plan:
    """The plan of a recipe, a pure function of it. Raises ValueError for conditions that contradict and impossible quotas."""
    cells, weights = _cells(recipe)
    numbers = apportioned(weights, recipe.count)
    for k, quota in enumerate(recipe.quotas):
        _raise(numbers, cells, quota, recipe, k)
    for k, quota in enumerate(recipe.quotas):
        if numbers[_members(cells, quota, recipe, k)].sum() < wanted(quota, recipe, k):
            raise ValueError(f"{recipe.name}: quotas[{k}] {told(quota)} cannot be met beside the other quotas")
    order = np.repeat(np.arange(len(cells)), numbers)
    order = stream(recipe.seed, 0, ORDER).permutation(order)
    return Plan(recipe, recipe.factory.conditions, tuple(cells), order)


def _cells(recipe: Recipe) -> tuple[list[dict], np.ndarray]:
    """Every combination of grid and shares, with what all have; and its share of the samples."""
    said, kind = recipe.conditions, recipe.factory.conditions
    named = [*said.fixed, *said.grid, *said.shares, *said.ranges]
    if twice := [k for k in named if named.count(k) > 1]:
        raise ValueError(
            f"{recipe.name}: conditions: {twice[0]!r} is said twice; keep one of fixed, grid, shares, ranges"
        )
    fixed = {k: value_of(kind, k, v, f"{recipe.name}: conditions.fixed") for k, v in said.fixed.items()}
    axes = []
    for key, values in said.grid.items():
        if not isinstance(values, list) or not values:
            raise ValueError(f"{recipe.name}: conditions.grid: {key} should be a list of values")
        found = [value_of(kind, key, v, f"{recipe.name}: conditions.grid") for v in values]
        if len(set(found)) < len(found):
            raise ValueError(f"{recipe.name}: conditions.grid: {key} names a value twice")
        axes.append([(key, v, 1 / len(found)) for v in found])
    for key, shares in said.shares.items():
        where = f"{recipe.name}: conditions.shares"
        if not isinstance(shares, dict) or not shares:
            raise ValueError(f"{where}: {key} should be a table of value = share")
        if wrong := [s for s in shares.values() if not isinstance(s, int | float) or not 0 <= s <= 1]:
            raise ValueError(f"{where}: {key}: {wrong[0]!r} is no share between 0 and 1")
        if abs(sum(shares.values()) - 1) > 1e-6:
            raise ValueError(f"{where}: {key}: the shares add up to {sum(shares.values()):g}; they should to 1")
        axes.append([(key, value_of(kind, key, v, where), s) for v, s in shares.items()])
    for key, ends in said.ranges.items():
        where = f"{recipe.name}: conditions.ranges"
        if not isinstance(ends, list) or len(ends) != 2:
            raise ValueError(f"{where}: {key} should be [low, high]")
        low, high = (value_of(kind, key, e, where) for e in ends)
        if not low <= high:
            raise ValueError(f"{where}: {key} ends before it begins")
    cells = [fixed | {k: v for k, v, _ in combined} for combined in product(*axes)]
    return cells, np.array([np.prod([s for _, _, s in combined] or [1.0]) for combined in product(*axes)])


def apportioned(weights: Sequence[float], total: int) -> np.ndarray:
    """Whole numbers that add up to total, as near to the weights as can be: the largest remainders get one more."""
    exact = np.asarray(weights, float)
    exact = (exact if exact.sum() else np.ones_like(exact)) / (exact.sum() or len(exact)) * total
    found = np.floor(exact).astype(np.int64)
    more = np.argsort(-(exact - found), kind="stable")[: total - found.sum()]
    found[more] += 1
    return found


def wanted(quota: Quota, recipe: Recipe, number: int) -> int:
    """Samples that a quota asks for. Raises ValueError where it says nothing, both, or more than there are."""
    where = f"{recipe.name}: quotas[{number}] {told(quota)}"
    if (quota.least is None) == (quota.share is None):
        raise ValueError(f"{where} says either least or share")
    found = quota.least if quota.least is not None else int(np.ceil(quota.share * recipe.count - 1e-9))
    if not 0 <= found <= recipe.count:
        raise ValueError(f"{where}: {found} of {recipe.count} samples cannot be; ask for fewer")
    return found


def told(quota: Quota) -> str:
    """A quota's conditions as a person writes them."""
    return ", ".join(f"{k} = {v}" for k, v in quota.where.items())


def _members(cells: list[dict], quota: Quota, recipe: Recipe, number: int) -> np.ndarray:
    """bool [cells]: those of a quota. Raises ValueError for conditions that no sample has."""
    where, kind = f"{recipe.name}: quotas[{number}]", recipe.factory.conditions
    asked = {k: value_of(kind, k, v, where) for k, v in quota.where.items()}
    for key, value in asked.items():
        there = sorted({str(c[key]) for c in cells if key in c})
        if str(value) not in there:
            raise ValueError(f"{where}: no sample has {key} = {value!r}; there are {', '.join(there) or 'none'}")
    return np.array([all(c.get(k) == v for k, v in asked.items()) for c in cells])


def _raise(numbers: np.ndarray, cells: list[dict], quota: Quota, recipe: Recipe, number: int) -> None:
    """Gives a quota's cells what they lack, in place, from cells of no quota, both in proportion."""
    inside = _members(cells, quota, recipe, number)
    lacking = wanted(quota, recipe, number) - int(numbers[inside].sum())
    if lacking <= 0:
        return
    free = ~np.any([_members(cells, q, recipe, k) for k, q in enumerate(recipe.quotas)], axis=0)
    if not inside.any() or numbers[free].sum() < lacking:
        raise ValueError(
            f"{recipe.name}: quotas[{number}] {told(quota)} lacks {lacking} samples, and {int(numbers[free].sum())} belong to "
            "no quota: ask for fewer, or raise count"
        )
    numbers[inside] += apportioned(numbers[inside], lacking)
    taken = apportioned(numbers[free], lacking)
    numbers[free] -= taken
