"""The any-to-any network: a U-Net that expects, and one that draws what the expected picture lacks, both MONAI's.

The second works on Haar subbands: the transform is orthonormal, so white noise stays white and a loss on subbands is the loss on
pixels; a quarter of the places makes each layer four times as fast (Phung et al. 2023, WaveDiff). Preconditioning is the core's.
"""

import torch
from torch import Tensor, nn

from difusa.domains.medical.scan import CONTRASTS
from difusa.shared.denoisers import Preconditioned
from difusa.shared.imports import monai
from difusa.shared.precision import reduced
from difusa.shared.spaces import per_row

SPREAD = 0.2  # standard deviation of what the expected picture lacks, encoded
GROUPS = 8  # of the normalisation: with one channel a group it would take away what the embedding of the time adds


def haar(x: Tensor, dimensions: int = 2) -> Tensor:
    """Orthonormal Haar transform of the last 2 or 3 axes: [B, C, ...] -> [B, C * 2**dimensions, half ...], all sizes even."""
    for axis in range(x.ndim - dimensions, x.ndim):
        even, odd = x.unflatten(axis, (-1, 2)).unbind(axis + 1)
        x = torch.cat([(even + odd), (even - odd)], 1) * 2**-0.5
    return x


def unhaar(x: Tensor, dimensions: int = 2) -> Tensor:
    """The inverse of `haar`."""
    for axis in reversed(range(x.ndim - dimensions, x.ndim)):
        total, change = x.chunk(2, 1)
        x = torch.stack([total + change, total - change], axis + 1).flatten(axis, axis + 1) * 2**-0.5
    return x


def unet(planes: int, out: int, channels, layers: int, dimensions: int):
    """MONAI's DiffusionModelUNet without attention, so that it fits any size that its halvings divide."""
    return monai().DiffusionModelUNet(
        spatial_dims=dimensions,
        in_channels=planes,
        out_channels=out,
        num_res_blocks=layers,
        channels=tuple(channels),
        attention_levels=(False,) * len(channels),
        norm_num_groups=GROUPS,
        use_flash_attention=True,  # of the middle block: the same answer without the matrix of all pairs
    )


class Guess(nn.Module):
    """What every contrast is expected to look like, all five at once, pixel by pixel: (given, present) -> [B, 5, ...].

    A translation is nearly a map of intensities, so this part sees whole pixels; and it learns from every contrast that is known
    and not given, not from one.
    """

    def __init__(self, channels=(16, 32, 64, 96), layers: int = 1, dimensions: int = 2):
        super().__init__()
        self.dimensions, self.unit = dimensions, 2 ** (len(channels) - 1)
        self.unet = unet(2 * len(CONTRASTS), len(CONTRASTS), channels, layers, dimensions)

    def forward(self, given: Tensor, present: Tensor) -> Tensor:
        check_size(given, self.unit, self.dimensions)
        seen = torch.cat([masked(given, present), spread(present, given)], 1)
        return 0.5 * self.unet(seen, torch.zeros(len(given), device=given.device))

    def loss(self, guess: Tensor, truth: Tensor, known: Tensor) -> Tensor:
        """Mean squared error of each row [B] over the contrasts that count, in units of the data's variance.

        truth [B, 5, ...]; known [B, 5]: 1 where there is a truth that was not given.
        """
        error = 4 * (guess.float() - truth).square().flatten(2).mean(2)
        return (known * error).sum(1) / known.sum(1).clamp(min=1)


class Regressor(nn.Module):
    """The baseline: the expected picture alone. Its `loss` serves the target "direct"; called, it listens to no noise."""

    def __init__(self, channels=(16, 32, 64, 96), layers: int = 1, dimensions: int = 2):
        super().__init__()
        self.guess = Guess(channels, layers, dimensions)
        self.unit = self.guess.unit

    def forward(self, x: Tensor, sigma: Tensor, *, given: Tensor, present: Tensor, target: Tensor, **_) -> Tensor:
        """The expected target [B, 1, ...]; x and sigma are not looked at."""
        return one_of(self.guess(given, present), target)

    def loss(self, *, given: Tensor, present: Tensor, truth: Tensor, known: Tensor, **_) -> Tensor:
        return self.guess.loss(self.guess(given, present), truth, known)


