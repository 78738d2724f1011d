"""Properties of a molecule read off its skeleton of heavy atoms, at any noise level, each with its own doubt.

The trunk is the generator's. What a count of atoms explains is taken off by a linear baseline first; the network predicts the
mean and the logarithm of the standard deviation of what is left, in units of its spread over the training data.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot, silu

from difusa.domains.molecules.inputs import BONDS, CATEGORIES, CHARGES, HYDROGENS, ONEHOT, inputs, pairs_of, widths
from difusa.shared.networks.equivariant import Kind, length, make_trunk
from difusa.shared.spaces import State

BETA = 0.5  # of the beta-NLL loss: 0 is the likelihood, 1 weighs the mean's error as squared error does
DOUBT = (-6.0, 2.0)  # bounds of the logarithm of the standard deviation
USUAL = 8.0  # heavy atoms of a molecule: brings sums over them to about one


class Regressor(nn.Module):
    """Mean and standard deviation of the properties `names`, invariant to motions, mirrors and the order of the atoms.

    base [P][1 + elements]: constant, and what each atom of a class adds (hydrogen's class is the last, as in
    chemistry.ELEMENTS); spread [P]: standard deviation of what that leaves; both in the properties' units, see `baseline`.
    The other options are those of network.Molecules.
    """

    def __init__(
        self,
        names: Sequence[str],
        base: Sequence[Sequence[float]],
        spread: Sequence[float],
        elements: int = 5,
        scale: float = 2.0,
        width: int = 128,
        edge: int = 48,
        hidden: int = 96,
        channels: int = 8,
        heads: int = 8,
        layers: int = 5,
        trunk: Kind = "fast",
    ):
        super().__init__()
        if not len(names) == len(base) == len(spread) or any(len(row) != 1 + elements for row in base):
            raise ValueError(f"{len(names)} names need as many rows of base, of {1 + elements} numbers, and of spread")
        self.names, self.scale = tuple(names), scale
        self.classes = {"elements": elements, "charges": CHARGES, "hydrogens": HYDROGENS, "bonds": BONDS}
        self.register_buffer("base", torch.tensor(base, dtype=torch.float32))
        self.register_buffer("spread", torch.tensor(spread, dtype=torch.float32))
        of_atom, of_pair = widths(elements)
        self.of_atom, self.of_pair = nn.Linear(of_atom, width), nn.Linear(of_pair, edge)
        self.trunk = make_trunk(trunk, width, edge, hidden, channels, heads, layers)
        self.norm = nn.LayerNorm(width)
        self.of_node = nn.Linear(width + channels, width)
        self.weigh = nn.Linear(width, channels)
        self.head = nn.Sequential(
            nn.Linear(2 * width + channels, width), nn.SiLU(), nn.Linear(width, 2 * len(self.names))
        )
        nn.init.zeros_(self.head[2].weight)
        nn.init.zeros_(self.head[2].bias)

    def forward(self, x: State, sigma: Tensor, *, present: Tensor) -> tuple[Tensor, Tensor]:
        """Means and standard deviations [B, P], in the properties' units, of states x at sigma (scalar or [B]).

        present [B, N] bool.
        """
        counts, mean, doubt = self.standard(x, sigma, present)
        return self.explained(counts) + self.spread * mean, self.spread * doubt.exp()

    def explained(self, counts: Tensor) -> Tensor:
        """What the counts of atoms [B, elements] explain of each property, [B, P]."""
        return self.base[:, 0] + counts @ self.base[:, 1:].T

    def standard(self, x: State, sigma: Tensor, present: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Counts of atoms [B, elements] as far as they can be seen, and mean and ln std [B, P] of the rest over spread."""
        count, atoms = present.shape
        sigma = torch.as_tensor(sigma, dtype=x["coords"].dtype, device=present.device).expand(count)
        rows = {"coords": atoms, "atoms": atoms, "bonds": x["bonds"].shape[1]}
        level = {name: sigma[:, None].expand(count, n) for name, n in rows.items()}
        real = present.to(sigma)[..., None]
        number = real.sum(1).clamp(min=1)
        off = (x["coords"] - (x["coords"] * real).sum(1, keepdim=True) / number[:, None]) * real
        h, e, v, apart, raw = inputs(x, sigma, level, off, self.trunk.channels)
        h, e, v = self.trunk(self.of_atom(h), self.of_pair(e), v, apart, present)
        h = self.norm(h)
        # a sum of vectors, as a dipole is one
        turned = length((self.weigh(h)[..., None] * v * real[..., None]).sum(1))
        node = silu(self.of_node(torch.cat([h, length(v)], -1))) * real
        total = node.sum(1)
        with torch.autocast(present.device.type, enabled=False):  # eight bits are too few for what is left
            pooled = torch.cat([total / USUAL, total / number, turned / USUAL], -1).to(self.base.dtype)
            mean, doubt = self.head(pooled).chunk(2, dim=-1)
            return self.counts(raw, real), mean, doubt.clamp(*DOUBT)

    def counts(self, raw: dict[str, Tensor], real: Tensor) -> Tensor:
        """Atoms of each class [B, elements], hydrogens among them, expected from the logits of the noise alone."""
        p = {k: raw[k].to(self.base.dtype).softmax(-1) * real for k in ("elements", "hydrogens")}
        carried = (p["hydrogens"] * torch.arange(HYDROGENS, device=real.device)).sum((1, 2))
        found = p["elements"].sum(1)
        return torch.cat([found[:, :-1], found[:, -1:] + carried[:, None]], -1)

    def loss(self, **batch: Tensor) -> Tensor:
        """Loss of each sample [B] of a batch of noising.Noised with `properties` [B, P]: the Gaussian's negative
        log-likelihood, weighed by its variance to the power BETA (Seitzer et al. 2022, Eq. 5), mean over the properties."""
        counts, mean, doubt = self.standard(*noisy(batch, self.classes, self.scale), batch["present"])
        left = (batch["properties"] - self.explained(counts)) / self.spread
        nll = (left - mean).square() * (-2 * doubt).exp() / 2 + doubt
        return ((2 * BETA * doubt).exp().detach() * nll).mean(-1)


def noisy(batch: dict[str, Tensor], classes: dict[str, int], scale: float) -> tuple[State, Tensor]:
    """The states of a batch of noising.Noised in which nothing is given, and their levels."""
    sigma = batch["sigma"]
    clean = {k: ONEHOT * one_hot(batch[k], classes[k]).to(sigma) for k in CATEGORIES}
    clean["coords"] = batch["coords"] / scale
    i, j = pairs_of(batch["present"].shape[1])
    pair = batch["present"][:, i] & batch["present"][:, j]
    real = {k: (pair if k == "bonds" else batch["present"])[..., None] for k in clean}
    return {k: v + sigma[:, None, None] * batch[f"noise_{k}"] * real[k] for k, v in clean.items()}, sigma


def baseline(counts: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The regressor's `base` [P, 1 + K] and `spread` [P]: least squares of values [M, P] on the counts of atoms [M, K]."""
    seen = np.column_stack([np.ones(len(counts)), counts]).astype(float)
    base = np.linalg.lstsq(seen, values.astype(float), rcond=None)[0].T
    return base, (values - seen @ base.T).std(0)
