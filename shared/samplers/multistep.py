"""Multistep samplers on the clean estimate: a DDIM step corrected along the change of the estimate."""

from collections.abc import Iterator
from itertools import pairwise
from math import factorial

import torch
from torch import Tensor

from difusa.shared.denoisers import Denoiser
from difusa.shared.spaces import Space, State, Streams, combine


def dpmpp_2m(
    denoise: Denoiser, space: Space, x: State, sigmas: Tensor, *, rng: Streams | None = None
) -> Iterator[State]:
    """DPM-Solver++(2M), order 2, one evaluation a step; the default. A step to sigma 0 goes to the estimate itself.

    Source: Lu et al. 2022b, Alg. 2; the step is `clean = blend(previous, clean, 1 + 1 / (2r))`, then DDIM.
    """
    previous = last = None
    for now, next in pairwise(sigmas):
        clean, ratio = denoise(x, now), next / now
        x = space.blend(clean, x, ratio)
        if previous is not None and next > 0:
            r = (last / now).log() / (now / next).log()
            x = space.nudge(x, space.diff(previous, clean), (1 - ratio) / (2 * r))
        previous, last = clean, now
        yield x


def dpmpp_sde(denoise: Denoiser, space: Space, x: State, sigmas: Tensor, *, rng: Streams) -> Iterator[State]:
    """SDE-DPM-Solver++(2M): the same with fresh noise in each step, one evaluation a step.

    Source: Lu et al. 2022b, App. B.
    """
    previous = last = None
    for now, next in pairwise(sigmas):
        clean, kept = denoise(x, now), (next / now) ** 2
        x = space.blend(clean, x, kept)
        if next > 0:
            if previous is not None:
                r = (last / now).log() / (now / next).log()
                x = space.nudge(x, space.diff(previous, clean), (1 - kept) / (2 * r))
            x = space.nudge(x, space.noise(x, rng), next * (1 - kept).sqrt())
        previous, last = clean, now
        yield x


def _weights(ratios: list[float], h: float, corrector: bool) -> list[float]:
    """UniPC's weights of the differences, times its B(h) = e^-h - 1.

    ratios: log-sigma steps r_k to the older estimates in units of h; the corrector's own ratio 1 is appended.
    Source: Zhao et al. 2023, Eq. 5 and Alg. 1 and 2.
    """
    rs = torch.tensor([*ratios, 1.0] if corrector else ratios, dtype=torch.float64)
    scale = torch.expm1(torch.tensor(-h, dtype=torch.float64))
    if len(rs) == 1:  # the paper's degenerate case: one difference is weighed by a half at any h
        return [float(scale) / 2]
    targets, phi = [], scale / -h - 1
    for k in range(1, len(rs) + 1):
        targets.append(phi * factorial(k) / scale)
        phi = phi / -h - 1 / factorial(k + 1)
    powers = torch.stack([rs**k for k in range(len(rs))])
    return (scale * torch.linalg.solve(powers, torch.stack(targets))).tolist()


def unipc(
    denoise: Denoiser, space: Space, x: State, sigmas: Tensor, *, rng: Streams | None = None, order: int = 2
) -> Iterator[State]:
    """UniPC: predictor of `order`, corrected with the next step's estimate; one evaluation a step.

    The first steps have fewer estimates, and the last ones to sigma 0 use fewer (the very last goes to the estimate
    itself). Global order: order + 1 up to 3, which the start allows. Source: Zhao et al. 2023, Alg. 1 and 2, B2.
    """
    if order < 1:
        raise ValueError(f"order must be at least 1, got {order}")
    past: list[tuple[Tensor, State]] = []  # (sigma, clean), newest first
    before, used = x, 0
    left = len(sigmas) - 1 if sigmas[-1] == 0 else float("inf")  # on the way to sigma 0 the steps in log sigma explode
    for i, (now, next) in enumerate(pairwise(sigmas)):
        clean = denoise(x, now)
        if past:
            x = _unipc_step(space, before, past[:used], now, clean)
        past, used = [(now, clean), *past[: order - 1]], min(order, i + 1, left - i)
        before, x = x, _unipc_step(space, x, past[:used], next, None)
        yield x


def _unipc_step(space: Space, x: State, past: list[tuple[Tensor, State]], to: Tensor, ahead: State | None) -> State:
    """x at past[0]'s sigma carried to `to`; `ahead` is the estimate there (corrector) or None (predictor)."""
    (now, clean), older = past[0], past[1:]
    x = space.blend(clean, x, to / now)
    if to == 0 or not (older or ahead is not None):
        return x
    h = float((now / to).log())
    ratios = [-float((s / now).log()) / h for s, _ in older]
    changes = [combine([space.diff(clean, c)], [1 / r]) for (_, c), r in zip(older, ratios, strict=True)]
    changes += [space.diff(clean, ahead)] if ahead is not None else []
    return space.nudge(x, combine(changes, _weights(ratios, h, ahead is not None)), -1.0)
