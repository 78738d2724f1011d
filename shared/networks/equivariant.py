"""An E(3)-equivariant attention network on dense, padded point sets: the trunk of the molecule and crystal networks.

Nodes carry scalars and several vectors, every pair of nodes carries scalars. Only relative positions come in, so
translations do nothing, and vectors come out by sums of relative vectors with invariant weights, so rotations and
reflections turn the output as they turn the input (the construction of Satorras et al. 2021, Eqs. 3-6, with several
vector channels as in Le et al. 2022 and attention weights read from the pairs).
"""

from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

Kind = Literal["fast", "e3nn"]  # the trunk below, or the reference in reference.py, which needs the package e3nn
SHARED = 4.0  # usual number of bonds of an atom: brings sums over neighbours to about one
TINY = 1e-8  # keeps the derivative of a length finite at zero


def length(v: Tensor) -> Tensor:
    """Length of vectors [..., 3]."""
    return (v.square().sum(-1) + TINY).sqrt()


class Layer(nn.Module):
    """One round: pairs look at distances and their two nodes, nodes gather from pairs, vectors are pushed along them."""

    def __init__(self, width: int, edge: int, hidden: int, channels: int, heads: int):
        super().__init__()
        self.heads, self.sizes = heads, (edge, heads, channels)
        self.norm, self.edge_norm, self.ffn_norm = nn.LayerNorm(width), nn.LayerNorm(edge), nn.LayerNorm(width)
        self.here, self.there = nn.Linear(width, hidden), nn.Linear(width, hidden, bias=False)
        self.pair = nn.Linear(edge + 2 * channels, hidden, bias=False)
        self.out = nn.Linear(hidden, sum(self.sizes))
        self.value = nn.Linear(width, width)
        self.gather = nn.Linear(width + 2 * hidden + channels, width)
        self.turn = nn.Linear(channels, channels, bias=False)
        self.ffn = nn.Sequential(nn.Linear(width, 3 * width), nn.SiLU(), nn.Linear(3 * width, width))
        for last in (self.turn, self.ffn[2]):
            nn.init.zeros_(last.weight)

    def forward(self, h: Tensor, e: Tensor, v: Tensor, apart: Tensor, pairs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """h [B, N, width], e [B, N, N, edge], v [B, N, K, 3], apart [B, N, N, 3] (from j to i), pairs [B, N, N, 1] in {0, 1}."""
        gap = apart[..., None, :] + v[:, :, None] - v[:, None]
        far = length(gap)
        seen = self.norm(h)
        pair = self.pair(torch.cat([self.edge_norm(e), far, (1 + far).reciprocal()], dim=-1))
        m = silu(pair + self.here(seen)[:, :, None] + self.there(seen)[:, None])
        change, logits, push = self.out(m).split(self.sizes, dim=-1)
        weight = (logits - 1e4 * (1 - pairs)).softmax(dim=2)
        # sums of products, not einsum: batched products of a vector with a thin matrix run ten times slower on a CPU
        from_pairs = (weight[..., None] * m.unflatten(-1, (self.heads, -1))).sum(2).flatten(2)
        value = self.value(seen).view(*h.shape[:2], self.heads, -1)
        from_nodes = torch.einsum("bijh,bjhc->bihc", weight, value).flatten(2)
        total = (m * pairs).sum(2) / SHARED  # attention averages; a valence is a sum
        h = h + self.gather(torch.cat([from_nodes, from_pairs, total, length(v)], dim=-1))
        h = h + self.ffn(self.ffn_norm(h))
        push = push * pairs / (1 + far) / pairs.sum(dim=2, keepdim=True).clamp(min=1).sqrt()
        v = v + (push[..., None] * gap).sum(2)
        return h, e + change, v + self.turn(v.transpose(2, 3)).transpose(2, 3)


class Trunk(nn.Module):
    """`layers` rounds; scalars of nodes and pairs and vectors of nodes in, the same out, refined."""

    def __init__(
        self, width: int = 192, edge: int = 64, hidden: int = 128, channels: int = 8, heads: int = 8, layers: int = 6
    ):
        super().__init__()
        if width % heads or hidden % heads:
            raise ValueError(f"width {width} and hidden {hidden} must be multiples of heads {heads}")
        self.channels = channels
        self.layers = nn.ModuleList(Layer(width, edge, hidden, channels, heads) for _ in range(layers))

    def forward(self, h: Tensor, e: Tensor, v: Tensor, apart: Tensor, present: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """h [B, N, width], e [B, N, N, edge], v [B, N, channels, 3], apart [B, N, N, 3] from node j to node i,
        present [B, N] bool; what absent nodes return means nothing."""
        present = present.to(h)
        pairs = (present[:, :, None] * present[:, None])[..., None]
        for layer in self.layers:
            h, e, v = layer(h, e, v, apart, pairs)
        return h, e, v


def make_trunk(kind: Kind, width: int, edge: int, hidden: int, channels: int, heads: int, layers: int) -> nn.Module:
    """The trunk of that kind; `heads` are the fast one's. Raises ValueError for another name."""
    if kind not in get_args(Kind):
        raise ValueError(f"network.trunk: {kind!r} is none of {', '.join(get_args(Kind))}")
    if kind == "fast":
        return Trunk(width, edge, hidden, channels, heads, layers)
    from difusa.shared.networks.reference import Reference

    return Reference(width, edge, hidden, channels, layers)
