"""The crystal network keeps every symmetry of its inputs, in float64 to 1e-9."""

import numpy as np
import pytest
import torch

from difusa.domains.materials.elements import CLASSES
from difusa.domains.materials.network import ONEHOT, PERIOD, Materials
from difusa.domains.materials.symmetry import shape_of
from difusa.shared.networks.periodic import edges
from difusa.shared.networks.symmetry import orthogonal

TOLERANCE = 1e-9


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    net = Materials(19.0, 0.6, width=32, edge=16, hidden=32, channels=4, heads=4, layers=2, properties=3).double()
    for p in net.parameters():  # layers that start at zero would hide what they break
        if not p.abs().sum():
            torch.nn.init.normal_(p, std=0.3)
    return net.eval()


def state(atoms: int = 5, count: int = 2, seed: int = 1) -> tuple[dict, dict]:
    """A random state, and what is known of its sites; two of them share an orbit."""
    g = torch.Generator().manual_seed(seed)
    strain = torch.randn(count, 3, 3, generator=g, dtype=torch.float64) / 2
    kinds = ONEHOT * torch.nn.functional.one_hot(torch.randint(CLASSES, (count, atoms), generator=g), CLASSES)
    x = {
        "frac": PERIOD * torch.rand(count, atoms, 3, generator=g, dtype=torch.float64),
        "strain": (strain + strain.mT) / 2,
        "elements": kinds + 0.2 * torch.randn(kinds.shape, generator=g, dtype=torch.float64),
    }
    site = {
        "present": torch.ones(count, atoms, dtype=torch.bool),
        "shape": torch.eye(3, dtype=torch.float64).expand(count, 3, 3),
        "freedom": torch.randint(4, (count, atoms), generator=g),
        "orbit": torch.tensor([0, 0, *range(2, atoms)]).expand(count, atoms),
        "spacegroup": torch.arange(count),
        "rank": torch.tensor([6, 2])[:count],
        "wish": torch.tensor([[0.5, torch.nan, -1.0], [torch.nan] * 3], dtype=torch.float64)[:count],
    }
    return x, site


def answers(network, x, site, sigma=0.3):
    with torch.no_grad():
        return network.predict(x, torch.tensor(sigma, dtype=torch.float64), **site)


def same(a, b) -> None:
    assert float((a - b).abs().max()) <= TOLERANCE * float(b.abs().max())


@pytest.mark.parametrize("sigma", [0.02, 0.3, 3.0])
def test_translation_on_the_torus(network, sigma):
    x, site = state()
    logits, move, strain = answers(network, x, site, sigma)
    shifted = x | {"frac": torch.remainder(x["frac"] + torch.tensor([0.3, 1.1, -0.7]), PERIOD)}
    for found, expected in zip(answers(network, shifted, site, sigma), (logits, move, strain)):
        same(found, expected)


def test_atoms_half_a_cell_apart_say_the_same_whichever_way_that_is_wrapped(network):
    x, site = state(atoms=4)
    half = torch.tensor([[0.0, 0, 0], [0.5, 0, 0], [0.5, 0.5, 0], [0.25, 0.5, 0.5]], dtype=torch.float64)
    places = [half, torch.remainder(half + 1e-15, 1), torch.remainder(half + torch.tensor([0.1, 0.2, 0.7]), 1)]
    first, *others = [answers(network, x | {"frac": PERIOD * p.expand(2, 4, 3)}, site) for p in places]
    for other in others:
        for found, expected in zip(other, first):
            same(found, expected)


def test_permutation_of_the_atoms(network):
    x, site = state()
    order = torch.tensor([3, 0, 4, 1, 2])
    place = torch.argsort(order)
    moved = x | {"frac": x["frac"][:, order], "elements": x["elements"][:, order]}
    told = site | {"freedom": site["freedom"][:, order], "orbit": place[site["orbit"]][:, order]}
    logits, move, strain = answers(network, x, site)
    found = answers(network, moved, told)
    same(found[0], logits[:, order])
    same(found[1], move[:, order])
    same(found[2], strain)


@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, 1), (-1, -1, 1), (-1, -1, -1)])
@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 0, 1)])
def test_permutation_and_sign_of_the_axes(network, order, signs):
    x, site = state()
    p = torch.eye(3, dtype=torch.float64)[list(order)] * torch.tensor(signs, dtype=torch.float64)[:, None]
    hexagonal = np.array([np.eye(3), [[0, -1, 0], [1, -1, 0], [0, 0, 1]], [[-1, 1, 0], [-1, 0, 0], [0, 0, 1]]])
    shape = torch.from_numpy(shape_of(hexagonal)).expand(2, 3, 3)
    logits, move, strain = answers(network, x, site | {"shape": shape})
    turned = x | {"frac": torch.remainder(x["frac"] @ p.T, PERIOD), "strain": p @ x["strain"] @ p.T}
    found = answers(network, turned, site | {"shape": p @ shape @ p.T})
    same(found[0], logits)
    same(found[1], move @ p.T)
    same(found[2], p @ strain @ p.T)


def test_rotation_of_the_crystal_changes_neither_its_state_nor_its_edges():
    from difusa.domains.materials.symmetry import strain_of

    rng = np.random.default_rng(0)
    cell, frac = 4 * np.eye(3) + rng.normal(size=(3, 3)), torch.from_numpy(rng.random((1, 4, 3)))
    turn = orthogonal(torch.Generator().manual_seed(2), reflect=True)
    assert np.abs(strain_of(cell @ turn.numpy(), np.eye(3)) - strain_of(cell, np.eye(3))).max() < 1e-12
    here, there = edges(frac, torch.from_numpy(cell)[None]), edges(frac, (torch.from_numpy(cell) @ turn)[None])
    same(there.bumps, here.bumps)
    same(there.apart, here.apart @ turn)
    same(there.push, here.push @ turn)


def test_padding_says_nothing(network):
    x, site = state(atoms=5)
    wide = {k: torch.cat([x[k], 7 * torch.ones(2, 2, x[k].shape[-1])], 1) for k in ("frac", "elements")}
    told = {k: torch.cat([site[k], torch.zeros(2, 2, dtype=site[k].dtype)], 1) for k in ("present", "freedom")}
    told["orbit"] = torch.cat([site["orbit"], torch.tensor([[5, 6]] * 2)], 1)
    logits, move, strain = answers(network, x, site)
    found = answers(network, x | wide, site | told)
    same(found[0][:, :5], logits)
    same(found[1][:, :5], move)
    same(found[2], strain)


def test_clean_states_stay_at_the_lowest_level(network):
    x, site = state()
    with torch.no_grad():
        clean = network(x, torch.tensor(1e-6, dtype=torch.float64), **site)
    assert float((clean["strain"] - x["strain"]).abs().max()) < 1e-4
    assert float((clean["frac"] - x["frac"]).abs().max()) < 1e-4


def test_given_elements_come_back_exactly(network):
    x, site = state()
    given = torch.zeros(2, 5, dtype=torch.bool)
    given[:, 1] = True
    clean = network(x, torch.tensor(1.0, dtype=torch.float64), given=given, **site)
    assert torch.equal(clean["elements"][:, 1], x["elements"][:, 1])
    assert not torch.equal(clean["elements"][:, 0], x["elements"][:, 0])
