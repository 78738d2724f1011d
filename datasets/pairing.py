"""Counterfactual pairs out of a recipe: rows drawn twice from one random stream, with two values of one condition."""

from collections.abc import Iterator
from dataclasses import replace

from difusa.datasets.planning import planned
from difusa.datasets.recipe import Recipe, of_table, value_of
from difusa.datasets.work import bench_of, drawn
from difusa.shared.factory import Factory, Row, Sample
from difusa.shared.training.recipe import said


def pairs(
    recipe: Recipe, change: str, values: tuple[str, str], count: int
) -> tuple[Factory, Iterator[tuple[Sample, Sample]]]:
    """The domain's factory, and `count` pairs: rows of the recipe, each made with the first and the second value of `change`.

    All else stands as the recipe says it of that row, and each is its first draw. Raises ValueError for a condition that the
    domain does not have, values that it does not take, or twice the same.
    """
    kept = {
        k: {c: v for c, v in getattr(recipe.conditions, k).items() if c != change}
        for k in ("fixed", "grid", "shares", "ranges")
    }
    kind = recipe.factory.conditions
    base = replace(recipe, count=count, shard=count, quotas=(), conditions=replace(recipe.conditions, **kept))
    grid = {**kept["grid"], change: list(values)}
    both = replace(base, count=2 * count, conditions=replace(base.conditions, grid=grid))
    of_table(said(both), recipe.name)  # whether there is such a condition
    first, second = (value_of(kind, change, v, f"{recipe.name}: --values") for v in values)
    if first == second:
        raise ValueError(f"--values {values[0]} {values[1]}: a pair needs two different ones")
    grid[change] = [list(v) if isinstance(v, tuple) else v for v in (first, second)]
    plan, bench = planned(base), bench_of(both)

    def made() -> Iterator[tuple[Sample, Sample]]:
        step = bench.factory.batch
        for start in range(0, count, step):
            rows = [plan.row(i) for i in range(start, min(start + step, count))]
            # each side by itself: makers tell samples apart by their streams, which a pair shares
            sides = [
                drawn(bench.maker, [Row(r.index, replace(r.conditions, **{change: v})) for r in rows])
                for v in (first, second)
            ]
            yield from zip(*sides, strict=True)

    return bench.factory, made()
