"""The optimisers of a recipe: Adam or AdamW for all, or Muon for the inner matrices and AdamW for the rest."""

import torch
from torch import Tensor, nn, optim

from difusa.shared.precision import native_bfloat16
from difusa.shared.training.recipe import Optimiser

QUINTIC = (3.4445, -4.7750, 2.0315)  # of the Newton-Schulz step (Jordan et al. 2024)
ROUNDS = 5


def make(network: nn.Module, plan: Optimiser) -> list[optim.Optimizer]:
    """One optimiser, or two where `plan.muon` names matrices (Jordan et al. 2024: orthogonalised momentum).

    Muon's steps are scaled to the size of Adam's (Liu et al. 2025, doi:10.48550/arXiv.2502.16982), so one rate serves
    both. Raises ValueError when `plan.muon` names nothing that is trained.
    """
    trained = {n: p for n, p in network.named_parameters() if p.requires_grad}
    inner = {n for n, p in trained.items() if plan.muon and n.startswith(plan.muon) and p.ndim >= 2}
    if plan.muon and not inner:
        raise ValueError(f"optimiser.muon {plan.muon}: no matrix of this network has a name that begins so")
    kind = {"adam": optim.Adam, "adamw": optim.AdamW}[plan.name]
    rest = [p for n, p in trained.items() if n not in inner]
    found = [kind(rest, lr=plan.rate, betas=plan.betas, weight_decay=plan.weight_decay, fused=True)] if rest else []
    if inner:
        found.append(Muon([trained[n] for n in trained if n in inner], lr=plan.rate, weight_decay=plan.weight_decay))
    return found


class Muon(optim.Optimizer):
    """Nesterov momentum, orthogonalised: torch.optim.Muon, in float32 where the processor only emulates bfloat16.

    There torch's own takes eighty times as long, for it always computes in bfloat16. Kernels of convolutions [out, in, ...] are
    matrices [out, in * ...], which torch's own does not take.
    """

    def __init__(self, matrices: list[nn.Parameter], lr: float, weight_decay: float = 0.1, momentum: float = 0.95):
        super().__init__(matrices, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            for p in (p for p in group["params"] if p.grad is not None):
                state = self.state[p]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(p.grad)
                state["momentum_buffer"].lerp_(p.grad, 1 - group["momentum"])
                ahead = p.grad.lerp(state["momentum_buffer"], group["momentum"]).flatten(1)
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(orthogonal(ahead).view_as(p), alpha=-group["lr"] * 0.2 * max(ahead.shape) ** 0.5)


def orthogonal(matrix: Tensor) -> Tensor:
    """The matrix [m, n] with all its singular values moved near 1, in the fastest precision its device has."""
    a, b, c = QUINTIC
    x = matrix.bfloat16() if native_bfloat16(matrix.device) else matrix.float()
    x = x.T if len(matrix) > matrix.shape[1] else x
    x = x / x.norm().clamp(min=1e-7)
    for _ in range(ROUNDS):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x.T if len(matrix) > matrix.shape[1] else x).to(matrix.dtype)
