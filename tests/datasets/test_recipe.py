"""Recipes: how samples are shared out, and what is refused before any work."""

import numpy as np
import pytest

from difusa.apps import cli
from difusa.datasets import batch as batches
from difusa.datasets.planning import apportioned, planned
from difusa.datasets.recipe import of_table, read

BASE = {"name": "x", "domain": "molecules", "count": 100}


def plan(**more):
    return planned(of_table(BASE | more, "x.toml"))


def counts(**more) -> dict[str, int]:
    return {", ".join(f"{v}" for v in cell.values()): n for cell, n in plan(**more).counts()}


def test_shares_and_grid_are_met_to_a_sample():
    conditions = {"grid": {"atoms": [12, 14]}, "shares": {"elements": {"C,H,O": 0.3, "C,H,N,O": 0.7}}}
    assert counts(conditions=conditions) == {"12, C,H,O": 15, "12, C,H,N,O": 35, "14, C,H,O": 15, "14, C,H,N,O": 35}
    assert counts(conditions={"grid": {"atoms": [12, 13, 14]}}) == {"12": 34, "13": 33, "14": 33}


@pytest.mark.parametrize("total", [0, 1, 7, 100, 12345])
def test_the_largest_remainders_add_up_and_are_never_off_by_one(total):
    weights = np.random.default_rng(total).random(13)
    found, exact = apportioned(weights, total), weights / weights.sum() * total
    assert found.sum() == total and (np.abs(found - exact) < 1).all()


def test_a_quota_takes_from_those_who_have_none():
    grid = {"grid": {"atoms": [12, 13, 14, 15]}}
    quotas = [{"where": {"atoms": 12}, "least": 40}, {"where": {"atoms": 13}, "share": 0.3}]
    assert counts(conditions=grid, quotas=quotas) == {"12": 40, "13": 30, "14": 15, "15": 15}


def test_rows_are_mixed_and_the_same_for_all_time():
    rows = plan(conditions={"grid": {"atoms": [12, 14]}}, seed=4)
    assert rows.order[:12].tolist() == plan(conditions={"grid": {"atoms": [12, 14]}}, seed=4).order[:12].tolist()
    assert 0 < rows.order[:20].sum() < 20
    assert rows.row(7).stream == 7 and rows.row(7, attempt=2).stream == 7 + 2 * 2**40


