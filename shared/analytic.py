"""Ideal denoisers: distributions whose clean estimate is known in closed form, to test and to teach with.

Each is a Denoiser, (x, sigma) -> clean, and can also sample itself and tell its density at any noise level.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from difusa.shared.spaces import Torus


def _level(sigma, x: Tensor) -> Tensor:
    """sigma (scalar or one a row) as [rows or 1, 1], in the precision of x."""
    return torch.as_tensor(sigma, dtype=x.dtype, device=x.device).reshape(-1, 1)


class Gaussian:
    """Normal distribution N(mean, cov) of rows with d numbers each, in any shape [rows, ...].

    mean: [d], or [rows, d] where every row has its own; cov: [d, d], or a number for cov times the identity.
    The covariance may be singular (points that keep their centre of mass).
    """

    def __init__(self, mean: Tensor, cov: Tensor | float):
        self.mean = mean
        cov = torch.as_tensor(cov, dtype=mean.dtype, device=mean.device)
        self.values, self.vectors = (cov, None) if cov.ndim == 0 else torch.linalg.eigh(cov)
        if float(self.values.min()) < -1e-9 * max(float(self.values.max()), 1e-300):
            raise ValueError(f"a covariance has no negative eigenvalue, got {float(self.values.min())}")
        self.values = self.values.clamp(min=0).expand(mean.shape[-1])

    def _scaled(self, x: Tensor, factors) -> Tensor:
        """x with its offset from the mean multiplied along each principal axis by factors [..., d]."""
        rows, mean = x.reshape(len(x), -1), self.mean.to(x)
        return (mean + self._out(self._in(rows - mean) * factors)).reshape(x.shape)

    def _in(self, offset: Tensor) -> Tensor:
        return offset if self.vectors is None else offset @ self.vectors.to(offset)

    def _out(self, offset: Tensor) -> Tensor:
        return offset if self.vectors is None else offset @ self.vectors.to(offset).T

    def __call__(self, x: Tensor, sigma) -> Tensor:
        """E[clean | x] = mean + cov (cov + sigma^2)^-1 (x - mean)."""
        v = self.values.to(x)
        return self._scaled(x, v / (v + _level(sigma, x) ** 2))

    def flow(self, x: Tensor, now, next=0.0) -> Tensor:
        """x carried along the probability flow from level `now` to `next`: each axis scales with its spread.

        With next = 0 this is the ideal consistency function.
        """
        v = self.values.to(x)
        return self._scaled(x, ((v + _level(next, x) ** 2) / (v + _level(now, x) ** 2)).sqrt())

    def log_prob(self, x: Tensor, sigma=0.0) -> Tensor:
        """Log density (nats, one a row) of x = clean + sigma noise."""
        total = self.values.to(x) + _level(sigma, x) ** 2
        offset = self._in(x.reshape(len(x), -1) - self.mean.to(x))
        return -0.5 * (offset**2 / total + (2 * math.pi * total).log()).sum(-1)

    def sample(self, count: int, rng: np.random.Generator) -> Tensor:
        """[count, d] draws of the truth; rng is one stream for all of them."""
        unit = torch.from_numpy(rng.standard_normal((count, self.mean.shape[-1]))).to(self.mean)
        return self.mean + self._out(unit * self.values.sqrt())


class Mixture:
    """Weighted mixture of Gaussians in R^d; weights [k] sum to 1."""

    def __init__(self, weights: Sequence[float] | Tensor, parts: Sequence[Gaussian]):
        self.weights = torch.as_tensor(weights, dtype=torch.float64)
        self.parts = tuple(parts)
        if len(self.weights) != len(self.parts) or abs(float(self.weights.sum()) - 1) > 1e-9:
            raise ValueError(f"{len(self.parts)} parts need as many weights that sum to 1, got {self.weights.tolist()}")

    def _joint(self, x: Tensor, sigma) -> Tensor:
        parts = [p.log_prob(x, sigma) + w for p, w in zip(self.parts, self.weights.log().tolist(), strict=True)]
        return torch.stack(parts, -1)

    def shares(self, x: Tensor, sigma=0.0) -> Tensor:
        """[rows, k]: the probability of each part given x."""
        return self._joint(x, sigma).softmax(-1)

    def log_prob(self, x: Tensor, sigma=0.0) -> Tensor:
        return self._joint(x, sigma).logsumexp(-1)

    def __call__(self, x: Tensor, sigma) -> Tensor:
        shares = self.shares(x, sigma).reshape(len(x), *[1] * (x.ndim - 1), -1)
        return (torch.stack([p(x, sigma) for p in self.parts], -1) * shares).sum(-1)

    def sample(self, count: int, rng: np.random.Generator) -> Tensor:
        """[count, d] draws of the truth, in random order."""
        drawn = torch.stack([p.sample(count, rng) for p in self.parts])
        choice = rng.choice(len(self.parts), count, p=self.weights.numpy())
        return drawn[torch.from_numpy(choice), torch.arange(count)]


@dataclass(frozen=True)
class WrappedMixture:
    """Mixture of wrapped Gaussians on a torus; axes are independent within a part.

    weights [k] sum to 1; means [k, d] on the torus; spread [k]: standard deviation before wrapping. The clean estimate
    is x nudged by the posterior mean of the unwrapped tangent -sigma eps, which is sigma^2 times the score of the
    wrapped density: the mean of the way really gone, not the short way, so the weights of the modes survive sampling.
    """

    weights: Tensor
    means: Tensor
    spread: Tensor
    period: float = 1.0

    def _parts(self, x: Tensor, sigma) -> tuple[Tensor, Tensor]:
        """Per part: log density with its weight [rows, k], and score [rows, k, d]."""
        variance = self.spread.to(x) ** 2 + _level(sigma, x) ** 2  # [rows or 1, k]
        offset = Torus(self.period).diff(self.means.to(x), x[:, None, :])
        log, score = _wrapped_normal(offset, variance[..., None], self.period)
        return log.sum(-1) + self.weights.to(x).log(), score

    def log_prob(self, x: Tensor, sigma=0.0) -> Tensor:
        return self._parts(x, sigma)[0].logsumexp(-1)

    def shares(self, x: Tensor, sigma=0.0) -> Tensor:
        """[rows, k]: the probability of each part given x."""
        return self._parts(x, sigma)[0].softmax(-1)

    def tangent(self, x: Tensor, sigma) -> Tensor:
        """E[-sigma eps | x] = sigma^2 times the score of the wrapped density, [rows, d]."""
        log, score = self._parts(x, sigma)
        return (log.softmax(-1)[..., None] * score).sum(-2) * _level(sigma, x) ** 2

    def __call__(self, x: Tensor, sigma) -> Tensor:
        return Torus(self.period).nudge(x, self.tangent(x, sigma))

    def sample(self, count: int, rng: np.random.Generator) -> Tensor:
        """[count, d] draws of the truth."""
        part = torch.from_numpy(rng.choice(len(self.weights), count, p=self.weights.double().numpy()))
        unit = torch.from_numpy(rng.standard_normal((count, self.means.shape[1]))).to(self.means)
        return Torus(self.period).nudge(self.means[part], unit * self.spread[part, None])


def _wrapped_normal(offset: Tensor, variance: Tensor, period: float) -> tuple[Tensor, Tensor]:
    """Log density and score of a wrapped normal at offsets in [-period / 2, period / 2).

    Narrow ones (spread up to half a period) sum the images -4 .. 4, wide ones the Fourier terms 1 .. 4: what is left
    out is below e^-30 of the whole in either. Source: Mardia and Jupp 2000, Eq. 3.5.64 and 3.5.66.
    """
    narrow = variance <= (period / 2) ** 2
    turns = torch.arange(-4, 5, dtype=offset.dtype, device=offset.device)
    thin = variance.clamp(max=(period / 2) ** 2)[..., None]
    away = offset[..., None] - turns * period
    log = (-(away**2) / (2 * thin) - 0.5 * (2 * math.pi * thin).log()).logsumexp(-1)
    score = -((-(away**2) / (2 * thin)).softmax(-1) * away / thin).sum(-1)
    m = torch.arange(1, 5, dtype=offset.dtype, device=offset.device) * (2 * math.pi / period)
    fading = 2 * (-(m**2) * variance.clamp(min=(period / 2) ** 2)[..., None] / 2).exp()
    wave = 1 + (fading * (m * offset[..., None]).cos()).sum(-1)
    slope = -(fading * m * (m * offset[..., None]).sin()).sum(-1) / wave
    return torch.where(narrow, log, (wave / period).log()), torch.where(narrow, score, slope)
