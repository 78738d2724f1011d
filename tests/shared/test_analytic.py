"""The ideal denoisers themselves, against densities, quadrature and sampling."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from difusa.shared.analytic import Gaussian, Mixture, WrappedMixture
from difusa.shared.samplers import last, plms, runge_kutta_step
from difusa.shared.spaces import Centred, Euclidean, Torus

f64 = {"dtype": torch.float64}
COV = torch.tensor([[0.5, 0.2], [0.2, 0.3]], **f64)
MEAN = torch.tensor([0.4, -1.0], **f64)
MIX = Mixture([0.55, 0.15, 0.3], [Gaussian(MEAN, COV), Gaussian(-MEAN, 0.1), Gaussian(2 * MEAN, 0.4 * COV)])
WRAPPED = WrappedMixture(
    torch.tensor([0.6, 0.4], **f64),
    torch.tensor([[0.1, 0.9], [0.6, 0.2]], **f64),
    torch.tensor([0.05, 0.2], **f64),
)
POINTS = torch.randn(40, 2, generator=torch.Generator().manual_seed(0), **f64)
LEVELS = [0.01, 0.1, 0.6, 3.0, 40.0]


@pytest.mark.parametrize("sigma", LEVELS)
@pytest.mark.parametrize("truth", [Gaussian(MEAN, COV), Gaussian(MEAN, 0.3), MIX], ids=["full", "round", "mixture"])
def test_clean_is_tweedies_formula_of_the_density(truth, sigma):
    """clean = x + sigma^2 grad log p (Robbins 1956; Efron 2011, Eq. 2.8), with the gradient taken by autograd."""
    x = (POINTS * (1 + sigma)).requires_grad_()
    (score,) = torch.autograd.grad(truth.log_prob(x, sigma).sum(), x)
    torch.testing.assert_close(truth(x, sigma), x + sigma**2 * score, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("sigma", LEVELS)
def test_tangent_is_tweedies_formula_on_the_torus(sigma):
    x = torch.remainder(POINTS, 1).requires_grad_()
    (score,) = torch.autograd.grad(WRAPPED.log_prob(x, sigma).sum(), x)
    torch.testing.assert_close(WRAPPED.tangent(x, sigma), sigma**2 * score, rtol=1e-8, atol=1e-9)


def test_gaussian_density_equals_scipy():
    x = POINTS[:5]
    for sigma in (0.0, 0.7):
        peer = stats.multivariate_normal(MEAN.numpy(), (COV + sigma**2 * torch.eye(2, **f64)).numpy())
        np.testing.assert_allclose(Gaussian(MEAN, COV).log_prob(x, sigma).numpy(), peer.logpdf(x.numpy()), rtol=1e-10)


@pytest.mark.parametrize("sigma", [0.0, 0.2, 0.4, 0.6, 2.0])
def test_wrapped_density_is_one_in_all_and_equals_the_sum_over_images(sigma):
    """Both series (images below half a period of spread, Fourier above) against 401 images, and normalised."""
    truth = WrappedMixture(torch.ones(1, **f64), torch.tensor([[0.3]], **f64), torch.tensor([0.2], **f64))
    x = ((torch.arange(1000, **f64) + 0.5) / 1000)[:, None]
    density = truth.log_prob(x, sigma).exp()
    assert abs(float(density.mean()) - 1) < 1e-9  # the midpoint rule is exact for smooth periodic functions
    spread = math.hypot(0.2, sigma)
    images = stats.norm(0.3, spread).pdf(x.numpy() + np.arange(-200, 201)).sum(1)
    np.testing.assert_allclose(density.numpy(), images, rtol=1e-10)


def test_tangent_is_the_posterior_mean_of_the_way_really_gone():
    """Monte Carlo: x = clean - tangent unwrapped; the mean tangent of pairs that land near x, not of the short ways."""
    truth = WrappedMixture(torch.ones(1, **f64), torch.tensor([[0.5]], **f64), torch.tensor([0.02], **f64))
    rng, sigma, n = np.random.default_rng(0), 0.3, 400_000
    noise = torch.from_numpy(rng.standard_normal((n, 1)))
    x = Torus().nudge(truth.sample(n, rng), noise, sigma)
    for at in (0.03, 0.25, 0.9):
        near = ((x - at).abs() < 0.01)[:, 0]
        tangents = -sigma * noise[near]
        error = float(tangents.std()) / int(near.sum()) ** 0.5
        expected = truth.tangent(torch.tensor([[at]], **f64), sigma)
        # 4.5 standard errors, and the curve of the tangent within the bin (second derivative below 30)
        assert abs(float(tangents.mean() - expected)) < 4.5 * error + 5e-4
    # at 0.03 the short way is 0.47; some came round the other side, so the mean is much shorter
    assert float(truth.tangent(torch.tensor([[0.03]], **f64), sigma)) < 0.3


def test_wide_noise_makes_the_torus_uniform():
    x = torch.remainder(POINTS, 1)
    assert float(WRAPPED.tangent(x, 20.0).abs().max()) < 1e-12
    torch.testing.assert_close(WRAPPED.log_prob(x, 20.0), torch.zeros(40, **f64), rtol=0, atol=1e-12)


@pytest.mark.parametrize("truth", [Gaussian(MEAN, COV), MIX], ids=["gaussian", "mixture"])
def test_samples_follow_the_density(truth):
    """Rosenblatt: the mean of log p over samples is minus the entropy, found by quadrature on a grid."""
    x = truth.sample(20_000, np.random.default_rng(1))
    side = torch.linspace(-5, 5, 1001, **f64)
    grid = torch.cartesian_prod(side, side)
    log = truth.log_prob(grid)
    expected = float((log.exp() * log).sum()) * 0.01**2
    drawn = truth.log_prob(x)
    assert abs(float(drawn.mean()) - expected) < 4.5 * float(drawn.std()) / 20_000**0.5


def test_wrapped_samples_follow_the_density():
    x = WRAPPED.sample(20_000, np.random.default_rng(2))
    side = (torch.arange(400, **f64) + 0.5) / 400
    log = WRAPPED.log_prob(torch.cartesian_prod(side, side))
    drawn = WRAPPED.log_prob(x)
    assert abs(float(drawn.mean() - (log.exp() * log).mean())) < 4.5 * float(drawn.std()) / 20_000**0.5


def test_flow_of_a_gaussian_equals_the_integrated_flow():
    truth = Gaussian(MEAN, COV)
    x = 5 * POINTS
    step = runge_kutta_step(lambda now, next: (now + next) / 2)
    sigmas = torch.linspace(5.0, 0.2, 201, **f64)
    followed = last(plms(truth, Euclidean(), x, sigmas, start=(step,) * 200))
    # classical Runge-Kutta at 0.024 a step: (h / scale)^4 with scale 0.5 is 5e-6, times a small constant
    torch.testing.assert_close(truth.flow(x, 5.0, 0.2), followed, rtol=0, atol=1e-6)
    torch.testing.assert_close(truth.flow(truth.flow(x, 5.0, 1.0), 1.0, 0.2), truth.flow(x, 5.0, 0.2))


def test_flow_of_a_mixture_keeps_quantiles():
    """In one dimension the flow is monotone, so it carries each quantile to the same quantile."""
    parts = [(0.55, -1.0, 0.3), (0.45, 1.2, 0.5)]
    truth = Mixture([p[0] for p in parts], [Gaussian(torch.tensor([m], **f64), s**2) for _, m, s in parts])

    def quantile_level(x, sigma):
        return sum(w * stats.norm(m, math.hypot(s, sigma)).cdf(x) for w, m, s in parts)

    x = torch.linspace(-6, 6, 13, **f64)[:, None]
    step = runge_kutta_step(lambda now, next: (now + next) / 2)
    sigmas = torch.logspace(math.log10(4.0), math.log10(0.05), 301, **f64)
    end = last(plms(truth, Euclidean(), x, sigmas, start=(step,) * 300))
    np.testing.assert_allclose(quantile_level(end.numpy(), 0.05), quantile_level(x.numpy(), 4.0), atol=1e-6)


def test_shapes_and_rows_with_their_own_mean_and_level():
    means = torch.randn(4, 6, generator=torch.Generator().manual_seed(1), **f64)
    truth = Gaussian(means, 0.2)
    x = torch.randn(4, 2, 3, generator=torch.Generator().manual_seed(2), **f64)
    levels = torch.tensor([0.1, 0.5, 1.0, 3.0], **f64)
    clean = truth(x, levels)
    for i in range(4):
        alone = Gaussian(means[i], 0.2)(x[i : i + 1], levels[i])
        torch.testing.assert_close(clean[i : i + 1], alone)


def test_singular_covariance_keeps_the_centre_of_mass():
    keep = torch.eye(4, **f64) - 0.25
    cov = torch.kron(keep @ torch.diag(torch.tensor([0.1, 0.2, 0.3, 0.4], **f64)) @ keep, torch.eye(3, **f64))
    truth = Gaussian(torch.zeros(12, **f64), cov)
    x = Centred().project(torch.randn(5, 4, 3, generator=torch.Generator().manual_seed(0), **f64))
    assert float(truth(x, 0.5).mean(1).abs().max()) < 1e-12
    drawn = truth.sample(10, np.random.default_rng(0)).reshape(10, 4, 3)
    assert float(drawn.mean(1).abs().max()) < 1e-7  # square root of an eigenvalue that rounding left at 1e-17


def test_impossible_input_says_so():
    with pytest.raises(ValueError, match="no negative eigenvalue"):
        Gaussian(torch.zeros(2), torch.tensor([[1.0, 2.0], [2.0, 1.0]]))
    with pytest.raises(ValueError, match="sum to 1"):
        Mixture([0.5, 0.6], [Gaussian(MEAN, COV), Gaussian(MEAN, COV)])
