"""The bench of scans with a small random network, a small data set and a head of shells: rows, judges, what is missing."""

import json

import numpy as np
import pytest

pytest.importorskip("monai")
pytest.importorskip("skimage")

from difusa.apps.bench import bench
from difusa.domains.medical import (
    bench_cases,
    bench_judges,
    bench_setup,
    bench_speed,
    bench_synthetic,
    bench_translation,
    codec,
    labels,
    segmenting,
    template,
)
from difusa.domains.medical.bench_methods import SOURCE
from difusa.domains.medical.scan import CONTRASTS


@pytest.fixture
def shells(ball, monkeypatch):
    """Every simulated person has the head of shells, on small planes; the template is one too."""
    monkeypatch.setattr(labels, "heads", lambda data, split: [ball])
    monkeypatch.setattr(labels, "mni", lambda: ball)
    monkeypatch.setattr(bench_cases, "SIZE", (96, 96))
    monkeypatch.setattr(bench_synthetic, "FULL", (96, 96))
    monkeypatch.setattr(template, "LEVELS", 4)
    template.painted.cache_clear()
    yield ball
    template.painted.cache_clear()


@pytest.fixture
def run(shells, open_ms, small_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DIFUSA_DATA", raising=False)
    monkeypatch.setattr(bench_judges, "has_tower", lambda: False)  # a second a plane
    few = lambda setup: bench_judges.Tissues(setup.asked.data, setup.work, 2)  # noqa: E731
    monkeypatch.setattr(bench_translation, "judged", few)

    def call(tasks: str, **options):
        asked = {"model": small_model, "n": 2, "steps": 1, "samples": 2, "threads": 1} | options
        bench("medical", data=open_ms, tasks=tasks, quick=True, out=tmp_path, **asked)
        stored = json.loads((tmp_path / "medical-quick.json").read_text())["rows"]
        return {(r["task"], r["method"]): r for r in stored}, (tmp_path / "medical-quick.md").read_text()

    return call


def test_planes_are_translated_beside_baselines_and_a_second_run_changes_nothing(run, monkeypatch):
    monkeypatch.setattr(bench_translation, "DIRECTIONS", {"T1->T2": bench_cases.DIRECTIONS["T1->T2"]})
    rows, page = run("translation")
    ours, source = rows["T1->T2, simulated", "Difusa"], rows["T1->T2, simulated", SOURCE]
    assert ours["n"] == 4 and ours["metrics"]["psnr"]["groups"] == 2, "two planes each of two people"
    assert {"psnr_sample", "dice", "ssim", "seconds"} <= set(ours["metrics"])
    assert ours["metrics"]["psnr"]["value"] > ours["metrics"]["psnr_sample"]["value"], "the mean of noise is less noisy"
    assert source["metrics"]["psnr"]["value"] != ours["metrics"]["psnr"]["value"]
    assert "difusa train pix2pix" in rows["T1->T2, simulated", "pix2pix"]["missing"]
    real = rows["T1->T2, real", "Difusa"]
    assert {item.split(":")[0] for item in real["items"]} == {"long-04", "long-12"}, (
        "patients that training saw are left out"
    )
    assert "Difusa, mean of the samples" in page and "Difusa, one sample" in page and "long" not in page.split("##")[1]
    assert run("translation")[0] == rows


def test_models_are_told_apart_by_contest_and_by_patient(small_model, tmp_path, open_ms):
    from difusa.domains import models
    from difusa.domains.medical.rivals import Pix2pix
    from difusa.shared.bench import Bench
    from difusa.shared.benchmark import Asked

    options = {"channels": [8, 16], "critic": 8, "contest": {"loss": "wasserstein", "r1": 1.0}}
    meta = {"name": "p", "domain": "medical", "trains": "pix2pix", "network": options, "seed": 0}
    for place, held in (("a", []), ("b", ["long-01"])):
        models.write(tmp_path / "runs" / place, Pix2pix(**options), meta | {"examples_options": {"held": held}})
    asked = Asked(data=open_ms, model=small_model, checkpoints=tmp_path / "runs")
    setup = bench_setup.Setup(Bench("medical", tmp_path, tmp_path / "work"), asked)
    name = "pix2pix, WGAN-GP, R1 1"
    assert set(setup.models) == {"Difusa", name}
    assert setup.model(name, "long-01").folder.name == "b" and setup.model(name, "long-12").folder.name == "a"
    with pytest.raises(FileNotFoundError, match="was trained on long-03"):
        setup.model(name, "long-03")


def test_intervals_are_counted_for_simulated_and_real_people(run):
    rows, page = run("coverage", n=5)
    found = rows["coverage", "simulated people"]
    assert found["n"] == 5 and 0 <= found["metrics"]["voxels"]["value"] <= 1
    assert "not calibrated" in rows["coverage", "calibrated intervals"]["missing"]
    one = rows["coverage", "long-04"]["items"]["T1->T2"]["voxels"]
    assert one["low"] <= one["value"] <= one["high"] and one["low"] < one["high"] and one["groups"] == 3
    assert "| long-04 | T1->T2 |" in page


def test_what_is_missing_says_why(run, tmp_path):
    rows, page = run("synthetic,stability,training")
    assert "cross-07 with labelled lesions is not in" in rows["synthetic", "Difusa"]["missing"]
    assert "two seeds at least" in rows["stability", "Difusa"]["missing"] and "two seeds at least" in page
    (timed,) = [r for (task, _), r in rows.items() if task == "training"]
    assert timed["method"].startswith("Difusa, ") and timed["metrics"]["psnr"]["groups"] == 2
    with pytest.raises(ValueError, match="unknown tasks sped: this bench has translation"):
        run("sped")


def test_the_gate_is_asked_about_right_and_wrong_stacks(run):
    """The shipped gate; balls of shells are no heads, so right ones may be refused, but not what a ball is wrong for."""
    rows, page = run("gate")
    for kind in ("noise", "blank", "CT given as MR", "said to be CT"):
        assert rows["gate", f"wrong: {kind}"]["metrics"]["refused"]["value"] > 0.7
    assert {"right: long-04", "right: long-12"} <= {m for _, m in rows}
    shown, never = (rows["gate", f"wrong in ways that it was {w}"] for w in ("taught", "never shown"))
    assert shown["n"] + never["n"] == rows["gate", "all that are wrong"]["n"] > 20
    assert "smooth blobs" in page.split("Never shown")[1]


def test_neighbourhoods_of_what_covers_half():
    line = np.arange(20.0)[:, None]
    half = bench_translation.neighbourhoods(line, np.linspace(0, 9, 20)[:, None], 2)
    assert half["coverage"][:10].all() and not half["coverage"][12:].any()
    assert half["precision"].all() and half["recall"].sum() == pytest.approx(10, abs=1)
    same = bench_translation.neighbourhoods(line, line, 2)
    assert all(v.all() for v in same.values())
    with pytest.raises(ValueError, match="too few"):
        bench_translation.neighbourhoods(line[:2], line[:2], 2)


def test_a_mixture_finds_the_tissues_of_most_simulated_heads(shells):
    rows = []
    for number in range(1, 6):
        (case,) = bench_cases.painted([shells], 0, number, 1)
        truth = segmenting.of_tissues(case.tissue)
        t1, t2, flair = (case.signals[c] for c in ("T1", "T2", "FLAIR"))
        mixture = segmenting.mixture_of(np.stack([a[truth > 0] for a in (t1, t2, flair)], 1))
        found = segmenting.of_signals(t1, t2, flair, truth > 0, mixture)
        rows.append([segmenting.dice(found, truth, k) for k in (1, 2, 3)])
    assert (np.median(rows, 0) > 0.85).all()
    with pytest.raises(ValueError, match="too few"):
        segmenting.mixture_of(np.ones((10, 3)))


def test_a_trained_segmenter_beats_an_untrained_one(shells):
    rows = []
    for case in (c for k in range(4) for c in bench_cases.painted([shells], 0, k, 1)):
        rows.append((bench_judges.seen(case.encoded("T1"), "T1"), segmenting.of_tissues(case.tissue)))
    examples = segmenting.among(rows[:3], 64, 0)
    made = segmenting.trained(examples, bench_judges.PLANES, 4, steps=40, batch=4)

    def score(network) -> float:
        found = segmenting.labelled(network, rows[3][0])
        return float(np.nanmean([segmenting.dice(found, rows[3][1], k) for k in (1, 2, 3)]))

    assert score(made) > score(segmenting.network(bench_judges.PLANES, 4, 0).eval()) + 0.2


def test_the_template_finds_its_place(shells):
    images, _ = template.painted()
    moved = {c: np.roll(codec.encode(images[2, CONTRASTS.index(c)], c), (5, -4), (0, 1)) for c in ("T1", "T2")}
    made = template.translate({"T1": moved["T1"]}, "T2")
    off = np.abs(made - moved["T2"]).mean()
    assert off < 0.25 * np.abs(moved["T1"] - moved["T2"]).mean()


def test_roughness_is_alike_for_equal_volumes_and_more_with_noise():
    rng = np.random.default_rng(0)
    image, head = rng.random((8, 9, 10)).astype(np.float32), np.ones((8, 9, 10), bool)
    ramp = np.broadcast_to(np.arange(10, dtype=np.float32) / 4, (8, 9, 10))
    assert bench_speed.roughness(ramp, head, 2) == 0.25 and bench_speed.roughness(ramp, head, 1) == 0
    assert bench_speed.roughness(ramp + image, head, 2) > 0.25
    head[:, :, 5] = False
    assert bench_speed.roughness(np.where(head, ramp, 99.0), head, 2) == 0.25, (
        "steps across the head's edge do not count"
    )


def test_the_arms_draw_what_they_say():
    real = [(np.zeros((3, 8, 8), np.float32), np.full((8, 8), k < 30, np.uint8)) for k in range(80)]
    painted = [(np.ones((3, 8, 8), np.float32), np.ones((8, 8), np.uint8))] * 7
    by_name = {a.name: a.rows(real, painted, 0) for a in bench_synthetic.ARMS}
    assert all(len(rows) == len(chances) and chances.sum() == pytest.approx(1) for rows, chances in by_name.values())
    rows, chances = by_name["rare 1:20, real and synthetic"]
    assert [r[1].any() for r in rows[:21]] == [True] + [False] * 20 and chances[:21].sum() == pytest.approx(0.5)
    assert len(by_name["synthetic only (TSTR)"][0]) == 7 and len(by_name["all real (TRTR)"][0]) == 80
