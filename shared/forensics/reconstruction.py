"""How well a diffusion model gives a picture back: up its deterministic path to a noise level, and down again.

What a model finds likely comes back nearly whole; what it never saw comes back smoother. Source: Wang et al. 2023 (DIRE,
arXiv:2303.09295), sec. 3.2, here at low noise and with two steps, so that a processor does it in half a second.
"""

import numpy as np
import torch

from difusa.shared.denoisers import Denoiser
from difusa.shared.inversion import invert
from difusa.shared.samplers import ddim, last
from difusa.shared.spaces import Euclidean

TILE = 64
SIGMAS = (0.5, 0.12, 0.0)  # on [-1, 1]
PLACES = ((0.5, 0.5),)  # of the tiles, down and across, 0 to 1


def tiles(image: np.ndarray) -> torch.Tensor:
    """The tiles at PLACES, float32 [n, 3, TILE, TILE] in [-1, 1], of uint8 [S, S, 3]."""
    found = []
    for down, across in PLACES:
        top, left = round(down * (len(image) - TILE)), round(across * (image.shape[1] - TILE))
        found.append(image[top : top + TILE, left : left + TILE])
    return torch.from_numpy(np.stack(found)).permute(0, 3, 1, 2).float() / 127.5 - 1


def reconstructed(image: np.ndarray, denoise: Denoiser) -> np.ndarray:
    """Ten figures of how a picture comes back: logs of errors, of what the first step calls noise, and of both over detail.

    denoise: (x, sigma) -> clean, of pictures in [-1, 1].
    """
    x, sigmas = tiles(image), torch.tensor(SIGMAS)
    space = Euclidean()
    with torch.no_grad():
        top = last(invert(denoise, space, x, sigmas))
        back = last(ddim(denoise, space, top, sigmas))
    noise = (top - x) / (sigmas[0] - sigmas[1])  # the direction of the first step: what the model takes for noise
    gap = back - x
    detail = torch.cat([(x[..., 1:] - x[..., :-1]).flatten(1), (x[..., 1:, :] - x[..., :-1, :]).flatten(1)], 1)
    fine = gap - torch.nn.functional.avg_pool2d(gap, 3, 1, 1)
    log = lambda values: float(values.double().abs().mean().add(1e-4).log())  # noqa: E731
    figures = [log(gap), log(fine), log(noise), log(detail)]
    luma = gap.mean(1)
    figures += [figures[0] - figures[3], figures[1] - figures[3], figures[2] - figures[3]]
    figures += [
        log(gap - luma[:, None]),
        float(torch.log(gap.double().pow(4).mean() / gap.double().pow(2).mean() ** 2)),
    ]
    figures += [float(torch.corrcoef(torch.stack([gap.flatten(), x.flatten()]))[0, 1].nan_to_num())]
    return np.array(figures)
