"""The bench of molecules with small random networks and the first rows of QM9: rows, causes of what is missing, resuming."""

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

pytest.importorskip("rdkit")

from difusa.apps.bench import bench
from difusa.domains import models
from difusa.domains.molecules import bench_conditional, bench_page, bench_peer, bench_sets, qm9
from difusa.domains.molecules.bench_setup import HELD_OUT, OURS, Setup
from difusa.domains.molecules.packed import pack
from difusa.domains.molecules.plan import Plan
from difusa.shared.bench import Bench
from difusa.shared.benchmark import Asked
from difusa.shared.files import sha256
from difusa.shared.samplers import dpmpp_2m, last
from difusa.shared.spaces import Euclidean


@pytest.fixture(scope="module")
def data(qm9_rows, tmp_path_factory):
    """A data folder with a QM9 of 240 rows, and no drug-like molecules."""
    made = [(m, row) for row in qm9_rows for m, _ in [qm9.molecule_of(row)] if m.smiles][:240]
    split = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [160, 40, 40]))
    values = [[float(row[column]) * by for column, by in qm9.PROPERTIES.values()] for _, row in made]
    root = tmp_path_factory.mktemp("data")
    pack([m for m, _ in made], range(240), split, values, tuple(qm9.PROPERTIES)).save(root / "molecules" / "qm9.npz")
    return root


@pytest.fixture
def run(data, small_models, tmp_path, monkeypatch) -> Callable:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    monkeypatch.delenv("DIFUSA_DATA", raising=False)
    chosen = {"model": small_models["model"], "hydrogens": small_models["hydrogens"], "threads": 1, "workers": 1}

    def call(tasks: str, **options):
        told = bench("molecules", data=data, tasks=tasks, quick=True, out=tmp_path, **chosen | options)
        stored = json.loads((tmp_path / "molecules-quick.json").read_text())["rows"]
        return {(r["task"], r["method"]): r for r in stored}, (tmp_path / "molecules-quick.md").read_text(), told

    return call


def test_drawn_sets_beside_held_out_ones_resumed(run, tmp_path):
    rows, page, _ = run("qm9", n=5, seeds=2, costly=0, steps=5)
    ours, held = rows["qm9", OURS], rows["qm9", HELD_OUT]
    assert (ours["n"], ours["seeds"], ours["metrics"]["validity"]["n"]) == (2, [0, 1], 10)
    assert held["metrics"]["validity"]["value"] == 1 and held["metrics"]["molecule_stability"]["value"] == 1
    assert held["metrics"]["bond_lengths_wasserstein"]["value"] > 0, "the floor, not the distance from itself"
    assert ours["metrics"]["network_evaluations"]["value"] <= 5
    files = {f"seed {s}": next(p for p in tmp_path.rglob("*.sdf") if sha256(p) == one["sha256"])
             for s, one in zip((0, 1), ours["items"].values())}  # fmt: skip
    assert len(set(files.values())) == 2
    again, _, _ = run("qm9", n=5, seeds=2, costly=0, steps=5)
    assert again == rows
    anew, _, _ = run("qm9", n=5, seeds=2, costly=0, steps=5, resume=False)
    assert [o["sha256"] for o in anew["qm9", OURS]["items"].values()] == [o["sha256"] for o in ours["items"].values()]
    assert "aromatic bonds counted apart" in page and "| 100.00 [" in page and "seeds 0, 1" in page


def test_what_is_missing_says_why(run):
    rows, page, told = run("training,drugs,conformers drugs", n=5)
    assert "no --checkpoints FOLDER" in rows["training", OURS]["missing"]
    for task in ("drugs", "conformers drugs"):
        assert "the set drugs is not prepared yet" in rows[task, OURS]["missing"]
        assert rows[task, OURS]["missing"] in page
    assert [r["missing"] for r in told["rows"]] == [r["missing"] for r in rows.values()]


def test_unknown_tasks_and_options_are_refused(run):
    with pytest.raises(ValueError, match="unknown tasks speeed: this bench has equivariance, speed"):
        run("speeed")
    with pytest.raises(ValueError, match="bench molecules has no use for --methods"):
        run("speed", methods="ours")
    with pytest.raises(
        ValueError, match="no bench is called 'molecule': there are heritage, samplers, medical, materials, molecules"
    ):
        bench("molecule")


def test_checkpoints_are_rows_by_their_time(run, small_models, tmp_path):
    network = models.find(small_models["model"]).load()
    for minutes in (30.0, 4.0):
        meta = models.find(small_models["model"]).meta | {"minutes": minutes, "examples": int(1000 * minutes)}
        sizes = {"elements": [6, 7, 8, 9, 1], "sizes": [[7, 8, 3]]}
        models.write(tmp_path / "points" / f"{minutes:g}", network, meta, beside={"sizes.json": sizes})
    rows, page, _ = run("training", n=3, checkpoints=tmp_path / "points")
    assert [method for _, method in rows] == ["4.0 min, 4000 examples", "30.0 min, 30000 examples"]
    assert page.index("| 4.0 min") < page.index("| 30.0 min")