def test_ranges_are_drawn_for_each_row_and_stay_inside():
    table = {"name": "x", "domain": "medical", "count": 200, "conditions": {"ranges": {"noise": [0.01, 0.05]}}}
    made = planned(of_table(table, "x.toml"))
    values = [made.row(i).conditions.noise for i in range(200)]
    assert 0.01 <= min(values) < 0.015 and 0.045 < max(values) <= 0.05 and len(set(values)) == 200
    assert {w.noise for w in made.asked()} == {0.01, 0.05}


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({"cuont": 3}, "unknown key 'cuont'; did you mean count"),
        ({"conditions": {"gird": {}}}, "unknown key 'gird'; did you mean grid"),
        ({"conditions": {"grid": {"atom": [12]}}}, "conditions.grid: unknown key 'atom'; did you mean atoms"),
        ({"quotas": [{"where": {"sex": "f"}, "least": 1}]}, r"quotas\[0\].where: unknown key 'sex'"),
        ({"domain": "music"}, "no domain 'music'; there are: heritage"),
        ({"count": 0}, "between 1 and"),
        ({"name": "../x"}, "write it in a-z"),
        ({"audits": ["privasy"]}, "'privasy' is none of"),
        ({"count": "9"}, "'9' should be a whole number"),
    ],
)
def test_what_is_misspelt_names_the_nearest(table, why):
    with pytest.raises(ValueError, match=why):
        of_table(BASE | table, "x.toml")


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({"quotas": [{"where": {"atoms": 12}, "least": 101}]}, "101 of 100 samples cannot be"),
        ({"quotas": [{"where": {"atoms": 99}, "least": 1}]}, "no sample has atoms = 99; there are 12, 14"),
        (
            {"quotas": [{"where": {"atoms": 12}, "least": 60}, {"where": {"atoms": 14}, "least": 60}]},
            "belong to no quota",
        ),
        ({"quotas": [{"where": {"atoms": 12}}]}, "either least or share"),
        ({"conditions": {"shares": {"atoms": {"12": 0.5, "14": 0.4}}}}, "add up to 0.9"),
        ({"conditions": {"grid": {"atoms": []}}}, "should be a list of values"),
        ({"conditions": {"grid": {"atoms": [12]}, "fixed": {"atoms": 12}}}, "said twice"),
        ({"conditions": {"ranges": {"atoms": [14, 12]}}}, "ends before it begins"),
        ({"conditions": {"grid": {"atoms": ["twelve"]}}}, "should be a number"),
    ],
)
def test_what_cannot_be_shared_out_is_refused(table, why):
    base = BASE | {"conditions": {"grid": {"atoms": [12, 14]}}}
    with pytest.raises(ValueError, match=why):
        planned(of_table(base | table, "x.toml"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("make = { model = 'qm8' }", "no model 'qm8'"),
        ("make = { modle = 'qm9' }", "unknown key 'modle'; did you mean model"),
        ("conditions = { grid = { atoms = [999] } }", "999"),
        ("conditions = { fixed = { formula = 'C6H5Cl' } }", "Cl is none of this model's"),
    ],
)
def test_what_the_domain_cannot_make_is_refused_before_anything_is_written(tmp_path, capsys, text, why):
    path = tmp_path / "r.toml"
    path.write_text(f"name = 'x'\ndomain = 'molecules'\ncount = 4\n{text}\n")
    assert cli.main(["batch", str(path), "--out", str(tmp_path / "out")]) == 2
    assert why in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_a_recipe_with_code_is_not_even_read(tmp_path, capsys):
    path = tmp_path / "r.yaml"
    path.write_text(f"name: !!python/object/apply:os.mkdir ['{tmp_path}/made']\n")
    assert cli.main(["batch", str(path), "--out", str(tmp_path / "out")]) == 2
    assert "YAML and Python can carry code" in capsys.readouterr().err
    assert not (tmp_path / "made").exists() and not (tmp_path / "out").exists()
    (tmp_path / "r.toml").write_text("name = !!python/object 'x'")
    with pytest.raises(ValueError, match="not valid TOML"):
        read(tmp_path / "r.toml")


def test_recipes_that_ship_can_be_read_and_planned():
    homes = sorted((batches.Path(batches.__file__).parent / "recipes").glob("*.toml"))
    assert {p.stem for p in homes} == {"heritage", "materials", "medical", "molecules"}
    for path in homes:
        found = read(path)
        assert found.domain == path.stem and found.count >= 200 and found.audits
        assert sum(n for _, n in planned(found).counts()) == found.count
    with pytest.raises(FileNotFoundError, match="one that ships"):
        batches.shipped("moleculez")


def test_the_reference_names_every_key():
    """docs/recipes.md, key by key of what a recipe may hold."""
    from dataclasses import fields
    from pathlib import Path

    import difusa
    from difusa.datasets.recipe import About, Conditions, Quota, Recipe
    from difusa.domains import NAMES, domain

    text = (Path(difusa.__file__).parent / "docs/recipes.md").read_text(encoding="utf-8")
    general, *parts = text.split("\n## ")
    general += parts[0]
    for kind in (Recipe, Conditions, Quota, About):
        assert not [f.name for f in fields(kind) if f.name.removesuffix("_pt") not in general], kind
    for name in NAMES:
        own, factory = next(p for p in parts if p.startswith(name.capitalize())), domain(name).factory()
        for kind in (factory.options, factory.conditions):
            assert not [f.name for f in fields(kind) if f"`{f.name}`" not in own], (name, kind)
