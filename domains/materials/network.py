"""The crystal network: cell, sites and elements denoised at once; what is given (elements) is simply exact.

One network draws new crystals (nothing given), places given elements (structure prediction) or completes a part of them, with
the symmetry of a template or without any. State, as named fields of one product space; N sites:
frac [B, N, 3]: fractional coordinates times PERIOD, on a torus of that period; strain [B, 3, 3]: (S - mean) / spread of
symmetry.py, symmetric; elements [B, N, CLASSES]: one-hot times ONEHOT.

The cell that the network sees is T exp(S) with S shrunk towards its mean as the noise grows, in which S is symmetric: signed
permutations of the axes turn the Cartesian coordinates, so that a network that is equivariant under O(3) knows nothing of them.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from difusa.domains.materials.elements import CLASSES, described
from difusa.shared.networks.equivariant import make_trunk
from difusa.shared.networks.periodic import ARROWS, BUMPS, Edges, edges, full
from difusa.shared.spaces import State, Torus

PERIOD = 3**0.5  # even on such a torus, a coordinate has the standard deviation 1/2
ONEHOT = 0.7
SIGMA_DATA = 0.5
FLOOR = 0.01  # smallest level told to the network
UNIT = 2.0  # angstrom in a unit of the trunk's vectors
WEIGHTS = {"frac": 1.0, "strain": 1.0, "elements": 0.4}
FIELDS = ("frac", "strain", "elements")
GROUPS = 231  # space groups, 0 where no symmetry is imposed


class Materials(nn.Module):
    """Denoiser of crystal states; see the module's text.

    volume: angstrom^3 an atom, the mean of ln volume; spread: unit of strain, both of the training data. properties: numbers
    that a crystal may be asked to have. The rest as in equivariant.Trunk.
    """

    def __init__(
        self,
        volume: float,
        spread: float,
        width: int = 192,
        edge: int = 64,
        hidden: int = 128,
        channels: int = 8,
        heads: int = 8,
        layers: int = 4,
        properties: int = 0,
    ):
        super().__init__()
        self.volume, self.spread = volume, spread
        self.register_buffer("described", torch.from_numpy(described()), persistent=False)
        kinds = self.described.shape[1]
        self.of_atom = nn.Linear(CLASSES + kinds + 8, width)
        self.of_group = nn.Embedding(GROUPS, width)
        self.of_pair = nn.Linear(BUMPS + 3, edge)
        self.of_wish = nn.Linear(2 * properties, width) if properties else None
        self.trunk = make_trunk("fast", width, edge, hidden, channels, heads, layers)
        self.atom_norm, self.pair_norm = nn.LayerNorm(width), nn.LayerNorm(edge)
        self.to_atom = nn.Linear(width, CLASSES)
        self.to_kind = nn.Linear(width, kinds, bias=False)
        self.to_move = nn.Linear(width, 2 * channels)
        self.to_arrow = nn.Linear(edge, 2 * ARROWS)
        self.to_size = nn.Linear(width, 1)
        for last in (self.to_atom, self.to_kind, self.to_size, self.to_arrow):
            nn.init.zeros_(last.weight)
        nn.init.normal_(self.of_group.weight, std=0.02)

    def forward(self, x: State, sigma: Tensor, *, given: Tensor | None = None, **site: Tensor) -> State:
        """Clean estimate of x at sigma (scalar or [B]).

        given [B, N] bool: whose elements are exact; none by default. site: what is known of each, see `predict`.
        """
        logits, tangent, strain = self.predict(x, sigma, given=given, **site)
        elements = ONEHOT * logits.softmax(-1)
        if given is not None:
            elements = torch.where(given[..., None], x["elements"], elements)
        return {"frac": Torus(PERIOD).nudge(x["frac"], tangent), "strain": strain, "elements": elements}

    def predict(
        self,
        x: State,
        sigma: Tensor,
        *,
        present: Tensor,
        shape: Tensor,
        freedom: Tensor,
        orbit: Tensor,
        spacegroup: Tensor,
        rank: Tensor,
        given: Tensor | None = None,
        wish: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of elements [B, N, CLASSES], tangent of frac [B, N, 3] in its unit, clean strain [B, 3, 3].

        present [B, N] bool; shape [B, 3, 3] T; freedom [B, N] parameters that move a site; orbit [B, N] the first site of
        each one's orbit; spacegroup [B]; rank [B] parameters of the cell; wish [B, properties], not a number where nothing is
        asked for.
        """
        count, atoms = present.shape
        dtype = x["frac"].dtype
        sigma = torch.as_tensor(sigma, dtype=dtype, device=present.device).expand(count)
        total = (sigma**2 + SIGMA_DATA**2).sqrt()
        skip, gain = SIGMA_DATA**2 / total**2, sigma * SIGMA_DATA / total
        known = torch.zeros_like(present) if given is None else given
        level = sigma[:, None] * (~known).to(dtype)
        raw = ONEHOT * x["elements"] / level.clamp(min=FLOOR)[..., None] ** 2
        kinds = raw.softmax(-1)
        here = present.to(dtype)
        size = here.sum(1)
        with torch.no_grad(), torch.autocast(present.device.type, enabled=False):  # places in half precision are none
            cell = self.cell(skip[:, None, None] * x["strain"], shape, size)
            near = edges(x["frac"] / PERIOD, cell)
            length = torch.linalg.det(cell).abs().pow(1 / 3)
            back = torch.linalg.inv(cell) * length[:, None, None]
        same = (orbit[:, :, None] == orbit[:, None]).to(dtype)
        about = torch.stack(
            [
                _log(level),
                _log(sigma[:, None] * (freedom > 0)),
                _log(sigma)[:, None].expand(-1, atoms),
                freedom.to(dtype) / 3,
                (same * here[:, None]).sum(-1).clamp(min=1).log() / 2,
                rank.to(dtype)[:, None].expand(-1, atoms) / 6,
                (size.log() / 2)[:, None].expand(-1, atoms),
                (length / size.pow(1 / 3) - 2.5)[:, None].expand(-1, atoms),
            ],
            -1,
        )
        h = self.of_atom(torch.cat([kinds, kinds @ self.described, about], -1)) + self.of_group(spacegroup)[:, None]
        if self.of_wish is not None:
            wish = (
                torch.full((count, 1), torch.nan, device=h.device).expand(-1, self.of_wish.in_features // 2)
                if wish is None
                else wish
            )
            h = h + self.of_wish(torch.cat([wish.nan_to_num(0.0), (~wish.isnan()).to(wish)], -1).to(dtype))[:, None]
        alike = kinds @ kinds.transpose(1, 2)
        told = _log(sigma)[:, None, None].expand(-1, atoms, atoms)
        e = self.of_pair(torch.cat([near.bumps, torch.stack([same, alike, told], -1)], -1))
        v = h.new_zeros(count, atoms, self.trunk.channels, 3)
        h, e, v = self.trunk(h, e, v, near.apart / UNIT, present)
        h, e = self.atom_norm(h), self.pair_norm(e)
        move, out = self.read(h, e, v, near, here)
        move = gain[:, None, None] * (move.to(dtype)[..., None] * back[:, None]).sum(2)
        move = (move - (move * here[..., None]).sum(1, keepdim=True) / size[:, None, None]) * here[..., None]
        strain = skip[:, None, None] * x["strain"] + gain[:, None, None] * out.to(dtype)
        logits = raw + (self.to_atom(h) + self.to_kind(h) @ self.described.T).to(dtype)
        return logits, move, strain

    def read(self, h: Tensor, e: Tensor, v: Tensor, near: Edges, here: Tensor) -> tuple[Tensor, Tensor]:
        """Vectors [B, N, 3] that move the sites and the symmetric tensor [B, 3, 3] that strains the cell."""
        pairs = here[:, :, None] * here[:, None]
        pushed, stressed = (self.to_arrow(e) * pairs[..., None]).split(ARROWS, -1)
        moved, turned = self.to_move(h).split(self.trunk.channels, -1)
        move = (moved[..., None] * v).sum(2) + (pushed[..., None] * near.push).sum((2, 3))
        size = here.sum(1)[:, None, None]
        squares = torch.einsum("bnk,bnkx,bnky->bxy", turned * here[..., None], v, v)
        own = (self.to_size(h)[..., 0] * here).sum(1)[:, None, None] * torch.eye(3, device=h.device, dtype=h.dtype)
        strain = full((stressed[..., None] * near.stress).sum((1, 2, 3)))
        return move, (strain + squares + own) / size

    def cell(self, strain: Tensor, shape: Tensor, size: Tensor) -> Tensor:
        """The cell [B, 3, 3] (angstrom) of a strain [B, 3, 3] in the state's unit; size [B] sites."""
        middle = (size * self.volume).log() / 3
        strain = self.spread * strain + middle[:, None, None] * torch.eye(3, device=strain.device, dtype=strain.dtype)
        return shape @ torch.linalg.matrix_exp(strain)

    def standard(self, strain: Tensor, size: Tensor) -> Tensor:
        """S [B, 3, 3] of cells with `size` [B] sites in the state's unit: the inverse of what `cell` takes."""
        middle = (size * self.volume).log() / 3
        return (strain - middle[:, None, None] * torch.eye(3, device=strain.device, dtype=strain.dtype)) / self.spread

    def loss(self, **batch: Tensor) -> Tensor:
        """Loss of each sample [B] of a batch of examples.Examples: tangents of free sites (their unwrapped noise), the network's
        own error in the strain (Karras et al. 2022, Eq. 8), cross-entropy of free elements an orbit, weighed by WEIGHTS."""
        sigma, present, given = batch["sigma"], batch["present"], batch["given"]
        by = sigma[:, None, None]
        frac = Torus(PERIOD).nudge(PERIOD * batch["frac"], batch["noise_frac"], sigma)
        clean = self.standard(batch["strain"], present.sum(1).to(sigma))
        kinds = ONEHOT * one_hot(batch["elements"], CLASSES).to(sigma)
        noise = batch["noise_elements"] * (present & ~given)[..., None]
        x = {"frac": frac, "strain": clean + by * batch["noise_strain"], "elements": kinds + by * noise}
        site = {k: batch[k] for k in ("present", "shape", "freedom", "orbit", "spacegroup", "rank", "given")}
        logits, move, strain = self.predict(x, sigma, wish=batch.get("wish"), **site)
        free = batch["freedom"] * present
        wrong = (move / by + batch["noise_frac"]).square().sum(-1) * (free > 0)
        total = WEIGHTS["frac"] * wrong.sum(1) / free.sum(1).clamp(min=1)
        gain2 = (sigma * SIGMA_DATA) ** 2 / (sigma**2 + SIGMA_DATA**2)
        total = total + WEIGHTS["strain"] * (strain - clean).square().sum((1, 2)) / gain2 / batch["rank"]
        asked = (present & ~given) * batch["share"]
        ce = cross_entropy(logits.transpose(1, 2), batch["elements"], reduction="none")
        return total + WEIGHTS["elements"] * (ce * asked).sum(1) / asked.sum(1).clamp(min=1e-6)


def _log(level: Tensor) -> Tensor:
    return level.clamp(min=FLOOR).log() / 4
