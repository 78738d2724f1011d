"""The regressor: blind to motions, mirrors and the order of atoms; it learns means and doubts; its constants are the data's."""

import os
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch

from difusa.domains.molecules import regressor
from difusa.domains.molecules.inputs import CATEGORIES, ONEHOT, dense, pairs_of
from difusa.domains.molecules.molecule import Skeleton
from difusa.domains.molecules.predicting import predict
from difusa.domains.molecules.regressor import Regressor, baseline
from difusa.shared.networks.symmetry import TOLERANCE, orthogonal

SMALL = {"width": 32, "edge": 16, "hidden": 16, "channels": 4, "heads": 4, "layers": 2}
BASE, SPREAD = [[1.0, 0.5, 0.2, 0.1, 0.0, 0.3], [-2.0, 8.0, 7.0, 4.0, 2.0, 1.0]], [0.7, 3.0]
RECIPES = Path(regressor.__file__).parent / "recipes"


def made(dtype=torch.float64, trunk="fast"):
    torch.manual_seed(0)
    network = Regressor(("mu", "alpha"), BASE, SPREAD, 5, **SMALL, trunk=trunk)
    for p in network.parameters():  # layers that start at zero would hide their own faults
        if p.numel() and not p.abs().sum():
            torch.nn.init.normal_(p, std=0.3)
    return network.to(dtype).requires_grad_(False)


def noisy(network, dtype, batch=3, atoms=6, scale=0.3):
    rng = torch.Generator().manual_seed(2)
    x = {"coords": torch.randn(batch, atoms, 3, generator=rng, dtype=torch.float64)}
    for name in CATEGORIES:
        rows = atoms * (atoms - 1) // 2 if name == "bonds" else atoms
        best = torch.randint(network.classes[name], (batch, rows), generator=rng)
        x[name] = ONEHOT * torch.nn.functional.one_hot(best, network.classes[name]).double()
        x[name] = x[name] + scale * torch.randn(x[name].shape, generator=rng, dtype=torch.float64)
    return {k: v.to(dtype) for k, v in x.items()}


def renumbered(x, order):
    i, j = pairs_of(len(order))
    bonds = dense(x["bonds"], len(order))[:, order][:, :, order][:, i, j]
    return {k: v[:, order] for k, v in x.items()} | {"bonds": bonds}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("trunk", ["fast", "e3nn"])
@pytest.mark.parametrize("move", ["rotation", "reflection", "translation", "permutation"])
def test_properties_do_not_change_with_a_move(move, trunk, dtype):
    if trunk == "e3nn":
        pytest.importorskip("e3nn")
    network, rng = made(dtype, trunk), torch.Generator().manual_seed(5)
    x, present = noisy(network, dtype), torch.ones(3, 6, dtype=torch.bool)
    moved = {
        "rotation": lambda: x | {"coords": x["coords"] @ orthogonal(rng).to(dtype)},
        "reflection": lambda: x | {"coords": x["coords"] @ orthogonal(rng, reflect=True).to(dtype)},
        "translation": lambda: x | {"coords": x["coords"] + torch.tensor([1.5, -2.0, 0.7], dtype=dtype)},
        "permutation": lambda: renumbered(x, torch.randperm(6, generator=rng)),
    }[move]()
    for sigma in (0.0, 0.5, torch.tensor([0.0, 0.1, 2.0], dtype=dtype)):
        for one, other in zip(network(x, sigma, present=present), network(moved, sigma, present=present), strict=True):
            assert ((one - other).abs() / one.abs().max()).max() <= TOLERANCE[dtype]
    bent = x | {"coords": x["coords"] * torch.tensor([1.0, 1.0, 1.2], dtype=dtype)}
    assert not torch.allclose(network(bent, 0.5, present=present)[0], network(x, 0.5, present=present)[0], rtol=1e-4)


