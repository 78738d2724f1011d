"""Guidance by mixing and by gradients, against closed forms on Gaussians; the biases are printed (pytest -s).

On Gaussians every denoiser is affine, so a deterministic sampler is an affine map: its mean and covariance are read off
exactly (`affine`), and no comparison here has sampling noise.
"""

import math

import pytest
import torch
from scipy.integrate import quad

from difusa.shared.analytic import Gaussian, Mixture
from difusa.shared.gradients import gradient, pullback
from difusa.shared.guidance import Attribute, Classifier, Guided, LogLikelihood, Steered, Within
from difusa.shared.guidance.mixing import deviation
from difusa.shared.levels import karras
from difusa.shared.samplers import ddim, dpmpp_2m, heun, last
from difusa.shared.spaces import Centred, Euclidean, Product, Torus

FLAT = Euclidean()
TOP = 40.0  # starting level


def affine(denoise, sampler, sigmas, size):
    """(offset [n], matrix [n, n]) of the map from starting state to sample."""
    ends = last(sampler(denoise, FLAT, torch.cat([torch.zeros(1, size), torch.eye(size)]).double(), sigmas))
    return ends[0], (ends[1:] - ends[0]).T


def law(denoise, sampler, sigmas, size):
    """Mean and covariance of the samples, started from N(0, sigmas[0]^2)."""
    offset, matrix = affine(denoise, sampler, sigmas, size)
    return offset, sigmas[0] ** 2 * matrix @ matrix.T


def line(mean, std):
    """N(mean, std^2) in one dimension."""
    return Gaussian(torch.tensor([mean], dtype=torch.float64), std**2)


