"""Guidance by a gradient: clean moves along the score of a likelihood by sigma^2 (Tweedie's formula)."""

from collections.abc import Callable

import torch
from torch import Tensor

from difusa.shared.audit import audited
from difusa.shared.denoisers import Denoiser
from difusa.shared.gradients import gradient, pullback
from difusa.shared.operators.base import Operator
from difusa.shared.spaces import Space, State


@audited
class Steered:
    """nudge(clean, grad(x, sigma), scale sigma^2), where grad is the gradient in x of log p(condition | x, sigma).

    With scale 1 and the gradient of the true noisy likelihood this is the exact posterior denoiser; other scales
    sharpen the likelihood, and no longer sample a posterior. Source: Dhariwal and Nichol 2021, sec. 4; Song et al.
    2021, Eq. 14.
    """

    denoise: Denoiser
    grad: Callable[[State, Tensor], State]
    space: Space
    scale: float = 1.0

    def __call__(self, x: State, sigma: Tensor) -> State:
        return self.space.nudge(self.denoise(x, sigma), self.grad(x, sigma), self.scale * sigma**2)


@audited
class Classifier:
    """Gradient in x of log p(label | x, sigma), for Steered.

    logits: (x, sigma) -> [batch, classes], trained on noisy states; labels: [batch] class numbers, or one for all.
    """

    logits: Callable[[State, Tensor], Tensor]
    labels: Tensor | int

    def __call__(self, x: State, sigma: Tensor) -> State:
        def log_probability(at: State) -> Tensor:
            rows = self.logits(at, sigma).log_softmax(dim=1)
            labels = torch.as_tensor(self.labels, device=rows.device).expand(len(rows))
            return rows.gather(1, labels[:, None])[:, 0]

        return gradient(log_probability, x)


@audited
class LogLikelihood:
    """Gradient in x of any log p(condition | x, sigma), (x, sigma) -> [batch], for Steered."""

    value: Callable[[State, Tensor], Tensor]

    def __call__(self, x: State, sigma: Tensor) -> State:
        return gradient(lambda at: self.value(at, sigma), x)


@audited
class DPS:
    """Diffusion posterior sampling: the measured residual pulled back through the denoiser and the operator.

    clean - scale sigma^2 grad_x |y - A(clean(x))|^2 / (2 noise^2): the likelihood of y given x with the clean estimate
    put in the place of the clean state, so its spread is ignored and the posterior comes out too narrow. `noise` is the
    standard deviation of y; None takes the root mean square of the residual itself, sample by sample, which is the
    paper's step zeta / |residual| freed from the number of steps. A non-linear A must be differentiable (JPEG is,
    straight through). A small `noise` makes the flow stiff: steps too long for it diverge. Source: Chung et al. 2023,
    Eqs. 15-16 and Alg. 1.
    """

    denoise: Denoiser
    operator: Operator
    y: Tensor
    space: Space
    scale: float = 1.0
    noise: float | None = None

    def __call__(self, x: State, sigma: Tensor) -> State:
        clean, vjp = pullback(lambda at: self.denoise(at, sigma), x)
        return self.space.nudge(clean, vjp(gradient(self.log_likelihood, clean)), self.scale * sigma**2)

    def log_likelihood(self, clean: State) -> Tensor:
        """log p(y | clean) [batch], up to a constant."""
        residual = (self.y - self.operator.A(clean)).flatten(1)
        own = residual.detach().square().mean(1).clamp_min(1e-12)
        return -residual.square().sum(1) / (2 * (own if self.noise is None else self.noise**2))
