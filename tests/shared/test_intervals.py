"""Intervals of shares and medians."""

import numpy as np
import pytest

from difusa.shared.metrics import median, share


def test_share_of_single_trials_is_wilsons_interval():
    stats = pytest.importorskip("scipy.stats")
    for hits, n in ((0, 7), (3, 10), (97, 100), (50, 50)):
        found = share([1] * hits + [0] * (n - hits))
        low, high = stats.binomtest(hits, n).proportion_ci(method="wilson")
        assert (found.value, found.n) == (hits / n, n)
        assert (found.low, found.high) == pytest.approx((low, high), abs=1e-12)


def test_counts_of_groups_that_agree_within_are_no_better_than_their_groups():
    # 100 groups of 20 atoms, all stable or none: 2000 atoms, but only 100 independent answers.
    whole = share([20] * 90 + [0] * 10, [20] * 100)
    apart = share([1] * 90 + [0] * 10)
    assert whole.value == 0.9 and (whole.n, whole.groups) == (2000, 100)
    # The ratio's variance divides by groups - 1, Wilson's by groups: 1 % of the width.
    assert whole.high - whole.low == pytest.approx(apart.high - apart.low, rel=0.01)


def test_shares_cover_the_truth():
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(400):
        sizes = rng.integers(5, 25, 80)
        rates = rng.beta(18, 2, 80)  # molecules differ; the mean rate is 0.9
        found = share(rng.binomial(sizes, rates), sizes)
        inside += found.low <= 0.9 <= found.high
    assert 0.92 <= inside / 400 <= 0.98  # 0.95 within three standard errors of 400 tries


def test_median_and_its_interval():
    found = median(range(101))
    assert (found.value, found.n) == (50, 101)
    assert (found.low, found.high) == (40, 61)  # ranks 101/2 -+ 1.96 sqrt(101)/2
    assert median([3.0]).value == 3.0


@pytest.mark.parametrize("call", [lambda: share([]), lambda: share([0], [0]), lambda: median([])])
def test_nothing_has_no_interval(call):
    with pytest.raises(ValueError):
        call()
