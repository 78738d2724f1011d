"""What molecular networks see of a noisy state: its fields as the first layers take them.

State, as named fields of one product space; N atoms, E = N (N - 1) / 2 pairs i < j in the order of torch.triu_indices:
coords [B, N, 3] in units of `scale` angstrom; elements [B, N, elements], charges [B, N, 3], hydrogens [B, N, 5] and
bonds [B, E, 5]: one-hot times ONEHOT.
"""

import torch
from torch import Tensor

from difusa.shared.networks.equivariant import length
from difusa.shared.spaces import State

CHARGES = 3  # -1, 0, +1
HYDROGENS = 5  # 0 .. 4 on one heavy atom
BONDS = 5  # none, single, double, triple, aromatic
ONEHOT = 0.35
SIGMA_DATA = 0.5
FLOOR = 0.01  # smallest level told to a network
RADII = 16  # bumps along the distance
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


def radial(far: Tensor) -> Tensor:
    """Gaussian bumps of scaled distances [..., 1] -> [..., RADII], from 0 to 6, narrow where bonds lie."""
    centres = torch.linspace(0, 1, RADII, device=far.device, dtype=far.dtype) ** 1.5 * 6
    width = 0.15 + 0.12 * centres
    return torch.exp(-((far - centres) / width).square() / 2)


def widths(elements: int) -> tuple[int, int]:
    """Numbers that `inputs` gives for an atom and for a pair."""
    return elements + CHARGES + HYDROGENS + 3, BONDS + 2 + RADII


def inputs(
    x: State, sigma: Tensor, level: dict[str, Tensor], off: Tensor, channels: int
) -> tuple[Tensor, Tensor, Tensor, Tensor, dict[str, Tensor]]:
    """Atoms [B, N, .], pairs [B, N, N, .] (`widths`), vectors [B, N, channels, 3], apart [B, N, N, 3] from j to i, and the
    logits of each category that the noise alone tells.

    sigma [B]; level: the own level of each entry of coords [B, N], atoms [B, N] and bonds [B, E]; off [B, N, 3]: the
    coordinates, about whatever they are measured from.
    """
    count, atoms = level["atoms"].shape
    raw = {name: sharpened(x[name], level["bonds" if name == "bonds" else "atoms"]) for name in CATEGORIES}
    told = {name: _log(value)[..., None] for name, value in level.items()}
    widest = (sigma**2 + SIGMA_DATA**2).sqrt()[:, None, None]
    place = x["coords"] / widest
    apart = place[:, :, None] - place[:, None]
    single = torch.cat([raw[k].softmax(-1) for k in CATEGORIES[:3]], dim=-1)
    h = torch.cat([single, told["coords"], told["atoms"], _log(sigma)[:, None, None].expand(-1, atoms, 1)], -1)
    bond = dense(torch.cat([raw["bonds"].softmax(-1), told["bonds"]], -1), atoms)
    far = length(apart)[..., None]
    e = torch.cat([bond, _log(sigma)[:, None, None, None].expand(-1, atoms, atoms, 1), radial(far)], -1)
    v = torch.cat([(off / widest)[:, :, None], off.new_zeros(count, atoms, channels - 1, 3)], dim=2)
    return h, e, v, apart, raw


def _log(level: Tensor) -> Tensor:
    return level.clamp(min=FLOOR).log() / 4
