"""Inversion: from a clean state back to the noise that makes it; and states between two others.

Everything yields its states one by one, as the samplers do: keep them all with list(), the end with samplers.last().
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise

import torch
from torch import Tensor

from difusa.shared.denoisers import Denoiser
from difusa.shared.guidance.mixing import sample_sum
from difusa.shared.samplers import last
from difusa.shared.spaces import Space, State


def invert(denoise: Denoiser, space: Space, x: State, sigmas: Tensor, *, refine: int = 0) -> Iterator[State]:
    """The states at sigmas[-2], ..., sigmas[0] of the DDIM path that ends in the clean state x.

    sigmas: decreasing, ending in 0, as the samplers take them. refine = 0 is the sampler's loop over reversed sigmas,
    one evaluation a level: x is taken for the state at the last level, and each step uses the estimate at its near
    end, so ddim() comes back to x with an error of first order in the steps. refine = k looks k times more, each time
    with the estimate at the far end, which is the one ddim() will use; the fixed point is its exact inverse. The
    error shrinks at each look by |1 - now / next| times the slope of the denoiser, at the first level by 1 - slope:
    what the denoiser takes for noise in x cannot come back. On a torus, levels at which noise wraps do not invert.
    Source: Song et al. 2021 (DDIM), sec. 4.3; the fixed point, Pan et al. 2023 (AIDI), Eq. 6.
    """
    if float(sigmas[-1]) != 0:
        raise ValueError(f"sigmas must end in 0, as the samplers take them, got {float(sigmas[-1])}")
    up = sigmas.flip(0)
    ahead = x
    for _ in range(refine):
        ahead = space.nudge(ahead, space.diff(denoise(ahead, up[1]), x))
    yield ahead
    for now, next in pairwise(up[1:]):
        x = ahead
        ahead = space.blend(denoise(x, now), x, next / now)
        for _ in range(refine):
            clean = denoise(ahead, next)
            ahead = space.nudge(clean, space.diff(clean, x), next / now)
        yield ahead


def slerp(a: State, b: State, weight: float, index=None) -> State:
    """Unit noises a (weight 0) and b (weight 1) mixed along a great circle, sample by sample and field by field.

    Two noises of equal length keep it; independent noises of d numbers keep the mean of |noise|^2 = d at every
    weight, where the straight line falls to d/2. index: row -> sample for ragged batches, a dict for named fields.
    For opposite noises there is no shortest way, ValueError. Source: Shoemake 1985, sec. 3.3.
    """
    if isinstance(a, Mapping):
        return {k: slerp(a[k], b[k], weight, index[k] if isinstance(index, Mapping) else index) for k in a}
    cosine = sample_sum(a * b, index) / (sample_sum(a * a, index) * sample_sum(b * b, index)).sqrt()
    if bool((cosine < -1 + 1e-6).any()):
        raise ValueError("slerp between opposite noises has no shortest way; mix each of them with a third")
    angle = cosine.clamp(-1, 1).acos()
    near = angle < 1e-4  # the arc is its chord there, to 1e-9 of its length
    sine = angle.sin().masked_fill(near, 1)
    first = torch.where(near, 1 - weight, ((1 - weight) * angle).sin() / sine)
    second = torch.where(near, weight, (weight * angle).sin() / sine)
    return first * a + second * b


def interpolate(
    sampler: Callable,
    denoise: Denoiser,
    space: Space,
    a: State,
    b: State,
    weights: Iterable[float],
    sigmas: Tensor,
    *,
    index=None,
) -> Iterator[State]:
    """The clean states that a deterministic `sampler` makes of slerp(a, b, weight), one for each weight.

    a, b: unit noises, fresh from space.noise() or read with noise_of() out of what invert() ends in. A sampler that
    draws noise raises ValueError. Source: Song et al. 2021 (DDIM), sec. 5.3.
    """
    for weight in weights:
        noise = slerp(a, b, weight, index)
        start = space.nudge(_zeros(noise), noise, sigmas[0])
        yield last(sampler(denoise, space, start, sigmas, rng=()))  # no streams: a sampler that draws raises


def noise_of(space: Space, x: State, sigma: Tensor) -> State:
    """The unit noise in a state at a high level: its tangent from zero over sigma."""
    tangent = space.diff(_zeros(x), x)
    return {k: v / sigma for k, v in tangent.items()} if isinstance(tangent, Mapping) else tangent / sigma


def _zeros(state: State) -> State:
    return {k: _zeros(v) for k, v in state.items()} if isinstance(state, Mapping) else torch.zeros_like(state)
