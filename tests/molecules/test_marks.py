"""The mark of molecules: keyed noise in what is drawn, read after a turn, jitter and another order; p-values that are exact."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kstest

from difusa.domains.molecules import marks
from difusa.domains.molecules.molecule import skeleton
from difusa.domains.molecules.readers import load
from difusa.domains.molecules.task import generate
from difusa.shared.passport.keys import mine
from difusa.shared.watermark.issued import keyed_plan
from difusa.shared.watermark.ledger import Issue, issues
from difusa.shared.watermark.turning import chances, fits, matched


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Ten marked molecules of QM9's kind, in few evaluations."""
    out = tmp_path_factory.mktemp("molecules") / "a.sdf"
    generate(out=out, count=10, steps=8, seed=3)
    return [r.molecule for r in load(out) if r.molecule is not None and r.molecule.smiles]


def turned(molecule, rng):
    rotation = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    return replace(
        molecule, positions=molecule.positions @ (rotation * np.linalg.det(rotation)) + rng.standard_normal(3)
    )


def test_drawn_molecules_are_read_wherever_they_lie(drawn):
    rng = np.random.default_rng(0)
    known = issues(marks.VERB)
    assert any(one.seed == 3 and one.count == 10 for one in known)
    for change in (
        lambda m: m,
        lambda m: turned(m, rng),
        lambda m: replace(m, positions=m.positions + 0.05 * rng.standard_normal(m.positions.shape)),
    ):
        found = [marks.read(change(m), mine().secret, known) for m in drawn if len(skeleton(m)) >= 7]
        assert np.mean([f.p_value < 1e-3 for f in found]) > 0.8
        assert all(
            f.index == m.tags["INDEX"]
            for f, m in zip(found, [m for m in drawn if len(skeleton(m)) >= 7])
            if f.p_value < 1e-3
        )


def test_without_tags_they_are_searched_for(drawn):
    bare = [replace(m, tags={}) for m in drawn]
    found = [marks.read(m, mine().secret, [Issue(marks.VERB, "", 3, 10)]) for m in bare]
    assert np.mean([f.p_value < 1e-2 and f.index == m.tags["INDEX"] for f, m in zip(found, drawn)]) > 0.7
    assert all(not f.told for f in found)


def test_a_run_that_began_later_is_searched_where_it_began(drawn):
    """A run of the indices from `first` on finds what was drawn of them, as one from 0 on does, and tries fewer."""
    bare = replace(next(m for m in drawn if len(skeleton(m)) >= 7 and m.tags["INDEX"] >= 2), tags={})
    whole, later = (marks.read(bare, mine().secret, [Issue(marks.VERB, "", 3, 10 - k, k)]) for k in (0, 2))
    assert whole.index == later.index >= 2 and later.p_value < whole.p_value


def test_what_is_too_large_for_any_model_is_refused_at_once():
    from rdkit import Chem
    from rdkit.Chem import AllChem

    from difusa.domains.molecules.molecule import from_rdkit

    chain = Chem.AddHs(Chem.MolFromSmiles("C" * 50))
    AllChem.EmbedMolecule(chain, randomSeed=0)
    with pytest.raises(ValueError, match="up to 40"):
        marks.read(from_rdkit(chain), mine().secret, [Issue(marks.VERB, "", 3, 10**6)])


def test_another_key_reads_nothing(drawn):
    """Uniform p-values of every molecule under noise that has nothing to do with it."""
    nobody = b"a key of nobody, thirty-two bytes"
    values = np.concatenate(
        [marks.chances_of(skeleton(m), nobody, 3, 80 * k, 80 * k + 80) for k, m in enumerate(drawn)]
    )
    assert kstest(values, "uniform").pvalue > 1e-3


def test_without_a_mark_nothing_changes(tmp_path, monkeypatch):
    for name, keys in (("a", "one"), ("b", "two")):
        monkeypatch.setenv("DIFUSA_KEYS", str(tmp_path / keys))
        generate(out=tmp_path / f"{name}.sdf", count=2, steps=5, passport=False, watermark=False)
        generate(out=tmp_path / f"{name}-marked.sdf", count=2, steps=5, passport=False)
    assert (tmp_path / "a.sdf").read_bytes() == (tmp_path / "b.sdf").read_bytes()
    assert (tmp_path / "a-marked.sdf").read_bytes() != (tmp_path / "b-marked.sdf").read_bytes()
    secret = mine().secret.hex()
    assert not any(secret in f.read_text() for f in Path(tmp_path).glob("*.sdf"))


def test_a_sampler_that_draws_noise_says_that_it_carries_none(capsys):
    from difusa.domains.molecules.plan import Plan

    plan, facts = keyed_plan(Plan(sampler="ddpm"))
    assert facts is None and plan.noise is None and "no watermark" in capsys.readouterr().err
    assert "noise" not in repr(keyed_plan(Plan())[0])


@pytest.mark.parametrize("atoms", [6, 12])
def test_chances_of_the_best_turn_are_exact(atoms):
    """Uniform over normal noise, for a long thin shape and a round one; also where most are small."""
    rng = np.random.default_rng(atoms)
    for stretch in ([1, 1, 1], [3, 1, 0.2]):
        a = rng.standard_normal((atoms, 3)) * stretch
        a -= a.mean(0)
        z = rng.standard_normal((4000, atoms, 3))
        values = chances(fits(a, z - z.mean(1, keepdims=True)), a, 3 * atoms - 3)
        assert kstest(values, "uniform").pvalue > 1e-3
        assert (values < 0.01).mean() == pytest.approx(0.01, abs=0.006)


def test_order_and_turn_are_found_together():
    rng = np.random.default_rng(1)
    z = rng.standard_normal((9, 3))
    z -= z.mean(0)
    rotation = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    a = (z @ (rotation * np.linalg.det(rotation)))[rng.permutation(9)]
    assert matched(a, z)[0] == pytest.approx(1, abs=1e-6)
