"""Attribute tables: a table that is copied gives people away, one drawn anew from the same law does not."""

import numpy as np
import pytest

from difusa.ethics.findings import FAIL, PASS
from difusa.ethics.tables import attribute_tables


def people(count: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    age = rng.normal(50, 15, count).round(1)
    return {
        "age": age,
        "weight": (70 + 0.2 * age + rng.normal(0, 12, count)).round(1),
        "pressure": (100 + 0.5 * age + rng.normal(0, 10, count)).round(),
        "sex": rng.choice(["f", "m"], count),
        "site": rng.choice(["north", "south", "east"], count, p=[0.6, 0.3, 0.1]),
    }


@pytest.mark.parametrize("seed", range(5))
def test_a_copied_table_is_caught_and_a_fresh_one_is_not(seed):
    train, held, fresh = (people(400, 3 * seed + k) for k in range(3))
    clean = {f.name: f for f in attribute_tables(fresh, train, held, 0.1)}
    assert {f.verdict for f in clean.values()} == {PASS}
    assert set(clean) == {"singling out", "linking"}
    leaking = {f.name: f for f in attribute_tables(train, train, held, 0.1)}
    assert {f.verdict for f in leaking.values()} == {FAIL}
    assert leaking["singling out"].value > 0.9
    for f in leaking.values():
        assert f.low <= f.value <= f.high


def test_one_column_is_no_table():
    one = {"age": np.arange(30.0)}
    with pytest.raises(ValueError, match="two are needed"):
        attribute_tables(one, one, one, 0.1)
