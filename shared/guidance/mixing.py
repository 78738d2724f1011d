"""Guidance by mixing the answers of several denoisers: classifier-free, autoguidance, intervals, attributes."""

from collections.abc import Mapping

from torch import Tensor

from difusa.shared.audit import audited
from difusa.shared.denoisers import Denoiser
from difusa.shared.spaces import Space, State, combine, per_row


@audited
class Guided:
    """blend(base, towards, scale): 0 is `base`, 1 is `towards`, above 1 goes beyond it, away from `base`.

    Classifier-free guidance with base = the network without its condition (Ho and Salimans 2022); autoguidance with
    base = a weaker network under the same condition (Karras et al. 2024, Eq. 3). Above 1 it samples neither network's
    law, nor their ratio's. `rescale` in [0, 1] brings the spread of the mix back to that of `towards`, sample by sample
    and about zero (Lin et al. 2023, Eqs. 14-16), for flat and centred spaces.
    """

    towards: Denoiser
    base: Denoiser
    scale: float
    space: Space
    rescale: float = 0.0

    def __call__(self, x: State, sigma: Tensor) -> State:
        base, towards = self.base(x, sigma), self.towards(x, sigma)
        mixed = self.space.blend(base, towards, self.scale)
        if not self.rescale:
            return mixed
        return self.space.blend(mixed, respread(self.space, mixed, towards), self.rescale)


def respread(space: Space, x: State, model: State) -> State:
    """x scaled, sample by sample and field by field, to the standard deviation of `model`."""
    if isinstance(x, Mapping):
        return {k: respread(s, x[k], model[k]) for k, s in space.spaces.items()}
    return x * (deviation(model, space.index) / deviation(x, space.index).clamp_min(1e-12))


def deviation(x: Tensor, index: Tensor | None = None) -> Tensor:
    """Standard deviation over each sample, shaped to multiply x; `index` as in the spaces, for ragged batches."""
    count = sample_sum(x.new_ones(x.shape), index)
    centred = x - sample_sum(x, index) / count
    return (sample_sum(centred**2, index) / count).sqrt()


def sample_sum(x: Tensor, index: Tensor | None = None) -> Tensor:
    """Sum over each sample, repeated for every row of the sample and shaped to multiply x."""
    rows = x.reshape(len(x), -1).sum(1)
    if index is not None:
        rows = rows.new_zeros(int(index.max()) + 1).index_add(0, index, rows)[index]
    return per_row(rows, x)


@audited
class Within:
    """`inside` for low < sigma <= high, `outside` elsewhere.

    Guidance hurts variety at high noise and does nothing at low noise (Kynkaanniemi et al. 2024, Eq. 6).
    """

    inside: Denoiser
    outside: Denoiser
    low: float
    high: float

    def __post_init__(self):
        if not 0 <= self.low < self.high:
            raise ValueError(f"an interval needs 0 <= low < high, got low {self.low}, high {self.high}")

    def __call__(self, x: State, sigma: Tensor) -> State:
        return (self.inside if self.low < float(sigma) <= self.high else self.outside)(x, sigma)


@audited
class Attribute:
    """`denoise` pushed along the difference of two conditions: nudge(clean, diff(minus, plus), scale).

    `plus` and `minus` are the same network under conditions that differ in one attribute (age 60 and age 30); nest for
    several attributes. With denoise = minus it is Guided(plus, minus, scale).
    """

    denoise: Denoiser
    plus: Denoiser
    minus: Denoiser
    space: Space
    scale: float = 1.0

    def __call__(self, x: State, sigma: Tensor) -> State:
        direction = self.space.diff(self.minus(x, sigma), self.plus(x, sigma))
        return self.space.nudge(self.denoise(x, sigma), combine([direction], [self.scale]))
