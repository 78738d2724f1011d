"""Pictures drawn from noise alone: the restorer where it is shown nothing is a prior. No verb does this; benches do."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from difusa.domains.heritage.cases import levels
from difusa.domains.heritage.network import TASKS
from difusa.shared.samplers import SAMPLERS, last, schedule
from difusa.shared.spaces import Euclidean

SIDE, EVALUATIONS, SAMPLER = 64, 12, "dpmpp_2m"
SIGMAS = (0.02, 10.0)
BLIND = 1e6  # doubt of an observation that tells nothing


def prior(network, kind: int = 0) -> Callable[[Tensor, Tensor], Tensor]:
    """The network as an unconditional denoiser (x, sigma) of pictures [B, 3, H, W] of one of network.KINDS."""

    def denoise(x: Tensor, sigma) -> Tensor:
        count = len(x)
        return network(
            x, torch.as_tensor(sigma, dtype=torch.float32), observed=torch.zeros_like(x),
            doubt=x.new_full((count, 1, *x.shape[2:]), BLIND), task=x.new_zeros(count, len(TASKS)),
            kind=torch.full((count,), kind),
        )  # fmt: skip

    return denoise


def drawn(network, noise: np.ndarray) -> np.ndarray:
    """Pictures [B, H, W, 3] uint8 of unit noise [B, 3, H, W]."""
    sigmas = schedule(SAMPLER, EVALUATIONS, *SIGMAS)
    with torch.no_grad():
        start = sigmas[0] * torch.from_numpy(noise)
        return pixels(last(SAMPLERS[SAMPLER](prior(network), Euclidean(), start, sigmas)))


def regenerated(
    network, pictures: np.ndarray, rng: np.random.Generator, sigma: float = 0.2, steps: int = 3
) -> np.ndarray:
    """Pictures [B, H, W, 3] uint8 noised to `sigma` on [-1, 1] and drawn again from there."""
    given = torch.from_numpy(pictures.transpose(0, 3, 1, 2)).float() / 127.5 - 1
    noise = torch.from_numpy(rng.standard_normal(given.shape, dtype=np.float32))
    sigmas = schedule("ddim", steps, SIGMAS[0], sigma)
    with torch.no_grad():
        return pixels(last(SAMPLERS["ddim"](prior(network), Euclidean(), given + sigma * noise, sigmas)))


def pixels(state: Tensor) -> np.ndarray:
    """[B, 3, H, W] in [-1, 1] -> [B, H, W, 3] uint8."""
    return levels(state.numpy()).transpose(0, 2, 3, 1)
