"""The optimisers of a recipe: Adam or AdamW for all, or Muon for the inner matrices and AdamW for the rest."""

from torch import nn, optim

from difusa.shared.training.recipe import Optimiser


def make(network: nn.Module, plan: Optimiser) -> list[optim.Optimizer]:
    """One optimiser, or two where `plan.muon` names matrices (Jordan et al. 2024: orthogonalised momentum).

    Muon's steps are scaled to the size of Adam's (Liu et al. 2025, doi:10.48550/arXiv.2502.16982), so one rate serves
    both. Raises ValueError when `plan.muon` names nothing that is trained.
    """
    trained = {n: p for n, p in network.named_parameters() if p.requires_grad}
    inner = {n for n, p in trained.items() if plan.muon and n.startswith(plan.muon) and p.ndim == 2}
    if plan.muon and not inner:
        raise ValueError(f"optimiser.muon {plan.muon}: no matrix of this network has a name that begins so")
    kind = {"adam": optim.Adam, "adamw": optim.AdamW}[plan.name]
    rest = [p for n, p in trained.items() if n not in inner]
    found = [kind(rest, lr=plan.rate, betas=plan.betas, weight_decay=plan.weight_decay, fused=True)] if rest else []
    if inner:
        matrices = [trained[n] for n in trained if n in inner]
        found.append(optim.Muon(matrices, lr=plan.rate, weight_decay=plan.weight_decay, adjust_lr_fn="match_rms_adamw"))
    return found
