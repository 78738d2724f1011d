"""How far molecules' networks, samplers and guidance are from the symmetries they claim: turned, mirrored, moved or renumbered
atoms should give the same molecule turned, mirrored, moved or renumbered.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from difusa.domains.molecules.inputs import CATEGORIES, ONEHOT, dense, pairs_of
from difusa.shared.guidance.mixing import Guided
from difusa.shared.guidance.steering import LogLikelihood, Steered
from difusa.shared.networks.symmetry import orthogonal
from difusa.shared.samplers import SAMPLERS, last, schedule
from difusa.shared.seeds import streams
from difusa.shared.spaces import Centred, Euclidean, Held, Product, Space

ATOMS, BATCH = 6, 2
MOVES = ("rotation", "reflection", "translation", "permutation")


@dataclass(frozen=True)
class Move:
    """A symmetry of states: coords @ turn + shift, then atoms (and with them pairs) renumbered."""

    turn: Tensor
    shift: Tensor
    order: Tensor

    def atoms(self, value):
        """[B, N, ...] renumbered."""
        return value[:, self.order]

    def pairs(self, value):
        """[B, E, ...] renumbered: the pair (a, b) of the new numbers is the pair (order a, order b) of the old."""
        whole = value[..., None] if value.ndim == 2 else value
        i, j = pairs_of(len(self.order))
        out = dense(whole, len(self.order))[:, self.order][:, :, self.order][:, i, j]
        return out[..., 0] if value.ndim == 2 else out

    def vectors(self, value):
        return self.atoms(value @ self.turn.to(value))

    def places(self, value):
        return self.atoms(value @ self.turn.to(value) + self.shift.to(value))

    def state(self, x, still=False):
        """A state, or with `still` its noise, which no translation moves."""
        kinds = {"coords": self.vectors if still else self.places, "bonds": self.pairs}
        return {k: kinds.get(k, self.atoms)(v) for k, v in x.items()}


def move(name: str) -> Move:
    """One of MOVES, or several at once."""
    rng = torch.Generator().manual_seed(5)
    one, still, rows = torch.eye(3, dtype=torch.float64), torch.zeros(3), torch.arange(ATOMS)
    mirror, shift, order = (
        orthogonal(rng, reflect=True),
        torch.tensor([1.5, -2.0, 0.7]),
        torch.randperm(ATOMS, generator=rng),
    )
    return {
        "rotation": Move(orthogonal(rng), still, rows),
        "reflection": Move(mirror, still, rows),
        "translation": Move(one, shift, rows),
        "permutation": Move(one, still, order),
        "all but translation": Move(mirror, still, order),
        "all": Move(mirror, shift, order),
    }[name]


def noisy(classes: dict[str, int], dtype: torch.dtype, scale: float = 1.0):
    """A state around random categories, centred; classes as those of the network."""
    rng = torch.Generator().manual_seed(2)
    edges = ATOMS * (ATOMS - 1) // 2
    x = {"coords": torch.randn(BATCH, ATOMS, 3, generator=rng, dtype=torch.float64)}
    x["coords"] -= x["coords"].mean(1, keepdim=True)
    for name, count in classes.items():
        best = torch.randint(count, (BATCH, edges if name == "bonds" else ATOMS), generator=rng)
        x[name] = ONEHOT * torch.nn.functional.one_hot(best, count).double()
        x[name] = x[name] + scale * torch.randn(x[name].shape, generator=rng, dtype=torch.float64)
    return {k: v.to(dtype) for k, v in x.items()}


def fragment(x):
    """Half of the atoms given, with the bonds between them; anchors of the others where the given ones are."""
    known = (torch.arange(ATOMS) < 3).expand(BATCH, ATOMS)
    i, j = pairs_of(ATOMS)
    given = {"coords": known, "atoms": known, "bonds": known[:, i] & known[:, j]}
    middle = x["coords"][:, :3].mean(1, keepdim=True).expand_as(x["coords"])
    return given, torch.where(known[..., None], x["coords"], middle)


def starts(classes: dict[str, int], dtype: torch.dtype, whole: bool):
    """A state, what is given of it and its anchors."""
    x = noisy(classes, dtype)
    return (x, None, None) if whole else (x, *fragment(x))


def told(network, given=None, anchor=None, wish: float | None = None) -> Callable:
    """The denoiser of these conditions."""
    present = torch.ones(BATCH, ATOMS, dtype=torch.bool)

    def denoise(x, sigma):
        asked = {} if wish is None else {"wish": torch.full((BATCH, 1), wish, dtype=x["coords"].dtype)}
        return network(x, sigma, present=present, given=given, anchor=anchor, **asked)

    return denoise


def moved(by: Move, given, anchor):
    """The conditions of the moved molecule."""
    given = given and {k: (by.pairs if k == "bonds" else by.atoms)(v.double()).bool() for k, v in given.items()}
    return given, None if anchor is None else by.places(anchor)


def apart(a, b) -> float:
    """The largest difference of any field, as a share of the largest value of that field."""
    return max(float((a[k] - b[k]).abs().max() / b[k].abs().max()) for k in ("coords", *CATEGORIES))


@dataclass(frozen=True)
class Moved:
    """The space `there` of the moved molecule; its noise is drawn for the unmoved one, in the space `here`, and moved."""

    there: Space
    here: Space
    by: Move

    def noise(self, like, rng):
        return self.by.state(self.here.noise(like, rng), still=True)

    def diff(self, a, b):
        return self.there.diff(a, b)

    def nudge(self, x, v, by=1.0):
        return self.there.nudge(x, v, by)

    def blend(self, a, b, w):
        return self.there.blend(a, b, w)


def space_of(given) -> Space:
    """Where a molecule moves: centred, or where some of it is given, what is free."""
    if given is None:
        return Product(coords=Centred(), **{k: Euclidean() for k in CATEGORIES})
    kinds = {"coords": "coords", "bonds": "bonds"}
    return Product(
        **{k: Held(Euclidean(), (~given[kinds.get(k, "atoms")])[..., None].float()) for k in ("coords", *CATEGORIES)}
    )


def likelihood(denoise: Callable) -> LogLikelihood:
    """A smooth invariant of the estimate to guide by: carbon-ness and size."""

    def value(x, sigma):
        clean = denoise(x, sigma)
        size = (clean["coords"][:, :, None] - clean["coords"][:, None]).square().sum((1, 2, 3))
        return clean["elements"][..., 0].sum(1) - 0.01 * size

    return LogLikelihood(value)


def steered(denoise: Callable, space: Space) -> Steered:
    """The denoiser under classifier guidance."""
    return Steered(denoise, likelihood(denoise), space, 0.5)


def mixed(denoise: Callable, weaker: Callable, space: Space) -> Guided:
    """The denoiser under guidance by a weaker one."""
    return Guided(denoise, weaker, 1.7, space)


def network_error(make: Callable, classes, dtype: torch.dtype, name: str, whole: bool) -> float:
    """Of one evaluation, at three levels; make(given, anchor) -> denoiser."""
    by, (x, given, anchor) = move(name), starts(classes, dtype, whole)
    errors = []
    for sigma in (2.0, 0.3, torch.tensor([0.05, 1.0])):
        plain, other = make(given, anchor)(x, sigma), make(*moved(by, given, anchor))(by.state(x), sigma)
        errors.append(apart(other, by.state(plain)))
    return max(errors)


def walked(make: Callable, classes, dtype: torch.dtype, name: str, whole: bool, sampler: str, steps: int = 4):
    """(molecule drawn from the moved start by the moved noise, the moved molecule, where it began, the one drawn, given).

    make(space, given, anchor) -> denoiser, guided or not.
    """
    by, (x, given, anchor) = move(name), starts(classes, dtype, whole)
    sigmas, elsewhere, here = schedule(sampler, steps, 0.05, 3.0), moved(by, given, anchor), space_of(given)
    there = Moved(space_of(elsewhere[0]), here, by)

    def walk(x, space, *conditions):
        rng = streams(7, range(BATCH))
        start = space.nudge(x, space.noise(x, rng), sigmas[0])
        return last(SAMPLERS[sampler](make(space, *conditions), space, start, sigmas, rng=rng))

    found, other = walk(x, here, given, anchor), walk(by.state(x), there, *elsewhere)
    return other, by.state(found), x, found, given
