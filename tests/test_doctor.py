"""The doctor: true about this machine, and able to see what is missing."""

import importlib.metadata as metadata
import json
import os
import shutil
import tomllib
from pathlib import Path

import pytest
import torch

import difusa
from difusa.apps import doctor as rooms
from difusa.apps.doctor import doctor

PYPROJECT = Path(difusa.__file__).parent / "pyproject.toml"


def test_json_tells_the_truth(capsys):
    found = doctor(json=True)
    assert json.loads(capsys.readouterr().out) == found
    assert found["torch"] == torch.__version__
    assert found["cores"] == os.cpu_count()
    # Other programs write to the same disk meanwhile: 1 GiB of leeway.
    assert found["disk_free_gib"] == pytest.approx(shutil.disk_usage(".").free / 2**30, abs=1)
    assert 0 < found["memory_free_gib"] < found["memory_gib"]


def test_text_has_a_line_for_everything(capsys):
    found = doctor()
    shown = capsys.readouterr().out
    for word in ("Python", "torch", "CPU", "memory", "disk", "GPU", *rooms.COST_MB):
        assert word in shown
    assert found["cpu"] in shown


@pytest.mark.skipif(not PYPROJECT.exists(), reason="needs a checkout")
def test_costs_are_told_for_every_extra():
    extras = tomllib.loads(PYPROJECT.read_text())["project"]["optional-dependencies"]
    assert sorted(rooms.COST_MB) == sorted(set(extras) - {"all"})


def test_a_missing_package_is_seen_and_priced(monkeypatch, capsys):
    real = metadata.version

    def without_tifffile(name):
        if name == "tifffile":
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(metadata, "version", without_tifffile)
    row = next(r for r in doctor()["extras"] if r["extra"] == "heritage")
    assert "tifffile" in row["missing"]
    assert row["mb"] == rooms.COST_MB["heritage"]
    assert row["seconds"] == round(row["mb"] / rooms.MB_A_SECOND)
    shown = capsys.readouterr().out
    assert "pip install 'difusa[" in shown
    assert f"about {row['mb']} MB, {row['seconds']} s" in shown


@pytest.mark.parametrize(
    ("module", "extra"), [("streamlit", "apps"), ("skimage.data", "heritage"), ("PIL", "heritage"), ("nothing", None)]
)
def test_extra_with_a_module(module, extra):
    assert rooms.extra_with(module) == extra


def test_advice_fits_the_machine(monkeypatch, tmp_path):
    good = {
        "memory_free_gib": 16.0,
        "disk_free_gib": 50.0,
        "gpus": [{"name": "a", "memory_gib": 8.0}],
        "data": str(tmp_path),
    }
    assert rooms.advice(good) == []
    assert any("--batch 1" in line for line in rooms.advice(good | {"memory_free_gib": 1.0}))
    assert any("no folder" in line for line in rooms.advice(good | {"data": str(tmp_path / "gone")}))
