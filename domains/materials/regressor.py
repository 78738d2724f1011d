"""Formation energy and band gap of a crystal as it is, each with its own doubt, by the trunk and the edges of the generator.

The network predicts the mean and the logarithm of the standard deviation of each property, in units of its spread over the
training data; both are means over the sites, since these properties do not grow with the crystal.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot, silu

from difusa.domains.materials.elements import CLASSES, described
from difusa.shared.networks.equivariant import length, make_trunk
from difusa.shared.networks.periodic import BUMPS

BETA = 0.5  # of the beta-NLL loss: 0 is the likelihood, 1 weighs the mean's error as squared error does
DOUBT = (-5.0, 2.0)  # bounds of the logarithm of the standard deviation
UNIT = 2.0  # angstrom in a unit of the trunk's vectors


class Regressor(nn.Module):
    """Mean and standard deviation of the properties `names`, invariant to motions, mirrors, the choice of the cell's axes, shifts
    and the order of the atoms.

    mean, spread [P]: of each property over the training data, in its unit. The rest as in equivariant.Trunk.
    """

    def __init__(
        self,
        names: Sequence[str],
        mean: Sequence[float],
        spread: Sequence[float],
        width: int = 96,
        edge: int = 32,
        hidden: int = 64,
        channels: int = 4,
        heads: int = 4,
        layers: int = 3,
    ):
        super().__init__()
        if not len(names) == len(mean) == len(spread):
            raise ValueError(f"{len(names)} names need as many means and spreads, got {len(mean)} and {len(spread)}")
        self.names = tuple(names)
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32))
        self.register_buffer("spread", torch.tensor(spread, dtype=torch.float32))
        self.register_buffer("described", torch.from_numpy(described()), persistent=False)
        self.of_atom = nn.Linear(CLASSES + self.described.shape[1] + 1, width)
        self.of_pair = nn.Linear(BUMPS + 1, edge)
        self.trunk = make_trunk("fast", width, edge, hidden, channels, heads, layers)
        self.norm = nn.LayerNorm(width)
        self.of_site = nn.Linear(width + channels, width)
        self.head = nn.Sequential(nn.Linear(2 * width, width), nn.SiLU(), nn.Linear(width, 2 * len(self.names)))
        nn.init.zeros_(self.head[2].weight)
        nn.init.zeros_(self.head[2].bias)

    def forward(self, **crystal: Tensor) -> tuple[Tensor, Tensor]:
        """Means and standard deviations [B, P], in the properties' units; crystal as in `standard`."""
        mean, doubt = self.standard(**crystal)
        return self.mean + self.spread * mean, self.spread * doubt.exp()

    def standard(
        self, *, bumps: Tensor, apart: Tensor, room: Tensor, elements: Tensor, present: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Mean and ln std [B, P] in units of the spread, about the mean over the training data.

        bumps [B, N, N, BUMPS], apart [B, N, N, 3] of periodic.Edges; room [B], (volume / sites)^(1/3) in angstrom; elements
        [B, N] classes; present [B, N] bool.
        """
        here = present.to(room)
        size = here.sum(1)
        kinds = one_hot(elements, CLASSES).to(self.described)
        alike = kinds @ kinds.transpose(1, 2)
        about = (room - 2.5)[:, None, None].expand(-1, present.shape[1], 1).to(kinds)
        h = self.of_atom(torch.cat([kinds, kinds @ self.described, about], -1))
        e = self.of_pair(torch.cat([bumps, alike[..., None]], -1))
        v = h.new_zeros(*present.shape, self.trunk.channels, 3)
        h, _, v = self.trunk(h, e, v, apart / UNIT, present)
        h = self.norm(h)
        site = silu(self.of_site(torch.cat([h, length(v)], -1))) * here[..., None].to(h)
        mean = site.sum(1) / size[:, None]
        spread = ((site - mean[:, None]).square() * here[..., None]).sum(1) / size[:, None]
        with torch.autocast(present.device.type, enabled=False):
            pooled = torch.cat([mean, (spread + 1e-6).sqrt()], -1).to(self.spread.dtype)
            mean, doubt = self.head(pooled).chunk(2, dim=-1)
            return mean, doubt.clamp(*DOUBT)

    def loss(self, *, properties: Tensor, **crystal: Tensor) -> Tensor:
        """Loss of each sample [B]: the Gaussian's negative log-likelihood, weighed by its variance to the power BETA (Seitzer
        et al. 2022, Eq. 5), mean over the properties [B, P] that are numbers."""
        mean, doubt = self.standard(**crystal)
        known = properties.isfinite()
        left = (properties.nan_to_num() - self.mean) / self.spread
        nll = (left - mean).square() * (-2 * doubt).exp() / 2 + doubt
        weighed = (2 * BETA * doubt).exp().detach() * nll * known
        return weighed.sum(-1) / known.sum(-1).clamp(min=1)
