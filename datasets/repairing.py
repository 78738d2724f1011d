"""A recipe that tops up what a data set lacks against wanted shares: as the first one, but for the counts and the seed."""

import json
from collections.abc import Mapping
from dataclasses import replace

from difusa.datasets.planning import planned
from difusa.datasets.recipe import Recipe, of_table
from difusa.shared.passport.signing import digest
from difusa.shared.training.recipe import said

CONDITION = "condition_"  # what columns of the index that are conditions begin with


def repaired(recipe: Recipe, more: Mapping[str, Mapping[str, int]], round_: int = 1) -> Recipe:
    """The recipe of the samples to add; more: column of the index -> value -> how many, of equal sums.

    The seed is another one, drawn from the first recipe's fingerprint: under the same seed the same things would come back.
    Several columns are topped up independently of each other. Raises ValueError for a column that is no condition, or is
    drawn from a range, for values that cannot be, and where nothing is missing.
    """
    said_of = recipe.conditions
    if not more or not (count := max(sum(n.values()) for n in more.values())):
        raise ValueError("nothing is missing: every share is as wanted")
    shares = {}
    for column, numbers in more.items():
        key = column.removeprefix(CONDITION)
        if not column.startswith(CONDITION) or key in said_of.ranges:
            told = (*said_of.fixed, *said_of.grid, *said_of.shares)
            known = ", ".join(CONDITION + k for k in told) or "none"
            raise ValueError(f"{column!r} cannot be asked of a sample, so it is not topped up; conditions: {known}")
        shares[key] = {value: n / count for value, n in numbers.items() if n}
    kept = {k: {c: v for c, v in getattr(said_of, k).items() if c not in shares} for k in ("fixed", "grid", "shares")}
    conditions = replace(said_of, **kept | {"shares": kept["shares"] | shares})
    seed = int(digest([recipe.sha256, "repair", round_])[:15], 16)
    found = replace(
        recipe, name=f"{recipe.name}-repair", count=count, seed=seed, conditions=conditions, quotas=(),
        shard=min(recipe.shard, count),
    )  # fmt: skip
    found = of_table(said(found), found.name)
    planned(found)
    return found


def toml(recipe: Recipe) -> str:
    """The recipe as a TOML file that reads back as the same recipe."""
    return _table(said(recipe), ())


def _table(table: dict, path: tuple[str, ...]) -> str:
    inner = {k: v for k, v in table.items() if isinstance(v, dict)}
    rows = {k: v for k, v in table.items() if isinstance(v, list) and v and all(isinstance(r, dict) for r in v)}
    lines = [f"{_key(k)} = {_value(v)}" for k, v in table.items() if k not in inner and k not in rows]
    text = "\n".join(lines) + "\n" if lines else ""
    for key, value in inner.items():
        name = ".".join(map(_key, (*path, key)))
        body = _table(value, (*path, key))
        text += f"\n[{name}]\n{body}" if body else ""
    for key, every in rows.items():
        text += "".join(f"\n[[{_key(key)}]]\n{_inline(row)}" for row in every)
    return text


def _inline(row: dict) -> str:
    return "".join(f"{_key(k)} = {_value(v)}\n" for k, v in row.items())


def _key(key: str) -> str:
    plain = key and all(c.isascii() and (c.isalnum() or c in "_-") for c in key)
    return key if plain else json.dumps(key, ensure_ascii=False)


def _value(value) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False)  # text, numbers and truth values are written in TOML as in JSON