def spread_out(size, seed):
    root = torch.randn(size, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return root @ root.T / size + 0.05 * torch.eye(size, dtype=torch.float64)


# --- exact likelihood gradients reach the posterior ---------------------------------------------------------------

MEAN = torch.tensor([0.5, -0.3, 0.2], dtype=torch.float64)
COV = spread_out(3, seed=1)
A = torch.tensor([[1.0, 0.4, 0.0], [0.0, -0.5, 0.8]], dtype=torch.float64)
Y, NOISE = torch.tensor([[1.2, -0.7]], dtype=torch.float64), 0.3


def posterior():
    gain = COV @ A.T @ torch.linalg.inv(A @ COV @ A.T + NOISE**2 * torch.eye(2))
    return MEAN + gain @ (Y[0] - A @ MEAN), COV - gain @ A @ COV


def noisy_log_likelihood(x, sigma):
    """log p(y | x) for x = clean + sigma noise: y is Gaussian about A E[clean | x]."""
    clean = Gaussian(MEAN, COV)(x, sigma)
    left = COV - COV @ torch.linalg.inv(COV + sigma**2 * torch.eye(3)) @ COV
    total = A @ left @ A.T + NOISE**2 * torch.eye(2)
    residual = Y - clean @ A.T
    return -0.5 * (residual @ torch.linalg.inv(total) * residual).sum(1)


def classes():
    parts = [Gaussian(-MEAN, COV), Gaussian(2 * MEAN, spread_out(3, seed=2))]
    weights = torch.tensor([0.7, 0.3], dtype=torch.float64)

    def logits(x, sigma):
        return torch.stack([part.log_prob(x, sigma) for part in parts], 1) + weights.log()

    return Mixture(weights, parts), parts, logits


def exact_cases():
    mixture, parts, logits = classes()
    mean, cov = posterior()
    return {
        "log-likelihood": (Steered(Gaussian(MEAN, COV), LogLikelihood(noisy_log_likelihood), FLAT), mean, cov),
        "class 0": (Steered(mixture, Classifier(logits, 0), FLAT), -MEAN, COV),
        "class 1": (Steered(mixture, Classifier(logits, torch.tensor(1)), FLAT), 2 * MEAN, spread_out(3, seed=2)),
    }


@pytest.mark.parametrize("name", exact_cases())
def test_the_exact_noisy_gradient_gives_the_posterior_denoiser(name):
    steered, mean, cov = exact_cases()[name]
    x = torch.randn(20, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    for sigma in (0.01, 0.3, 2.0, 40.0):
        level = torch.tensor(sigma, dtype=torch.float64)
        at = MEAN + x * (1 + level)
        # sigma^2 times a gradient: two terms of size x cancel, at sigma = 40 both of size 100
        assert torch.allclose(steered(at, level), Gaussian(mean, cov)(at, level), atol=1e-11 * (1 + sigma**2))


@pytest.mark.parametrize("sampler", [heun, dpmpp_2m])
@pytest.mark.parametrize("name", exact_cases())
def test_the_exact_noisy_gradient_reaches_the_posterior(name, sampler, capsys):
    """Tolerance: a start from N(0, top^2) for N(mean, cov + top^2) leaves the mean short by what the flow keeps of it,
    mean sqrt(v / top^2), and a variance v short by v^2 / top^2; the steps' error is bounded by twice the change on
    doubling them (4/3 of it for order 2)."""
    steered, mean, cov = exact_cases()[name]
    top = 400.0
    coarse, fine = (law(steered, sampler, karras(n, 0.002, top), 3) for n in (50, 100))
    widest = torch.linalg.eigvalsh(cov).max()
    off = (fine[0] - mean).norm(), (fine[1] - cov).norm()
    assert off[0] < widest.sqrt() / top * mean.norm() + 2 * (fine[0] - coarse[0]).norm()
    assert off[1] < 3**0.5 * widest**2 / top**2 + 2 * (fine[1] - coarse[1]).norm()
    # and those bounds are small: order 2, 2.2e-3 measured at 160 steps, hence 2.2e-3 * 1.6^2 = 5.6e-3 at 100, doubled
    assert off[0] < 3e-3 and off[1] < 0.012
    with capsys.disabled():
        print(f"\n{name}, {sampler.__name__}: mean off {off[0]:.1e}, covariance off {off[1]:.1e}")


# --- mixes of two denoisers ------------------------------------------------------------------------------------------

MIXES = {
    "classifier-free guidance": ((1.0, 0.5), (-0.5, 1.0), 2.0),
    "autoguidance": ((1.0, 0.5), (0.9, 0.65), 2.5),
}


@pytest.mark.parametrize("name", MIXES)
def test_mix_equals_its_own_recursion(name):
    (m1, s1), (m0, s0), w = MIXES[name]
    sigmas = karras(12, 0.01, TOP)
    offset, slope = 0.0, 1.0
    for now, next in zip(sigmas[:-1].tolist(), sigmas[1:].tolist()):
        g0, g1 = s0**2 / (s0**2 + now**2), s1**2 / (s1**2 + now**2)
        gain, push = (1 - w) * g0 + w * g1, (1 - w) * (1 - g0) * m0 + w * (1 - g1) * m1
        r = next / now
        offset, slope = (gain + r * (1 - gain)) * offset + (1 - r) * push, (gain + r * (1 - gain)) * slope
    found = affine(Guided(line(m1, s1), line(m0, s0), w, FLAT), ddim, sigmas, 1)
    assert abs(found[0] - offset) < 1e-12 and abs(found[1] - slope) < 1e-12


@pytest.mark.parametrize("name", MIXES)
def test_mix_reaches_its_own_limit_and_not_the_tilted_law(name, capsys):
    """The mix followed to its end: variance s0^(2 - 2w) s1^(2w), where p0^(1 - w) p1^w has another."""
    (m1, s1), (m0, s0), w = MIXES[name]

    def growth(s):
        return (s0**2 + s**2) ** ((1 - w) / 2) * (s1**2 + s**2) ** (w / 2)

    def drive(s):
        return s * ((1 - w) * m0 / (s0**2 + s**2) + w * m1 / (s1**2 + s**2)) / growth(s)

    mean = growth(0) * quad(drive, 0, TOP, epsabs=1e-12, limit=200)[0]
    variance = TOP**2 * (growth(0) / growth(TOP)) ** 2
    mixed = Guided(line(m1, s1), line(m0, s0), w, FLAT)
    coarse, fine = (law(mixed, heun, karras(n, 1e-4, TOP), 1) for n in (100, 200))
    # twice the change on doubling bounds an error of order 2
    assert abs(fine[0] - mean) < 2 * abs(fine[0] - coarse[0])
    assert abs(fine[1] - variance) < 2 * abs(fine[1] - coarse[1])
    tilted = 1 / ((1 - w) / s0**2 + w / s1**2)
    centre = tilted * ((1 - w) * m0 / s0**2 + w * m1 / s1**2)
    with capsys.disabled():
        print(f"\n{name} at {w}: mean {mean:.4f} (tilted law {centre:.4f}), "
              f"std {math.sqrt(variance):.4f} (tilted law {math.sqrt(tilted):.4f})")  # fmt: skip
    assert abs(variance - tilted) > 0.01  # the bias is real


def test_equal_spreads_tilt_exactly():
    mixed = Guided(line(1.0, 0.5), line(-0.5, 0.5), 3.0, FLAT)
    x = torch.linspace(-3, 3, 7, dtype=torch.float64)[:, None]
    for sigma in (0.1, 1.0, 10.0):
        level = torch.tensor(sigma, dtype=torch.float64)
        assert torch.allclose(mixed(x, level), line(4.0, 0.5)(x, level), atol=1e-12)  # -0.5 + 3 * 1.5 = 4


def test_rescale_restores_the_spread_of_each_sample():
    x = torch.randn(4, 3, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    towards, base, level = (lambda x, s: 0.5 * x + 0.2), (lambda x, s: 0.1 * x**3), torch.tensor(1.0)
    full = Guided(towards, base, 4.0, FLAT, rescale=1.0)(x, level)
    assert torch.allclose(full.flatten(1).std(1), towards(x, level).flatten(1).std(1), atol=1e-12)
    plain, part = Guided(towards, base, 4.0, FLAT)(x, level), Guided(towards, base, 4.0, FLAT, rescale=0.7)(x, level)
    assert torch.allclose(part, 0.7 * full + 0.3 * plain, atol=1e-12)
    index = torch.tensor([0, 0, 0, 1])
    ragged = Guided(towards, base, 4.0, Euclidean(index), rescale=1.0)(x, level)
    for rows in (slice(0, 3), slice(3, 4)):
        assert torch.allclose(ragged[rows].std(correction=0), towards(x, level)[rows].std(correction=0), atol=1e-12)
    assert torch.allclose(deviation(x, index)[0], x[:3].std(correction=0), atol=1e-12)


def test_interval_guides_only_inside():
    guided, plain = Guided(line(1.0, 0.5), line(-0.5, 1.0), 3.0, FLAT), line(1.0, 0.5)
    within = Within(guided, plain, 0.2, 5.0)
    x = torch.tensor([[0.7]], dtype=torch.float64)
    for sigma, expected in ((5.1, plain), (5.0, guided), (1.0, guided), (0.21, guided), (0.2, plain), (0.01, plain)):
        level = torch.tensor(sigma, dtype=torch.float64)
        assert torch.equal(within(x, level), expected(x, level))
    with pytest.raises(ValueError, match="low < high"):
        Within(guided, plain, 2.0, 1.0)


def test_attribute_direction_moves_the_mean_by_its_scale():
    """Two conditions that differ by d move N(m, s^2) to N(m + scale d, s^2), if all three have one spread."""
    plus, minus, other = line(2.0, 0.6), line(1.0, 0.6), line(-3.0, 0.6)
    moved = Attribute(other, plus, minus, FLAT, 1.5)
    x = torch.linspace(-5, 5, 9, dtype=torch.float64)[:, None]
    level = torch.tensor(0.8, dtype=torch.float64)
    assert torch.allclose(moved(x, level), line(-1.5, 0.6)(x, level), atol=1e-12)
    same = Attribute(minus, plus, minus, FLAT, 1.5)
    assert torch.allclose(same(x, level), Guided(plus, minus, 1.5, FLAT)(x, level), atol=1e-12)


def test_mixes_respect_the_space():
    """On a circle the mix goes the short way; in a product each field goes its own."""
    space = Product(angle=Torus(), place=Centred())
    place = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    place = place - place.mean(1, keepdim=True)
    base = {"angle": torch.tensor([[0.95], [0.3]], dtype=torch.float64), "place": place}
    towards = {"angle": torch.tensor([[0.05], [0.4]], dtype=torch.float64), "place": 2 * place}
    mixed = Guided(lambda x, s: towards, lambda x, s: base, 2.0, space)(base, torch.tensor(1.0))
    assert torch.allclose(mixed["angle"], torch.tensor([[0.15], [0.5]], dtype=torch.float64), atol=1e-12)
    assert torch.allclose(mixed["place"], 3 * place, atol=1e-12)


# --- gradients -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_gradients_in_any_mode_and_for_named_fields(mode):
    with mode():
        x = {"a": torch.arange(3.0)[:, None], "b": torch.ones(3, 2)}
        slope = gradient(lambda s: (s["a"] ** 2).sum(1) * s["b"].sum(1), x)
        clean, vjp = pullback(lambda s: {"a": 3 * s["a"], "b": s["b"]}, x)
        back = vjp({"a": x["a"], "b": x["b"]})
    assert torch.allclose(slope["a"], 4 * x["a"]) and torch.allclose(slope["b"], (x["a"] ** 2).expand(3, 2))
    assert torch.equal(back["a"], 3 * x["a"]) and torch.equal(back["b"], x["b"]) and not clean["a"].requires_grad


def test_a_network_without_gradient_is_named():
    @torch.no_grad()
    def frozen(x):
        return 2 * x

    with pytest.raises(ValueError, match="no_grad"):
        pullback(frozen, torch.ones(2, 2))


def test_repr_is_a_short_repeatable_record():
    def network(x, sigma, label):
        return x

    from functools import partial

    records = [
        repr(Within(Guided(partial(network, label=3), torch.nn.Linear(2, 2), 1.5, FLAT), network, 0.1, 5.0))
        for _ in range(2)
    ]
    assert records[0] == records[1] and "0x" not in records[0] and "\n" not in records[0] and len(records[0]) < 400
    assert "Linear[6 parameters]" in records[0] and "label=3" in records[0] and "scale=1.5" in records[0]
    assert repr(Classifier(network, torch.zeros(500, dtype=torch.long))).count("int64[500]:") == 1
