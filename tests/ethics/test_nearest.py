"""Neighbours: all pairs against numpy, the index against all pairs."""

import numpy as np
import pytest

from difusa.ethics.nearest import EXACT, among, exact, index, nearest


def curved(count: int, seed: int = 0) -> np.ndarray:
    """Vectors [count, 48] on a bent sheet of 8 dimensions, as features of things lie: not a cloud that fills the space."""
    rng = np.random.default_rng(seed)
    inner = rng.standard_normal((count, 8))
    first, second = np.random.default_rng(1).standard_normal((2, 8, 48)) / 8**0.5
    return np.float32(np.tanh(inner @ first) + inner @ second)


def test_all_pairs_as_numpy_finds_them():
    known, asked = curved(300), curved(50, seed=3)
    places, distances = nearest(index(known), asked, 7)
    full = np.linalg.norm(asked[:, None].astype(float) - known, axis=2)
    assert (places == full.argsort(1, kind="stable")[:, :7]).all()
    # float64 differences of float32 numbers: only the order of the sum differs
    assert np.abs(distances - np.sort(full, 1)[:, :7]).max() < 1e-10
    others = among(index(known), 2)[1]
    inner = np.linalg.norm(known[:, None].astype(float) - known, axis=2) + np.diag(np.full(300, np.inf))
    assert np.abs(others - np.sort(inner, 1)[:, :2]).max() < 1e-10


def test_twins_find_each_other_and_a_copy_is_at_zero():
    known = np.repeat(curved(40), 3, axis=0)
    assert (among(index(known), 2)[1] == 0).all()
    assert nearest(index(known), known[:5])[1].max() == 0


def test_the_index_finds_what_all_pairs_find():
    known, asked = curved(2 * EXACT), curved(300, seed=3)
    asked[:50] = known[:50] + 1e-3 * np.random.default_rng(0).standard_normal((50, 48)).astype(np.float32)
    found = nearest(index(known), asked, 5)
    true = exact(known, asked, 5)
    assert np.mean([len(np.intersect1d(a, b)) / 5 for a, b in zip(found[0], true[0])]) >= 0.99
    assert (found[0][:50, 0] == np.arange(50)).all(), "near copies are all found"
    # the index answers squared float32 distances: seven digits of the square
    assert np.abs(found[1][:, 0] - true[1][:, 0]).max() < 1e-3
    again = nearest(index(known), asked, 5)
    assert (again[0] == found[0]).all()


def test_too_many_neighbours_are_refused():
    with pytest.raises(ValueError, match="5 neighbours asked of 4"):
        nearest(index(curved(4)), curved(1), 5)


@pytest.mark.slow
@pytest.mark.parametrize("count", [10**3, 10**4, 10**5])
def test_recall_by_size(count):
    known, asked = curved(count), curved(200, seed=3)
    found, true = nearest(index(known), asked, 10)[0], exact(known, asked, 10)[0]
    assert np.mean([len(np.intersect1d(a, b)) / 10 for a, b in zip(found, true)]) >= 0.99
