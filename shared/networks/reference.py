"""The e3nn reference for the fast trunk: the same call, by irreducible representations of E(3) up to l = 2, both parities.

Messages are tensor products of what an atom carries with the spherical harmonics of the direction to it, weighed path by
path by a network of the pair's scalars (Thomas et al. 2018; Batzner et al. 2022, Eqs. 4-6), then mixed and gated (Geiger and
Smidt 2022). Needs the package e3nn, imported when a network is made.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from difusa.shared.networks.equivariant import length

HARMONICS = "0e + 1o + 2e"
TOP = 2  # highest l


def state(scalars: int, channels: int) -> str:
    """What an atom carries, scalars first; 1o are the vectors, their components x, y, z as in the input (e3nn >= 0.2.2)."""
    return f"{scalars}x0e + " + " + ".join(f"{channels}x{kind}" for kind in ("0o", "1o", "1e", "2e", "2o"))


def product(sent: str):
    """Tensor product of each sent channel with the harmonics, one weight a channel and path; outputs sorted by kind."""
    from e3nn import o3

    one, other = o3.Irreps(sent), o3.Irreps(HARMONICS)
    paths, out = [], []
    for i, (mul, kind) in enumerate(one):
        for j, (_, harmonic) in enumerate(other):
            for result in kind * harmonic:
                if result.l <= TOP:
                    paths.append((i, j, len(out)))
                    out.append((mul, result))
    sorted_out, place, _ = o3.Irreps(out).sort()
    instructions = [(i, j, place[k], "uvu", True) for i, j, k in paths]
    return o3.TensorProduct(one, other, sorted_out, instructions, shared_weights=False, internal_weights=False)


class Round(nn.Module):
    """One round of messages; `f` [B, N, state] is what the atoms carry."""

    def __init__(self, width: int, edge: int, hidden: int, channels: int):
        super().__init__()
        from e3nn import o3
        from e3nn.nn import Gate

        self.width, self.channels = width, channels
        carried = o3.Irreps(state(width, channels))
        higher = carried[2:]
        self.blocks = [(part, mul, kind.dim) for part, (mul, kind) in zip(carried.slices(), carried)][1:]
        self.norm, self.edge_norm = nn.LayerNorm(width), nn.LayerNorm(edge)
        seen, sent = state(width + channels, channels), state(hidden, channels)  # the lengths of vectors are seen
        self.here, self.there = nn.Linear(width + channels, hidden), nn.Linear(width + channels, hidden, bias=False)
        self.pair = nn.Linear(edge + 2, hidden, bias=False)
        self.send, self.product = o3.Linear(seen, sent), product(sent)
        self.weight = nn.Linear(hidden, self.product.weight_numel)
        out = self.product.irreps_out.simplify()  # e3nn sorts 0o before 0e
        (self.even,) = (part for part, (_, kind) in zip(out.slices(), out) if kind == o3.Irrep("0e"))
        self.change = nn.Linear(hidden + out.count("0e"), edge)
        gates = f"{higher.num_irreps}x0e"
        self.gate = Gate(carried[:2], [silu, torch.tanh], gates, [torch.sigmoid], higher)
        self.own = o3.Linear(seen, self.gate.irreps_in)
        self.mix = o3.Linear(out, self.gate.irreps_in)
        self.update = o3.Linear(self.gate.irreps_out, carried)

    def forward(self, f: Tensor, e: Tensor, far: Tensor, harmonics: Tensor, pairs: Tensor) -> tuple[Tensor, Tensor]:
        """f [B, N, state], e [B, N, N, edge], far [B, N, N, 1], harmonics [B, N, N, 9], pairs [B, N, N, 1] in {0, 1}, 0 of
        an atom with itself."""
        seen = self.seen(f)
        scalars = seen[..., : self.channels + self.width]
        pair = self.pair(torch.cat([self.edge_norm(e), far, (1 + far).reciprocal()], dim=-1))
        m = silu(pair + self.here(scalars)[:, :, None] + self.there(scalars)[:, None])
        sent = self.send(seen)[:, None].expand(-1, f.shape[1], -1, -1)
        messages = self.product(sent, harmonics, self.weight(m) * pairs)
        e = e + self.change(torch.cat([m, messages[..., self.even]], dim=-1))
        total = messages.sum(2) / pairs.sum(2).clamp(min=1).sqrt()
        return f + self.update(self.gate(self.own(seen) + self.mix(total))), e

    def seen(self, f: Tensor) -> Tensor:
        """Lengths of the vectors, normalised scalars, and the rest brought below a mean square of 1: [B, N, channels + state]."""
        parts = [f[..., part].unflatten(-1, (mul, dim)) for part, mul, dim in self.blocks]
        small = [(p * (1 + p.square().sum(-1).mean(-1)).rsqrt()[..., None, None]).flatten(-2) for p in parts]
        return torch.cat([length(parts[1]), self.norm(f[..., : self.width]), *small], dim=-1)


class Reference(nn.Module):
    """`layers` rounds on e3nn, called as `equivariant.Trunk` is; always in the precision of the vectors, autocast or not.

    width, edge, channels: scalars of an atom and of a pair, and vectors of an atom, the latter also the number of channels
    of each other kind; hidden: scalars that are sent along a pair.
    """

    def __init__(self, width: int = 192, edge: int = 64, hidden: int = 128, channels: int = 8, layers: int = 6):
        super().__init__()
        self.width, self.channels = width, channels
        self.layers = nn.ModuleList(Round(width, edge, hidden, channels) for _ in range(layers))
        self.register_load_state_dict_post_hook(exact)

    def forward(self, h: Tensor, e: Tensor, v: Tensor, apart: Tensor, present: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """h [B, N, width], e [B, N, N, edge], v [B, N, channels, 3], apart [B, N, N, 3] from node j to node i,
        present [B, N] bool; what absent nodes return means nothing."""
        from e3nn.o3 import spherical_harmonics

        c = self.channels
        with torch.autocast(v.device.type, enabled=False):
            present = present.to(v)
            off_diagonal = 1 - torch.eye(v.shape[1], dtype=v.dtype, device=v.device)
            pairs = (present[:, :, None] * present[:, None] * off_diagonal)[..., None]
            far = length(apart)[..., None]
            harmonics = spherical_harmonics(HARMONICS, apart / far, normalize=False, normalization="component")
            none = v.new_zeros(*v.shape[:2], c)
            f = torch.cat([h.to(v), none, v.flatten(2), none.repeat(1, 1, 13)], dim=-1)
            e = e.to(v)
            for layer in self.layers:
                f, e = layer(f, e, far, harmonics, pairs)
        vectors = f[..., self.width + c : self.width + 4 * c].unflatten(-1, (c, 3))
        return f[..., : self.width], e, vectors

    def _apply(self, fn, recurse=True):
        """As nn.Module's, for the constants see `exact`."""
        super()._apply(fn, recurse)
        exact(self)
        return self


def exact(network: nn.Module, *_) -> None:
    """Writes e3nn's coupling constants anew: it rounds them when it is made, and packed files round them to 8 bits."""
    from e3nn.o3 import wigner_3j

    for name, constant in network.named_buffers():
        if "_w3j_" in name:
            constant.copy_(wigner_3j(*map(int, name.split("_")[-3:]), dtype=torch.float64))
