"""Two networks against each other: a generator, and a critic that tells its work from what is real (Goodfellow et al. 2014).

A network trained so has two parts, `generator` and `critic`, a `contest`, and three methods: make(batch) -> made,
critic_loss(batch, made) and generator_loss(batch, made) -> loss of each row [B].
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from difusa.shared.seeds import stream
from difusa.shared.training import optimisers
from difusa.shared.training.recipe import Optimiser

MIX = 3  # part of a step's random stream: where between real and made the gradient is looked at
Critic = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Contest:
    """How the two are scored; a critic's score is the mean over its patches.

    loss: bce (Goodfellow et al. 2014), least-squares (Mao et al. 2017), hinge (Lim and Ye 2017) or wasserstein, with the gradient
    penalty of Gulrajani et al. 2017, weighed by `penalty`. r1: weight of the squared gradient at real pictures (Mescheder et al.
    2018). smooth: real ones are labelled 1 - smooth (Salimans et al. 2016). turns: steps of the critic for one of the generator.
    """

    loss: Literal["bce", "least-squares", "hinge", "wasserstein"] = "bce"
    penalty: float = 10.0
    r1: float = 0.0
    smooth: float = 0.0
    turns: int = 1

    def __post_init__(self):
        if self.smooth and self.loss not in ("bce", "least-squares"):
            raise ValueError(
                f"contest.smooth = {self.smooth}: the loss {self.loss!r} has no labels to smooth; leave it out"
            )
        if self.turns < 1 or not 0 <= self.smooth < 0.5:
            raise ValueError(
                f"contest: turns = {self.turns}, smooth = {self.smooth}: at least 1 turn, smooth below 0.5"
            )


def generator_loss(contest: Contest, score: Tensor) -> Tensor:
    """What the generator wants of the critic's scores [B, 1, ...] of its work, one number a row."""
    ones = torch.ones_like(score)
    each = {
        "bce": lambda: functional.binary_cross_entropy_with_logits(score, ones, reduction="none"),
        "least-squares": lambda: (score - 1) ** 2,
        "hinge": lambda: -score,
        "wasserstein": lambda: -score,
    }[contest.loss]()
    return each.flatten(1).mean(1)


def critic_loss(contest: Contest, critic: Critic, real: Tensor, made: Tensor, mix: Tensor) -> Tensor:
    """What the critic wants, one number a row; mix [B] in 0..1: where between real and made the penalty is taken."""
    looked = real.detach().requires_grad_(contest.r1 > 0)
    yes, no, label = critic(looked), critic(made), 1 - contest.smooth
    entropy = lambda score, wanted: functional.binary_cross_entropy_with_logits(  # noqa: E731
        score, torch.full_like(score, wanted), reduction="none"
    )
    each = {
        "bce": lambda: entropy(yes, label) + entropy(no, 0.0),
        "least-squares": lambda: (yes - label) ** 2 + no**2,
        "hinge": lambda: functional.relu(1 - yes) + functional.relu(1 + no),
        "wasserstein": lambda: no - yes,
    }[contest.loss]()
    total = each.flatten(1).mean(1)
    if contest.r1:
        total = total + contest.r1 / 2 * gradient_norm(yes, looked) ** 2
    if contest.loss == "wasserstein":
        between = torch.lerp(made, real, mix.reshape(-1, *[1] * (real.ndim - 1)).to(real)).requires_grad_()
        total = total + contest.penalty * (gradient_norm(critic(between), between) - 1) ** 2
    return total


def gradient_norm(score: Tensor, picture: Tensor) -> Tensor:
    """Norm [B] of the gradient of each row's mean score by its picture, itself differentiable."""
    total = score.flatten(1).mean(1).sum()
    (slope,) = torch.autograd.grad(total, picture, create_graph=True)
    return (slope.flatten(1).square().sum(1) + 1e-12).sqrt()


def spectral(critic: nn.Module) -> nn.Module:
    """The critic with its convolutions divided by their largest singular value (Miyato et al. 2018), in place."""
    for layer in [m for m in critic.modules() if isinstance(m, nn.Conv2d | nn.Conv3d)]:
        nn.utils.parametrizations.spectral_norm(layer)
    return critic


def make_optimisers(network: nn.Module, plan: Optimiser) -> list[torch.optim.Optimizer]:
    """One for the generator, one for the critic. Raises ValueError for Muon, which is not made for this."""
    if plan.muon:
        raise ValueError(f"optimiser.muon {plan.muon}: a generator and its critic are trained by Adam alone")
    return [*optimisers.make(network.generator, plan), *optimisers.make(network.critic, plan)]


def step(trainer, batch: dict[str, Tensor], rate: float) -> dict[str, float]:
    """The critic's turns on a batch, then the generator's; returns both losses, both gradient norms and the rate."""
    network, seed = trainer.network, trainer.recipe.seed
    if trainer.accelerator.num_processes > 1 or trainer.recipe.compile:
        raise ValueError("a generator and its critic train in one process, uncompiled: leave torchrun and compile out")
    batch = {k: v.to(trainer.accelerator.device) for k, v in batch.items()}
    rng = stream(seed, trainer.position.step, MIX)
    for one in trainer.optimisers:
        for group in one.param_groups:
            group["lr"] = rate
    of_generator, of_critic = trainer.optimisers
    with trainer.accelerator.autocast():
        made = network.make(batch)
    still = {k: v.detach() for k, v in made.items()}
    for _ in range(network.contest.turns):
        batch["mix"] = torch.from_numpy(rng.random(len(batch["clean"]))).to(batch["clean"])
        with trainer.accelerator.autocast():
            loss = network.critic_loss(batch, still).mean()
        judged = _update(trainer, batch, loss, network.critic, of_critic)
    network.critic.requires_grad_(False)
    with trainer.accelerator.autocast():
        loss = network.generator_loss(batch, made).mean()
    drawn = _update(trainer, batch, loss, network.generator, of_generator)
    network.critic.requires_grad_(True)
    return {
        "loss": drawn[0], "gradient_norm": drawn[1], "critic_loss": judged[0], "critic_norm": judged[1], "rate": rate,
    }  # fmt: skip


def _update(trainer, batch, loss: Tensor, part: nn.Module, optimiser) -> tuple[float, float]:
    """One optimiser step of one part; its loss and gradient norm. Raises trainer.Diverged where one is not a number."""
    trainer.accelerator.backward(loss)
    norm = nn.utils.clip_grad_norm_(part.parameters(), trainer.recipe.optimiser.clip or math.inf)
    if not (torch.isfinite(loss) and torch.isfinite(norm)):
        trainer.explain(batch, loss.detach(), norm)
    optimiser.step()
    trainer.network.zero_grad(set_to_none=True)
    return loss.item(), norm.item()
