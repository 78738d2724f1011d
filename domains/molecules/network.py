"""The molecule network: every atom and bond carries its own noise level, so that what is given is simply exact.

One network draws new molecules (nothing given), completes a fragment (its atoms given), places the atoms of a known graph
(elements, charges, hydrogens and bonds given) or adds hydrogens (all but their places given).

States are those of inputs.py.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from difusa.domains.molecules.inputs import (
    BONDS,
    CATEGORIES,
    CHARGES,
    HYDROGENS,
    ONEHOT,
    SIGMA_DATA,
    inputs,
    pairs_of,
    widths,
)  # fmt: skip
from difusa.shared.networks.equivariant import Kind, make_trunk
from difusa.shared.spaces import State

WEIGHTS = {"coords": 1.0, "elements": 0.5, "charges": 0.3, "hydrogens": 0.5, "bonds": 2.0}


class Molecules(nn.Module):
    """Denoiser of molecular states; see the module's text.

    elements: number of element classes. scale: angstrom in a unit of coordinates. properties: numbers that a molecule
    may be asked to have. trunk: "fast", or "e3nn", the slow reference. The rest as in equivariant.Trunk.
    """

    def __init__(
        self,
        elements: int = 4,
        scale: float = 2.0,
        width: int = 192,
        edge: int = 64,
        hidden: int = 128,
        channels: int = 8,
        heads: int = 8,
        layers: int = 6,
        properties: int = 0,
        trunk: Kind = "fast",
    ):
        super().__init__()
        self.classes = {"elements": elements, "charges": CHARGES, "hydrogens": HYDROGENS, "bonds": BONDS}
        self.scale = scale
        of_atom, of_pair = widths(elements)
        self.of_atom, self.of_pair = nn.Linear(of_atom, width), nn.Linear(of_pair, edge)
        self.of_wish = nn.Linear(2 * properties, width) if properties else None
        self.trunk = make_trunk(trunk, width, edge, hidden, channels, heads, layers)
        self.atom_norm, self.pair_norm = nn.LayerNorm(width), nn.LayerNorm(edge)
        self.to_atom = nn.Linear(width, elements + CHARGES + HYDROGENS)
        self.to_pair = nn.Linear(edge, BONDS)
        self.to_move = nn.Linear(width, channels)
        for last in (self.to_atom, self.to_pair):
            nn.init.zeros_(last.weight)

    def forward(
        self,
        x: State,
        sigma: Tensor,
        *,
        present: Tensor,
        given: State | None = None,
        anchor: Tensor | None = None,
        wish: Tensor | None = None,
    ) -> State:
        """Clean estimate of x at sigma (scalar or [B]).

        present [B, N] bool. given: which entries are exact (sigma 0): `coords` [B, N], `atoms` [B, N] (element, charge,
        hydrogens), `bonds` [B, E], bool; by default nothing. anchor [B, N, 3]: where each atom is expected before anything
        is known of it; zero, the centre, by default. wish [B, properties], not a number where nothing is asked for.
        """
        logits, coords = self.predict(x, sigma, present, given, anchor, wish)
        clean = {name: ONEHOT * logits[name].softmax(-1) for name in CATEGORIES} | {"coords": coords}
        for name in clean:  # also the coordinates: going to the anchor and back rounds
            exact = (given or {}).get(name if name in ("coords", "bonds") else "atoms")
            if exact is not None:
                clean[name] = torch.where(exact[..., None], x[name], clean[name])
        return clean

    def predict(self, x, sigma, present, given=None, anchor=None, wish=None) -> tuple[dict[str, Tensor], Tensor]:
        """Logits of the categories and the clean coordinates; arguments as in forward."""
        count, atoms = present.shape
        sigma = torch.as_tensor(sigma, dtype=x["coords"].dtype, device=present.device).expand(count)
        given = given or {}
        level = {
            name: sigma[:, None] * (1 - given[name].to(sigma)) if name in given else sigma[:, None].expand(count, rows)
            for name, rows in (("coords", atoms), ("atoms", atoms), ("bonds", x["bonds"].shape[1]))
        }
        off = x["coords"] if anchor is None else x["coords"] - anchor
        h, e, v, apart, raw = inputs(x, sigma, level, off, self.trunk.channels)
        h, e = self.of_atom(h), self.of_pair(e)
        if self.of_wish is not None:
            asked = (
                torch.full_like(h[:, 0, :1], torch.nan).expand(-1, self.of_wish.in_features // 2)
                if wish is None
                else wish
            )
            h = h + self.of_wish(torch.cat([asked.nan_to_num(0.0), (~asked.isnan()).to(h)], -1))[:, None]
        h, e, v = self.trunk(h, e, v, apart, present)
        h, e = self.atom_norm(h), self.pair_norm(e)
        move = torch.einsum("bnk,bnkx->bnx", self.to_move(h), v)
        free = present if "coords" not in given else present & ~given["coords"].any(1, keepdim=True)
        mean = (move * free[..., None]).sum(1, keepdim=True) / free.sum(1).clamp(min=1)[:, None, None]
        move = move - mean * free.any(1)[:, None, None]
        sizes = [self.classes[k] for k in CATEGORIES[:3]]
        out = dict(zip(CATEGORIES[:3], self.to_atom(h).split(sizes, -1), strict=True))
        i, j = (k.to(e.device) for k in pairs_of(atoms))
        out["bonds"] = self.to_pair(e[:, i, j] + e[:, j, i])
        logits = {name: raw[name] + out[name] for name in CATEGORIES}
        total = (level["coords"] ** 2 + SIGMA_DATA**2).sqrt()[..., None]
        skip, gain = SIGMA_DATA**2 / total**2, level["coords"][..., None] * SIGMA_DATA / total
        return logits, x["coords"] - off + skip * off + gain * move

    def loss(self, **batch: Tensor) -> Tensor:
        """Loss of each sample [B] of a batch of noising.Noised: the network's own error in the coordinates of free atoms
        (Karras et al. 2022, Eq. 8) and the cross-entropy of free categories, weighed by WEIGHTS."""
        if not torch.compiler.is_compiling():  # a compiled step wants one shape, whatever a batch holds
            batch = trimmed(batch)
        present, sigma = batch["present"], batch["sigma"]
        i, j = pairs_of(present.shape[1])
        real = {"atoms": present, "bonds": present[:, i] & present[:, j], "coords": present}
        given = {k: batch[f"given_{k}"] for k in ("coords", "atoms", "bonds")}
        free = {k: real[k] & ~given[k] for k in real}
        clean = {k: ONEHOT * one_hot(batch[k], n).to(sigma) for k, n in self.classes.items()}
        clean["coords"] = batch["coords"] / self.scale
        by = {k: free["bonds" if k == "bonds" else "coords" if k == "coords" else "atoms"] for k in clean}
        x = {k: v + sigma[:, None, None] * batch[f"noise_{k}"] * by[k][..., None] for k, v in clean.items()}
        anchor = batch["anchor"] / self.scale
        wish = batch.get("wish")
        logits, coords = self.predict(x, sigma, present, given, anchor, wish)
        gain2 = (sigma * SIGMA_DATA) ** 2 / (sigma**2 + SIGMA_DATA**2)
        error = (coords - clean["coords"]).square().sum(-1) / 3 / gain2[:, None]
        total = WEIGHTS["coords"] * _mean(error, by["coords"])
        for name in CATEGORIES:
            ce = cross_entropy(logits[name].transpose(1, 2), batch[name], reduction="none")
            total = total + WEIGHTS[name] * _mean(ce, by[name])
        return total


def adopt(state: dict[str, Tensor], network: Molecules) -> list[str]:
    """Weights of a network that hears no wish or knows fewer elements, into one that does, in place; the names left fresh.

    Sets of elements agree from the front, and hydrogen is last (chemistry.ELEMENTS). What is fresh of a wish says nothing at
    first. Raises ValueError for the weights of another network.
    """
    own = network.state_dict()
    wishes = [name for name in own if name.startswith("of_wish.") and name not in state]
    grown = {name: _room(value, own[name], name) if name in own else value for name, value in state.items()}
    if {k: v.shape for k, v in own.items() if k not in wishes} != {k: v.shape for k, v in grown.items()}:
        missing = sorted(set(own) - set(wishes) - set(state))[:3]
        raise ValueError(
            f"the weights are of another network (missing: {missing}): start from the recipe they came from"
        )
    network.load_state_dict(grown, strict=False)
    for name in wishes:
        nn.init.zeros_(network.get_parameter(name))
    return wishes + [name for name in grown if grown[name].shape != state[name].shape]


def _room(value: Tensor, own: Tensor, name: str) -> Tensor:
    """`value` with the rows or columns that its elements lack, out of `own`, before those of hydrogen; else as it is."""
    axis, others = {"of_atom.weight": (1, widths(0)[0])}.get(name, (0, CHARGES + HYDROGENS))
    if name not in ("of_atom.weight", "to_atom.weight", "to_atom.bias") or value.shape[axis] >= own.shape[axis]:
        return value
    before = value.shape[axis] - others - 1  # elements but hydrogen
    more = own.shape[axis] - value.shape[axis]
    first, rest = value.narrow(axis, 0, before), value.narrow(axis, before, others + 1)
    return torch.cat([first, own.narrow(axis, before, more).to(value), rest], axis)


def trimmed(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """The batch without the last rows that are absent in all of its molecules."""
    wide, atoms = batch["present"].shape[1], int(batch["present"].sum(1).max())
    if atoms == wide:
        return batch
    i, j = pairs_of(wide)
    inside = ((i < atoms) & (j < atoms)).nonzero()[:, 0]  # in the order of pairs_of(atoms)
    rows = {"wish": slice(None)} | dict.fromkeys(("bonds", "given_bonds", "noise_bonds"), inside)
    return {k: v[:, rows.get(k, slice(atoms))] if v.ndim > 1 else v for k, v in batch.items()}


def _mean(value: Tensor, where: Tensor) -> Tensor:
    """Mean over the entries `where` of each row; 0 where there are none."""
    return (value * where).sum(1) / where.sum(1).clamp(min=1)
