"""Keyed noise, searched for: exactly normal, uniform p-values, read upright and turned."""

import hashlib

import numpy as np
import pytest
import torch
from scipy.stats import kstest

from difusa.shared.watermark.issued import either, keyed, noises, sidak
from difusa.shared.watermark.noise_reading import TURNS, issued, posed, read, searched, upright

SHAPE = (3, 32, 32)


def key(number: int) -> bytes:
    return hashlib.sha256(b"test %d" % number).digest()


@pytest.fixture(scope="module")
def known():
    return issued(key(0), 0, 20, SHAPE)


def test_the_noise_is_that_of_the_key_and_fresh_for_each_index():
    one, again = noises(key(0), 5, [3], SHAPE), noises(key(0), 5, range(4), SHAPE)
    assert (one[0] == again[3]).all()
    for other in (noises(key(1), 5, [3], SHAPE), noises(key(0), 6, [3], SHAPE), again[2:3]):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 4 / np.sqrt(one.size)
    assert kstest(noises(key(0), 0, range(30), SHAPE).ravel(), "norm").pvalue > 1e-3


def test_its_stream_never_changes():
    """Files of years ago must stay readable."""
    assert keyed(b"k" * 32, 7) == 101366552337205848
    with pytest.raises(ValueError, match="guessed"):
        keyed(b"short", 0)


def test_the_best_of_many_is_told_by_their_number():
    values = np.random.default_rng(0).random((4000, 7)).min(1)
    assert kstest([sidak(v, 7) for v in values], "uniform").pvalue > 1e-3
    assert either(0.3, 0.01) == pytest.approx(1 - 0.99**2)


def test_p_values_are_uniform_over_keys_whatever_the_picture():
    ramp = torch.linspace(-1, 1, 3 * 32 * 32).reshape(SHAPE)
    noise = torch.from_numpy(noises(key(9), 0, [0], SHAPE)[0])
    for picture in (ramp, noise):
        values = [upright(picture, issued(key(k), 0, 3, SHAPE))[0] for k in range(20, 420)]
        assert kstest(values, "uniform").pvalue > 1e-3


def test_a_picture_that_keeps_a_third_of_its_noise_is_read(known):
    drawn = noises(key(0), 0, range(20), SHAPE)
    rng = np.random.default_rng(1)
    for k in (0, 7, 19):
        seen = torch.from_numpy((drawn[k] + 2 * rng.standard_normal(SHAPE)).astype(np.float32))
        found = read(seen, known)
        assert found.index == k and found.p_value < 1e-12
    assert read(torch.from_numpy(drawn[7]), issued(key(2), 0, 20, SHAPE), enough=1).p_value > 1e-4


@pytest.mark.parametrize("turn, scale", [(TURNS[3] + 1, 1.0), (75.0, 1.1), (180.0, 1.0)])
def test_it_is_found_after_a_turn(known, turn, scale):
    """A smooth picture: the coarse waves of its noise."""
    from scipy.ndimage import gaussian_filter

    smooth = torch.from_numpy(gaussian_filter(noises(key(0), 0, [4], SHAPE)[0], (0, 1.5, 1.5)))
    turned = posed(smooth, [-turn], [1 / scale])[0]
    found = searched(turned, known)
    assert found.index == 4 and found.p_value < 1e-6
    assert (found.turn - turn + 180) % 360 - 180 == pytest.approx(0, abs=4)
    assert searched(turned, issued(key(3), 0, 20, SHAPE)).p_value > 1e-4
