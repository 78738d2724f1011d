"""Networks, samplers and guidance of molecules keep every symmetry: turned, mirrored, moved or renumbered atoms give the same
molecule turned, mirrored, moved or renumbered. Float64 to 1e-9, float32 to 1e-3 of the largest value (issue 3)."""

from copy import deepcopy
from dataclasses import dataclass
from functools import cache

import pytest
import torch

from difusa.domains.molecules.network import CATEGORIES, ONEHOT, Molecules, dense, pairs_of
from difusa.shared.guidance.mixing import Guided
from difusa.shared.guidance.steering import LogLikelihood, Steered
from difusa.shared.networks.symmetry import TOLERANCE, orthogonal
from difusa.shared.samplers import SAMPLERS, last, schedule
from difusa.shared.seeds import streams
from difusa.shared.spaces import Centred, Euclidean, Held, Product, Space

ATOMS, BATCH = 6, 2
TRUNKS = ["fast", "e3nn"]
DTYPES = [torch.float64, torch.float32]
MOVES = ["rotation", "reflection", "translation", "permutation"]


@dataclass(frozen=True)
class Move:
    """A symmetry of states: coords @ turn + shift, then atoms (and with them pairs) renumbered."""

    turn: torch.Tensor
    shift: torch.Tensor
    order: torch.Tensor

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


@cache
def network(trunk: str, dtype: torch.dtype, seed: int = 0):
    return deepcopy(made(trunk, seed)).to(dtype)


@cache  # e3nn writes its products anew for each network
def made(trunk: str, seed: int):
    if trunk == "e3nn":
        pytest.importorskip("e3nn")
    torch.manual_seed(seed)
    network = Molecules(4, width=32, edge=16, hidden=16, channels=4, heads=4, layers=2, properties=1, trunk=trunk)
    for p in network.parameters():  # layers that start at zero would hide their own faults
        if p.numel() and not p.abs().sum():
            torch.nn.init.normal_(p, std=0.2)
    return network.requires_grad_(False)


def noisy(dtype, scale=1.0):
    """A state around random categories, centred, and what belongs to it: two fields of numbers and which are given."""
    rng = torch.Generator().manual_seed(2)
    edges = ATOMS * (ATOMS - 1) // 2
    x = {"coords": torch.randn(BATCH, ATOMS, 3, generator=rng, dtype=torch.float64)}
    x["coords"] -= x["coords"].mean(1, keepdim=True)
    for name, count in Molecules(4, width=8, edge=4, hidden=8, channels=1, heads=1, layers=0).classes.items():
        rows = edges if name == "bonds" else ATOMS
        best = torch.randint(count, (BATCH, rows), generator=rng)
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


def asked(trunk, dtype, given=None, anchor=None, seed=0, wish=0.3):
    """The denoiser of these conditions."""
    present = torch.ones(BATCH, ATOMS, dtype=torch.bool)
    wish = torch.full((BATCH, 1), wish, dtype=dtype)
    denoise = network(trunk, dtype, seed)
    return lambda x, sigma: denoise(x, sigma, present=present, given=given, anchor=anchor, wish=wish)


def moved(by: Move, given, anchor):
    """The conditions of the moved molecule."""
    given = given and {k: (by.pairs if k == "bonds" else by.atoms)(v.double()).bool() for k, v in given.items()}
    return given, None if anchor is None else by.places(anchor)


def apart(a, b):
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


def space_of(given):
    """Where a molecule moves: centred, or where some of it is given, what is free."""
    if given is None:
        return Product(coords=Centred(), **{k: Euclidean() for k in CATEGORIES})
    kinds = {"coords": "coords", "bonds": "bonds"}
    return Product(
        **{k: Held(Euclidean(), (~given[kinds.get(k, "atoms")])[..., None].float()) for k in ("coords", *CATEGORIES)}
    )


def starts(dtype, whole: bool):
    x = noisy(dtype)
    return (x, None, None) if whole else (x, *fragment(x))


CASES = [(m, w) for m in MOVES for w in (True, False) if not (w and m == "translation")]  # a whole molecule is centred
AT_ONCE = [("all but translation", True), ("all", False)]  # for the slow trunk


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "whole"), CASES)
@pytest.mark.parametrize("trunk", TRUNKS)
def test_network(trunk, name, whole, dtype):
    by, (x, given, anchor) = move(name), starts(dtype, whole)
    for sigma in (2.0, 0.3, torch.tensor([0.05, 1.0])):
        plain = asked(trunk, dtype, given, anchor)(x, sigma)
        other = asked(trunk, dtype, *moved(by, given, anchor))(by.state(x), sigma)
        assert apart(other, by.state(plain)) <= TOLERANCE[dtype]


def likelihood(denoise):
    """A smooth invariant of the estimate, [B]: carbon-ness and size."""

    def value(x, sigma):
        clean = denoise(x, sigma)
        size = (clean["coords"][:, :, None] - clean["coords"][:, None]).square().sum((1, 2, 3))
        return clean["elements"][..., 0].sum(1) - 0.01 * size

    return LogLikelihood(value)


def plain(trunk, dtype, space, *conditions):
    return asked(trunk, dtype, *conditions)


def guided(trunk, dtype, space, *conditions):
    weaker = asked(trunk, dtype, *conditions, seed=1, wish=torch.nan)
    return Guided(asked(trunk, dtype, *conditions), weaker, 1.7, space)


def steered(trunk, dtype, space, *conditions):
    denoise = asked(trunk, dtype, *conditions)
    return Steered(denoise, likelihood(denoise), space, 0.5)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("trunk", "name", "whole"), [("fast", *c) for c in CASES] + [("e3nn", *c) for c in AT_ONCE])
@pytest.mark.parametrize("sampler", ["ddpm", "dpmpp_2m"])
@pytest.mark.parametrize("guidance", [plain, guided, steered])
def test_samplers_and_guidance(trunk, guidance, sampler, name, whole, dtype):
    by, (x, given, anchor) = move(name), starts(dtype, whole)
    sigmas = schedule(sampler, 4, 0.05, 3.0)

    elsewhere = moved(by, given, anchor)
    here = space_of(given)
    there = Moved(space_of(elsewhere[0]), here, by)

    def walk(x, space, *conditions):
        rng = streams(7, range(BATCH))
        noisy = space.nudge(x, space.noise(x, rng), sigmas[0])
        return last(SAMPLERS[sampler](guidance(trunk, dtype, space, *conditions), space, noisy, sigmas, rng=rng))

    found, other = walk(x, here, given, anchor), walk(by.state(x), there, *elsewhere)
    assert apart(other, by.state(found)) <= TOLERANCE[dtype]
    if given:
        kept = given["coords"]
        assert torch.equal(found["coords"][kept], x["coords"][kept])
