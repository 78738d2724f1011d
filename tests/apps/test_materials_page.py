"""The materials page as a visitor uses it: limits, a finished job with its table, view, pattern and files; what goes wrong."""

import json
from functools import partial

import pytest

from difusa.apps import jobs, materials_models

pytest.importorskip("pymatgen.core")
pytest.importorskip("smact")


@pytest.fixture
def opened(visit):
    return partial(visit, "materials_page.py")


@pytest.fixture
def site(job_root, small_crystal_models, monkeypatch, opened):
    """The pages in English, with the small random model."""
    monkeypatch.setenv("DIFUSA_MATERIALS", small_crystal_models["model"])
    return opened()


def view(at) -> dict:
    """What the 3D view was given."""
    return next(d for d in (json.loads(e.proto.json) for e in at.get("bidi_component")) if d.get("format") == "cif")


def test_from_limits_to_table_pattern_and_files(site, ended, opened, texts, button, started):
    at = site
    at.number_input(key="mat_count_24").set_value(4)
    at.number_input(key="mat_steps").set_value(5)
    at.multiselect(key="mat_contains").set_value(["Na"])
    at.selectbox(key="mat_symmetry").select("cubic").run()
    job = ended(started(at))
    assert job.state == "done", job.error
    at.run()
    assert not at.exception
    assert {m.label: m.value for m in at.metric}["Crystals drawn"] == "4"
    table = at.dataframe[0].value
    assert len(table) == 4 and all("Na" in f for f in table["formula"]) and (table["spacegroup"] >= 195).all()
    assert [e.label for e in at.get("download_button")] == ["CIF (ZIP)", "extxyz", "Table (CSV)"]
    shown = view(at)
    assert len(shown["models"]) == 1 and "_cell_length_a" in shown["models"][0]
    at.segmented_control(key="look_sight").select("film").run()
    assert not at.exception and len(view(at)["models"]) >= 3 and view(at)["play"]
    at.segmented_control(key="look_sight").select("pattern").run()
    assert not at.exception and "Cu Kα" in texts(at) or "no pattern" in texts(at)
    later = opened("pt_BR", job.id)  # a closed tab, and another language
    assert "Voltar às opções" in [b.label for b in later.button]
    assert {m.label for m in later.metric} >= {"Cristais gerados", "Cargas em equilíbrio"}
    button(later, "Voltar às opções").click().run()
    assert (
        later.multiselect(key="mat_contains").value == ["Na"] and later.selectbox(key="mat_symmetry").value == "cubic"
    )


def test_a_composition_gets_proposals(site, ended, texts, button, started):
    at = site.segmented_control(key="mat_way").select("predict").run()
    assert button(at, "Generate").disabled and "Write a composition" in texts(at)
    at.text_input(key="mat_formula").set_value("NaXx").run()
    assert "'Xx' is no element" in texts(at) and button(at, "Generate").disabled
    at.text_input(key="mat_formula").set_value("NaCl")
    at.number_input(key="mat_count_20").set_value(2)
    at.number_input(key="mat_steps").set_value(5).run()
    job = ended(started(at))
    assert job.state == "done", job.error
    at.run()
    assert not at.exception and set(at.dataframe[0].value["formula"]) == {"NaCl"}


def test_what_no_crystal_can_obey_is_refused_before_it_costs(site, texts, button):
    at = site
    at.multiselect(key="mat_contains").set_value(["Na"])
    at.multiselect(key="mat_exclude").set_value(["Na"]).run()
    assert "both name Na" in texts(at) and "--" not in texts(at)
    assert button(at, "Generate").disabled


def test_ranges_of_properties_and_symmetry_become_arguments(site, monkeypatch, button):
    started_with = []
    monkeypatch.setattr(jobs, "start", lambda verb, arguments, files, about: started_with.append(arguments) or "x" * 22)
    at = site
    at.selectbox(key="mat_symmetry").select("number").run()
    at.pills(key="mat_properties").select("band_gap").run()
    at.slider(key="mat_range_band_gap").set_range(0.5, 1.25).run()
    assert not at.exception and not at.warning
    button(at, "Generate").click().run()
    told = started_with[0]
    assert told["property"] == ["band_gap=0.5..1.25"] and told["guidance"] == 1
    assert (told["spacegroup"], told["crystal_system"], told["free"], told["atoms"]) == (225, None, False, None)


def test_a_missing_model_is_told_with_the_way_out(site, monkeypatch, opened, texts):
    monkeypatch.setattr(materials_models, "choices", list)
    at = opened("pt_BR")
    assert "Nenhum modelo de cristais está instalado" in texts(at) and "difusa train materials" in texts(at)
    assert not [b for b in at.button if b.label == "Gerar"]
