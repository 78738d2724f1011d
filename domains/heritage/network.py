"""The restorer: a diffusers U-Net that sees the damaged picture, how far to trust each pixel, and the noisy state.

The noisy state x = clean + sigma * noise and the observation = clean + doubt * noise are two measurements of one picture.
Their precision-weighted mean is all a denoiser needs to know of both when the errors are Gaussian, so the network works on
that fused picture with a noise level a pixel: a pixel of doubt 0 comes out as observed, and an unconditional prior is already
the right answer for plain denoising. A loss (doubt infinite) shows a first guess, the harmonic filling, which is refined like
any other poor observation. Errors that are not Gaussian (JPEG, blur, enlargement, faded colour) are told by the observation
itself and by task planes.
"""

import torch
from torch import Tensor, nn

from difusa.shared.denoisers import like_rows
from difusa.shared.lowrank import LowRank
from difusa.shared.precision import reduced

TASKS = ("compression", "blur", "downsample", "colour")
KINDS = ("painting", "photograph", "manuscript", "unknown")
SIGMA_FLOOR = 0.002  # below half a grey level of 8 bits; only keeps logarithms finite
DOUBT_CEILING = 20.0  # stands for "loss" in the doubt plane
GUESS_DOUBT = 0.2  # standard error of the first guess in losses (measured 0.12 in scratches, 0.19 in wider losses)
EXTRA = 3 + 1 + 1 + len(TASKS)  # observed, effective sigma, doubt, task planes


def trusted(variance: Tensor, doubt: Tensor) -> Tensor:
    """Weight of the observation against a state of noise `variance`: 1 where it is exact."""
    error = torch.where(doubt.isinf(), torch.full_like(doubt, GUESS_DOUBT), doubt)
    return torch.where(doubt > 0, variance / (variance + error**2), torch.ones_like(doubt))


def fuse(x: Tensor, sigma: Tensor, observed: Tensor, doubt: Tensor) -> tuple[Tensor, Tensor]:
    """Precision-weighted mean of state and observation, and its noise level a pixel.

    x, observed [B, 3, H, W]; sigma [B]; doubt [B, 1, H, W] from 0 (exact) to infinity (loss).
    """
    variance = sigma.reshape(-1, 1, 1, 1) ** 2
    trust = trusted(variance, doubt)
    return torch.lerp(x, observed, trust.expand_as(x)), (variance * (1 - trust)).sqrt()


def _unet(planes: int, channels, layers: int, attention: int) -> nn.Module:
    """diffusers' U-Net with `planes` input channels, RGB out, and attention at the coarsest `attention` levels."""
    from diffusers import UNet2DModel

    plain = len(channels) - attention
    return UNet2DModel(
        in_channels=planes,
        out_channels=3,
        layers_per_block=layers,
        block_out_channels=tuple(channels),
        down_block_types=("DownBlock2D",) * plain + ("AttnDownBlock2D",) * attention,
        up_block_types=("AttnUpBlock2D",) * attention + ("UpBlock2D",) * plain,
        norm_num_groups=16,
        attention_head_dim=min(32, channels[-attention]),
        num_class_embeds=len(KINDS),
    )


