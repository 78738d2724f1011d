"""The molecules page as a visitor uses it: targets, a scaffold, a finished job with its pictures and files, what goes wrong."""

import json
import shutil
from functools import partial

import pytest

from difusa.apps import jobs, molecules_models

pytest.importorskip("rdkit")


@pytest.fixture
def opened(visit):
    return partial(visit, "molecules_page.py")


@pytest.fixture
def site(job_root, small_models, monkeypatch, opened):
    """The pages in English, with the small random models."""
    monkeypatch.setenv("DIFUSA_MOLECULES", small_models["model"])
    monkeypatch.setenv("DIFUSA_HYDROGENS", small_models["hydrogens"])
    return opened()


def cards(at) -> list[dict]:
    """What the gallery was given."""
    return next(d["cards"] for d in components(at) if "cards" in d)


def components(at) -> list[dict]:
    """The data of our components on the page."""
    return [json.loads(e.proto.json) for e in at.get("bidi_component")]


def asked(at, count=6, steps=5):
    at.number_input(key="mol_count_48").set_value(count)
    return at.number_input(key="mol_steps").set_value(steps).run()


def test_from_targets_to_pictures_and_files(site, ended, opened, started):
    at = asked(site)
    at.text_input(key="mol_formula").set_value("C5H10O2").run()
    job = ended(started(at))
    assert job.state == "done", job.error
    at.run()
    assert not at.exception
    assert {m.label: m.value for m in at.metric}["Molecules drawn"] == "6"
    shown = cards(at)
    assert [c["title"] for c in shown] == [f"{n} · C5H10O2" for n in range(1, 7)]
    assert all(c["picture"].startswith("data:image/svg+xml") for c in shown)
    assert all(c["note"] for c in shown if c["mark"] == "bad")  # each broken one says why
    assert [e.label for e in at.get("download_button")] == ["SDF", "extxyz", "Table (Parquet)"]
    view = next(d for d in components(at) if d.get("format") == "sdf")
    assert len(view["models"]) == 1 and "V3000" in view["models"][0]
    at.segmented_control(key="look_sight").select("film").run()
    film = next(d for d in components(at) if d.get("format") == "sdf")
    assert len(film["models"]) >= 3 and film["play"]  # four evaluations of the skeleton, and the molecule
    at.segmented_control(key="look_as_grid").select("table").run()
    assert len(at.dataframe[0].value) == 6
    later = opened("pt_BR", job.id)  # a closed tab, and another language
    assert "Voltar às opções" in [b.label for b in later.button]
    assert {m.label for m in later.metric} >= {"Moléculas geradas", "Válidas"}


def test_a_job_brings_its_form_and_scaffold_back(site, molecules, ended, opened, texts, button, started):
    from difusa.domains.molecules.export import sdf

    at = asked(site, count=3)
    at.file_uploader(key="scaffold").upload("anel.sdf", sdf(molecules[0]).encode(), "chemical/x-mdl-sdfile").run()
    assert not at.exception and not at.warning
    id = started(at)
    job = ended(id)
    assert job.state == "done", job.error
    assert job.request["arguments"]["scaffold"] == "anel.sdf"
    later = opened(job=id)
    button(later, "Back to the settings").click().run()
    assert not later.exception
    assert later.number_input(key="mol_count_48").value == 3
    assert "Scaffold: anel.sdf" in texts(later)


@pytest.mark.parametrize(
    "formula, said",
    [("C7H90", "at most 16 hydrogens fit"), ("C7XeH4", "Xe is none of this model's"), ("C((", "write symbols")],
)
def test_an_impossible_formula_is_refused_before_it_costs(site, formula, said, texts, button):
    at = site.text_input(key="mol_formula").set_value(formula).run()
    assert said in texts(at) and "--" not in texts(at)
    assert button(at, "Generate").disabled


def test_a_broken_scaffold_gets_a_sentence(site, texts, button):
    at = site.file_uploader(key="scaffold").upload("x.sdf", b"no molecule\n", "chemical/x-mdl-sdfile").run()
    assert not at.exception
    assert "x.sdf" in texts(at) and "/tmp" not in texts(at)
    assert button(at, "Generate").disabled


def test_conformers_leave_out_what_is_no_smiles(site, ended, texts, button, started):
    at = site.segmented_control(key="mol_way").select("conformers").run()
    assert button(at, "Generate").disabled
    at.text_area(key="mol_smiles").set_value("O=CCCCCO\nc1cc[\nC[Si](C)(C)C\n/etc/names.txt").run()
    assert all(f"Line {n}: " in texts(at) for n in (2, 3, 4)) and "Line 1" not in texts(at)
    at.number_input(key="mol_count_20").set_value(2)
    at.number_input(key="mol_steps").set_value(5)
    job = ended(started(at))
    assert job.state == "done", job.error
    assert job.request["arguments"]["smiles"] == ["O=CCCCCO"]
    at.run()
    assert not at.exception and len(at.dataframe[0].value) == 2
    at.segmented_control(key="look_sight").select("all").run()
    assert not at.exception
    assert len(next(d for d in components(at) if d.get("format") == "sdf")["models"]) == 2


def test_properties_are_offered_where_the_model_hears_them(site, small_models, tmp_path, monkeypatch, opened, button):
    import numpy as np

    from difusa.domains.molecules import wishes
    from difusa.shared.files import write_arrays, write_json

    assert not [p for p in site.pills if p.key == "mol_properties"]
    hearing = tmp_path / "hearing"
    shutil.copytree(small_models["model"], hearing)
    values = np.random.default_rng(0).normal([7, 2.5], [1, 1.2], (300, 2))
    told = wishes.files(wishes.of_rows(("gap", "mu"), values, np.full((300, 2), 10)))
    write_json(hearing / wishes.FILES[0], told[wishes.FILES[0]])
    write_arrays(hearing / wishes.FILES[1], told[wishes.FILES[1]])
    monkeypatch.setenv("DIFUSA_MOLECULES", str(hearing))
    started_with = []
    monkeypatch.setattr(jobs, "start", lambda verb, arguments, files, about: started_with.append(arguments) or "x" * 22)
    at = opened()
    at.pills(key="mol_properties").select("gap").run()
    at.slider(key="mol_range_gap").set_range(6.5, 7.25).run()
    at.toggle(key="mol_rank").set_value(True).run()
    assert not at.exception and not at.warning
    button(at, "Generate").click().run()
    assert started_with[0]["property"] == ["gap=6.5..7.25"] and started_with[0]["guidance"] == 1
    assert started_with[0]["rank"] is True


def test_a_missing_model_is_told_with_the_way_out(site, monkeypatch, opened, texts):
    monkeypatch.setattr(molecules_models, "choices", list)
    at = opened("pt_BR")
    assert "Nenhum modelo de moléculas está instalado" in texts(at)
    assert "difusa train qm9-hydrogens" in texts(at)
    assert not [b for b in at.button if b.label == "Gerar"]


def test_a_job_of_another_page_is_not_shown(site, job_root, opened, texts):
    id = jobs.start("heritage find", {"source": "none.png", "out": "mask.png"}, {})
    jobs.cancel(id)
    assert "does not exist" in texts(opened(job=id))
