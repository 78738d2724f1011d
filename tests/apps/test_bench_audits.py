"""The benches of audits and of the factory: one small run of each part, and the pages that they write."""

from dataclasses import replace

import pytest

from difusa.apps import audits_page, factory_page
from difusa.apps.audits_bench import searched
from difusa.shared.bench import Bench


def test_the_search_is_measured(tmp_path):
    pytest.importorskip("faiss")
    bench = Bench("audits", tmp_path, tmp_path)
    for size in (1000, 6000):
        bench.row(f"{size:,}", "neighbours", ["one run"], lambda part, n=size: [searched(n)], settings={"size": size})
    assert [r["metrics"]["recall"]["value"] for r in bench.rows] == [1.0, pytest.approx(1.0, abs=0.01)]
    assert all(r["metrics"]["copies"]["value"] == 1.0 for r in bench.rows)
    page = audits_page.write(bench).read_text()
    assert "| 6,000 |" in page and "## Neighbours" in page


def test_the_page_tells_what_failed_and_in_how_many_seeds(tmp_path):
    bench = Bench("audits", tmp_path, tmp_path)
    told = {"right": 1.0, "made_for": ["recall 0.1"], "beside": ["Frechet distance 2.5"], "seconds": 3.0}
    items = {"seed 0": told, "seed 1": told | {"right": 0.0, "made_for": [], "beside": ["Frechet distance 3"]}}
    bench.row("collapsed", "paintings", list(items), lambda part: [items[i] for i in part])
    line = audits_page.write(bench).read_text()
    assert "| collapsed | 1 of 2 | recall (1: 0.1) | Frechet distance (2) | 3 |" in line


@pytest.fixture()
def crystals():
    for package in ("pymatgen", "spglib", "pyarrow", "mlcroissant"):
        pytest.importorskip(package)
    from difusa.apps.factory_bench import example

    recipe = example("materials", 4, shard=2, attempts=1)
    return replace(recipe, make={"model": "materials", "steps": 4})


def test_the_factory_and_the_bare_loop_make_the_same_files(crystals, tmp_path, monkeypatch):
    """Else their times would not be those of one work."""
    import difusa.datasets
    from difusa.apps import factory_bench
    from difusa.datasets.work import bench_of

    monkeypatch.setattr(factory_bench, "WORK", tmp_path)
    bench = bench_of(crystals)
    for made in (factory_bench.bare_loop, factory_bench.whole_factory):
        assert min(factory_bench.timed(made, bench)) > 0
    loose = {p.name.split(".", 1)[1] for p in (tmp_path / "bare_loop").iterdir()}
    found = difusa.datasets.open(tmp_path / "whole_factory", valid=False)
    assert len(found) == 4 and loose == {k for k in found[0] if k not in ("id", "json", "passport.json")}
    told = factory_bench.described(tmp_path / "whole_factory")
    assert told == {"croissant_faults": 0, "croissant_warnings": 0, "croissant_rows": 4}


def test_overhead_is_told(crystals, tmp_path, monkeypatch):
    from difusa.apps import factory_bench

    monkeypatch.setattr(factory_bench, "WORK", tmp_path)
    bench = Bench("factory", tmp_path / "out", tmp_path)
    row = bench.row(
        "materials", "overhead", ["run 0"], lambda part: [factory_bench.compared(crystals, i) for i in part],
        settings={"samples": 4},
    )  # fmt: skip
    m = row["metrics"]
    assert m["overhead"]["value"] == pytest.approx(m["seconds"]["value"] / m["bare_seconds"]["value"] - 1, rel=1e-5)
    assert "## Overhead" in factory_page.write(bench).read_text()
