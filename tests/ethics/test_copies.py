"""Copies: planted ones are found at 1, 5 and 20 %, real against real is clean, and an audit that is blind fails itself."""

import numpy as np
import pytest

from difusa.ethics import pictures
from difusa.ethics.copies import calibrated, control, copies, law, which
from difusa.ethics.findings import FAIL, PASS
from difusa.ethics.samples import Samples


def drawn(count: int, seed: int) -> np.ndarray:
    """Points of a bent sheet of 6 dimensions in 20."""
    rng = np.random.default_rng(seed)
    inner = rng.standard_normal((count, 6))
    first, second = np.random.default_rng(1).standard_normal((2, 6, 20))
    return np.tanh(inner @ first) + inner @ second


def samples(features: np.ndarray) -> Samples:
    return Samples("heritage", tuple(map(str, range(len(features)))), features, lambda i: features[i])


def never(a, b) -> bool:
    """A comparison that knows nothing: the features alone must find the copies."""
    return False


def with_copies(train: np.ndarray, other: np.ndarray, share: float, seed: int) -> np.ndarray:
    """`other` with a share of its rows replaced by slightly changed training rows."""
    rng = np.random.default_rng(seed)
    count = round(share * len(other))
    rows = rng.permutation(len(train))[:count]
    changed = other.copy()
    changed[:count] = train[rows] + 0.02 * rng.standard_normal((count, other.shape[1]))
    return changed


def findings(other, train, held):
    measure = calibrated(train, held)
    return {f.name: f for f in copies(other, train, measure, never, 0.0, 0.01)[0]}


@pytest.mark.parametrize("held_out", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_planted_copies_are_found_and_real_things_are_not(seed, held_out):
    train, held = drawn(600, 10 * seed), drawn(300, 10 * seed + 1)
    known = samples(held) if held_out else None
    clean = drawn(200, 10 * seed + 2)
    assert {f.verdict for f in findings(samples(clean), samples(train), known).values()} == {PASS}
    for share in (0.01, 0.05, 0.2):
        found = findings(samples(with_copies(train, clean, share, seed)), samples(train), known)
        copied = found["copies of training things"]
        assert copied.verdict == FAIL
        assert copied.value == pytest.approx(share), "all of them, and nothing else"
        assert copied.low <= share <= copied.high
    assert found["near the training data"].verdict == FAIL, "a fifth of copies also fails the exact test"


def test_duplicates_in_the_set_are_found():
    train, other = drawn(600, 0), drawn(200, 2)
    other[:30] = other[30:60]
    found = findings(samples(other), samples(train), None)
    assert found["duplicates in the set"].verdict == FAIL
    assert found["duplicates in the set"].value == pytest.approx(30 / 200)
    assert found["copies of training things"].verdict == PASS


def test_the_domains_own_comparison_decides_among_the_near():
    train, other = drawn(600, 0), drawn(200, 2)
    close = samples(other)
    found, hits = copies(close, samples(train), calibrated(samples(train), None), lambda a, b: True, 0.0, 0.01)
    assert found[0].verdict == FAIL
    assert (
        60 < hits.sum() < 140
    )  # half of 200, as real things lie nearer than their own median; give or take 4 sd of 7, and of it


def test_a_blind_audit_fails_its_control():
    train = samples(drawn(600, 0))
    planted = samples(with_copies(train.features, drawn(20, 3), 1.0, 0))
    disguised = samples(drawn(20, 5))  # so well disguised that nothing tells them
    measure = calibrated(train, None)
    assert control(200, train, measure, planted, never, 0.9).verdict == PASS
    assert control(200, train, measure, disguised, never, 0.9).verdict == FAIL


def test_the_law_of_the_smallest_distances():
    # uniform points in a cube of dimension m: nearest distances follow d^m exactly at the small end
    rng = np.random.default_rng(0)
    for m in (2, 5):
        known = rng.random((3000, m))
        from difusa.ethics.nearest import among, index

        found = law(among(index(known))[1][:, 0])
        # 300 distances in the tail: the estimate's standard error is m / sqrt(300), halved distances are shared by pairs
        assert found.dimension == pytest.approx(m, rel=4 / 150**0.5)
    with pytest.raises(ValueError, match="too few"):
        law(np.ones(5))


def test_disguised_pictures_are_found_where_features_know_nothing():
    """Trimmed, rescaled, relit and recompressed crops of real photographs among strangers: found by their hashes, laid over each
    other; other crops are not."""
    from skimage import data as photographs

    rng = np.random.default_rng(0)
    whole = [getattr(photographs, name)() for name in ("astronaut", "coffee", "chelsea", "rocket")]
    places = [(k % 4, *(int(rng.integers(0, n - 200)) for n in whole[k % 4].shape[:2])) for k in range(60)]
    crops = [whole[w][top : top + 200, left : left + 200] for w, top, left in places]

    def of(things):
        return Samples(
            "heritage", tuple(map(str, range(len(things)))), rng.standard_normal((len(things), 8)), lambda i: things[i]
        )

    train, held = of(crops[:40]), of(crops[40:])
    measure = calibrated(train, held, pictures.bits)
    hidden = [pictures.disguise(crops[k][:, ::-1] if k % 2 else crops[k], rng) for k in range(12)]
    found, _ = which(of(hidden), train, measure, 12, pictures.same)
    assert found.mean() >= 0.9
    far = [
        k
        for k in range(40, 60)
        if all(places[k][0] != p[0] or np.hypot(*np.subtract(places[k][1:], p[1:])) > 60 for p in places[:40])
    ]
    clean, _ = which(of([crops[k] for k in far]), train, measure, len(far), pictures.same)
    assert len(far) >= 3 and not clean.any()