class Restorer(nn.Module):
    """Conditional denoiser of RGB pictures in [-1, 1]; see the module's text.

    channels: width at each of the halvings (H, W must be multiples of `unit` = 2 ** (len(channels) - 1)); attention at the
    coarsest levels. rank: with 0 one set of weights does everything; else the weights are a prior's, which is exact for
    plain noise and is left so there, and a low-rank update restores everything else.
    """

    def __init__(
        self,
        channels=(32, 64, 128, 192, 256),
        layers: int = 2,
        attention: int = 2,
        sigma_data: float = 0.5,
        rank: int = 0,
    ):
        super().__init__()
        self.sigma_data = sigma_data
        self.unit = 2 ** (len(channels) - 1)
        self.precision = torch.float32  # of the U-Net's convolutions when it is not trained; see shared/precision.py
        self.unet = _unet(3 + EXTRA, channels, layers, attention)
        self.update = LowRank(self.unet, rank) if rank else None
        self.unet.requires_grad_(not rank)

    def forward(
        self, x: Tensor, sigma: Tensor, *, observed: Tensor, doubt: Tensor, task: Tensor, kind: Tensor
    ) -> Tensor:
        """Clean estimate [B, 3, H, W] of x [B, 3, H, W] at sigma (scalar or [B]).

        observed [B, 3, H, W] (in losses a first guess, see fill), doubt [B, 1, H, W], task [B, 4] multi-hot of TASKS,
        kind [B] index of KINDS.
        """
        if x.shape[-1] % self.unit or x.shape[-2] % self.unit:
            raise ValueError(
                f"height and width must be multiples of {self.unit}, got {tuple(x.shape[-2:])}: pad the picture"
            )
        fused, level = fuse(x, like_rows(sigma, x), observed, doubt)
        total = (level**2 + self.sigma_data**2).sqrt()
        planes = task[:, :, None, None].expand(-1, -1, *x.shape[-2:])
        log_level = level.clamp(min=SIGMA_FLOOR).log() / 4
        log_doubt = doubt.clamp(SIGMA_FLOOR, DOUBT_CEILING).log() / 4
        seen = torch.cat([fused / total, observed * 2, log_level, log_doubt, planes.to(x)], dim=1)
        time = 250 * level.amax(dim=(1, 2, 3)).clamp(min=SIGMA_FLOOR).log()
        with reduced(self.precision, x.device):
            out = self._predict(seen, time, kind, ~(task.bool().any(1) | doubt.isinf().flatten(1).any(1)))
        return fused * (self.sigma_data / total) ** 2 + out * (level * self.sigma_data / total)

    def _predict(self, seen: Tensor, time: Tensor, kind: Tensor, plain: Tensor) -> Tensor:
        """The U-Net's output, of the prior's own weights for rows [B] that are `plain` noise.

        A mixed batch is run whole by both, so that its size, and with it the last bits, never depend on its content.
        """
        if self.update is None or plain.all():
            return self.unet(seen, time, class_labels=kind).sample
        out = self.update.call(self.unet, seen, time, class_labels=kind).sample
        if not plain.any():
            return out
        return torch.where(plain[:, None, None, None], self.unet(seen, time, class_labels=kind).sample, out)

    def weight(self, sigma: Tensor, *, doubt: Tensor, **_) -> Tensor:
        """Loss weight a pixel [B, 1, H, W]: the network's own error counts equally at every level, exact pixels not at all."""
        variance = sigma.reshape(-1, 1, 1, 1) ** 2
        level2 = variance * (1 - trusted(variance, doubt))
        weight = (level2 + self.sigma_data**2) / (level2 * self.sigma_data**2).clamp(min=1e-12)
        return torch.where(level2 > SIGMA_FLOOR**2, weight, torch.zeros_like(weight))


def adopt(prior: dict[str, Tensor], network: Restorer) -> list[str]:
    """Start `network` from an unconditional UNet2DModel of the same widths, with or without the prefix `unet.`.

    The planes the prior does not know start at zero, so that the restorer first behaves like the prior at each pixel's own
    noise level. Returns the names that stay fresh (none). Raises ValueError for other widths.
    """
    own = network.unet.state_dict()
    prior = {name.removeprefix("unet."): value for name, value in prior.items()}
    wrong = [n for n, v in own.items() if n not in prior or (prior[n].shape != v.shape and n != "conv_in.weight")]
    if wrong:
        raise ValueError(f"these weights are of another network ({wrong[0]} differs): set [network] channels to theirs")
    seen = prior["conv_in.weight"]
    planes = torch.zeros_like(own["conv_in.weight"])
    planes[:, : seen.shape[1]] = seen
    network.unet.load_state_dict({**prior, "conv_in.weight": planes})
    return []


def condensed(prior: Restorer, tuned: Restorer, rank: int) -> Restorer:
    """One network out of two: the prior for plain noise, and what training changed as an update of this rank."""
    channels = prior.unet.config.block_out_channels
    attention = sum(kind.startswith("Attn") for kind in prior.unet.config.down_block_types)
    network = Restorer(channels, prior.unet.config.layers_per_block, attention, prior.sigma_data, rank)
    network.unet.load_state_dict(prior.unet.state_dict())
    network.update.fit(dict(prior.unet.named_parameters()), dict(tuned.unet.named_parameters()))
    return network


class Prior(nn.Module):
    """Unconditional network of pictures [B, 3, H, W] in [-1, 1], classes as KINDS: what the restorer can start from.

    Called as the target's adapter asks: network(scaled x, time [B], kind=[B]) -> prediction like x.
    """

    def __init__(self, channels=(32, 64, 128, 192, 256), layers: int = 2, attention: int = 2):
        super().__init__()
        self.unet = _unet(3, channels, layers, attention)

    def forward(self, x: Tensor, time: Tensor, *, kind: Tensor) -> Tensor:
        return self.unet(x, time, class_labels=kind).sample
