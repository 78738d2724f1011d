"""Noise levels: decreasing float64 sigmas that end in 0, and the levels drawn in training.

A variance-preserving (VP) schedule keeps x_vp = alpha (clean + sigma noise) with alpha^2 = alphas_cumprod, so its
sigmas are sqrt((1 - alphas_cumprod) / alphas_cumprod). sigmas[i] of a schedule of T steps belongs to time T - 1 - i.
"""

import math

import torch
from torch import Tensor


def _closed(levels: Tensor) -> Tensor:
    """levels with the final 0 appended."""
    return torch.cat([levels, levels.new_zeros(1)])


def _check(steps: int, sigma_min: float, sigma_max: float) -> None:
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    if not 0 < sigma_min <= sigma_max:
        raise ValueError(f"need 0 < sigma_min <= sigma_max, got {sigma_min} and {sigma_max}")


def karras(steps: int, sigma_min: float = 0.002, sigma_max: float = 80.0, rho: float = 7.0) -> Tensor:
    """[steps + 1] sigmas, even in sigma^(1/rho). Source: Karras et al. 2022, Eq. 5."""
    _check(steps, sigma_min, sigma_max)
    ends = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    return _closed(torch.linspace(*ends, steps, dtype=torch.float64) ** rho)


def geometric(steps: int, sigma_min: float = 0.002, sigma_max: float = 80.0) -> Tensor:
    """[steps + 1] sigmas, even in log sigma. Source: Song and Ermon 2019, sec. 4."""
    _check(steps, sigma_min, sigma_max)
    return _closed(torch.linspace(math.log(sigma_max), math.log(sigma_min), steps, dtype=torch.float64).exp())


def from_alphas_cumprod(alphas_cumprod: Tensor) -> Tensor:
    """[T] decreasing alphas_cumprod of a VP schedule -> [T + 1] sigmas."""
    a = torch.as_tensor(alphas_cumprod).double().flip(0)
    if not bool(((a > 0) & (a < 1)).all()):
        raise ValueError(
            f"alphas_cumprod must lie inside (0, 1), got {float(a.min())} .. {float(a.max())}; drop those steps"
        )
    return _closed(((1 - a) / a).sqrt())


def alphas_cumprod(sigmas: Tensor) -> Tensor:
    """The inverse of from_alphas_cumprod: [T + 1] sigmas -> [T] values, time 0 first."""
    return 1 / (1 + sigmas[:-1].flip(0) ** 2)


def from_betas(betas: Tensor) -> Tensor:
    """[T] betas of a VP schedule -> [T + 1] sigmas. Source: Ho et al. 2020, Eq. 4."""
    return from_alphas_cumprod(torch.cumprod(1 - betas.double(), 0))


def linear(steps: int = 1000, first: float = 1e-4, last: float = 0.02) -> Tensor:
    """Betas even from `first` to `last`. Source: Ho et al. 2020, sec. 4."""
    return from_betas(torch.linspace(first, last, steps, dtype=torch.float64))


def quadratic(steps: int = 1000, first: float = 1e-4, last: float = 0.02) -> Tensor:
    """Square roots of betas even from `first` to `last` (called `scaled_linear` in latent diffusion)."""
    return from_betas(torch.linspace(first**0.5, last**0.5, steps, dtype=torch.float64) ** 2)


def sigmoid(steps: int = 1000, first: float = 1e-4, last: float = 0.02, reach: float = 6.0) -> Tensor:
    """Betas along a logistic curve from -reach to reach. Source: Xu et al. 2022 (GeoDiff), code."""
    curve = torch.sigmoid(torch.linspace(-reach, reach, steps, dtype=torch.float64))
    return from_betas(curve * (last - first) + first)


def cosine(steps: int = 1000, offset: float = 0.008, most: float = 0.999) -> Tensor:
    """alphas_cumprod along a squared cosine, each beta at most `most`. Source: Nichol and Dhariwal 2021, Eq. 17."""
    t = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    bar = torch.cos((t + offset) / (1 + offset) * math.pi / 2) ** 2
    return from_betas((1 - bar[1:] / bar[:-1]).clamp(max=most))


def timesteps(train: int, steps: int, spacing: str = "leading", offset: int = 0, spare: int = 0) -> Tensor:
    """[steps] decreasing times out of 0 .. train - 1, as diffusers spaces them.

    spacing: leading, linspace or trailing. offset is added to leading times. spare = 1 makes one more and drops the
    last, as the multistep schedulers (DPM-Solver, UniPC) do for leading and linspace. Source: Lin et al. 2023, Table 2.
    """
    if not 1 <= steps <= train:
        raise ValueError(f"steps must lie in 1..{train}, got {steps}")
    count = steps + spare
    if spacing == "leading":
        times = torch.arange(count).flip(0) * (train // count) + offset
    elif spacing == "linspace":
        times = torch.linspace(0, train - 1, count, dtype=torch.float64).round().long().flip(0)
    elif spacing == "trailing":
        times = (train - torch.arange(steps, dtype=torch.float64) * train / steps).round().long() - 1
    else:
        raise ValueError(f"spacing must be leading, linspace or trailing, got {spacing!r}")
    return times[:steps]


def at_times(sigmas: Tensor, times: Tensor) -> Tensor:
    """The sigmas of a training schedule [T + 1] at some of its times, ending in 0."""
    return _closed(sigmas[len(sigmas) - 2 - times])


def lognormal(u: Tensor, mean: float = -1.2, std: float = 1.2) -> Tensor:
    """Training levels: uniform numbers in (0, 1) -> sigmas with ln(sigma) ~ N(mean, std^2).

    Source: Karras et al. 2022, Table 1.
    """
    tiny = torch.finfo(u.dtype).eps
    return (mean + std * torch.special.ndtri(u.clamp(tiny, 1 - tiny))).exp()


def uniform(u: Tensor, sigmas: Tensor) -> Tensor:
    """Training levels: uniform numbers in [0, 1) -> sigmas at uniform times of a VP schedule.

    Source: Ho et al. 2020, Alg. 1.
    """
    steps = len(sigmas) - 1
    times = (u.double() * steps).long().clamp(0, steps - 1)
    return sigmas.to(u.device)[steps - 1 - times].to(u.dtype)
