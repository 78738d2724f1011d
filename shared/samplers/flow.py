"""Samplers that follow the probability flow dx/dsigma = (x - clean) / sigma; deterministic unless eta > 0.

Each yields the state after every step. x is the state at sigmas[0]; with sigmas ending in 0 the last state is clean.
Steps are written with tangents at x, so that on a torus none of them has to guess which way round the clean state lies.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise

from torch import Tensor

from difusa.shared.denoisers import Denoiser
from difusa.shared.spaces import Space, State, Streams, combine


def slope(denoise: Denoiser, space: Space, x: State, sigma: Tensor) -> State:
    """dx/dsigma of the probability flow, which is the predicted unit noise. Source: Karras et al. 2022, Eq. 1 and 3."""
    return combine([space.diff(denoise(x, sigma), x)], [1 / sigma])


def ddim(
    denoise: Denoiser, space: Space, x: State, sigmas: Tensor, *, rng: Streams | None = None, eta: float = 0.0
) -> Iterator[State]:
    """DDIM; eta = 0 is the probability flow by Euler, eta = 1 the ancestral sampler.

    Source: Song et al. 2021a, Eq. 12 and 16.
    """
    for now, next in pairwise(sigmas):
        fresh = eta * next * (1 - (next / now) ** 2).sqrt()  # the old noise makes up the rest
        x = space.blend(denoise(x, now), x, (next**2 - fresh**2).sqrt() / now)
        if fresh > 0:
            x = space.nudge(x, space.noise(x, rng), fresh)
        yield x


def heun(denoise: Denoiser, space: Space, x: State, sigmas: Tensor, *, rng: Streams | None = None) -> Iterator[State]:
    """Heun's method, order 2, two evaluations a step (one to sigma 0). Source: Karras et al. 2022, Alg. 1."""
    for now, next in pairwise(sigmas):
        x = heun_step(denoise, space, x, now, next, slope(denoise, space, x, now))
        yield x


def heun_step(denoise: Denoiser, space: Space, x: State, now: Tensor, next: Tensor, first: State) -> State:
    """x carried from now to next with the mean of the slopes at both ends; `first` is the slope at x."""
    ahead = space.nudge(x, first, next - now)
    if next == 0:
        return ahead
    return space.nudge(x, combine([first, slope(denoise, space, ahead, next)], [0.5, 0.5]), next - now)


def runge_kutta_step(middle: Callable[[Tensor, Tensor], Tensor]) -> Callable:
    """A step of the classical Runge-Kutta method; middle(now, next) names its inner level.

    Source: Liu et al. 2022, Eq. 13.
    """

    def step(denoise: Denoiser, space: Space, x: State, now: Tensor, next: Tensor, first: State) -> State:
        mid = middle(now, next)
        second = slope(denoise, space, space.nudge(x, first, mid - now), mid)
        third = slope(denoise, space, space.nudge(x, second, mid - now), mid)
        fourth = slope(denoise, space, space.nudge(x, third, next - now), next)
        return space.nudge(x, combine([first, second, third, fourth], [1 / 6, 1 / 3, 1 / 3, 1 / 6]), next - now)

    return step


ADAMS = [[1], [3 / 2, -1 / 2], [23 / 12, -16 / 12, 5 / 12], [55 / 24, -59 / 24, 37 / 24, -9 / 24]]


def plms(
    denoise: Denoiser,
    space: Space,
    x: State,
    sigmas: Tensor,
    *,
    rng: Streams | None = None,
    order: int = 4,
    start: tuple[Callable, ...] = (),
) -> Iterator[State]:
    """Pseudo linear multistep (iPNDM): Adams-Bashforth on the predicted noise, one evaluation a step.

    `start`: steps that replace the first ones (heun_step, runge_kutta_step(middle)); without them the order grows
    from 1. Global order 2 after an Euler start or on uneven sigmas, since the weights take the steps as equal; 4 on
    even sigmas after three Runge-Kutta steps. Source: Liu et al. 2022, Eq. 12; Zhang and Chen 2023, App. B.
    """
    if not 1 <= order <= 4:
        raise ValueError(f"order must be 1, 2, 3 or 4, got {order}")
    slopes: list[State] = []
    for i, (now, next) in enumerate(pairwise(sigmas)):
        slopes = [slope(denoise, space, x, now), *slopes[: order - 1]]
        if i < len(start):
            x = start[i](denoise, space, x, now, next, slopes[0])
        else:
            x = space.nudge(x, combine(slopes, ADAMS[len(slopes) - 1]), next - now)
        yield x


def dpm2(denoise: Denoiser, space: Space, x: State, sigmas: Tensor, *, rng: Streams | None = None) -> Iterator[State]:
    """DPM-Solver-2, single step: the slope at the geometric middle. Source: Lu et al. 2022a, Alg. 1 (r1 = 1/2)."""
    for now, next in pairwise(sigmas):
        first, mid = slope(denoise, space, x, now), (now * next).sqrt()
        if next > 0:
            first = slope(denoise, space, space.nudge(x, first, mid - now), mid)
        x = space.nudge(x, first, next - now)
        yield x


def dpm3(denoise: Denoiser, space: Space, x: State, sigmas: Tensor, *, rng: Streams | None = None) -> Iterator[State]:
    """DPM-Solver-3, single step, at thirds of log sigma. Source: Lu et al. 2022a, Alg. 2 (r1 = 1/3, r2 = 2/3)."""
    for now, next in pairwise(sigmas):
        first = slope(denoise, space, x, now)
        total, h = next - now, (now / next).log()
        if next > 0:
            third, two = now * (next / now) ** (1 / 3), now * (next / now) ** (2 / 3)
            second = slope(denoise, space, space.nudge(x, first, third - now), third)
            bend = 2 * ((now - two) / (2 * h / 3) - two)  # how far the change of slope carries the inner point
            inner = space.nudge(x, combine([first, second], [two - now + bend, -bend]), 1.0)
            bend = 1.5 * ((now - next) / h - next)
            last = slope(denoise, space, inner, two)
            first, total = combine([first, last], [total + bend, -bend]), 1.0
        x = space.nudge(x, first, total)
        yield x
