"""Pairs: a change that was put in is found with its size, chance is not, and strangers are told from twins."""

from dataclasses import replace

import numpy as np
import pytest

from difusa.ethics.counterfactual import Pairs, apart, differences, figure
from difusa.ethics.findings import SILENT


def made(seed: int, shift: float = 0.0, n: int = 40, lost: int = 0) -> Pairs:
    """n pairs of 5 features, the second moved by `shift` along the first; one figure is that feature, one is noise."""
    rng = np.random.default_rng(seed)
    first = rng.standard_normal((n, 5))
    second = first + 0.1 * rng.standard_normal((n, 5))
    second[:, 0] += shift
    features, noise = np.stack([first, second], 1), rng.standard_normal((n, 2))
    valid = np.ones((n + lost, 2), bool)
    valid[n:, 1] = False
    figures = {"moved": features[:, :, 0], "noise": noise, "fixed": np.ones((n, 2))}
    return Pairs("sex", ("f", "m"), valid, np.arange(n), features, figures, {"moved": ("it", "isto")})


def test_a_change_is_found_with_its_size():
    found = {f.name: f for f in differences(made(0, 0.5))}
    moved = found["moved"]
    assert moved.low < 0.5 < moved.high and moved.low > 0.4  # spread .1 over 40 pairs: half an interval is .03
    assert str(moved.note).startswith("it; f: ") and moved.note.portuguese.startswith("isto; f: ")
    assert found["figures that move"].value >= 1 and "fixed" not in found
    assert 0.05 < found["how far pairs lie apart"].value < 0.4


def test_chance_moves_as_few_as_it_says():
    """100 sets without any change: 95 % intervals miss 0 in 5 %, bootstrap ones of 40 pairs in 6 (binomial, 4 s.e.: 16)."""
    missed = 0
    for seed in range(100):
        pairs = made(seed)
        found = differences(replace(pairs, figures={"noise": pairs.figures["noise"]}))[-1]
        missed += found.name == "noise" and not found.low <= 0 <= found.high
    assert missed < 16


def test_what_breaks_counts_and_the_few_are_silent():
    found = {f.name: f for f in differences(made(1, lost=10))}
    assert found["valid"].value == pytest.approx(-0.2) and found["valid"].n == 50
    assert all(f.verdict == SILENT for f in differences(made(2, n=4)) if f.name != "figures that move")
    with pytest.raises(ValueError, match="--count"):
        differences(made(0, n=0))


def test_twins_and_strangers():
    rng = np.random.default_rng(0)
    one = rng.standard_normal((200, 8))
    assert apart(np.stack([one, one], 1)).value == 0
    far = apart(np.stack([one, rng.standard_normal((200, 8))], 1))
    assert far.low < 1 < far.high


def test_the_side_that_is_farther_from_the_real_is_named_and_shown():
    pairs = made(0, 6.0)
    real = np.random.default_rng(9).standard_normal((300, 5))
    rows = differences(pairs, real)
    assert next(f for f in rows if f.name == "distance to the nearest real thing").low > 1
    drawn = figure(pairs, rows)
    away = [f for f in rows if f.name in ("moved", "noise") and not f.low <= 0 <= f.high]
    assert drawn.count("#b3261e") == 2 * len(away) and ">moved<" in drawn  # a line and a point of each
