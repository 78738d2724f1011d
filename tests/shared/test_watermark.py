"""The mark in the signs of noise: the prior stays exact, p-values are uniform without a mark, inversion reads it back."""

import hashlib
import math

import numpy as np
import pytest
import torch

from difusa.shared.analytic import Gaussian
from difusa.shared.samplers import SAMPLERS, last, schedule
from difusa.shared.seeds import streams
from difusa.shared.spaces import Euclidean
from difusa.shared.watermark.signs import BITS, code, p_value, payload, read, stamp, tail

SPACE = Euclidean()


def key(number: int) -> bytes:
    return hashlib.sha256(b"test %d" % number).digest()


def noise(count: int, n: int, seed: int = 0) -> torch.Tensor:
    return SPACE.noise(torch.zeros(count, n), streams(seed, range(count)))


def distance_from_uniform(values) -> float:
    """Kolmogorov-Smirnov statistic times the root of the number of values: below 1.95 in 99.9 % of uniform ones."""
    v = np.sort(values)
    grid = np.arange(len(v) + 1) / len(v)
    return float(max((grid[1:] - v).max(), (v - grid[:-1]).max()) * math.sqrt(len(v)))


def test_p_values_of_unmarked_samples_are_uniform():
    """10,000 pairs of one of 500 samples and a key of its own and few numbers, where ties would show most."""
    samples = noise(500, 128)
    values = [p_value(samples[k % 500], key(k)) for k in range(10_000)]
    assert distance_from_uniform(values) < 1.95
    assert np.mean(np.array(values) < 0.01) == pytest.approx(0.01, abs=0.004)


def test_any_data_has_uniform_p_values_not_only_noise():
    """The null is of the key: a constant, a ramp, a marked sample of another key."""
    marked = stamp(noise(1, 300), key(0))[0]
    for x in (torch.ones(300), torch.linspace(-1, 1, 300), marked):
        assert distance_from_uniform([p_value(x, key(k)) for k in range(1, 800)]) < 1.95


def test_the_prior_is_exact():
    """Marked noise: magnitudes unchanged to the bit, normal in every number, no correlation, many orthants; n = 4,000 samples."""
    plain = noise(4000, 64, seed=3)
    x = stamp(plain, key(1))
    assert torch.equal(x.abs(), plain.abs())
    normal = 0.5 * torch.special.erfc(-x.double() / math.sqrt(2))
    assert max(distance_from_uniform(column) for column in normal.T.numpy()) < 2.4  # 64 at once
    between = np.corrcoef(x.numpy().T) - np.eye(64)
    assert np.abs(between).max() < 4.8 / math.sqrt(4000)  # of 2,016 pairs
    assert len({np.signbit(row).tobytes() for row in x.numpy()}) == 4000
    # under keys that are not known, products of three signs tell nothing either
    a, b, held = code(key(1), 64).checks[0]
    other = torch.cat([stamp(plain[k : k + 1], key(k)) for k in range(2000)])
    assert abs(torch.sign(other[:, a] * other[:, b] * other[:, held]).mean()) < 4 / math.sqrt(2000)


def test_a_mark_is_found_and_its_payload_read():
    x = stamp(noise(3, 3072), key(1), [0, 2**BITS - 1, 123456789])
    for row, expected in zip(x, (0, 2**BITS - 1, 123456789)):
        assert p_value(row, key(1)) < 1e-100
        value, doubt = payload(row, key(1))
        assert value == expected and doubt < 0.05
        assert p_value(row, key(2)) > 1e-6
    assert min(p_value(row, key(1)) for row in noise(3, 3072)) > 1e-6


@pytest.mark.parametrize("error, most", [(0.5, 1e-28), (1.0, 1e-5)])
def test_it_survives_errors_of_the_reading(error, most):
    """Noise of that standard deviation is added to the unit noise that was read; 3,072 numbers (a 32 px picture)."""
    x = stamp(noise(20, 3072, 1), key(1)) + error * noise(20, 3072, 2)
    assert np.median([p_value(row, key(1)) for row in x]) < most


def test_it_is_read_back_by_inverting_the_sampler():
    """Samples of a correlated Gaussian, its ideal denoiser; then with noise of a tenth of the spread on the samples."""
    n, count = 512, 12
    distance = (torch.arange(n)[:, None] - torch.arange(n)).abs().double()
    ideal = Gaussian(
        torch.zeros(n, dtype=torch.float64), 0.25 * torch.exp(-distance / 3) + 0.01 * torch.eye(n).double()
    )
    sigmas = schedule("ddim", 30, 0.01, 20.0).double()
    given = list(range(7, 7 + count))

    def drawn(unit):
        return last(SAMPLERS["ddim"](ideal, SPACE, sigmas[0] * unit, sigmas, rng=()))

    x = drawn(stamp(noise(count, n).double(), key(1), given))
    found = read(ideal, SPACE, x, sigmas)
    assert max(p_value(row, key(1)) for row in found) < 1e-15
    assert [payload(row, key(1))[0] for row in found] == given
    rough = read(ideal, SPACE, x + 0.05 * noise(count, n, 9).double(), sigmas)
    assert max(p_value(row, key(1)) for row in rough) < 1e-6
    bare = read(ideal, SPACE, drawn(noise(count, n, 4).double()), sigmas)
    assert distance_from_uniform([p_value(row, key(1)) for row in bare]) < 1.95


def test_averaging_marked_samples_leaves_no_mark():
    """A mean of 500 samples is no picture of the mark: what it copies into a fresh one is not found."""
    mean = stamp(noise(500, 3072), key(1)).mean(0)
    forged = noise(1, 3072, 8)[0] + 20 * mean
    assert p_value(mean, key(1)) > 1e-4 and p_value(forged, key(1)) > 1e-4


def test_the_tail_is_exact():
    for weights in ([1], [1] * 60, [1, 2, 3, 3, 8, 8, 5], [8] * 20 + [1] * 7):
        law = [1]
        for w in weights:  # all heads and tails, counted with whole numbers
            law = [a + b for a, b in zip(law + [0] * w, [0] * w + law)]
        exact = [sum(law[k:]) / 2 ** len(weights) for k in range(len(law) + 1)]
        for k in range(len(law)):
            assert tail(tuple(np.bincount(weights).tolist()), k) == pytest.approx(exact[k : k + 2], rel=1e-9)
    assert tail((0, 1000), 1000) == pytest.approx((2.0**-1000, 0.0), rel=1e-9)


def test_the_code_never_changes():
    """Files of years ago must stay readable: the code of a key is a fixed one."""
    made = code(b"k" * 32, 64)
    told = hashlib.sha256(made.checks.astype("<i8").tobytes() + made.target.tobytes()).hexdigest()
    assert told[:16] == "545490b8ebda7183"
    assert len(set(made.checks[:, 2])) == 32 and not set(made.checks[:, 2]) & set(made.checks[:, :2].ravel())
    assert (made.checks[:, 0] != made.checks[:, 1]).all()


def test_what_cannot_be_marked_is_refused():
    with pytest.raises(ValueError, match="too few"):
        stamp(noise(1, 30), key(1))
    with pytest.raises(ValueError, match="can be guessed"):
        stamp(noise(1, 100), b"short")
    with pytest.raises(ValueError, match="payloads"):
        stamp(noise(1, 100), key(1), [2**BITS])
