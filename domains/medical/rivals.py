"""The adversarial baselines: pix2pix and a cycle-consistent GAN, their generator the translator's own network.

The generator is the U-Net of network.Guess, shown noise and the contrast that is wanted, and called once. Critics are MONAI's
PatchDiscriminator (patches of 70 pixels), spectrally normalised.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from difusa.domains.medical.network import check_size, flags, masked, spread, unet
from difusa.domains.medical.scan import CONTRASTS
from difusa.shared.imports import monai
from difusa.shared.training import adversarial
from difusa.shared.training.recipe import parse

START = 1.0  # sigma below which a state is no noise any more


def critic_of(planes: int, channels: int, dimensions: int, spectral: bool) -> nn.Module:
    """MONAI's patch critic: spectrally normalised, or with instance normalisation."""
    norm = (
        None if spectral else "INSTANCE"
    )  # batches hold several contrasts, so statistics of a batch would tell them apart
    made = monai().PatchDiscriminator(
        spatial_dims=dimensions, channels=channels, in_channels=planes, norm=norm, bias=spectral
    )
    return adversarial.spectral(made) if spectral else made


class Generator(nn.Module):
    """One U-Net on whole pixels: (noise [B, 1, ...], given, present, target) -> picture [B, 1, ...]."""

    def __init__(self, channels, layers: int, dimensions: int):
        super().__init__()
        self.dimensions, self.unit = dimensions, 2 ** (len(channels) - 1)
        self.unet = unet(1 + 3 * len(CONTRASTS), 1, channels, layers, dimensions)

    def forward(self, noise: Tensor, *, given: Tensor, present: Tensor, target: Tensor) -> Tensor:
        check_size(noise, self.unit, self.dimensions)
        seen = torch.cat([noise, masked(given, present), flags(present, target, noise)], 1)
        return 0.5 * self.unet(seen, torch.zeros(len(noise), device=noise.device)).float()


class Rival(nn.Module):
    """What both share. Called as a denoiser (x, sigma, **condition) -> picture in one evaluation, x being sigma times noise.

    channels, layers, dimensions: of the generator. critic: channels of the critic's first layer. contest:
    adversarial.Contest. weight: of the absolute error beside the contest.
    """

    def __init__(self, seen: int, channels, layers, dimensions, critic, contest, spectral, weight):
        super().__init__()
        self.generator = Generator(channels, layers, dimensions)
        self.critic = critic_of(1 + seen, critic, dimensions, spectral)
        self.contest = parse(adversarial.Contest, contest or {}, "network.contest")
        self.weight, self.unit = weight, self.generator.unit

    def forward(self, x: Tensor, sigma: Tensor, **condition: Tensor) -> Tensor:
        """One picture [B, 1, ...] from noise. Raises ValueError where x is no noise any more: one step is all there is."""
        if float(sigma.min()) < START:
            raise ValueError("this network draws in one evaluation: give --steps 1")
        return self.drawn(x / sigma.reshape(-1, *[1] * (x.ndim - 1)), **condition)

    def drawn(self, noise: Tensor, *, given: Tensor, present: Tensor, target: Tensor) -> Tensor:
        """The generator's picture for unit noise [B, 1, ...]."""
        return self.generator(noise, given=given, present=present, target=target)

    def loss(self, *, clean: Tensor, noise: Tensor, given: Tensor, present: Tensor, target: Tensor, **_) -> Tensor:
        """Mean squared error of one picture a row [B], in units of the data's variance: for looking on, not for training."""
        error = self.drawn(noise, given=given, present=present, target=target) - clean
        return 4 * error.square().flatten(1).mean(1)

    def judged(self, batch: dict[str, Tensor]):
        """The critic as a function of the picture alone."""
        seen = self.seen(batch)
        return lambda picture: self.critic(torch.cat([2 * picture, seen], 1))[-1].float()

    def critic_loss(self, batch: dict[str, Tensor], made: dict[str, Tensor]) -> Tensor:
        return adversarial.critic_loss(self.contest, self.judged(batch), batch["clean"], made["fake"], batch["mix"])

    def generator_loss(self, batch: dict[str, Tensor], made: dict[str, Tensor]) -> Tensor:
        won = adversarial.generator_loss(self.contest, self.judged(batch)(made["fake"]))
        return won + self.weight * self.error(batch, made).abs().flatten(1).mean(1)


class Pix2pix(Rival):
    """Isola et al. 2017: the critic sees the sources too, and the picture is held to its truth by the absolute error."""

    def __init__(
        self, channels=(16, 32, 64, 96), layers: int = 1, dimensions: int = 2, critic: int = 48, contest: dict | None = None,
        spectral: bool = True, weight: float = 100.0,
    ):  # fmt: skip
        super().__init__(3 * len(CONTRASTS), channels, layers, dimensions, critic, contest, spectral, weight)

    def make(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        condition = {k: batch[k] for k in ("given", "present", "target")}
        return {"fake": self.drawn(batch["noise"], **condition)}

    def seen(self, batch: dict[str, Tensor]) -> Tensor:
        """What the critic sees beside the picture: the sources, which there are, and which contrast is wanted."""
        sources = masked(batch["given"], batch["present"])
        return torch.cat([sources, flags(batch["present"], batch["target"], sources)], 1)

    def error(self, batch: dict[str, Tensor], made: dict[str, Tensor]) -> Tensor:
        return made["fake"] - batch["clean"]


class Cyclegan(Rival):
    """Zhu et al. 2017: no picture is compared with its own truth; translated back, it must give its source again.

    One generator serves every direction, told which by the condition (Choi et al. 2018), so that it has the translator's size.
    """

    def __init__(
        self, channels=(16, 32, 64, 96), layers: int = 1, dimensions: int = 2, critic: int = 48, contest: dict | None = None,
        spectral: bool = True, weight: float = 10.0,
    ):  # fmt: skip
        super().__init__(len(CONTRASTS), channels, layers, dimensions, critic, contest, spectral, weight)

    def make(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        given, present, target, noise = (batch[k] for k in ("given", "present", "target", "noise"))
        fake = self.drawn(noise, given=given, present=present, target=target)
        source = present.argmax(1)
        wanted = functional.one_hot(target, len(CONTRASTS)).to(present)
        alone = spread(wanted, given) * fake
        back = self.drawn(noise.flip(0), given=alone, present=wanted, target=source)
        return {"fake": fake, "back": back, "source": given[torch.arange(len(given)), source][:, None]}

    def seen(self, batch: dict[str, Tensor]) -> Tensor:
        """What the critic sees beside the picture: which contrast it is to be, and nothing of the person."""
        wanted = functional.one_hot(batch["target"], len(CONTRASTS))
        return spread(wanted, batch["clean"]).to(batch["clean"])

    def error(self, batch: dict[str, Tensor], made: dict[str, Tensor]) -> Tensor:
        return made["back"] - made["source"]
