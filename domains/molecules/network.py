"""The molecule network: every atom and bond carries its own noise level, so that what is given is simply exact.

One network draws new molecules (nothing given), completes a fragment (its atoms given), places the atoms of a known graph
(elements, charges, hydrogens and bonds given) or adds hydrogens (all but their places given).

State, as named fields of one product space; N atoms, E = N (N - 1) / 2 pairs i < j in the order of torch.triu_indices:
coords [B, N, 3] in units of `scale` angstrom; elements [B, N, elements], charges [B, N, 3], hydrogens [B, N, 5] and
bonds [B, E, 5]: one-hot times ONEHOT.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from difusa.shared.networks.equivariant import Kind, length, make_trunk
from difusa.shared.spaces import State

CHARGES = 3  # -1, 0, +1
HYDROGENS = 5  # 0 .. 4 on one heavy atom
BONDS = 5  # none, single, double, triple, aromatic
ONEHOT = 0.35
SIGMA_DATA = 0.5
FLOOR = 0.01  # smallest level told to the network
WEIGHTS = {"coords": 1.0, "elements": 0.5, "charges": 0.3, "hydrogens": 0.5, "bonds": 2.0}
CATEGORIES = ("elements", "charges", "hydrogens", "bonds")


def pairs_of(atoms: int) -> tuple[Tensor, Tensor]:
    """Rows and columns of the pairs i < j."""
    i, j = torch.triu_indices(atoms, atoms, 1)
    return i, j


def dense(pairs: Tensor, atoms: int) -> Tensor:
    """[B, E, C] of pairs i < j -> symmetric [B, N, N, C], zero on the diagonal."""
    i, j = pairs_of(atoms)
    out = pairs.new_zeros(len(pairs), atoms, atoms, pairs.shape[-1])
    out[:, i, j] = pairs
    out[:, j, i] = pairs
    return out


def sharpened(x: Tensor, level: Tensor) -> Tensor:
    """Logits of the category of a noisy one-hot under an even prior: ONEHOT x / level^2, at least FLOOR."""
    return ONEHOT * x / level.clamp(min=FLOOR)[..., None] ** 2


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
        self.of_atom = nn.Linear(elements + CHARGES + HYDROGENS + 3, width)
        self.of_pair = nn.Linear(BONDS + 2 + RADII, edge)
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
        raw = {name: sharpened(x[name], level["bonds" if name == "bonds" else "atoms"]) for name in CATEGORIES}
        told = {name: _log(value)[..., None] for name, value in level.items()}
        total = (level["coords"] ** 2 + SIGMA_DATA**2).sqrt()[..., None]
        off = x["coords"] if anchor is None else x["coords"] - anchor
        widest = (sigma**2 + SIGMA_DATA**2).sqrt()[:, None, None]
        place = x["coords"] / widest
        apart = place[:, :, None] - place[:, None]
        single = torch.cat([raw[k].softmax(-1) for k in CATEGORIES[:3]], dim=-1)
        h = self.of_atom(
            torch.cat([single, told["coords"], told["atoms"], _log(sigma)[:, None, None].expand(-1, atoms, 1)], -1)
        )
        if self.of_wish is not None:
            asked = (
                torch.full_like(h[:, 0, :1], torch.nan).expand(-1, self.of_wish.in_features // 2)
                if wish is None
                else wish
            )
            h = h + self.of_wish(torch.cat([asked.nan_to_num(0.0), (~asked.isnan()).to(h)], -1))[:, None]
        bond = dense(torch.cat([raw["bonds"].softmax(-1), told["bonds"]], -1), atoms)
        far = length(apart)[..., None]
        e = self.of_pair(
            torch.cat([bond, _log(sigma)[:, None, None, None].expand(-1, atoms, atoms, 1), radial(far)], -1)
        )
        v = torch.cat([(off / widest)[:, :, None], off.new_zeros(count, atoms, self.trunk.channels - 1, 3)], dim=2)
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
        skip, gain = SIGMA_DATA**2 / total**2, level["coords"][..., None] * SIGMA_DATA / total
        return logits, x["coords"] - off + skip * off + gain * move

    def loss(self, **batch: Tensor) -> Tensor:
        """Loss of each sample [B] of a batch of noising.Noised: the network's own error in the coordinates of free atoms
        (Karras et al. 2022, Eq. 8) and the cross-entropy of free categories, weighed by WEIGHTS."""
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


def trimmed(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """The batch without the last rows that are absent in all of its molecules."""
    wide, atoms = batch["present"].shape[1], int(batch["present"].sum(1).max())
    if atoms == wide:
        return batch
    i, j = pairs_of(wide)
    inside = ((i < atoms) & (j < atoms)).nonzero()[:, 0]  # in the order of pairs_of(atoms)
    rows = {"wish": slice(None)} | dict.fromkeys(("bonds", "given_bonds", "noise_bonds"), inside)
    return {k: v[:, rows.get(k, slice(atoms))] if v.ndim > 1 else v for k, v in batch.items()}


RADII = 16  # bumps along the distance


def radial(far: Tensor) -> Tensor:
    """Gaussian bumps of scaled distances [..., 1] -> [..., RADII], from 0 to 6, narrow where bonds lie."""
    centres = torch.linspace(0, 1, RADII, device=far.device, dtype=far.dtype) ** 1.5 * 6
    width = 0.15 + 0.12 * centres
    return torch.exp(-((far - centres) / width).square() / 2)


def _log(level: Tensor) -> Tensor:
    return level.clamp(min=FLOOR).log() / 4


def _mean(value: Tensor, where: Tensor) -> Tensor:
    """Mean over the entries `where` of each row; 0 where there are none."""
    return (value * where).sum(1) / where.sum(1).clamp(min=1)
