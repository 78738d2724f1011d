"""Objectives: which denoiser a network stands for, which levels it is trained at, and the loss a sample.

Every target is the squared error of the clean estimate under a weighting of levels: noise prediction weighs it 1 / sigma^2,
v prediction 1 + 1 / sigma^2, EDM 1 / sigma^2 + 1 / sigma_data^2.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from difusa.shared import denoisers, levels
from difusa.shared.training.recipe import Objective

SIGMA_DATA = 0.5


def wrap(network: nn.Module, objective: Objective) -> Callable[..., Tensor]:
    """The network as a denoiser (x, sigma, **condition) -> clean."""
    if objective.target == "own":
        return network
    if objective.target == "edm":
        return denoisers.Preconditioned(network, SIGMA_DATA)
    adapter = {
        "noise": denoisers.from_noise_prediction,
        "clean": denoisers.from_clean_prediction,
        "v": denoisers.from_v_prediction,
        "score": denoisers.from_score,
    }[objective.target]
    return adapter(network, training_sigmas(objective))


def training_sigmas(objective: Objective) -> Tensor:
    """Rising sigmas of the variance-preserving schedule that discrete-time targets are trained at, float64 [steps]."""
    return getattr(levels, objective.schedule)(objective.steps)[:-1].flip(0)


def draw_sigma(objective: Objective, uniform: np.ndarray) -> Tensor:
    """Training levels for uniform numbers in (0, 1): lognormal (Karras et al. 2022) or uniform over a schedule's steps."""
    u = torch.as_tensor(uniform, dtype=torch.float64).clamp(1e-7, 1 - 1e-7)
    if objective.levels == "lognormal":
        return (objective.mean + objective.std * torch.special.ndtri(u)).exp().float()
    table = training_sigmas(objective)
    return table[(u * len(table)).long()].float()


def weight(objective: Objective, denoise, sigma: Tensor, condition: dict) -> Tensor:
    """Loss weight of the squared clean error, one a row (or a pixel, where the network defines its own)."""
    if objective.weighting == "own":
        return denoise.weight(sigma, **condition)
    snr = sigma**-2
    return {
        "edm": snr + SIGMA_DATA**-2,
        "noise": snr,
        "clean": torch.ones_like(sigma),
        "v": snr + 1,
        "min-snr": snr.clamp(max=5.0),
    }[objective.weighting]


def losses(objective: Objective, denoise, network, batch: dict[str, Tensor]) -> Tensor:
    """Loss of each sample [rows]; batch: clean and noise [rows, ...], sigma [rows] and the condition."""
    condition = {k: v for k, v in batch.items() if k not in ("clean", "noise", "sigma")}
    sigma = batch["sigma"]
    column = sigma.reshape(-1, *[1] * (batch["clean"].ndim - 1))
    clean = denoise(batch["clean"] + column * batch["noise"], sigma, **condition)
    by = weight(objective, network, sigma, condition)
    error = (clean.float() - batch["clean"]) ** 2
    return (by.reshape(-1, *[1] * (error.ndim - 1)) * error if by.ndim == 1 else by * error).flatten(1).mean(1)