def test_absent_atoms_say_nothing():
    network = made()
    x, present = noisy(network, torch.float64, atoms=6), torch.arange(6).expand(3, 6) < 4
    i, j = pairs_of(6)
    inside = (i < 4) & (j < 4)
    cut = {k: v[:, inside] if k == "bonds" else v[:, :4] for k, v in x.items()}
    whole, alone = network(x, 0.2, present=present), network(cut, 0.2, present=present[:, :4])
    for a, b in zip(whole, alone, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


def test_without_noise_the_counts_are_those_of_the_molecule():
    network = made(torch.float32)
    bare = Skeleton(
        np.array([6, 8], np.uint8), np.array([[0, 0, 0], [1.4, 0, 0]]), np.zeros(2, np.int8), np.array([3, 1], np.uint8),
        np.array([[0, 1, 1]], np.int32),
    )  # fmt: skip
    for p in network.head[2].parameters():
        p.zero_()
    mean, std = predict(network, [bare], (6, 7, 8, 9, 1))
    methanol = [1 + 0.5 + 0.1 + 4 * 0.3, -2 + 8 + 4 + 4 * 1.0]
    np.testing.assert_allclose(mean[0], methanol, atol=1e-4)
    np.testing.assert_allclose(std[0], SPREAD, rtol=1e-6)


def test_a_prediction_does_not_depend_on_its_company():
    network, rng = made(torch.float32), np.random.default_rng(0)
    bare = [
        Skeleton(np.full(n, 6, np.uint8), 1.5 * rng.normal(size=(n, 3)), np.zeros(n, np.int8), np.full(n, 2, np.uint8),
                 np.array([[k, k + 1, 1] for k in range(n - 1)], np.int32).reshape(-1, 3))
        for n in (9, 4, 9, 1, 4)
    ]  # fmt: skip
    mean, std = predict(network, bare, (6, 7, 8, 9, 1))
    for k, one in enumerate(bare):
        alone = predict(network, [one], (6, 7, 8, 9, 1))
        assert np.array_equal(alone[0][0], mean[k]) and np.array_equal(alone[1][0], std[k])


def chains(count=256):
    """A batch of clean chains of 4 carbons whose stretch is told in the first property exactly and in the second by a noise
    that grows with the number of fluorines."""
    rng = np.random.default_rng(0)
    stretch, doubtful = rng.uniform(0.8, 1.6, count), rng.integers(0, 2, count)
    coords = np.arange(4)[None, :, None] * np.array([1.5, 0, 0]) * stretch[:, None, None]
    elements = np.where((np.arange(4) == 0) & (doubtful[:, None] == 1), 3, 0)
    values = np.stack([stretch, stretch + rng.normal(0, np.where(doubtful, 1.0, 0.1))], 1)
    batch = {
        "coords": coords - coords.mean(1, keepdims=True), "elements": elements, "charges": np.ones((count, 4), int),
        "hydrogens": np.full((count, 4), 2), "bonds": np.ones((count, 6), int), "present": np.ones((count, 4), bool),
        "sigma": np.zeros(count), "noise_coords": np.zeros((count, 4, 3)), "noise_elements": np.zeros((count, 4, 5)),
        "noise_charges": np.zeros((count, 4, 3)), "noise_hydrogens": np.zeros((count, 4, 5)),
        "noise_bonds": np.zeros((count, 6, 5)), "properties": values,
    }  # fmt: skip
    tensors = {k: torch.from_numpy(np.asarray(v)) for k, v in batch.items()}
    return {k: v.float() if v.is_floating_point() else v for k, v in tensors.items()}, doubtful


def test_it_learns_the_mean_and_the_doubt():
    torch.manual_seed(0)
    batch, doubtful = chains()
    zero = [[1.2, 0, 0, 0, 0, 0]] * 2
    network = Regressor(("a", "b"), zero, [0.25, 0.7], 5, **SMALL)
    optimiser = torch.optim.Adam(network.parameters(), lr=4e-3)
    slower = torch.optim.lr_scheduler.LinearLR(
        optimiser, 1.0, 0.02, 150
    )  # else the last steps' noise is what is measured
    for _ in range(150):
        optimiser.zero_grad()
        network.loss(**batch).mean().backward()
        optimiser.step()
        slower.step()
    lost = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert all(n.startswith(f"trunk.layers.{SMALL['layers'] - 1}.") for n in lost), (
        "the last layer's pairs lead nowhere"
    )
    with torch.no_grad():
        x, sigma = regressor.noisy(batch, network.classes, network.scale)
        mean, std = network(x, sigma, present=batch["present"])
    error = (mean[:, 0] - batch["properties"][:, 0]).abs().mean()
    assert error < 0.25 * 0.2, float(error)  # a fifth of the spread
    told = std[:, 1].numpy()
    assert told[doubtful == 1].mean() > 3 * told[doubtful == 0].mean()  # ten times, in truth


def test_some_held_out_molecules_are_drawn_evenly(molecules):
    from difusa.domains.molecules.packed import pack
    from difusa.domains.molecules.predicting import heldout

    many = molecules[:6] * 50
    values = np.stack([np.arange(300.0), np.zeros(300)], 1)
    packed = pack(many, range(300), np.where(np.arange(300) % 3, 2, 0), values, ("place", "other"))
    bare, truth = heldout(packed, "test", ("place",), (6, 7, 8, 9, 1), 60)
    assert len(bare) == 60 and (truth % 3 != 0).all() and len(set(truth[:, 0])) == 60
    assert abs(truth.mean() - 150) < 4 * 300 / np.sqrt(12 * 60)  # the first 60 have a mean of 45
    for one, (place,) in zip(bare, truth, strict=True):
        assert len(one) == int((many[int(place)].numbers != 1).sum())


def test_the_baseline_is_least_squares():
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 8, (500, 3))
    truth = np.array([[1.0, 2.0, -1.0, 0.5]])
    values = truth[:, :1] + counts @ truth[:, 1:].T + rng.normal(0, 0.2, (500, 1))
    base, spread = baseline(counts, values)
    np.testing.assert_allclose(base, truth, atol=0.05)
    np.testing.assert_allclose(spread, [0.2], rtol=0.1)
    with pytest.raises(ValueError, match="of 6 numbers"):
        Regressor(("a",), [[1.0, 2.0]], [1.0])


