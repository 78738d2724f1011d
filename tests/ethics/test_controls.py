"""Sets of known answer: that they are what they say, and (slow, on real data) that each is caught by the finding made for it."""

import numpy as np
import pytest

from difusa.ethics.controls import CLEAN, controls, split
from difusa.ethics.samples import Samples

SIZES = (20, 10)


@pytest.fixture(scope="module")
def real():
    """Fifty salts of different size, labelled by it."""
    for package in ("pymatgen", "spglib", "smact"):
        pytest.importorskip(package)
    from difusa.domains.materials.crystal import Crystal
    from difusa.ethics.chemistry import CRYSTALS
    from difusa.ethics.loading import of_things

    frac = np.array([[0, 0, 0], [0.5, 0.5, 0.5]])
    anions = [9, 17, 8, 16, 34]
    salts = {
        str(i): Crystal(np.eye(3) * (3 + i / 50), np.array([11, anions[i % 5]], np.uint8), frac) for i in range(50)
    }
    found = of_things(salts, CRYSTALS)
    sizes = np.array([found.read(i).volume for i in range(50)])
    pool = Samples(found.domain, found.ids, found.features, found.read, found.attributes, sizes)
    return split(pool, CRYSTALS, lambda s: s, ("class", "halide"), SIZES, seed=1)


def test_a_deal_is_disjoint_and_the_seeds_own(real):
    assert [len(s) for s in (real.train, real.held, real.clean)] == [20, 10, 20]
    assert len({*real.train.ids, *real.held.ids, *real.clean.ids}) == 50


def test_each_control_is_changed_in_its_one_way(real):
    made = {
        name: control.made(real, np.random.default_rng(0))
        for name, control in controls(real, "alpha-precision").items()
    }
    clean = made[CLEAN]
    assert clean is real.clean
    assert len(set(made["collapsed"].ids)) == 10 and len(made["collapsed"]) == len(clean)
    assert set(made["without class halide"].attributes["class"]) == {"oxide", "chalcogenide"}
    shuffled = made["labels shuffled"]
    assert sorted(shuffled.labels) == sorted(clean.labels) and (shuffled.labels != clean.labels).any()
    assert (shuffled.features == clean.features).all()


def test_copies_are_disguised_training_things(real):
    copied = controls(real, "")["copied 20%"].made(real, np.random.default_rng(0))
    changed = np.flatnonzero((copied.features != real.clean.features).any(1))
    assert changed.tolist() == [0, 1, 2, 3]
    known = [real.train.read(i) for i in range(len(real.train))]
    for i in changed:
        assert any(real.kind.same(copied.read(int(i)), k) for k in known)
        assert copied.read(int(i)) is not real.clean.read(int(i))
    assert copied.read(5) is real.clean.read(5)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("pool", ["paintings", "molecules", "crystals"])
def test_every_control_is_caught_and_the_clean_set_passes(data, pool, seed):
    for package in ("onnxruntime", "rdkit", "pymatgen", "qm9pack"):
        pytest.importorskip(package)
    from difusa.apps.audits_bench import judged
    from difusa.apps.audits_pools import POOLS

    dealt = POOLS[pool](data)
    told = {name: judged(dealt, name, seed) for name in controls(dealt.dealt(seed), dealt.quality)}
    assert not {name: found["beside"] for name, found in told.items() if not found["right"]}
