"""The regressor of formation energy and band gap: symmetries, padding, what is unknown, halves that share nothing."""

import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from difusa.domains.materials import readings
from difusa.domains.materials.crystal import Crystal
from difusa.domains.materials.packed import pack
from difusa.domains.materials.regressor import Regressor
from difusa.domains.materials.symmetry import free_template
from difusa.shared import conformal
from difusa.shared.training.examples import stack

SMALL = {"width": 16, "edge": 8, "hidden": 8, "channels": 2, "heads": 2, "layers": 2}


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    made = Regressor(["formation_energy", "band_gap"], [-1.0, 0.6], [0.9, 1.2], **SMALL)
    for p in made.parameters():  # layers that start at zero would hide their own faults
        if not p.abs().sum():
            torch.nn.init.normal_(p, std=0.3)
    return made.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def crystals():
    rng = np.random.default_rng(0)
    found = []
    for n in (1, 3, 4, 5, 9, 12):
        cell = 4 * n ** (1 / 3) * (np.eye(3) + 0.1 * rng.normal(size=(3, 3)))
        numbers = rng.choice([3, 8, 26], n).astype(np.uint8)
        found.append(Crystal(cell, numbers, rng.random((n, 3))))
    return found


def test_motions_axes_shifts_and_order_change_nothing(network, crystals):
    exact = network.double()
    before = readings.predict(exact, crystals)
    for seed in range(3):
        rng = np.random.default_rng(seed)
        told = []
        for c in crystals:
            turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]  # mirrors too
            axes, sign, order = rng.permutation(3), rng.choice([-1, 1], 3), rng.permutation(len(c))
            frac = (c.frac[:, axes] * sign + rng.random(3)) % 1.0
            told.append(Crystal((sign[:, None] * c.cell[axes]) @ turn, c.numbers[order], frac[order]))
        for a, b in zip(before, readings.predict(exact, told)):
            assert np.abs(a - b).max() < 1e-9
    network.float()


def test_a_prediction_depends_on_nothing_but_its_crystal(network, crystals):
    mean, std = readings.predict(network, crystals)
    for k, crystal in enumerate(crystals):
        alone = readings.predict(network, [crystal])
        assert np.array_equal(alone[0][0], mean[k]) and np.array_equal(alone[1][0], std[k])
    assert (std > 0).all() and (mean[:, 1] >= 0).all(), "no gap below zero"
    swapped = [replace(c, numbers=np.where(c.numbers == 8, 16, c.numbers).astype(np.uint8)) for c in crystals]
    assert np.abs(readings.predict(network, swapped)[0] - mean).max() > 1e-3


def test_padding_says_nothing(network, crystals):
    state = readings.state(crystals[2])
    found = [
        network(**{k: torch.as_tensor(v)[None] for k, v in readings.padding(state, width).items()})[0]
        for width in (4, 12)
    ]
    assert torch.allclose(*found, atol=1e-5)


def test_what_is_unknown_does_not_count(network, crystals):
    batch = stack([readings.padding(readings.state(c), 12) for c in crystals])
    known = torch.tensor([[-1.0, 0.5]]).repeat(len(crystals), 1)
    holed = known.clone()
    holed[0, 1] = torch.nan
    whole, part = network.loss(properties=known, **batch), network.loss(properties=holed, **batch)
    assert torch.isfinite(part).all() and torch.equal(whole[1:], part[1:]) and whole[0] != part[0]
    only = network.loss(properties=torch.full_like(known, torch.nan), **batch)
    assert torch.equal(only, torch.zeros(len(crystals)))


def test_halves_share_no_chemical_system_and_examples_are_pure(crystals):
    rng = np.random.default_rng(1)
    many = []
    for k in range(60):
        numbers = rng.choice(np.arange(3, 40), 3, replace=False).astype(np.uint8)
        tags = {"id": str(k), "formation_energy": -float(k), "band_gap": np.nan}
        many.append(Crystal(4 * np.eye(3), numbers, rng.random((3, 3)), tags))
    packed = pack(many, [free_template(c.frac) for c in many], np.zeros(60), np.zeros(60))
    halves = [readings.rows_of(packed, "train", half) for half in ("first", "second")]
    assert sorted(np.concatenate(halves).tolist()) == list(range(60)) and min(map(len, halves)) > 15
    systems = [{frozenset(many[i].numbers.tolist()) for i in half} for half in halves]
    assert not systems[0] & systems[1]
    drawn, again = (readings.Readings(packed, "train", readings.Options(sizes=(4,)), 0) for _ in range(2))
    for n in (0, 5, 40):
        assert all(np.array_equal(drawn[n][k], again[n][k], equal_nan=True) for k in drawn[n])
    assert drawn[0]["bumps"].shape[:2] == (4, 4) and np.isnan(drawn[0]["properties"][1])
    with pytest.raises(ValueError, match="property 'gap' is none of"):
        readings.Readings(packed, "train", readings.Options(properties=("gap",)), 0)


def test_intervals_rest_on_what_is_known():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(400, 2))
    truth[rng.random(400) < 0.4, 1] = np.nan
    found = conformal.calibrated(np.zeros((400, 2)), np.ones((400, 2)), truth)
    assert np.isfinite(found.errors).all() and len(found.errors) == np.isfinite(truth[:, 1]).sum()
    inside = (truth >= found.bounds[:, 0]) & (truth <= found.bounds[:, 1])
    for k in (0, 1):
        known = np.isfinite(truth[:, k])
        assert 0.9 <= inside[known, k].mean() <= 0.93


@pytest.mark.parametrize("name", ["guide", "judge"])
def test_the_recipe_has_the_scale_of_the_data(name, data):
    from difusa.domains.materials.data import load
    from difusa.shared.prepared import cached, given

    if not (given("materials", "mp", data) or cached("mp", 1).exists()):
        pytest.skip("the crystals are not prepared yet")
    packed = load(data)
    recipe = tomllib.loads((Path(readings.__file__).parent / "recipes" / f"materials-{name}.toml").read_text())
    names = recipe["network"]["names"]
    values = packed.properties[packed.rows("train")][:, readings.columns(packed, names)]
    assert recipe["network"]["mean"] == pytest.approx(np.nanmean(values, 0).tolist(), abs=1e-3)
    assert recipe["network"]["spread"] == pytest.approx(np.nanstd(values, 0).tolist(), abs=1e-3)
