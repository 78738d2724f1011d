"""Ratings: known strengths come back with intervals that hold them, careless raters are left out, agreement by its definition."""

import numpy as np
import pytest

from difusa.ethics.findings import NOTED, SILENT
from difusa.ethics.rating import LEFT, RIGHT, TIE, Vote, alpha, attention, attentive, rating, strengths, wins

SETS = ("a", "b", "c")
TRUE = np.array([0.8, 0.0, -0.8])


def voted(seed: int, count: int = 120, raters: int = 6, sets=SETS, true=TRUE, ties: float = 0.1) -> list[Vote]:
    """Votes on `count` comparisons, each by all raters, by Bradley and Terry's law."""
    rng, votes = np.random.default_rng(seed), []
    for k in range(count):
        i, j = rng.permutation(len(sets))[:2]
        p = 1 / (1 + np.exp(true[j] - true[i]))
        for r in range(raters):
            choice = TIE if rng.random() < ties else LEFT if rng.random() < p else RIGHT
            votes.append(Vote(f"r{r}", f"c{k}", sets[i], sets[j], choice))
    return votes


def test_the_strengths_are_those_of_a_logistic_regression():
    """The same likelihood by another method: scipy's minimiser on wins without prior or ties."""
    from scipy.optimize import minimize

    won = wins(voted(0, ties=0), SETS)

    def loss(b):
        apart = b[:, None] - b
        return (won * np.log1p(np.exp(-apart))).sum() + 1e-12 * (b**2).sum()

    best = minimize(loss, np.zeros(3), tol=1e-12).x
    assert strengths(won, prior=0) == pytest.approx(best - best.mean(), abs=1e-4)


def test_two_sets_have_the_log_odds():
    won = np.array([[0, 30], [10, 0.0]])
    assert np.diff(strengths(won, prior=0)) == pytest.approx(-np.log(3))
    assert np.isfinite(strengths(np.array([[0, 9], [0, 0.0]]))).all()  # one that never lost


def test_intervals_hold_the_truth_and_the_order_comes_back():
    """Each of three strengths lies in its interval in 95 % or more; of 5 studies and 3 sets, 15, at most 4 outside (binomial,
    p < .01). Ties pull strengths together, so they are left out here."""
    outside = 0
    for seed in range(5):
        found = [f for f in rating(voted(seed, ties=0), SETS) if f.name in SETS]
        assert [f.name for f in found] == list(SETS) and {f.verdict for f in found} == {NOTED}
        outside += sum(not f.low <= t <= f.high for f, t in zip(found, TRUE))
    assert outside <= 4


def test_equal_sets_are_not_told_apart():
    """Of 5 studies and 3 sets at most 4 of 15 intervals miss 0, as above."""
    missed = 0
    for seed in range(5):
        found = [f for f in rating(voted(seed, true=np.zeros(3)), SETS) if f.name in SETS]
        missed += sum(not f.low <= 0 <= f.high for f in found)
    assert missed <= 4


def test_careless_raters_are_left_out():
    votes = voted(1, raters=3)
    checks = [Vote(r, f"check{k}", "", "", LEFT, LEFT) for r in ("r0", "r1", "r2") for k in range(5)]
    careless = [Vote("lazy", f"c{k}", "c", "a", LEFT) for k in range(200)]
    fooled = [Vote("lazy", f"check{k}", "", "", RIGHT, LEFT) for k in range(5)]
    every = votes + checks + careless + fooled
    assert attention(every)["lazy"].value == 0 and attention(every)["r0"].value == 1
    assert {v.rater for v in attentive(every)} == {"r0", "r1", "r2"}
    told = {f.name: f for f in rating(every, SETS)}
    assert told["a"].value == {f.name: f for f in rating(votes, SETS)}["a"].value
    assert told["attention checks"].value == pytest.approx(0.75) and "1 of 4" in told["attention checks"].note


def test_agreement_is_krippendorffs():
    """His own example (2011, section C): four observers, twelve units, some unseen: nominal alpha .743."""
    table = (
        "1 2 3 3 2 1 4 1 2 . . .",
        "1 2 3 3 2 2 4 1 2 5 . 3",
        ". 3 3 3 2 3 4 2 2 5 1 .",
        "1 2 3 3 2 4 4 1 2 5 1 .",
    )
    units = [[v for v in column if v != "."] for column in zip(*(row.split() for row in table))]
    assert alpha(units) == pytest.approx(0.743, abs=5e-4)
    assert alpha([["a", "a"], ["b", "b"], ["a", "a"]]) == 1
    rng = np.random.default_rng(0)
    assert alpha([list(rng.choice(["x", "y"], 3)) for _ in range(3000)]) == pytest.approx(0, abs=0.05)  # s.e. about .01
    assert np.isnan(alpha([["a"], ["b"]]))


def test_little_is_claimed_of_little():
    few = voted(0, count=3, raters=1, sets=("a", "b"), true=TRUE[:2])
    assert {f.verdict for f in rating(few, ("a", "b"))} == {SILENT}
    with pytest.raises(ValueError, match="nobody"):
        rating([], SETS)
