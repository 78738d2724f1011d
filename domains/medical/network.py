"""The any-to-any network: MONAI's U-Net on Haar subbands of the noisy target and of whatever contrasts are given.

The Haar transform is orthonormal, so white noise stays white and a loss on subbands is the loss on pixels; a quarter of the
places makes each layer four times as fast (Phung et al. 2023, WaveDiff). Preconditioning is the core's, shared.denoisers.
"""

import torch
from torch import Tensor, nn

from difusa.domains.medical.scan import CONTRASTS

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
    from monai.networks.nets import DiffusionModelUNet

    return DiffusionModelUNet(
        spatial_dims=dimensions,
        in_channels=planes,
        out_channels=out,
        num_res_blocks=layers,
        channels=tuple(channels),
        attention_levels=(False,) * len(channels),
        norm_num_groups=GROUPS,
    )


class Translator(nn.Module):
    """What stands inside Preconditioned: network(scaled x, time, given, present, target) -> prediction like x.

    x [B, 1, H, W] (dimensions 2) or [B, 1, D, H, W] (3); given [B, 5, ...] in the order of CONTRASTS, present [B, 5] 1 where
    one is given; target [B] index. Sizes must be multiples of `unit`.
    """

    def __init__(self, channels=(32, 64, 96), layers: int = 1, dimensions: int = 2):
        super().__init__()
        self.dimensions, self.unit = dimensions, 2 ** len(channels)
        bands = 2**dimensions
        self.unet = unet(bands + (bands + 2) * len(CONTRASTS), bands, channels, layers, dimensions)

    def forward(self, x: Tensor, time: Tensor, *, given: Tensor, present: Tensor, target: Tensor) -> Tensor:
        check_size(x, self.unit, self.dimensions)
        shown = masked(given, present)
        bands = haar(torch.cat([x, shown], 1), self.dimensions)
        return unhaar(self.unet(torch.cat([bands, flags(present, target, bands)], 1), time), self.dimensions)


class Regressor(nn.Module):
    """The baseline: the same U-Net, which answers with one picture, the mean; trained on the squared error.

    Its `loss` serves the target "direct"; called, it answers as a denoiser that listens to no noise.
    """

    def __init__(self, channels=(32, 64, 96), layers: int = 1, dimensions: int = 2):
        super().__init__()
        self.dimensions, self.unit = dimensions, 2 ** len(channels)
        bands = 2**dimensions
        self.unet = unet((bands + 2) * len(CONTRASTS), bands, channels, layers, dimensions)

    def forward(self, x: Tensor, sigma: Tensor, *, given: Tensor, present: Tensor, target: Tensor) -> Tensor:
        """The expected target [B, 1, ...]; x and sigma are not looked at."""
        check_size(given, self.unit, self.dimensions)
        bands = haar(masked(given, present), self.dimensions)
        seen = torch.cat([bands, flags(present, target, bands)], 1)
        return unhaar(0.5 * self.unet(seen, torch.zeros(len(given), device=given.device)), self.dimensions)

    def loss(self, *, clean: Tensor, given: Tensor, present: Tensor, target: Tensor, **_) -> Tensor:
        """Mean squared error of each row [B], in units of the data's variance."""
        error = self(clean, torch.ones(len(clean)), given=given, present=present, target=target) - clean
        return 4 * error.square().flatten(1).mean(1)


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
