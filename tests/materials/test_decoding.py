"""Elements of the orbits: the network's own law, rules that always hold, charges that balance."""

import numpy as np
import pytest

from difusa.domains.materials.decoding import Rules, choose, obeying
from difusa.domains.materials.elements import CLASSES, NUMBERS, period_and_group
from difusa.domains.materials.sampling import Order
from difusa.domains.materials.symmetry import Template

LI, NA, OX, FL = (NUMBERS[s] for s in ("Li", "Na", "O", "F"))


def order(orbits, rules=Rules()) -> Order:  # noqa: B008
    orbits = np.array(orbits)
    n = len(orbits)
    template = Template(1, np.eye(3, dtype=int)[None], np.zeros((n, 3)), orbits, np.zeros((n, 3, 3), int))
    return Order(template, np.zeros(n, int), rules=rules)


def logits(rows) -> np.ndarray:
    """Rows of {atomic number: probability} as logits, everything else next to impossible."""
    found = np.full((len(rows), CLASSES), -30.0)
    for row, told in zip(found, rows):
        for number, p in told.items():
            row[number - 1] = np.log(p)
    return found


def test_without_rules_elements_are_drawn_as_often_as_the_network_says():
    said = logits([{LI: 0.7, NA: 0.3}, {FL: 1.0}])
    rng = np.random.default_rng(0)
    found = [choose(said, order([0, 1]), np.zeros(2, int), False, rng).numbers for _ in range(1000)]
    assert np.mean([n[0] == LI for n in found]) == pytest.approx(0.7, abs=0.05)


def test_sites_of_an_orbit_share_their_element():
    said = logits([{LI: 0.5, NA: 0.5}] * 3)
    for seed in range(10):
        numbers = choose(said, order([0, 0, 2]), np.zeros(3, int), False, np.random.default_rng(seed)).numbers
        assert numbers[0] == numbers[1]


def test_charges_are_balanced_where_they_can_be():
    pytest.importorskip("smact")
    said = logits([{LI: 0.98, FL: 0.02}, {LI: 0.9, FL: 0.1}, {OX: 0.05, FL: 0.95}])
    rng = np.random.default_rng(0)
    for _ in range(20):  # Li2F cannot be balanced, Li2O and LiF2... only the first of the likely ones can
        found = choose(said, order([0, 1, 2]), np.zeros(3, int), True, rng)
        assert found.balanced
    assert not choose(logits([{LI: 1.0}, {LI: 1.0}, {FL: 1.0}]), order([0, 1, 2]), np.zeros(3, int), True, rng).balanced


def test_rules_hold_whatever_the_network_says():
    said = logits([{LI: 1.0}, {LI: 1.0}, {FL: 1.0}])
    rules = Rules((LI, OX, FL), (OX, LI, FL))
    for seed in range(20):
        found = choose(said, order([0, 1, 2], rules), np.zeros(3, int), False, np.random.default_rng(seed)).numbers
        assert sorted(found.tolist()) == [LI, OX, FL]
    with pytest.raises(ValueError, match="3 elements must occur and 2 orbits are free"):
        choose(said[:2], order([0, 1], rules), np.zeros(2, int), False, np.random.default_rng(0))


def test_given_elements_stay_and_count_as_contained():
    scores = np.zeros((2, CLASSES))
    scores[:, NA - 1] = 1
    assert obeying(scores, np.array([LI, 0]), Rules(None, (LI,))).tolist() == [LI, NA]


def test_the_periodic_table():
    places = {s: period_and_group(NUMBERS[s]) for s in ("H", "He", "C", "Fe", "Kr", "La", "Gd", "Hf", "Pb", "U")}
    assert places == {
        "H": (1, 1), "He": (1, 18), "C": (2, 14), "Fe": (4, 8), "Kr": (4, 18), "La": (6, 3), "Gd": (6, 0), "Hf": (6, 4),
        "Pb": (6, 14), "U": (7, 0),
    }  # fmt: skip
