"""The verbs that draw crystals: files, seeds, limits that always hold, refusals; with a small random network."""

import json

import numpy as np
import pytest

from difusa.domains.materials.readers import load

pytest.importorskip("spglib")
pytest.importorskip("smact")


def quiet(done: int, total: int) -> None:
    assert 0 <= done <= total


@pytest.fixture
def options(small_crystal_models):
    return {"model": small_crystal_models["model"], "steps": 5, "progress": quiet}


def drawn(folder) -> list:
    return [r.crystal for r in load(folder)]


def test_a_folder_with_exactly_count_crystals_and_a_report(options, tmp_path):
    from difusa.domains.materials.task import generate

    report = tmp_path / "again.json"
    figures = generate(out=tmp_path / "out", count=5, seed=3, report=report, **options)
    made = drawn(tmp_path / "out")
    assert len(made) == 5 == figures["count"] == len(load(tmp_path / "out" / "all.extxyz"))
    assert [c.tags["index"] for c in made] == list(range(5))
    for key in ("formula", "spacegroup", "spacegroup_loose", "shortest_distance", "charge_balanced", "seed", "model"):
        assert all(key in c.tags for c in made)
    assert figures["network_evaluations"] <= 5
    assert json.loads(report.read_text())["seconds_per_1000"] == figures["seconds_per_1000"] > 0
    assert figures["structural_validity"]["n"] == 5
    with pytest.raises(ValueError, match="holds crystals already"):
        generate(out=tmp_path / "out", count=1, **options)


def test_the_same_seed_gives_the_same_bytes_at_any_batch(options, tmp_path):
    from difusa.domains.materials.task import generate

    for name, batch, seed in (("a", 1, 1), ("b", 3, 1), ("c", 200, 1), ("d", 200, 2)):
        generate(out=tmp_path / name, count=4, batch=batch, seed=seed, **options)
    a, b, c, d = ((tmp_path / k / "all.extxyz").read_text() for k in "abcd")
    assert a == b == c != d


def test_elements_atoms_and_symmetry_are_obeyed_by_all(options, tmp_path):
    from difusa.domains.materials.task import generate

    generate(
        out=tmp_path / "a", count=6, elements="Li,Na,F,O,Cl", contains="Li,F", exclude="Cl", atoms="2..4", spacegroup=225,
        **options,
    )  # fmt: skip
    for crystal in drawn(tmp_path / "a"):
        own = set(crystal.numbers.tolist())
        assert {3, 9} <= own <= {3, 9, 11, 8} and 2 <= len(crystal) <= 4 and crystal.tags["spacegroup"] == 225
    generate(out=tmp_path / "b", count=3, crystal_system="cubic", symmetrised=True, **options)
    for crystal in drawn(tmp_path / "b"):
        assert crystal.tags["spacegroup"] >= 195


def test_without_symmetry(options, tmp_path):
    from difusa.domains.materials.task import generate

    generate(out=tmp_path / "out", count=2, free=True, atoms="4", **options)
    assert [c.tags["lent"] for c in drawn(tmp_path / "out")] == [0, 0]


def test_properties_are_wished_for_from_templates_in_the_range(small_crystal_models, options, tmp_path):
    from pathlib import Path

    from difusa.domains.materials.asked import ask
    from difusa.domains.materials.task import generate
    from difusa.domains.materials.templates import read

    templates, wishes = read(Path(small_crystal_models["model"]))
    asked = ask(templates, wishes, property=("band_gap=1..1.2",))
    at = wishes.names.index("band_gap")
    for k in range(8):
        wish = asked.order(0, k).wish
        assert 1 - 1e-6 <= wish[at] * wishes.std[at] + wishes.mean[at] <= 1.2 + 1e-6
        assert np.isnan(np.delete(wish, at)).all()
    figures = generate(out=tmp_path / "o", count=2, property=("band_gap=..1",), guidance=2.0, **options | {"steps": 9})
    assert figures["network_evaluations"] <= 9


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"elements": "Li,Xx"}, "'Xx' is no element"),
        ({"elements": "Au,Li"}, "knows no Au"),
        ({"contains": "Li", "exclude": "Li"}, "both name Li"),
        ({"elements": "O", "contains": "Li"}, "not among --elements"),
        ({"atoms": "9..4"}, "ends before it begins"),
        ({"atoms": "many"}, "write 4..16"),
        ({"atoms": "40..50"}, "this model draws"),
        ({"spacegroup": 231}, "between 1 and 230"),
        ({"spacegroup": 62}, "no training crystal has it"),
        ({"spacegroup": 225, "atoms": "4"}, "no crystal of that symmetry"),
        ({"crystal_system": "round"}, "one of triclinic"),
        ({"spacegroup": 225, "crystal_system": "cubic"}, "drop the other"),
        ({"spacegroup": 225, "free": True}, "--free imposes no symmetry"),
        ({"contains": "Li,Na,K,Rb,F"}, "holds 5 elements"),
        ({"property": ("gap=1..2",)}, "did you mean band_gap"),
        ({"property": ("band_gap=90..",)}, "the training data lies between"),
        ({"guidance": 2.0}, "nothing is guided"),
        ({"count": 0}, "at least 1"),
    ],
)
def test_what_no_draw_can_obey_is_refused_before_any_work(wrong, why, options, tmp_path):
    from difusa.domains.materials.task import generate

    with pytest.raises(ValueError, match=why):
        generate(**{"out": tmp_path / "out", "count": 2} | options | wrong)


