"""Exact denoisers through every sampler and every space: mean, spread and mode weights of the truth."""

import functools

import numpy as np
import pytest
import torch

from difusa.shared.analytic import Gaussian, Mixture, WrappedMixture
from difusa.shared.samplers import SAMPLERS, dpm3, evaluations, last, schedule
from difusa.shared.seeds import streams
from difusa.shared.spaces import Centred, Euclidean, Product, Torus

f64 = {"dtype": torch.float64}
LOW, HIGH, BUDGET = 0.005, 20.0, 100


class Impulses(Euclidean):
    """Noise that is one in a row of its own at each draw, so that a run shows how every draw reaches the result."""

    def noise(self, like, rng):
        rng[0] += 1
        drawn = torch.zeros_like(like)
        drawn[rng[0]] = 1
        return drawn


@functools.cache
def spread_error(name, budget, spread):
    """Relative error of the final standard deviation on N(0, spread^2), without any randomness.

    On a Gaussian every sampler is linear in the start and the draws; the final variance is the sum of squares.
    """
    truth = Gaussian(torch.zeros(1, **f64), spread**2)
    sigmas = schedule(name, budget, LOW, HIGH)
    x = torch.zeros(2 * len(sigmas) + 2, 1, **f64)
    x[0] = (spread**2 + HIGH**2) ** 0.5
    denoise = truth.flow if name == "consistency" else truth
    end = last(SAMPLERS[name](denoise, Impulses(), x, sigmas, rng=[0]))
    return abs(float((end**2).sum().sqrt()) / spread - 1)


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("spread", [0.1, 0.5, 2.0])
def test_spread_of_a_gaussian_converges_to_the_truth(name, spread):
    errors = [spread_error(name, budget, spread) for budget in (BUDGET, 4 * BUDGET)]
    # four times the steps: a method of order 1 or more leaves at most a quarter (a third: higher terms still count);
    # stopping at LOW instead of 0 leaves a floor of (LOW / spread)^2
    assert errors[1] < errors[0] / 3 + (LOW / spread) ** 2


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("budget", [4, 10, 25])
def test_budget_holds_and_evaluations_are_counted(name, budget):
    calls = []

    def denoise(x, sigma):
        calls.append(float(sigma))
        return torch.zeros_like(x)

    sigmas = schedule(name, budget, LOW, HIGH)
    last(SAMPLERS[name](denoise, Euclidean(), torch.ones(1, 2), sigmas, rng=streams(0, [0])))
    assert len(calls) == evaluations(name, len(sigmas) - 1) <= budget
    assert evaluations(name, len(sigmas)) > budget, "one more step would have fitted the budget"


# ---- one truth for each space; a field is (values [n, ...], what to compare, its spreads) ----


def gaussian_truth():
    cov = torch.tensor([[0.5, 0.2, 0.0], [0.2, 0.3, -0.1], [0.0, -0.1, 0.2]], **f64)
    return Gaussian(torch.tensor([0.5, -1.0, 0.2], **f64), cov)


def mixture_truth():
    means = torch.tensor([[-1.5, 0.0], [1.5, 0.5], [0.0, 2.5]], **f64)
    return Mixture([0.55, 0.3, 0.15], [Gaussian(m, 0.25**2) for m in means])


def torus_truth():
    weights, means = torch.tensor([0.55, 0.3, 0.15], **f64), torch.tensor([[0.05], [0.4], [0.72]], **f64)
    return WrappedMixture(weights, means, torch.full((3,), 0.03, **f64))


def noisy(truth, count, sigma):
    """An exact draw of the level sigma."""
    rng = np.random.default_rng(5)
    return truth.sample(count, rng) + sigma * torch.from_numpy(
        rng.standard_normal((count, truth.sample(1, rng).shape[1]))
    )


def compare(label, measured, expected, error, bias):
    """Within 4.5 standard errors (7 in a million by chance) and the discretisation error known from spread_error."""
    allowed = 4.5 * error + bias
    assert abs(float(measured) - float(expected)) < float(allowed), f"{label}: {measured} for {expected} +- {allowed}"


def check_gaussian(truth, x, error_of):
    n, cov = len(x), truth.vectors @ truth.values.diag() @ truth.vectors.T
    bias = max(error_of(float(v) ** 0.5) for v in truth.values)
    got = torch.cov(x.T)
    for i in range(3):
        compare(f"mean {i}", x[:, i].mean(), truth.mean[i], (cov[i, i] / n) ** 0.5, 1e-3)
        for j in range(3):
            error = ((cov[i, i] * cov[j, j] + cov[i, j] ** 2) / n) ** 0.5  # of a sample covariance of normal numbers
            compare(f"covariance {i} {j}", got[i, j], cov[i, j], error, 3 * bias * (cov[i, i] * cov[j, j]) ** 0.5)


