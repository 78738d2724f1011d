"""A batch of states inside the symmetry of its templates: parameters of orbits, strained shapes, shared elements."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from difusa.domains.materials.crystal import Crystal
from difusa.domains.materials.examples import padded, shaken, told_of
from difusa.domains.materials.network import ONEHOT, PERIOD
from difusa.domains.materials.symmetry import Template, cell_of
from difusa.shared.spaces import Product, State, Torus


@dataclass(frozen=True, eq=False)
class Sites:
    """The templates of a batch as tensors: base [B, N, 3] and directions, gather [B, N, 3, 3] of the sites, orbit [B, N], even
    [B, N] whose element each shares, strains [B, 6, 3, 3] (the rest zero); told: what the network hears of them."""

    base: Tensor
    directions: Tensor
    gather: Tensor
    orbit: Tensor
    even: Tensor
    strains: Tensor
    told: dict[str, Tensor]

    def places(self, parameters: Tensor) -> Tensor:
        """frac [B, N, 3] in the network's unit of the parameters [B, N, 3] at first sites."""
        own = torch.gather(parameters, 1, self.orbit[..., None].expand_as(parameters))
        return PERIOD * self.base + (self.directions * own[:, :, None]).sum(-1)

    def parameters(self, tangent: Tensor) -> Tensor:
        """What a shift of the sites [B, N, 3] says of the parameters, at first sites; zero elsewhere."""
        parts = (self.gather * tangent[:, :, None]).sum(-1)
        return torch.zeros_like(parts).scatter_add(1, self.orbit[..., None].expand_as(parts), parts)

    def strained(self, strain: Tensor) -> Tensor:
        """The part of strain [B, 3, 3] that the group leaves unchanged."""
        size = (self.strains * strain[:, None]).sum((2, 3))
        return (size[..., None, None] * self.strains).sum(1)

    def averaged(self, rows: Tensor) -> Tensor:
        """rows [B, N, C] as their mean over the sites of one element."""
        at = self.even[..., None].expand_as(rows)
        sums = torch.zeros_like(rows).scatter_add(1, at, rows)
        count = torch.zeros_like(rows).scatter_add(1, at, torch.ones_like(rows))
        return torch.gather(sums / count.clamp(min=1), 1, at)


@dataclass(frozen=True)
class Symmetric:
    """The product space of a batch, with noise inside the symmetry of each sample's template."""

    space: Product
    sites: Sites
    templates: tuple[Template, ...]
    calm: float = 1.0  # factor of the strain's noise

    def noise(self, like: State, rng) -> State:
        made = [shaken(t, like["frac"].shape[1], r) for t, r in zip(self.templates, rng)]
        at = {k: torch.from_numpy(np.stack([m[f"noise_{k}"] for m in made])).to(like[k]) for k in like}
        return at | {"frac": self.sites.parameters(at["frac"]), "strain": self.calm * at["strain"]}

    def diff(self, a: State, b: State) -> State:
        return self.space.diff(a, b)

    def nudge(self, x: State, v: State, by=1.0) -> State:
        return self.space.nudge(x, v, by)

    def blend(self, a: State, b: State, w) -> State:
        return self.space.blend(a, b, w)


@dataclass(frozen=True, eq=False)
class Denoiser:
    """The network inside the symmetry: clean parameters, strains and elements; allowed [B, N, CLASSES] 1 or 0."""

    network: Callable
    sites: Sites
    given: Tensor
    allowed: Tensor

    def logits(self, x: State, sigma: Tensor, wish: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of elements a site, even where one element is lent, tangent of the parameters, clean strain."""
        told = {k: v for k, v in self.sites.told.items() if k != "share"}
        seen = x | {"frac": self.sites.places(x["frac"])}
        logits, tangent, strain = self.network.predict(seen, sigma.float(), given=self.given, wish=wish, **told)
        logits = self.sites.averaged(logits) + torch.where(self.allowed > 0, 0.0, -torch.inf)
        return logits, self.sites.parameters(tangent), self.sites.strained(strain)

    def __call__(self, x: State, sigma: Tensor, wish: Tensor | None = None) -> State:
        logits, tangent, strain = self.logits(x, sigma, wish)
        elements = torch.where(self.given[..., None], x["elements"], ONEHOT * logits.softmax(-1))
        return {"frac": Torus(PERIOD).nudge(x["frac"], tangent), "strain": strain, "elements": elements}


def sites_of(templates: Sequence[Template], width: int, device="cpu") -> Sites:
    """The templates of a batch, padded to `width` sites."""
    told = [told_of(t, width) for t in templates]
    columns = {k: torch.from_numpy(np.stack([t[k] for t in told])).to(device) for k in told[0]}

    def joined(rows) -> Tensor:
        return torch.from_numpy(np.stack(rows).astype(np.float32)).to(device)

    return Sites(
        joined([padded(t.frac, width) for t in templates]),
        joined([padded(t.directions, width) for t in templates]),
        joined([padded(t.gather, width) for t in templates]),
        columns["orbit"],
        torch.from_numpy(np.stack([np.concatenate([t.even, np.arange(len(t), width)]) for t in templates])).to(device),
        joined([padded(t.strains, 6) for t in templates]),
        columns,
    )


def crystal_of(template: Template, numbers: np.ndarray, parameters: np.ndarray, strain: np.ndarray, network) -> Crystal:
    """The crystal of a finished state without batch axis, symmetric to double precision."""
    n = len(template)
    moved = np.einsum("nij,nj->ni", template.directions, parameters[template.orbit] / PERIOD)
    frac = (template.frac + moved) % 1.0
    middle = np.log(n * network.volume) / 3 * np.eye(3)
    kept = np.einsum("kij,ij->k", template.strains, middle + network.spread * strain)
    cell = cell_of(np.tensordot(kept, template.strains, 1), template.shape)
    return Crystal(cell, numbers[:n].astype(np.uint8), np.where(frac == 1.0, 0.0, frac))
