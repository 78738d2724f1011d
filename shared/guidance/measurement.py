"""Guidance by a measurement y = A(clean) + noise: DDNM and PiGDM, which share one correction."""

import functools
from collections.abc import Callable

import torch
from torch import Tensor

from difusa.shared.audit import audited
from difusa.shared.denoisers import Denoiser
from difusa.shared.gradients import pullback
from difusa.shared.operators.base import Operator, conjugate_gradient
from difusa.shared.spaces import Space, State, combine

Covariance = Callable[[State, Tensor], State]


@audited
class Isotropic:
    """Covariance of the clean state given x, times v, if the data were white with standard deviation `spread`.

    sigma^2 spread^2 / (sigma^2 + spread^2); with spread 1 it is r_t^2 of Song et al. 2023 (PiGDM), sec. 3.
    """

    spread: float = 0.5

    def __call__(self, v: State, sigma: Tensor) -> State:
        return combine([v], [sigma**2 * self.spread**2 / (sigma**2 + self.spread**2)])


@audited
class Gaussian:
    """Covariance of the clean state given x, times v [batch, ...], for Gaussian data of covariance `prior` [n, n].

    prior - prior (prior + sigma^2)^-1 prior, in the eigenvectors of the prior.
    """

    prior: Tensor

    @functools.cached_property
    def _spectrum(self) -> tuple[Tensor, Tensor]:
        return torch.linalg.eigh(self.prior)

    def __call__(self, v: Tensor, sigma: Tensor) -> Tensor:
        values, vectors = self._spectrum
        return ((v.flatten(1) @ vectors * (sigma**2 * values / (values + sigma**2))) @ vectors.T).reshape(v.shape)


def weigh(operator: Operator, y: Tensor, clean: State, covariance: Callable, noise: float, tolerance: float) -> State:
    """A^T (A C A^T + noise^2)^-1 (y - A clean): the residual, weighed and brought back."""

    def spread(u: Tensor) -> Tensor:
        return operator.A(covariance(operator.A_adjoint(u))) + noise**2 * u

    return operator.A_adjoint(conjugate_gradient(spread, y - operator.A(clean), tolerance=tolerance))


@audited
class Measured:
    """The clean estimate made to agree with y: clean + A_pinv(y) - A_pinv(A clean). DDNM.

    `noise`, the standard deviation of y, replaces the projection by a weighing: clean + C A^T (A C A^T + noise^2)^-1
    (y - A clean) with C = Isotropic(spread), so that directions in which the picture is surer than y are left alone.
    It needs an adjoint; without noise any operator serves, JPEG too. The correlation between what is measured and what
    is not reaches the rest only through the network's next look, hence a bias against the posterior.
    Source: Wang et al. 2023 (DDNM), Eq. 13; the weighing as in Zhu et al. 2023 (DiffPIR), Eq. 13.
    """

    denoise: Denoiser
    operator: Operator
    y: Tensor
    space: Space
    noise: float = 0.0
    spread: float = 0.5
    tolerance: float = 1e-6

    def __call__(self, x: State, sigma: Tensor) -> State:
        clean = self.denoise(x, sigma)
        if self.noise == 0:
            have = self.operator.A_pinv(self.operator.A(clean))
            return self.space.nudge(clean, self.space.diff(have, self.operator.A_pinv(self.y)))
        covariance = functools.partial(Isotropic(self.spread), sigma=sigma)
        back = weigh(self.operator, self.y, clean, covariance, self.noise, self.tolerance)
        return self.space.nudge(clean, covariance(back))


@audited
class PiGDM:
    """Pseudo-inverse guidance: the likelihood of y given x as if clean given x were Gaussian.

    clean + scale sigma^2 J^T A^T (A C A^T + noise^2)^-1 (y - A clean), J the Jacobian of the denoiser. C is the
    covariance of clean given x: Isotropic(spread) as published, Gaussian(prior) for the exact posterior on Gaussian
    data, or None for the network's own, sigma^2 J (second-order Tweedie; one backward pass a turn of the solver).
    Without noise, A C A^T must be invertible on the residual: true of a y that some state could have given.
    Source: Song et al. 2023 (PiGDM), Eq. 7; Boys et al. 2023 for sigma^2 J.
    """

    denoise: Denoiser
    operator: Operator
    y: Tensor
    space: Space
    noise: float = 0.0
    covariance: Covariance | None = Isotropic(0.5)
    scale: float = 1.0
    tolerance: float = 1e-6

    def __call__(self, x: State, sigma: Tensor) -> State:
        clean, vjp = pullback(lambda at: self.denoise(at, sigma), x)

        def own(v: State) -> State:
            return combine([vjp(v)], [sigma**2])

        covariance = functools.partial(self.covariance, sigma=sigma) if self.covariance else own
        back = weigh(self.operator, self.y, clean, covariance, self.noise, self.tolerance)
        return self.space.nudge(clean, vjp(back), self.scale * sigma**2)
