"""Molecules by property: what may be asked, from which rows a range is drawn, what the verb writes, and in which order."""

import numpy as np
import pytest

from difusa.domains.molecules import ranking
from difusa.domains.molecules.asked import Asked
from difusa.domains.molecules.guide import calibrated, load
from difusa.domains.molecules.sizes import Sizes
from difusa.domains.molecules.wishes import DROPPED, FEW, choose, files, of_rows, read, told
from difusa.shared.targets import EXACT, Target

NAMES = ("gap", "homo", "mu")
PAIRS = ((9, 10), (8, 9), (3, 0))
SIZES = Sizes((6, 7, 8, 9, 1), np.array(PAIRS), np.array([5, 4, 1]))


@pytest.fixture(scope="module")
def wishes():
    """2000 made-up molecules: gap even on 4 .. 10, homo -7 +- 0.5, mu = |normal|; the size follows the gap."""
    rng = np.random.default_rng(0)
    gap = rng.uniform(4, 10, 2000)
    values = np.stack([gap, rng.normal(-7, 0.5, 2000), np.abs(rng.normal(0, 2, 2000))], 1)
    return of_rows(NAMES, values, np.array(PAIRS)[np.where(gap < 7, 0, 1)])


def test_ranges_are_read(wishes):
    found = wishes.parse(["gap=6..8", "mu = ..1.5", " homo=-7.25.. "])
    assert found == (Target("gap", 6, 8), Target("mu", -np.inf, 1.5), Target("homo", -7.25, np.inf))
    assert wishes.parse(["gap=7"]) == (Target("gap", 7, 7),)
    assert wishes.parse(["homo=-7.5..-7"]) == (Target("homo", -7.5, -7),)
    assert [t.text for t in found] == ["gap=6..8", "mu=..1.5", "homo=-7.25.."]


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        (["gpa=6..8"], r"no property 'gpa'; did you mean gap\? There are gap \(eV\), homo \(eV\), mu \(debye\)"),
        (["colour=6"], r"no property 'colour'; There are gap"),
        (["gap"], "write gap=6..8"),
        (["gap=.."], "write gap=6..8"),
        (["gap=6-8"], "write gap=6..8"),
        (["gap=6...8"], "write gap=6..8"),
        (["gap=big"], "write gap=6..8"),
        (["gap=nan"], "write gap=6..8"),
        (["gap=8..6"], "ends before it begins; write gap=6..8"),
        (["gap=20.."], r"lies between 4\.\d+ and 9\.\d+ eV; ask for a range that meets it"),
        (["mu=..-1"], "training data lies between"),
        (["gap=6", "gap=7..8"], "gap is told twice"),
    ],
)
def test_what_no_draw_can_have_is_refused(wishes, texts, reason):
    with pytest.raises(ValueError, match=reason):
        wishes.parse(texts)


def test_a_range_is_drawn_from_the_rows_in_it(wishes):
    chosen = choose(wishes, wishes.parse(["gap=6..8", "mu=..1.5"]), SIZES)
    values, pairs = chosen.draw(0, range(3000))
    meet = (wishes.values[:, 0] >= 6) & (wishes.values[:, 0] <= 8) & (wishes.values[:, 2] <= 1.5)
    assert not chosen.note and meet.sum() >= FEW
    assert ((values[:, 0] >= 6) & (values[:, 0] <= 8) & (values[:, 2] <= 1.5)).all()
    assert np.isnan(values[:, 1]).all()
    # the law of the rows, not an even one: share of the larger size, five standard errors
    share, truth = (pairs[:, 0] == 9).mean(), (wishes.pairs[meet, 0] == 9).mean()
    assert abs(share - truth) < 5 * np.sqrt(truth * (1 - truth) / 3000)
    assert abs(values[:, 2].mean() - wishes.values[meet, 2].mean()) < 5 * values[:, 2].std() / np.sqrt(3000)
    again = chosen.draw(0, [17, 3])
    np.testing.assert_array_equal(again[0], values[[17, 3]])
    np.testing.assert_array_equal(again[1], pairs[[17, 3]])


def test_too_few_rows_are_told_and_the_nearest_taken(wishes):
    targets = wishes.parse(["gap=4..4.1", "homo=-5.6..", "mu=6.."])
    chosen = choose(wishes, targets, SIZES)
    assert "of the 2000 training molecules" in chosen.note and "nearest" in chosen.note
    values, _ = chosen.draw(0, range(50))
    for k, t in enumerate(targets):  # what is asked for is what was wanted, whatever the rows have
        assert ((values[:, k] >= t.low) & (values[:, k] <= t.high)).all()


def test_a_single_value_takes_the_sizes_of_the_nearest_rows(wishes):
    chosen = choose(wishes, wishes.parse(["gap=5"]), SIZES)
    values, pairs = chosen.draw(0, range(50))
    assert not chosen.note and (values[:, 0] == 5).all() and (pairs == (9, 10)).all()
    assert Target("gap", 5, 5).window(2.0) == (5 - 2 * EXACT, 5 + 2 * EXACT)
    assert Target("gap", 5, 6).window(2.0) == (5, 6)