def test_prediction_places_the_composition_and_nothing_else(options, tmp_path):
    from difusa.domains.materials.predicting import predict

    figures = predict("LiI", out=tmp_path / "a", count=4, seed=1, passport=False, **options)
    made = drawn(tmp_path / "a")
    assert len(made) == 4 and all(sorted(set(c.numbers.tolist())) == [3, 53] for c in made)
    assert all((c.numbers == 3).sum() == (c.numbers == 53).sum() for c in made)
    assert made[0].tags["spacegroup"] == 225 and made[0].tags["prototype"] == 1
    assert figures["network_evaluations"] <= 5
    predict("LiI", out=tmp_path / "b", count=1, seed=1, passport=False, **options)
    assert (tmp_path / "a" / "00000.cif").read_text() == (tmp_path / "b" / "00000.cif").read_text()


def test_a_composition_without_a_prototype_is_placed_without_symmetry(options, tmp_path):
    from difusa.domains.materials.predicting import predict

    predict("Li2F", out=tmp_path / "out", count=2, **options)
    made = drawn(tmp_path / "out")
    assert [c.tags["lent"] for c in made] == [0, 0]
    assert all((c.numbers == 3).sum() == 2 * (c.numbers == 9).sum() for c in made)


@pytest.mark.parametrize(
    ("formula", "why"),
    [
        ("", "no formula"), ("Xx2O", "no element"), ("AuF", "knows no Au"), ("Li0F", "says there is none"),
        ("Li12F12", None), ("Li13F12", "at most 4"), ("LiF!", "not understood"), ("Li(F", "not understood"),
    ],
)  # fmt: skip
def test_formulas_that_cannot_be_placed_are_refused(formula, why, options, tmp_path):
    from difusa.domains.materials.predicting import predict

    if why is None:  # the smallest whole counts are what is placed
        assert predict(formula, out=tmp_path / "out", count=1, **options)["count"] == 1
        return
    with pytest.raises(ValueError, match=why):
        predict(formula, out=tmp_path / "out", count=1, **options)


def test_brackets_in_a_formula(small_crystal_models):
    from pathlib import Path

    from difusa.domains.materials.predicting import parse_formula
    from difusa.domains.materials.templates import read

    assert parse_formula("Li(OF)2Li", read(Path(small_crystal_models["model"]))[0]) == {3: 1, 8: 1, 9: 1}


def test_the_folder_and_each_crystal_are_signed(options, tmp_path):
    from difusa.apps.verify import verify
    from difusa.domains.materials.task import generate

    generate(out=tmp_path / "a", count=2, **options)
    found = verify([tmp_path / "a", tmp_path / "a" / "00001.cif", tmp_path / "a" / "all.extxyz"])
    assert [v.status for v in found.verdicts] == [0, 0, 0]
    assert "passport" not in drawn(tmp_path / "a")[0].tags
    generate(out=tmp_path / "b", count=2, passport=False, **options)
    assert (
        not (tmp_path / "b.passport.json").exists() and drawn(tmp_path / "b")[0].tags == drawn(tmp_path / "a")[0].tags
    )


def test_sites_that_are_lent_one_element_share_theirs(small_crystal_models):
    from difusa.domains.materials.sampling import Order, Plan, draw
    from difusa.domains.materials.templates import read
    from difusa.domains.models import find

    found = find(small_crystal_models["model"])
    templates = read(found.folder)[0]
    rows = [k for k, kinds in enumerate(templates.kinds) if len(set(kinds)) < len(kinds)][:4]
    lent = [templates.template(k) for k in rows]
    orders = [Order(t, np.zeros(len(t), np.int64)) for t in lent]
    assert rows, "none would test nothing"
    for template, made in zip(lent, draw(found.load(), orders, Plan(steps=6), range(len(rows))), strict=True):
        assert (template.even != template.orbit).any()
        assert (made.crystal.numbers == made.crystal.numbers[template.even]).all()