class Subbands(nn.Module):
    """What stands inside Preconditioned: network(scaled x, time, given, present, target, guess) -> prediction like x.

    x [B, 1, H, W] (dimensions 2) or [B, 1, D, H, W] (3); given [B, 5, ...] in the order of CONTRASTS, present [B, 5] 1 where
    one is given; target [B] index; guess like x. Sizes must be multiples of `unit`.
    """

    def __init__(self, channels=(32, 64, 96), layers: int = 1, dimensions: int = 2):
        super().__init__()
        self.dimensions, self.unit = dimensions, 2 ** len(channels)
        bands = 2**dimensions
        self.unet = unet(2 * bands + (bands + 2) * len(CONTRASTS), bands, channels, layers, dimensions)

    def forward(
        self, x: Tensor, time: Tensor, *, given: Tensor, present: Tensor, target: Tensor, guess: Tensor
    ) -> Tensor:
        check_size(x, self.unit, self.dimensions)
        bands = haar(torch.cat([x, masked(given, present), 2 * guess], 1), self.dimensions)
        return unhaar(self.unet(torch.cat([bands, flags(present, target, bands)], 1), time), self.dimensions)


class Translator(nn.Module):
    """A denoiser (x, sigma, **condition) -> clean: the expected picture, and diffusion of what is left of the truth beside it
    (Mardani et al. 2023, arXiv 2309.15214: residual corrective diffusion).

    The first part costs one run a picture, however many samples and steps; `guess` in the condition spares repeating it.
    """

    def __init__(self, channels=(32, 64, 96), layers: int = 1, dimensions: int = 2, guess=(16, 32, 64, 96)):
        super().__init__()
        self.guess = Guess(guess, layers, dimensions)
        self.rest = Preconditioned(Subbands(channels, layers, dimensions), SPREAD)
        self.unit = max(self.guess.unit, self.rest.network.unit)
        self.precision = torch.float32  # of the convolutions when it is not trained; see shared/precision.py
        self.channels_last = dimensions == 2  # a tenth faster on a CPU, in float32 too

    def expected(self, *, given: Tensor, present: Tensor, target: Tensor, **_) -> Tensor:
        """The guess at the target [B, 1, ...]: where samples start, and what their mean is near."""
        with reduced(self.precision, given.device):
            return one_of(self.guess(given, present), target).to(given)

    def forward(
        self, x: Tensor, sigma: Tensor, *, given: Tensor, present: Tensor, target: Tensor, guess: Tensor | None = None, **_
    ) -> Tensor:  # fmt: skip
        condition = {"given": given, "present": present, "target": target}
        guess = self.expected(**condition) if guess is None else guess
        with reduced(self.precision, x.device):
            return guess + self.rest(x - guess, sigma, **condition, guess=guess).to(x)

    def loss(
        self, *, clean: Tensor, noise: Tensor, sigma: Tensor, given: Tensor, present: Tensor, target: Tensor, truth: Tensor,
        known: Tensor,
    ) -> Tensor:  # fmt: skip
        """For the target "residual": the guess's error and the diffusion's, one number a row [B]. The guess learns from the first
        alone."""
        guesses = self.guess(given, present)
        guess = one_of(guesses, target).detach().float()
        rest = clean - guess
        found = self.rest(
            rest + per_row(sigma, rest) * noise, sigma, given=given, present=present, target=target, guess=guess
        )
        error = (found.float() - rest).square().flatten(1).mean(1)
        return self.guess.loss(guesses, truth, known) + self.rest.weight(sigma) * error


def one_of(planes: Tensor, target: Tensor) -> Tensor:
    """Plane `target` [B] of each row of [B, 5, ...], as [B, 1, ...]."""
    return planes[torch.arange(len(planes), device=planes.device), target][:, None]


def masked(given: Tensor, present: Tensor) -> Tensor:
    """given with nothing (0) where a contrast is absent, so that absence looks alike whatever fills the array; doubled to unit
    variance."""
    return 2 * given * spread(present, given).to(given)


def flags(present: Tensor, target: Tensor, like: Tensor) -> Tensor:
    """Which contrasts are given and which is wanted, as ten planes of the size of `like`."""
    wanted = nn.functional.one_hot(target, len(CONTRASTS))
    return torch.cat([spread(present, like), spread(wanted, like)], 1).to(like)


def spread(present: Tensor, like: Tensor) -> Tensor:
    """present [B, 5] as planes of the size of `like`."""
    return present.reshape(*present.shape, *[1] * (like.ndim - 2)).expand(-1, -1, *like.shape[2:])


def check_size(x: Tensor, unit: int, dimensions: int) -> None:
    """Raises ValueError where a side is no multiple of unit, or the number of axes is another."""
    if x.ndim != dimensions + 2 or any(n % unit for n in x.shape[2:]):
        raise ValueError(f"sides must be {dimensions} multiples of {unit}, got {tuple(x.shape[2:])}: pad the scan")


def adopt(state: dict[str, Tensor], network: nn.Module) -> list[str]:
    """Weights of the same network, as they are. Raises ValueError for those of another."""
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(f"the weights are of another network ({str(error).splitlines()[-1].strip()})") from error
    return []
