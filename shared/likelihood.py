"""Likelihood of clean states under a denoiser: the probability flow carries density as well as states."""

import math
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from difusa.shared.denoisers import Denoiser
from difusa.shared.samplers.flow import slope
from difusa.shared.spaces import Space, Streams


def normal_prior(x: Tensor, sigma: Tensor) -> Tensor:
    """Log density (nats, one a row) of pure noise N(0, sigma^2), which x is at the highest level."""
    return -0.5 * ((x / sigma) ** 2 + (2 * math.pi * sigma**2).log()).flatten(1).sum(1)


def log_likelihood(
    denoise: Denoiser,
    space: Space,
    x: Tensor,
    sigmas: Tensor,
    *,
    rng: Streams | None = None,
    probes: int = 1,
    prior: Callable[[Tensor, Tensor], Tensor] = normal_prior,
) -> Tensor:
    """Log density (nats, one a row) of the clean states x [rows, ...], by Heun's method up the levels.

    sigmas: decreasing, as for sampling; a final 0 is left out, so x counts as drawn at the lowest level.
    rng: one stream a row, for Hutchinson's estimate of the trace from `probes` random sign vectors a level; None takes the
    exact trace, at one gradient for every number in a row. prior(x, sigma): log density at the highest level, uniform
    on a torus. Raises ValueError when fewer than two levels are above 0.
    Source: Song et al. 2021b, App. D.2; Grathwohl et al. 2019, Eq. 7.
    """
    rising = sigmas[sigmas > 0].flip(0)
    if len(rising) < 2:
        raise ValueError(f"the likelihood needs at least two levels above 0, got {sigmas.tolist()}")
    gained = torch.zeros(len(x), dtype=x.dtype, device=x.device)
    before, rate = _slope_and_divergence(denoise, space, x, rising[0], _directions(x, space, rng, probes))
    for low, high in pairwise(rising):
        # the slope ahead also starts the next step, one evaluation a step; what that changes is of the method's order
        ahead = space.nudge(x, before, high - low)
        after, rate_after = _slope_and_divergence(denoise, space, ahead, high, _directions(x, space, rng, probes))
        x = space.nudge(x, before + after, (high - low) / 2)
        # trapezoid in log sigma, where the rate is nearly even: sigma times it tends to the number of dimensions
        gained = gained + (high / low).log() / 2 * (low * rate + high * rate_after)
        before, rate = after, rate_after
    return prior(x, rising[-1]) + gained


def bits_per_dimension(log_likelihoods: Tensor, dimensions: int, bin_width: float = 1.0) -> Tensor:
    """Nats a row -> bits per dimension of values in bins of `bin_width` (2 / 255 for 8-bit pictures in [-1, 1])."""
    return -log_likelihoods / (dimensions * math.log(2)) - math.log2(bin_width)


def _directions(x: Tensor, space: Space, rng: Streams | None, probes: int) -> list[Tensor]:
    """Vectors e with mean e e^T = identity: random signs, or without rng all axes, scaled to make the mean the sum."""
    if rng is not None:
        return [space.noise(x, rng).sign() for _ in range(probes)]
    size = x[0].numel()
    axes = torch.eye(size, dtype=x.dtype, device=x.device) * size**0.5
    return [axis.reshape(1, *x.shape[1:]).expand_as(x) for axis in axes]


def _slope_and_divergence(denoise: Denoiser, space: Space, x: Tensor, sigma: Tensor, signs) -> tuple[Tensor, Tensor]:
    """The flow's slope at x and the sum of its derivatives, one a row."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        flow = slope(denoise, space, x, sigma)
        traces = [
            (torch.autograd.grad(flow, x, e, retain_graph=i + 1 < len(signs))[0] * e).flatten(1).sum(1)
            for i, e in enumerate(signs)
        ]
    return flow.detach(), sum(traces) / len(traces)