def test_conformers_at_equal_count(run):
    rows, page, _ = run("conformers qm9", n=2, steps=5)
    for method in ("RDKit ETKDGv3", "RDKit ETKDGv3 + MMFF94", OURS):
        row = rows["conformers qm9", method]
        assert row["n"] == 2 and all(one["conformers"] == 2 for one in row["items"].values())
    assert rows["conformers qm9", "RDKit ETKDGv3"]["metrics"]["matching_recall"]["value"] < 1.5
    assert "COV-R 0.75 (%)" in page


def test_speed_beside_the_plain_loop(run):
    rows, page, _ = run("speed", n=2, steps=5)
    ours, padded = rows["speed", OURS], rows["speed", "plain loop, diffusers, one padded batch"]
    assert ours["settings"] == padded["settings"] and ours["model"] == padded["model"]
    assert min(r["metrics"]["peak_memory_mib"]["value"] for r in (ours, padded)) > 50
    assert "| 1.00 |" in page


def test_properties_asked_for(data, small_property_models, tmp_path, monkeypatch):
    monkeypatch.setattr(bench_conditional, "RANGES", ((("gap", 6.0, 9.0), ("mu", -np.inf, 2.5)),))
    setup = Setup(Bench("molecules", tmp_path, tmp_path / "work"), Asked(data=data, n=12, steps=5, threads=1))
    one = {k: models.find(v) for k, v in small_property_models.items() if k in ("model", "hydrogens", "guide")}
    bench_conditional.rows(setup, one["model"], one["guide"], one["guide"], one["hydrogens"])
    rows = {(r["task"], r["method"]): r for r in setup.store.rows}
    assert rows["conditional", OURS]["metrics"]["gap"]["n"] <= 12
    assert {"gap", "mu"} <= set(rows["conditional", "the judge on held-out data (floor)"]["metrics"])
    asked = rows["ranges", "gap=6..9, mu=..2.5"]
    assert sum(b["n"] for b in asked["items"]["together"]["curve"]) == 12
    text = bench_page.write(setup.store).read_text()
    assert "| MAE | gap (eV) | mu (debye) |" in text and "came true (%)" in text


@pytest.mark.parametrize("padding", [0, 3])
def test_the_plain_loop_walks_the_same_way(padding):
    """DPM-Solver++ in diffusers' states and in ours: the same end, where part of the state is held."""
    rng = torch.Generator().manual_seed(0)
    sigmas = Plan(steps=40).hydrogen_sigmas()
    x = {"coords": torch.randn(2, 5 + padding, 3, generator=rng, dtype=torch.float64)}
    free = (torch.arange(5 + padding) < 4).double().expand(2, -1)[..., None]

    def denoise(x, sigma):
        return {"coords": torch.tanh(x["coords"]) / (1 + sigma)}

    found = bench_peer.walk("dpmpp_2m", denoise, x, sigmas, {"coords": free})["coords"]
    expected = last(dpmpp_2m(lambda x, s: denoise({"coords": x}, s)["coords"], Euclidean(), x["coords"], sigmas))
    moves = free.bool().expand_as(expected)
    # diffusers keeps its levels in float32
    assert torch.allclose(found[moves], expected[moves], atol=1e-4)
    assert torch.equal(found[~moves], x["coords"][~moves])


def test_the_plain_loops_molecules_are_those_of_the_sizes_asked_for(small_models):
    from difusa.domains.molecules.sizes import read

    pair = [models.find(small_models[k]) for k in ("model", "hydrogens")]
    networks, sizes, plan = [m.load() for m in pair], read(pair[0].folder), Plan(steps=5, seed=4)
    heavy = sizes.draw(4, range(9))[:, 0].tolist()
    for sampler, grouped in (("dpmpp_2m", False), ("dpmpp_2m", True), ("ddpm", False)):
        made = bench_peer.draw(networks, sizes, replace(plan, sampler=sampler), 9, grouped)
        assert [int((m.numbers != 1).sum()) for m in made] == heavy
        assert all(np.isfinite(m.positions).all() for m in made)


def test_the_budgets_are_met():
    assert bench_sets.BUDGETS == (10, 20, 50)
    for steps in bench_sets.BUDGETS:
        plan = Plan(steps=steps)
        assert len(plan.sigmas()) - 1 + plan.hydrogen_steps <= steps
