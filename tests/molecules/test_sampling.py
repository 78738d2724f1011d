"""Drawing molecules: the same bytes in any company, what is given stays, forbidden elements never come."""

import numpy as np
import pytest
import torch

from difusa.domains.molecules.chemistry import ELEMENTS
from difusa.domains.molecules.molecule import assemble
from difusa.domains.molecules.network import Molecules
from difusa.domains.molecules.plan import Plan, of_model
from difusa.domains.molecules.sampling import hydrogens, skeletons

QM9 = ELEMENTS["qm9"]
SIZES = [9, 8, 9, 7, 1, 9, 2, 8]


def network(**sizes):
    torch.manual_seed(0)
    net = Molecules(elements=5, width=32, edge=16, hidden=32, heads=4, layers=2, **sizes)
    for p in net.parameters():  # layers that start at zero would make every draw alike
        if not p.abs().sum():
            torch.nn.init.normal_(p, std=0.05)
    return net.eval()


@pytest.fixture(scope="module")
def drawn():
    plan = Plan(steps=10, seed=3)
    bare = skeletons(network(), SIZES, plan, range(8), elements=QM9)
    return plan, bare, hydrogens(network(), bare, plan, range(8), elements=QM9)


def test_sizes_are_those_asked_for(drawn):
    plan, bare, places = drawn
    assert [len(s) for s in bare] == SIZES
    for s, p in zip(bare, places):
        assert len(assemble(s, p)) == len(s) + s.hydrogens.sum()
        np.testing.assert_allclose(s.positions.mean(0), 0, atol=1e-5)  # float32 coordinates of some angstrom


@pytest.mark.parametrize("some", [range(3, 6), [7], [6, 0]])
def test_a_sample_is_the_same_in_any_company(drawn, some):
    plan, bare, places = drawn
    again = skeletons(network(), [SIZES[k] for k in some], plan, list(some), elements=QM9)
    moved = hydrogens(network(), again, plan, list(some), elements=QM9)
    for k, s, p in zip(some, again, moved):
        for field in ("numbers", "positions", "charges", "hydrogens", "bonds"):
            np.testing.assert_array_equal(getattr(s, field), getattr(bare[k], field))
        np.testing.assert_array_equal(p, places[k])


def test_elements_are_obeyed():
    bare = skeletons(network(), [9] * 8, Plan(steps=6), range(8), elements=QM9, allowed=(6, 8))
    assert set(np.concatenate([s.numbers for s in bare]).tolist()) <= {6, 8}
    with pytest.raises(ValueError, match="no heavy element"):
        skeletons(network(), [3], Plan(steps=6), [0], elements=QM9, allowed=(1,))


def test_evaluations_stay_within_the_steps():
    for steps in (4, 5, 10, 50):
        for sampler in ("ddpm", "heun", "dpm3"):
            plan, count = Plan(steps=steps, sampler=sampler), []

            def counted(denoise, count=count):
                return lambda x, sigma: count.append(1) or denoise(x, sigma)

            bare = skeletons(network(), [3], plan, [0], elements=QM9, watch=counted)
            hydrogens(network(), bare, plan, [0], elements=QM9, watch=counted)
            assert len(count) <= steps


def test_a_model_says_how_it_is_drawn_from_unless_a_sampler_is_named():
    meta = {"draws": {"sampler": "ddpm", "sigma_max": 3.0}}
    assert of_model(meta, steps=30, sampler=None) == Plan(steps=30, sampler="ddpm", sigma_max=3.0)
    assert of_model(meta, steps=30, sampler="dpmpp_2m") == Plan(steps=30)
    assert of_model({}, seed=4, sampler=None) == Plan(seed=4)


def test_impossible_plans_say_so():
    with pytest.raises(ValueError, match="at least 4"):
        Plan(steps=2)
    with pytest.raises(ValueError, match="there are"):
        Plan(sampler="magic")
