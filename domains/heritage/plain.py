"""The restorer as a denoiser of pictures of which nothing is known: the prior inside it, for detection and for drawing."""

import torch
from torch import Tensor, nn

from difusa.domains.heritage.network import TASKS
from difusa.shared.audit import audited

NOTHING = 1e6  # doubt of an observation that tells nothing; infinity would mean a loss with a first guess


@audited
class Plain:
    """Denoiser (x [n, 3, H, W] in [-1, 1], sigma) -> clean; kind: index of network.KINDS. H, W: multiples of network.unit."""

    network: nn.Module
    kind: int

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        rows = len(x)
        told = {"observed": torch.zeros_like(x), "doubt": torch.full_like(x[:, :1], NOTHING)}
        told |= {
            "task": torch.zeros(rows, len(TASKS), device=x.device),
            "kind": torch.full((rows,), self.kind, device=x.device),
        }
        return self.network(x, sigma.to(x), **told)
