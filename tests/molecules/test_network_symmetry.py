"""Networks, samplers and guidance of molecules keep every symmetry: turned, mirrored, moved or renumbered atoms give the same
molecule turned, mirrored, moved or renumbered. Float64 to 1e-9, float32 to 1e-3 of the largest value (issue 3)."""

from copy import deepcopy
from functools import cache

import pytest
import torch

from difusa.domains.molecules import equivariance as eq
from difusa.domains.molecules.network import Molecules
from difusa.shared.networks.symmetry import TOLERANCE

TRUNKS = ["fast", "e3nn"]
DTYPES = [torch.float64, torch.float32]


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


CASES = [
    (m, w) for m in eq.MOVES for w in (True, False) if not (w and m == "translation")
]  # a whole molecule is centred
AT_ONCE = [("all but translation", True), ("all", False)]  # for the slow trunk


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "whole"), CASES)
@pytest.mark.parametrize("trunk", TRUNKS)
def test_network(trunk, name, whole, dtype):
    net = network(trunk, dtype)
    error = eq.network_error(lambda *told: eq.told(net, *told, wish=0.3), net.classes, dtype, name, whole)
    assert error <= TOLERANCE[dtype]


def plain(trunk, dtype, space, *conditions):
    return eq.told(network(trunk, dtype), *conditions, wish=0.3)


def guided(trunk, dtype, space, *conditions):
    weaker = eq.told(network(trunk, dtype, seed=1), *conditions, wish=torch.nan)
    return eq.mixed(plain(trunk, dtype, space, *conditions), weaker, space)


def steered(trunk, dtype, space, *conditions):
    return eq.steered(plain(trunk, dtype, space, *conditions), space)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("trunk", "name", "whole"), [("fast", *c) for c in CASES] + [("e3nn", *c) for c in AT_ONCE])
@pytest.mark.parametrize("sampler", ["ddpm", "dpmpp_2m"])
@pytest.mark.parametrize("guidance", [plain, guided, steered])
def test_samplers_and_guidance(trunk, guidance, sampler, name, whole, dtype):
    def make(space, *conditions):
        return guidance(trunk, dtype, space, *conditions)

    classes = network(trunk, dtype).classes
    other, expected, x, found, given = eq.walked(make, classes, dtype, name, whole, sampler)
    assert eq.apart(other, expected) <= TOLERANCE[dtype]
    if given:
        kept = given["coords"]
        assert torch.equal(found["coords"][kept], x["coords"][kept])


def test_a_broken_symmetry_shows():
    """A push along one axis is no symmetry of rotations, though it is one of renumbering."""
    net = network("fast", torch.float64)

    def broken(*conditions):
        denoise = eq.told(net, *conditions, wish=0.3)
        return lambda x, sigma: denoise(x, sigma) | {"coords": denoise(x, sigma)["coords"] + torch.tensor([0.1, 0, 0])}

    errors = {n: eq.network_error(broken, net.classes, torch.float64, n, True) for n in ("rotation", "permutation")}
    assert errors["rotation"] > 1e-2 and errors["permutation"] < 1e-9
