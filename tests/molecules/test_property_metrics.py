"""Figures of molecules by property: errors, baselines with known answers, hits, and the curve of probabilities."""

import numpy as np
import pytest

from difusa.domains.molecules.property_metrics import (
    asked_alone,
    by_atoms,
    curve,
    drawer,
    error,
    in_ranges,
    judged,
    met,
    shuffled,
)
from difusa.shared.targets import Target


def test_the_error_leaves_out_what_was_not_judged():
    found = error(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.5, 1.0, np.nan, 4.0]))
    assert found.value == pytest.approx(0.5) and found.n == 3
    with pytest.raises(ValueError, match="none of 2 molecules"):
        error(np.zeros(2), np.full(2, np.nan))


def test_the_number_of_atoms_guesses_its_median():
    atoms, values = np.array([3, 3, 3, 5, 5]), np.array([[1.0], [2.0], [9.0], [4.0], [6.0]])
    # of 3 atoms 2, of 5 atoms 5; 4 atoms are as near to 3, 9 to 5
    np.testing.assert_allclose(
        by_atoms(atoms, values, np.array([3, 5, 4, 9]), np.array([[2.0], [5.0], [2.5], [7.0]])), [0.625]
    )


def test_a_deaf_generator_gets_the_spread():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(20_000, 2)) * [1, 3]
    found = shuffled(truth + rng.normal(size=truth.shape) * 0.01, truth)
    np.testing.assert_allclose(found, np.array([1, 3]) * 2 / np.sqrt(np.pi), rtol=0.03)  # E |a - b| of two normals


def test_a_broken_molecule_hits_nothing():
    found = met(np.array([[1.0, 5.0], [1.0, 5.0], [3.0, np.nan]]), [(0, 2), (5, np.inf)], np.array([True, False, True]))
    assert found.tolist() == [[True, True], [False, False], [False, False]]


def test_the_curve_of_right_and_of_wrong_probabilities():
    rng = np.random.default_rng(0)
    p = rng.uniform(0, 1, 50_000)
    hit = rng.random(50_000) < p
    right, wrong = curve(p, hit), curve(p**2, hit)
    assert right["error"] < 0.01 and len(right["rows"]) == 10 and sum(r["n"] for r in right["rows"]) == 50_000
    assert all(r["seen_low"] - 0.02 < r["told"] < r["seen_high"] + 0.02 for r in right["rows"])
    assert wrong["error"] == pytest.approx(1 / 2 - 1 / 3, abs=0.01)  # E [p - p^2]
    assert curve(np.ones(3), np.ones(3, bool))["rows"][0]["low"] == 0.9
    with pytest.raises(ValueError, match="between 0 and 1"):
        curve(np.array([1.2]), np.array([True]))


def test_the_protocol_with_a_generator_that_obeys(small_property_models):
    """A judge that says what was asked: error 0, all valid ones hit; a draw of the real verb behind it."""
    pytest.importorskip("rdkit")
    draw = drawer(small_property_models["model"], count=12, steps=6, **{
        k: small_property_models[k] for k in ("hydrogens", "guide")
    })  # fmt: skip
    made = draw((Target("gap", -np.inf, np.inf),))
    assert [m.tags["INDEX"] for m in made] == list(range(12)) and len({m.tags["WISH_GAP_EV"] for m in made}) > 6
    again = drawer(
        small_property_models["model"], count=12, steps=6, batch=5, hydrogens=small_property_models["hydrogens"]
    )
    assert [m.positions.tobytes() for m in again((Target("gap", -np.inf, np.inf),))] == [
        m.positions.tobytes() for m in made
    ]

    from difusa.domains import models

    judge = models.find(small_property_models["guide"]).load()
    found = asked_alone(draw, judge, (6, 7, 8, 9, 1))
    assert set(found) == {"gap", "mu"}
    truth = judged(judge, made, (6, 7, 8, 9, 1))[:, 0]
    wish = np.array([m.tags["WISH_GAP_EV"] for m in made])
    assert found["gap"]["value"] == pytest.approx(np.nanmean(np.abs(truth - wish))) and found["gap"]["drawn"] == 12
    told = in_ranges(draw, judge, (6, 7, 8, 9, 1), (Target("gap", 7, 8), Target("mu", 0, 3)), {"gap": 1.0, "mu": 1.0})
    assert told["hit"]["all"]["value"] <= min(told["hit"]["gap"]["value"], told["hit"]["mu"]["value"])
    assert told["told"]["all"] <= told["told"]["gap"] and sum(r["n"] for r in told["curve"]["rows"]) == 12


def test_hydrogens_of_the_lender_are_kept_where_they_count(small_property_models):
    pytest.importorskip("rdkit")
    made = drawer(
        small_property_models["model"], count=10, steps=6, exact=True, hydrogens=small_property_models["hydrogens"]
    )((Target("gap", -np.inf, np.inf),))
    assert {(int((m.numbers != 1).sum()), int((m.numbers == 1).sum())) for m in made} <= {
        (9, 10),
        (7, 10),
        (2, 6),
        (1, 4),
    }
