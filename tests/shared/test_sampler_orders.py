"""Convergence orders in float64, down to a fixed sigma_min > 0, on a Euclidean and a wrapped mixture."""

import math
from functools import partial

import pytest
import torch

from difusa.shared import levels
from difusa.shared.analytic import Gaussian, Mixture, WrappedMixture
from difusa.shared.samplers import ddim, dpm2, dpm3, dpmpp_2m, heun, last, plms, runge_kutta_step, unipc
from difusa.shared.spaces import Euclidean, Torus

f64 = {"dtype": torch.float64}
KUTTA = runge_kutta_step(lambda now, next: (now + next) / 2)


def even(steps, low, high):
    return torch.linspace(high, low, steps + 1, **f64)


def karras(steps, low, high):
    return levels.karras(steps + 1, low, high)[:-1]


def euclidean():
    parts = [
        Gaussian(torch.tensor([-1.0, 0.3], **f64), torch.tensor([[0.3, 0.1], [0.1, 0.2]], **f64)),
        Gaussian(torch.tensor([1.0, 0.5], **f64), 0.3),
        Gaussian(torch.tensor([0.2, -1.0], **f64), 0.25),
    ]
    x = 4 * torch.randn(32, 2, generator=torch.Generator().manual_seed(0), **f64)
    return Mixture([0.55, 0.15, 0.3], parts), Euclidean(), x, 0.3, 4.0


def torus():
    means = torch.tensor([[0.1, 0.3], [0.5, 0.6], [0.8, 0.1]], **f64)
    truth = WrappedMixture(torch.tensor([0.55, 0.3, 0.15], **f64), means, torch.tensor([0.12, 0.15, 0.12], **f64))
    return truth, Torus(), torch.rand(32, 2, generator=torch.Generator().manual_seed(0), **f64), 0.05, 0.6


@pytest.fixture(scope="module", params=[euclidean, torus])
def problem(request):
    truth, space, x, low, high = request.param()
    # classical Runge-Kutta with 400 steps: its own error, measured against 800, is below 4e-10
    kutta = last(plms(truth, space, x, even(400, low, high), start=(KUTTA,) * 400))
    return truth, space, x, low, high, kutta


@pytest.mark.parametrize(
    ("sampler", "spacing", "order"),
    [
        (ddim, karras, 1),
        (heun, karras, 2),
        (dpm2, karras, 2),
        (dpm3, karras, 3),
        (dpmpp_2m, karras, 2),
        (partial(unipc, order=1), karras, 2),  # the corrector adds one
        (unipc, karras, 3),
        (plms, karras, 2),  # its weights take the steps as equal
        (partial(plms, order=2), even, 2),
        (partial(plms, start=(KUTTA,) * 3), even, 4),
    ],
)
def test_order(problem, sampler, spacing, order, record_property):
    truth, space, x, low, high, kutta = problem
    errors = []
    for steps in (80, 160):
        end = last(sampler(truth, space, x, spacing(steps, low, high)))
        errors.append(float(space.diff(end, kutta).pow(2).mean().sqrt()))
    measured = math.log2(errors[0] / errors[1])
    record_property("order", measured)
    assert abs(measured - order) < 0.25, f"measured order {measured:.2f}, expected {order}; errors {errors}"