@pytest.mark.skipif(not os.environ.get("DIFUSA_DATA"), reason="needs DIFUSA_DATA and QM9")
@pytest.mark.parametrize("name", ["qm9-judge", "qm9-guide"])
def test_the_recipes_constants_are_those_of_their_half(name):
    from difusa.domains.molecules import qm9
    from difusa.domains.molecules.chemistry import ELEMENTS
    from difusa.domains.molecules.examples import rows_of

    recipe = tomllib.loads((RECIPES / f"{name}.toml").read_text())
    packed, names = qm9.load(), recipe["network"]["names"]
    rows = rows_of(packed, "train", recipe["examples"]["half"])
    molecule = np.repeat(np.arange(len(packed)), np.diff(packed.offsets))
    counts = [np.bincount(molecule[packed.numbers == n], minlength=len(packed)) for n in ELEMENTS["qm9"]]
    columns = [packed.property_names.index(n) for n in names]
    base, spread = baseline(np.stack(counts, 1)[rows], packed.properties[rows][:, columns])
    np.testing.assert_allclose(recipe["network"]["base"], base, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(recipe["network"]["spread"], spread, rtol=1e-4)


@pytest.mark.skipif(not os.environ.get("DIFUSA_DATA"), reason="needs DIFUSA_DATA and QM9")
def test_guide_and_generator_share_no_molecule_with_the_judge():
    from difusa.domains.molecules import qm9
    from difusa.domains.molecules.examples import rows_of

    packed = qm9.load()
    halves = {n: tomllib.loads((RECIPES / f"qm9-{n}.toml").read_text())["examples"]["half"] for n in ("judge", "guide")}
    property = tomllib.loads((RECIPES / "qm9-property.toml").read_text())["examples"]["half"]
    judge, guide = (set(rows_of(packed, "train", halves[n]).tolist()) for n in ("judge", "guide"))
    assert property == halves["guide"] and not judge & guide and len(judge) == len(guide) == 50_000
