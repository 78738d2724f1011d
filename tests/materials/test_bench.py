"""The bench of crystals with small random networks and a small data set: rows, causes of what is missing, resuming."""

import json
from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("pymatgen")
pytest.importorskip("smact")

from difusa.apps.bench import bench
from difusa.domains.materials import (
    bench_conditional,
    bench_prediction,
    bench_setup,
    report,
    worked,
)
from difusa.domains.materials.bench_setup import HELD_OUT, OURS, RANDOM
from difusa.domains.materials.judges import Relaxation


@pytest.fixture
def run(small_crystals, small_crystal_models, tmp_path, monkeypatch) -> Callable:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    monkeypatch.delenv("DIFUSA_DATA", raising=False)
    for name in ("guide", "judge"):
        monkeypatch.setattr(bench_setup, name.upper(), small_crystal_models[name])
        monkeypatch.setattr(bench_conditional, name.upper(), small_crystal_models[name])

    def call(tasks: str, **options):
        chosen = {"model": small_crystal_models["model"], "threads": 1, "workers": 1}
        told = bench("materials", data=small_crystals, tasks=tasks, quick=True, out=tmp_path, **chosen | options)
        stored = json.loads((tmp_path / "materials-quick.json").read_text())["rows"]
        return {(r["task"], r["method"]): r for r in stored}, (tmp_path / "materials-quick.md").read_text(), told

    return call


def instant(judge, items, chosen, workers, seconds, name):
    """CHGNet's place is taken: every crystal is relaxed as it is."""
    found = {i: Relaxation(-3.0, 0.1, 0.05, 1.0, 1, items[i]) for i in chosen}
    return found, [], 0.0


def test_drawn_sets_beside_held_out_and_substituted_ones(run, monkeypatch):
    monkeypatch.setattr(report, "each", instant)
    rows, page, _ = run("generation", n=6, seeds=2, costly=3, steps=5)
    ours, held, random = (rows["generation", m] for m in (OURS, HELD_OUT, RANDOM))
    assert held["metrics"]["structural_validity"]["value"] == random["metrics"]["valid"]["value"] == 1
    assert held["metrics"]["novelty"]["value"] == 1 and ours["metrics"]["structural_validity"]["n"] == 12
    assert ours["metrics"]["network_evaluations"]["value"] <= 5
    assert all("chgnet_failed" in one for one in ours["items"].values())
    again, _, _ = run("generation", n=6, seeds=2, costly=3, steps=5)
    assert again == rows
    assert "stable share" in page and "least squares" in page and "seeds 0, 1" in page


def test_predictions_beside_substitution(run):
    rows, page, _ = run("prediction", n=3, steps=5, samples=2)
    near = rows["prediction", "substitution, nearest elements first, 1 prediction"]
    assert near["metrics"]["match_rate_1"]["value"] > 0.5, "salts are salts"
    ours = rows["prediction", f"{OURS}, 2 predictions"]
    assert ours["n"] == 3 and ours["metrics"]["match_rate_20"]["value"] >= ours["metrics"]["match_rate_1"]["value"]
    assert "match rate (%)" in page


def test_predictions_drawn_together_are_those_of_the_verb(small_crystals, small_crystal_models, tmp_path):
    from types import SimpleNamespace

    from difusa.domains.materials.crystal import Crystal
    from difusa.domains.materials.predicting import predict
    from difusa.domains.materials.readers import load
    from difusa.domains.models import find

    setup = SimpleNamespace(threads=1, steps=5, asked=SimpleNamespace(device="cpu"))
    model = find(small_crystal_models["model"])
    places = np.array([[0.0, 0, 0], [0.5, 0.5, 0.5]])
    truths = [Crystal(4 * np.eye(3), np.array(n, np.uint8), places) for n in ([3, 9], [12, 8])]
    made = bench_prediction.by_model(setup, model, 3)(truths, [0, 1], 7)
    for formula, own in zip(("LiF", "MgO"), made, strict=True):
        predict(
            formula,
            out=tmp_path / formula,
            count=3,
            steps=5,
            seed=7,
            model=str(model.folder),
            threads=1,
            watermark=False,
        )
        for one, row in zip(own, load(tmp_path / formula), strict=True):
            assert row.crystal is None or np.allclose(one.volume, row.crystal.volume, rtol=1e-5)


def test_no_match_is_none():
    from difusa.domains.materials.crystal import Crystal

    salt = Crystal(4 * np.eye(3), np.array([11, 17], np.uint8), np.array([[0.0, 0, 0], [0.5, 0.5, 0.5]]))
    face = np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    other = Crystal(5.6 * face, salt.numbers, salt.frac)
    assert bench_prediction.rate(salt, []) == (None, None)
    first, best = bench_prediction.rate(salt, [other, salt])
    assert first is None and best == pytest.approx(0, abs=1e-9)


def test_symmetry_and_speed(run):
    rows, page, _ = run("symmetry,speed", n=3, steps=5)
    exact = rows["symmetry", "random network, float64"]["metrics"]
    assert all(exact[m]["value"] < 1e-9 for m in ("translation", "permutation", "rotation", "axes"))
    assert rows["speed", OURS]["metrics"]["peak_memory_mib"]["value"] > 50 and "| random network, float64 |" in page


def test_properties_asked_for_are_judged_by_another(run, monkeypatch):
    monkeypatch.setattr(bench_conditional, "RANGES", (("band_gap=0.5..1",), ("formation_energy=..-2",)))
    rows, page, _ = run("conditional", n=4, steps=5)
    asked = rows["conditional", f"band_gap=0.5..1: {OURS}"]
    assert sum(b["n"] for b in asked["items"]["seed 0"]["curve"]) == 4
    assert {"hit_band_gap", "hit_all", "told_all"} <= set(asked["metrics"])
    assert "by_chance" in rows["conditional", "band_gap=0.5..1: the judge on held-out data"]["metrics"]
    assert "came true (%)" in page


def test_what_is_missing_says_why(run, tmp_path):
    rows, page, _ = run("training", n=3)
    assert "no --checkpoints FOLDER" in rows["training", OURS]["missing"] and rows["training", OURS]["missing"] in page
    with pytest.raises(ValueError, match="unknown tasks speeed: this bench has symmetry"):
        run("speeed")
    with pytest.raises(ValueError, match="bench materials has no use for --methods"):
        run("speed", methods="ours")


def test_recipes_rank_what_was_drawn(run, monkeypatch, small_crystals):
    def judge(crystals, function, items, row, data, workers, seconds):
        return [
            {"index": i, "formula": "x", "useful": i == 1, "stable": True, "new": True} for i in range(len(crystals))
        ], []

    monkeypatch.setattr(worked, "table", judge)
    rows, page, _ = run("recipes", n=2, steps=5)
    for method in ("cathode, Li", "earth-abundant"):
        for who in (RANDOM, OURS):
            if ("recipes", f"{method}: {who}") in rows and "missing" not in rows["recipes", f"{method}: {who}"]:
                assert rows["recipes", f"{method}: {who}"]["metrics"]["stable_share"]["value"] == 1
    assert "The first of each ranking" in page
