"""Objectives: which denoiser a network stands for, which levels it is trained at, and the loss a sample.

Every target is the squared error of the clean estimate under a weighting of levels: noise prediction weighs it 1 / sigma^2,
v prediction 1 + 1 / sigma^2, EDM 1 / sigma^2 + 1 / sigma_data^2.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from difusa.shared import denoisers, levels
from difusa.shared.spaces import Euclidean, per_row
from difusa.shared.training.recipe import Objective

SIGMA_DATA = 0.5
OWN_LOSS = ("direct", "residual", "adversarial")  # targets whose network is called for a loss of its own
VP = {"linear": levels.linear, "quadratic": levels.quadratic, "cosine": levels.cosine, "sigmoid": levels.sigmoid}


class Direct(nn.Module):
    """A network that is called for its own loss, so that whatever wraps a call (processes, a compiler) serves it too."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, **batch: Tensor) -> Tensor:
        return self.network.loss(**batch)


def called(network: nn.Module, objective: Objective) -> nn.Module:
    """What training calls: the network, or, for the targets OWN_LOSS, its loss."""
    return Direct(network) if objective.target in OWN_LOSS else network


def wrap(network: nn.Module, objective: Objective) -> Callable[..., Tensor]:
    """The network as a denoiser (x, sigma, **condition) -> clean."""
    if objective.target in ("own", *OWN_LOSS):
        return network
    if objective.target == "edm":
        return denoisers.Preconditioned(network, SIGMA_DATA)
    if objective.target == "score":

        def denoise_by_score(x: Tensor, sigma: Tensor, **condition) -> Tensor:
            def score(x, sigma):  # the network's output has unit variance: sigma times the score (Song et al. 2021)
                rows = denoisers.like_rows(sigma, x)
                return per_row(1 / rows, x) * network(
                    per_row((1 + rows**2).rsqrt(), x) * x, 250 * rows.log(), **condition
                )

            return denoisers.from_score(score, Euclidean())(x, sigma)

        return denoise_by_score
    adapter = {
        "noise": denoisers.from_noise_prediction,
        "clean": denoisers.from_clean_prediction,
        "v": denoisers.from_v_prediction,
    }[objective.target]
    sigmas = VP[objective.schedule](objective.steps)

    def denoise(x: Tensor, sigma: Tensor, **condition) -> Tensor:
        return adapter(lambda x, time: network(x, time, **condition), sigmas)(x, sigma)

    return denoise


def draw_sigma(objective: Objective, uniform: np.ndarray) -> Tensor:
    """Training levels for uniform numbers in (0, 1): lognormal (Karras et al. 2022) or uniform over a schedule's steps."""
    u = torch.as_tensor(uniform, dtype=torch.float64)
    if objective.levels == "lognormal":
        return levels.lognormal(u, objective.mean, objective.std).float()
    return levels.uniform(u, VP[objective.schedule](objective.steps)).float()


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
    """Loss of each sample [rows]; batch: clean and noise [rows, ...], sigma [rows] and the condition.

    denoise: `called` by `wrap`: for the targets OWN_LOSS it takes the batch and answers with its loss.
    """
    if objective.target in OWN_LOSS:
        return denoise(**batch)
    condition = {k: v for k, v in batch.items() if k not in ("clean", "noise", "sigma")}
    sigma = batch["sigma"]
    x = batch["clean"] + per_row(sigma, batch["clean"]) * batch["noise"]
    error = (denoise(x, sigma, **condition).float() - batch["clean"]) ** 2
    by = per_row(weight(objective, network, sigma, condition), error)
    # pixels that are given exactly must not dilute the few that are lost
    counted = (by > 0).expand_as(error).to(error).flatten(1).mean(1).clamp(min=1e-3)
    return (by * error).flatten(1).mean(1) / counted
