import math

import numpy as np
import pytest
import torch

from difusa.shared import levels
from difusa.shared.analytic import Gaussian, Mixture, WrappedMixture
from difusa.shared.likelihood import bits_per_dimension, log_likelihood
from difusa.shared.seeds import streams
from difusa.shared.spaces import Euclidean, Torus

f64 = {"dtype": torch.float64}
LEVELS = levels.karras(120, 0.002, 80.0)


def correlated(size):
    """A Gaussian whose neighbours correlate by 0.9, like pixels."""
    place = torch.arange(size, **f64)
    return Gaussian(torch.full((size,), 0.1, **f64), 0.25 * 0.9 ** (place[:, None] - place).abs())


@pytest.mark.parametrize("rng", [None, "hutchinson"])
def test_bits_per_dimension_of_a_known_gaussian(rng):
    size, count = 16, 512
    truth = correlated(size)
    x = truth.sample(count, np.random.default_rng(0)).reshape(count, 1, 4, 4)
    rng = None if rng is None else streams(0, range(count))
    bits = bits_per_dimension(log_likelihood(truth, Euclidean(), x, LEVELS, rng=rng, probes=8), size)
    exact = bits_per_dimension(truth.log_prob(x), size)
    error = bits - exact
    if rng is None:
        assert float(error.abs().max()) < 0.01
    else:  # four standard errors of the mean fit into the tolerance
        assert float(error.std()) / count**0.5 < 0.0025
        assert abs(float(error.mean())) < 0.01


def test_hutchinson_is_unbiased_on_a_mixture():
    truth = Mixture([0.3, 0.7], [Gaussian(torch.zeros(3, **f64), 0.2), Gaussian(torch.ones(3, **f64), 0.1)])
    x = truth.sample(1, np.random.default_rng(0)).expand(300, 3)
    exact = log_likelihood(truth, Euclidean(), x[:1], LEVELS)
    assert abs(float(exact - truth.log_prob(x[:1]))) < 0.01 * 3 * math.log(2)
    estimates = log_likelihood(truth, Euclidean(), x, LEVELS, rng=streams(1, range(300)))
    assert abs(float(estimates.mean() - exact)) < 4.5 * float(estimates.std()) / 300**0.5


def test_density_on_a_torus_starts_from_the_uniform_prior():
    truth = WrappedMixture(
        torch.tensor([0.6, 0.4], **f64), torch.tensor([[0.1], [0.6]], **f64), torch.tensor([0.05, 0.2], **f64)
    )
    x = (torch.arange(20, **f64)[:, None] + 0.5) / 20
    found = log_likelihood(
        truth, Torus(), x, levels.karras(200, 0.002, 2.0), prior=lambda x, sigma: torch.zeros(len(x))
    )
    np.testing.assert_allclose(found.numpy(), truth.log_prob(x).numpy(), atol=0.01)


def test_error_falls_with_the_square_of_the_steps():
    truth, x = correlated(4), torch.ones(1, 4, **f64)
    low, high = 0.05, 20.0
    # exact for these ends: the density of the lowest level, up to the prior's missing data variance at the highest
    errors = []
    for steps in (100, 200):
        found = log_likelihood(
            truth, Euclidean(), x, levels.karras(steps, low, high), prior=lambda x, sigma: truth.log_prob(x, sigma)
        )
        errors.append(abs(float(found - truth.log_prob(x, low))))
    assert abs(math.log2(errors[0] / errors[1]) - 2) < 0.25


def test_one_stream_a_row():
    truth = correlated(4)
    x = truth.sample(6, np.random.default_rng(0))
    together = log_likelihood(truth, Euclidean(), x, LEVELS, rng=streams(3, range(6)))
    alone = log_likelihood(truth, Euclidean(), x[4:5], LEVELS, rng=streams(3, [4]))
    torch.testing.assert_close(together[4:5], alone, rtol=1e-10, atol=1e-10)


def test_bins_of_eight_bit_pictures():
    # uniform density 1/2 on [-1, 1]: 255 bins of 2 / 255 hold log2(255) bits a number
    bits = bits_per_dimension(torch.tensor([-math.log(2) * 10]), 10, bin_width=2 / 255)
    torch.testing.assert_close(bits, torch.tensor([math.log2(255)]))


def test_too_few_levels_say_so():
    with pytest.raises(ValueError, match="at least two levels above 0"):
        log_likelihood(correlated(4), Euclidean(), torch.zeros(1, 4, **f64), levels.karras(1))