def check_modes(truth, means, spread, diff, whole, x, error_of):
    """Weights, places and widths of modes that lie at least ten spreads apart, so that every point has one owner."""
    owner = truth.shares(x, LOW).argmax(-1)
    # an error of the flow's scale moves the watershed of two modes by that share of their distance: the weight that
    # changes sides is at most the relative error times the weight that stands there
    drift = error_of(whole)
    for k, weight in enumerate(truth.weights.tolist()):
        mine = x[owner == k]
        compare(f"weight {k}", len(mine) / len(x), weight, (weight * (1 - weight) / len(x)) ** 0.5, drift)
        offset = diff(means[k], mine)
        width = spread * (1 + error_of(spread))
        for axis in range(x.shape[1]):
            compare(f"place {k}", offset[:, axis].mean(), 0.0, width / len(mine) ** 0.5, 0.01 * spread)
        error = spread / (2 * offset.numel()) ** 0.5
        compare(f"width {k}", offset.pow(2).mean().sqrt(), spread, error, (error_of(spread) + 0.01) * spread)


def check_mixture(truth, x, error_of):
    means = torch.stack([p.mean for p in truth.parts])
    check_modes(truth, means, 0.25, Euclidean().diff, 1.5, x, error_of)


def check_torus(truth, x, error_of):
    assert bool(((x >= 0) & (x < 1)).all())
    check_modes(truth, truth.means, 0.03, Torus().diff, 0.3, x, error_of)


# ragged molecules: of every two samples the first has three atoms, the second five
PAIRS = 120
SIZES = torch.tensor([3, 5] * PAIRS)
INDEX = torch.repeat_interleave(torch.arange(len(SIZES)), SIZES)
SHAPES = [
    torch.tensor([[1.0, 0.0, 0.0], [-0.5, 0.8, 0.0], [-0.5, -0.8, 0.0]], **f64),
    torch.tensor([[1.0, 1.0, 0.0], [1.0, -1.0, 0.0], [-1.0, 0.0, 1.0], [-1.0, 0.0, -1.0], [0.0, 0.0, 0.0]], **f64),
]
PLACES = Centred(INDEX).project(torch.cat(SHAPES * PAIRS))


def check_molecules(truth, x, error_of):
    total = torch.zeros(len(SIZES), 3, **f64).index_add(0, INDEX, x)
    assert float(total.abs().max()) < 1e-12  # rounding of sums of a few numbers near one
    offset, spread = x - truth.mean, 0.3
    compare("place", offset[0::8].mean(), 0.0, spread / (PAIRS * 3) ** 0.5, 0.01 * spread)
    # in the zero-mean subspace a molecule of n atoms has 3 (n - 1) free numbers
    free = PAIRS * (3 * 2 + 3 * 4)
    width = (offset.pow(2).sum() / free).sqrt()
    compare("width", width, spread, spread / (2 * free) ** 0.5, (error_of(spread) + 0.001) * spread)


TRUTHS = {
    "place": (Gaussian(PLACES, 0.3**2), Centred(INDEX), check_molecules),
    "turn": (torus_truth(), Torus(index=INDEX), check_torus),
    "kind": (mixture_truth(), Euclidean(), check_mixture),
}


def product():
    place = Centred(INDEX).nudge(PLACES, Centred(INDEX).noise(PLACES, streams(8, range(len(SIZES)))), HIGH)
    turn = torch.from_numpy(np.random.default_rng(9).random((len(INDEX), 1)))
    return {"place": place, "turn": turn, "kind": noisy(mixture_truth(), len(SIZES), HIGH)}


def each_field(x, sigma):
    return {k: TRUTHS[k][0](x[k], sigma) for k in x}


def check_product(truth, x, error_of):
    for k, (part, _, check) in TRUTHS.items():
        check(part, x[k], error_of)


CASES = {
    "gaussian": lambda: (gaussian_truth(), Euclidean(), noisy(gaussian_truth(), 1500, HIGH), check_gaussian),
    "mixture": lambda: (mixture_truth(), Euclidean(), noisy(mixture_truth(), 1500, HIGH), check_mixture),
    # at twenty periods the wrapped density is uniform to all digits
    "torus": lambda: (
        torus_truth(),
        Torus(),
        torch.from_numpy(np.random.default_rng(6).random((1500, 1))),
        check_torus,
    ),
    "product": lambda: (each_field, Product(**{k: s for k, (_, s, _) in TRUTHS.items()}), product(), check_product),
}


def flow_map(truth, space):
    """The consistency function: in closed form for a Gaussian, else the flow followed by 15 steps of order 3."""
    if isinstance(truth, Gaussian):
        return truth.flow
    return lambda x, sigma: last(dpm3(truth, space, x, schedule("dpm3", 45, LOW / 2, float(sigma))))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", SAMPLERS)
def test_truth_is_reached(name, case):
    truth, space, x, check = CASES[case]()
    budget = 4 if name == "consistency" else BUDGET
    denoise = flow_map(truth, space) if name == "consistency" else truth
    count = len(x["kind"]) if case == "product" else len(x)
    end = last(SAMPLERS[name](denoise, space, x, schedule(name, budget, LOW, HIGH), rng=streams(3, range(count))))
    check(truth, end, functools.partial(spread_error, name, budget))