def test_a_size_that_is_asked_for_is_kept(wishes):
    only = Sizes(SIZES.elements, np.array([(8, 9)]), np.array([1]))
    asked = Asked(only, (6,), wishes=wishes, targets=wishes.parse(["gap=..8"]))
    pairs, values = asked.draw(0, range(100))
    assert (pairs == (8, 9)).all() and (values[:, 0] > 6.9).all()  # rows of that size have a gap above 7
    none = Sizes(SIZES.elements, np.array([(5, 5)]), np.array([1]))  # no row has it: the range alone is met
    pairs, values = Asked(none, (6,), wishes=wishes, targets=asked.targets).draw(0, range(100))
    assert (pairs == (5, 5)).all() and values[:, 0].min() < 5


def test_wishes_come_back_from_a_folder(wishes, tmp_path):
    from difusa.shared.files import write_arrays, write_json

    assert read(tmp_path) is None
    figures, arrays = files(wishes).values()
    write_json(tmp_path / "properties.json", figures)
    write_arrays(tmp_path / "properties.npz", arrays)
    found = read(tmp_path)
    assert found.names == NAMES
    for name in ("mean", "std", "low", "high", "values", "pairs"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wishes, name))
    (tmp_path / "properties.npz").write_bytes(b"PK")
    with pytest.raises(ValueError, match="not what this version writes"):
        read(tmp_path)


def test_every_number_of_properties_is_told_in_training(wishes):
    values, rng = wishes.values[5], np.random.default_rng(1)
    rows = np.stack([told(wishes, values, rng) for _ in range(4000)])
    count = (~np.isnan(rows)).sum(1)
    weights = np.concatenate([[DROPPED], (1 - DROPPED) * (1 / np.arange(1, 4)) / (1 / np.arange(1, 4)).sum()])
    for k, p in enumerate(weights):
        assert abs((count == k).mean() - p) < 4 * np.sqrt(p * (1 - p) / 4000), k
    alone = ~np.isnan(rows[count == 1])
    assert (alone.mean(0) > 0.25).all()  # each of the three alone
    assert np.nanmax(np.abs(rows - wishes.standard(values))) == 0


def brute(scores):
    """Fronts by the definition: strip what nothing dominates, again and again."""
    left, found, k = set(range(len(scores))), np.zeros(len(scores), int), 0
    while left:
        k += 1
        best = {
            i for i in left if not any((scores[j] >= scores[i]).all() and (scores[j] > scores[i]).any() for j in left)
        }
        for i in best:
            found[i] = k
        left -= best
    return found


@pytest.mark.parametrize("aims", [1, 2, 3, 6])
def test_fronts_are_those_of_the_definition(aims):
    rng = np.random.default_rng(aims)
    scores = rng.integers(0, 6, (80, aims)) / 5  # many ties
    np.testing.assert_array_equal(ranking.fronts(scores), brute(scores))


def test_order_is_by_front_then_product():
    scores = np.array([[0.2, 0.2], [0.9, 0.1], [0.5, 0.5], [0.1, 0.9], [0.5, 0.5]])
    order, front = ranking.ranked(scores)
    assert order.tolist() == [2, 4, 1, 3, 0] and front.tolist() == [2, 1, 1, 1, 1]
    with pytest.raises(ValueError, match="not a number"):
        ranking.fronts(np.array([[np.nan]]))


def test_intervals_cover_and_probabilities_are_right_whatever_the_noise():
    """Skewed, heavy-tailed errors whose deviation is told wrongly by a factor, the second bound to the first."""
    rng = np.random.default_rng(3)

    def draw(count):
        std = rng.uniform(0.5, 2, (count, 2))
        error = rng.standard_t(4, count) + rng.exponential(1, count)
        mean = rng.normal(0, 1, (count, 2))
        return mean, std, mean + 3 * std * np.stack([error, -error], 1)

    found = calibrated(*draw(4000))
    mean, std, truth = draw(4000)
    low, high = found.interval(mean, std)
    inside = ((truth >= low) & (truth <= high)).mean(0)
    assert (np.abs(inside - 0.9) < 0.02).all(), inside  # two samples of 4000: a standard error of 0.007
    gaussian = (np.abs(truth - mean) < 1.645 * std).mean(0)
    assert (gaussian < 0.6).all(), "what was told must be wrong for this test to say anything"
    windows = {0: (0.0, np.inf), 1: (0.0, np.inf)}
    each, both = found.probability(mean, std, windows)
    met = truth >= 0
    for p, hit in ((each[:, 0], met[:, 0]), (each[:, 1], met[:, 1]), (both, met.all(1))):
        assert abs(p.mean() - hit.mean()) < 0.03
    assert both.mean() < 0.8 * (each[:, 0] * each[:, 1]).mean(), "the errors exclude each other"
    with pytest.raises(ValueError, match="39 held-out items"):
        calibrated(mean[:39], std[:39], truth[:39])


def test_a_calibration_belongs_to_its_weights(tmp_path):
    rng = np.random.default_rng(0)
    found = calibrated(rng.normal(size=(100, 2)), np.ones((100, 2)), rng.normal(size=(100, 2)), "abc")
    with pytest.raises(ValueError, match=r"has no calibration.npz: run `difusa molecules calibrate"):
        load(tmp_path, "abc")
    found.save(tmp_path)
    np.testing.assert_array_equal(load(tmp_path, "abc").bounds, found.bounds)
    with pytest.raises(ValueError, match="belongs to other weights"):
        load(tmp_path, "abd")
