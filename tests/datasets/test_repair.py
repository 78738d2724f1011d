"""A lopsided data set is topped up by a recipe of its own, and the audit of both together shows what that did."""

import tomllib

import numpy as np
import pytest

pytest.importorskip("rdkit")
pytest.importorskip("mlcroissant")

from difusa.apps.repair import repair
from difusa.datasets.batch import batch
from difusa.datasets.planning import planned
from difusa.datasets.recipe import of_table
from difusa.datasets.repairing import repaired, toml
from difusa.ethics.bias import repairs

TABLE = {
    "name": "lopsided", "domain": "molecules", "count": 48, "seed": 5, "shard": 24, "attempts": 10, "make": {"steps": 20},
    "conditions": {"shares": {"atoms": {"12": 0.9375, "15": 0.0625}}, "fixed": {"elements": "C,H,N,O"}},
    "about": {"title": 'A "few" molecules', "creators": ["Ana", "Zé"]},
}  # fmt: skip
TARGET = 'source = "half of each"\n[shares.condition_atoms]\n12 = 0.5\n15 = 0.5\n'


def lopsided(**more):
    return of_table(TABLE | more, "x")


def test_the_top_up_is_the_same_recipe_but_for_counts_and_seed():
    first = lopsided(quotas=[{"where": {"atoms": 15}, "least": 3}])
    found = repaired(first, {"condition_atoms": {"12": 0, "15": 36}})
    assert [c for c, _ in planned(found).counts()] == [{"elements": "C,H,N,O", "atoms": 15}]
    assert found.count == 36 and found.make == first.make and found.about == first.about
    assert found.seed != first.seed and found.seed == repaired(first, {"condition_atoms": {"15": 36}}).seed
    assert of_table(tomllib.loads(toml(found)), "x") == found
    assert of_table(tomllib.loads(toml(first)), "x") == first


@pytest.mark.parametrize(
    ("column", "told"),
    [
        ("aromatic rings", "conditions: condition_elements, condition_atoms"),
        ("condition_mass", "unknown key 'mass'"),
        ("", "nothing"),
    ],
)
def test_what_cannot_be_asked_is_refused(column, told):
    with pytest.raises(ValueError, match=told):
        repaired(lopsided(), {column: {"one": 5}} if column else {"condition_atoms": {"12": 0}})


def test_several_attributes_are_topped_up_by_the_same_things():
    columns = {"a": np.repeat(["x", "y"], [80, 20]), "b": np.repeat(["u", "v"], [55, 45])}
    found = repairs(columns, {"a": {"x": 0.5, "y": 0.5}, "b": {"u": 0.5, "v": 0.5}})
    assert found == {"a": {"x": 0, "y": 60}, "b": {"u": 25, "v": 35}}


def test_the_effect_is_measured_again(at_once, tmp_path, capsys):
    from rdkit import Chem

    made = tmp_path / "lopsided.toml"
    made.write_text(toml(lopsided()))
    batch(made, out=tmp_path / "set", progress=lambda done, total: None)
    parts = (
        ("C", "CC", "CCC", "CC(C)", "C1CC1", "C1CCC1"),
        ("O", "N", "C#N", "C=O", "OC", "NC"),
        ("", "O", "N", "C", "CO"),
    )
    smiles = {Chem.CanonSmiles(f"{t}{a}{h}") for a in parts[0] for h in parts[1] for t in parts[2]}
    (tmp_path / "real.smi").write_text("\n".join(sorted(smiles)))
    (tmp_path / "target.toml").write_text(TARGET)
    told = repair(
        tmp_path / "set", target=tmp_path / "target.toml", against=tmp_path / "real.smi", out=tmp_path / "more",
        report=tmp_path / "r.html", repeats=3, progress=lambda done, total: None,
    )  # fmt: skip
    name = "condition_atoms: representation, worst group"
    was, now = (next(f for f in told[k]["findings"] if f["name"] == name) for k in ("before", "after"))
    assert (was["verdict"], now["verdict"]) == ("fail", "pass")
    # draws of the top-up that are broken drop out again: within .1 of one half
    assert was["value"] < 0.25 and now["value"] == pytest.approx(0.5, abs=0.1)
    assert name in capsys.readouterr().out
    moved = next(f for f in told["after"]["findings"] if f["audit"] == "drift" and f["name"] == name)
    assert moved["low"] > 0
    page = (tmp_path / "r.html").read_text()
    assert "2. set + more" in page and "mudou" in page and (tmp_path / "r.before.html").exists()
    assert of_table(tomllib.loads((tmp_path / "r.repair.toml").read_text()), "x").name == "lopsided-repair"
    assert (tmp_path / "set" / "UNRELEASED").exists() and (tmp_path / "more" / "UNRELEASED").exists()
