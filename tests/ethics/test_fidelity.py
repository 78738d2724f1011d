"""Fidelity: figures against their definitions, and controls of known answer over five seeds."""

import numpy as np
import pytest

from difusa.ethics.fidelity import BETTER, NEIGHBOURS, fidelity, measures, mmd, vendi
from difusa.ethics.findings import FAIL, PASS
from difusa.ethics.nearest import distances
from difusa.ethics.policy import read

FACTORS = read()[0].fidelity


def drawn(count: int, seed: int, modes: int = 6) -> np.ndarray:
    """A mixture of `modes` of six Gaussians in 8 dimensions."""
    rng = np.random.default_rng(seed)
    centres = 4 * np.random.default_rng(9).standard_normal((6, 8))
    return centres[rng.integers(modes, size=count)] + rng.standard_normal((count, 8))


def test_figures_are_their_definitions():
    real, other = drawn(40, 0), drawn(30, 1) + 1
    found = measures(real, other)

    def reach(points, i):
        return sorted(np.linalg.norm(points - points[i], axis=1))[NEIGHBOURS]

    inside = np.array([[np.linalg.norm(r - o) <= reach(real, i) for o in other] for i, r in enumerate(real)])
    assert found["precision"] == pytest.approx(np.mean([inside[:, j].any() for j in range(30)]))
    assert found["density"] == pytest.approx(inside.sum() / (NEIGHBOURS * 30))
    assert found["coverage"] == pytest.approx(np.mean([inside[i].any() for i in range(40)]))
    reached = [[np.linalg.norm(r - o) <= reach(other, j) for j, o in enumerate(other)] for r in real]
    assert found["recall"] == pytest.approx(np.mean([any(row) for row in reached]))

    width = np.median([np.linalg.norm(real[i] - real[j]) for i in range(40) for j in range(i)])

    def kernel(a, b):
        return np.exp(-((np.linalg.norm(a - b) / width) ** 2) / 2)

    def mean(xs, ys, own):
        return np.mean([kernel(x, y) for i, x in enumerate(xs) for j, y in enumerate(ys) if not own or i != j])

    expected = mean(real, real, True) + mean(other, other, True) - 2 * mean(real, other, False)
    assert found["kernel distance"] == pytest.approx(expected, abs=1e-9)


def test_vendi_counts_different_things():
    same, far = np.zeros((7, 3)), 1e3 * np.eye(7)
    assert vendi(distances(same, same), 1.0) == pytest.approx(1)
    assert vendi(distances(far, far), 1.0) == pytest.approx(7)


def test_kernel_distance_of_equal_sets_has_mean_zero():
    def one(seed):
        a, b = drawn(60, 2 * seed), drawn(60, 2 * seed + 1)
        return mmd(distances(a, a), distances(b, b), distances(a, b), 6.0)

    found = [one(s) for s in range(60)]
    assert abs(np.mean(found)) < 4 * np.std(found) / 60**0.5


CONTROLS = {
    "real": lambda seed: drawn(300, seed),
    "collapsed": lambda seed: drawn(300, seed, modes=2),
    "one thing": lambda seed: drawn(300, seed)[:1] + 0.05 * np.random.default_rng(seed).standard_normal((300, 8)),
    "shifted": lambda seed: drawn(300, seed) + 1.5,
    "noisy": lambda seed: drawn(300, seed) + 3 * np.random.default_rng(seed).standard_normal((300, 8)),
}
CAUGHT = {
    "collapsed": {"recall", "coverage"},
    "one thing": {"recall", "coverage", "Vendi score", "beta-recall"},
    "shifted": {"Frechet distance", "kernel distance"},
    "noisy": {"precision", "density", "Frechet distance"},
}


@pytest.mark.parametrize("seed", range(5))
def test_controls(seed):
    real = drawn(600, 100 + seed)
    found = {
        name: {f.name: f.verdict for f in fidelity(real, make(seed), FACTORS, np.random.default_rng(seed), repeats=6)}
        for name, make in CONTROLS.items()
    }
    assert set(found["real"]) == set(BETTER)
    assert set(found["real"].values()) == {PASS}
    for name, named in CAUGHT.items():
        missed = {n for n in named if found[name][n] != FAIL}
        assert not missed, f"{name} passes {missed}"


def test_too_few_things_are_refused():
    with pytest.raises(ValueError, match="too few"):
        fidelity(drawn(8, 0), drawn(8, 1), FACTORS, np.random.default_rng(0))
