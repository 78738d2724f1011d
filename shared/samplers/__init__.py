"""Samplers: pure generators (denoise, space, x, sigmas, *, rng) -> the state after each step.

A sampler only decides which clean estimate to trust; the space moves the state; nobody branches on the domain.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from difusa.shared import levels
from difusa.shared.samplers.flow import ddim, dpm2, dpm3, heun, heun_step, plms, runge_kutta_step, slope
from difusa.shared.samplers.multistep import dpmpp_2m, dpmpp_sde, unipc
from difusa.shared.samplers.stochastic import consistency, ddpm, langevin, predictor_corrector
from difusa.shared.spaces import Space, State, Streams, combine

__all__ = [
    "SAMPLERS", "Tempered", "consistency", "ddim", "ddpm", "dpm2", "dpm3", "dpmpp_2m", "dpmpp_sde", "evaluations",
    "heun", "heun_step", "langevin", "last", "plms", "predictor_corrector", "runge_kutta_step", "schedule", "slope",
    "start", "unipc",
]  # fmt: skip

# name -> (generator, network evaluations in each step, the same in the last step to sigma 0)
_COSTS: dict[str, tuple[Callable, int, int]] = {
    "ddpm":                (ddpm, 1, 1),
    "ddim":                (ddim, 1, 1),
    "plms":                (plms, 1, 1),
    "heun":                (heun, 2, 1),
    "dpm2":                (dpm2, 2, 1),
    "dpm3":                (dpm3, 3, 1),
    "dpmpp_2m":            (dpmpp_2m, 1, 1),
    "dpmpp_sde":           (dpmpp_sde, 1, 1),
    "unipc":               (unipc, 1, 1),
    "langevin":            (langevin, 1, 2),
    "predictor_corrector": (predictor_corrector, 2, 1),
    "consistency":         (consistency, 1, 1),
}  # fmt: skip
SAMPLERS: dict[str, Callable] = {name: cost[0] for name, cost in _COSTS.items()}


def _cost(name: str) -> tuple[int, int]:
    if name not in _COSTS:
        raise ValueError(f"no sampler named {name!r}; there are {', '.join(_COSTS)}")
    return _COSTS[name][1:]


def evaluations(name: str, steps: int) -> int:
    """Network evaluations a sample that `steps` steps down to sigma 0 need, with the sampler's default options."""
    each, final = _cost(name)
    return each * (steps - 1) + final


def schedule(name: str, budget: int, sigma_min: float, sigma_max: float) -> Tensor:
    """The sigmas of the most steps that need at most `budget` network evaluations: Karras, for Langevin geometric."""
    each, final = _cost(name)
    if budget < final:
        raise ValueError(f"{name} needs at least {final} network evaluations, got {budget}")
    steps = (budget - final) // each + 1
    return (levels.geometric if name == "langevin" else levels.karras)(steps, sigma_min, sigma_max)


@dataclass(frozen=True)
class Tempered:
    """A space whose noise, starting and injected, is scaled by `temperature`; only 1 samples the prior."""

    space: Space
    temperature: float

    def __post_init__(self):
        if not self.temperature >= 0:
            raise ValueError(f"temperature must be 0 or more, got {self.temperature}; 1 samples the prior")

    def noise(self, like: State, rng: Streams) -> State:
        return combine([self.space.noise(like, rng)], [self.temperature])

    def diff(self, a: State, b: State) -> State:
        return self.space.diff(a, b)

    def nudge(self, x: State, v: State, by=1.0) -> State:
        return self.space.nudge(x, v, by)

    def blend(self, a: State, b: State, w) -> State:
        return self.space.blend(a, b, w)


def start(space: Space, like: State, sigma: Tensor | float, rng: Streams) -> State:
    """The starting state: unit noise times sigma, about zero, in the shape of `like`."""
    zero = {k: torch.zeros_like(v) for k, v in like.items()} if isinstance(like, dict) else torch.zeros_like(like)
    return space.nudge(zero, space.noise(zero, rng), sigma)


def last(states):
    """The last state of a sampler, without keeping the others."""
    x = None
    for x in states:  # noqa: B007
        pass
    if x is None:
        raise ValueError("the sampler made no step: sigmas needs at least two levels")
    return x
