"""The bench harness and the shared metrics."""

import json

import numpy as np
import pytest

from difusa.shared.bench import Bench, table
from difusa.shared.benchmark import Asked, Benchmark
from difusa.shared.circumstances import peak_memory
from difusa.shared.metrics import Interval, averaged, frechet, interval, paired, psnr, share, ssim


def picture(seed=0, shape=(48, 40, 3)):
    return np.random.default_rng(seed).integers(40, 200, shape).astype(np.uint8)


def test_psnr_of_a_known_error():
    truth = picture()
    assert psnr(truth, truth + np.uint8(10)) == pytest.approx(20 * np.log10(255 / 10), abs=1e-9)
    assert psnr(truth, truth) == float("inf")


def test_psnr_inside_a_mask_sees_only_the_mask():
    truth, mask = picture(), np.zeros((48, 40), bool)
    mask[5:9, 7:20] = True
    image = truth + np.uint8(10)
    image[mask] = truth[mask] + 2
    assert psnr(truth, image, mask=mask) == pytest.approx(20 * np.log10(255 / 2), abs=1e-9)
    with pytest.raises(ValueError, match="at least one pixel"):
        psnr(truth, image, mask=np.zeros((48, 40), bool))
    with pytest.raises(ValueError, match="sizes differ"):
        psnr(truth, image[:-1])


def test_ssim_is_one_for_equal_pictures_and_falls_with_noise():
    truth = picture()
    noisy = [
        np.clip(truth + np.random.default_rng(1).normal(0, s, truth.shape), 0, 255).astype(np.uint8) for s in (5, 40)
    ]
    assert ssim(truth, truth) == pytest.approx(1, abs=1e-12)
    assert 1 > ssim(truth, noisy[0]) > ssim(truth, noisy[1])


def test_interval_covers_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits = [low.low <= 0 <= low.high for low in (interval(rng.standard_normal(40)) for _ in range(400))]
    # percentile bootstrap at n = 40 covers about 0.94; the standard error of 400 trials is 0.011: four of them
    assert np.mean(hits) == pytest.approx(0.94, abs=0.044)


def test_interval_of_groups_is_that_of_independent_values():
    values = np.random.default_rng(0).standard_normal(30)
    alone = interval(values)
    repeated = interval(np.repeat(values, 4), np.repeat(np.arange(30), 4))
    # four copies of each value tell nothing new: the same interval, up to the 4000 draws (about 3 % of its width)
    assert repeated.high - repeated.low == pytest.approx(alone.high - alone.low, rel=0.06)
    assert (repeated.n, repeated.groups) == (120, 30)
    assert np.isnan(interval([1.0, 2.0], ["a", "a"]).low)
    with pytest.raises(ValueError, match="at least one"):
        interval([])


def test_paired_differences_remove_what_the_items_share():
    rng = np.random.default_rng(0)
    base = {str(i): 30 * rng.standard_normal() for i in range(50)}
    ours = {k: v + 1 + 0.1 * rng.standard_normal() for k, v in base.items()}
    gap = paired(ours | {"only here": 1000.0}, base)
    assert gap.n == 50 and 0.9 < gap.low < gap.value < gap.high < 1.1  # 0.1 / sqrt(50) = 0.014, seven of them
    with pytest.raises(ValueError, match="no item"):
        paired({"a": 1.0}, {"b": 1.0})


def test_frechet_distance_equals_its_closed_form():
    rng = np.random.default_rng(0)
    a = rng.standard_normal((500, 5)) @ rng.standard_normal((5, 5))
    assert frechet(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet(a, a + 2) == pytest.approx(4 * 5, abs=1e-9)
    # covariances C and 9 C: tr(C + 9 C - 2 * 3 C) = 4 tr C
    assert frechet(a - a.mean(0), 3 * (a - a.mean(0))) == pytest.approx(4 * np.trace(np.cov(a, rowvar=False)), rel=1e-9)
    with pytest.raises(ValueError, match="at least two rows"):
        frechet(a, a[:1])


def bench(folder, **options):
    return Bench("toy", folder / "results", folder / "work", **options)


def scorer(calls, stop_at=None):
    def score(part):
        for item in part:
            if item == stop_at:
                raise KeyboardInterrupt
            calls.append(item)
            yield {"psnr": float(len(item)), "seconds": 0.5}

    return score


ITEMS = ["a", "bb", "ccc", "dddd"]


def test_a_row_carries_what_the_issue_asks_and_is_stored_at_once(tmp_path):
    row = bench(tmp_path).row("ours", "denoise", ITEMS, scorer([]), seeds=[3], model="abc", settings={"steps": 10})
    stored = json.loads((tmp_path / "results/toy.json").read_text())["rows"]
    assert stored == [row]
    assert row["metrics"]["psnr"]["value"] == 2.5 and row["metrics"]["psnr"]["n"] == 4
    assert row["metrics"]["psnr"]["low"] < 2.5 < row["metrics"]["psnr"]["high"]
    assert row["metrics"]["seconds"]["value"] == 0.5 and row["seeds"] == [3] and row["peak_memory_mib"] > 1
    assert {"commit", "machine", "date", "key"} <= set(row) and row["machine"]["cores"] >= 1


def test_a_finished_row_is_not_measured_again_unless_its_key_changes(tmp_path):
    calls = []
    for settings, model in (
        ({"steps": 10}, "abc"),
        ({"steps": 10}, "abc"),
        ({"steps": 20}, "abc"),
        ({"steps": 20}, "new"),
    ):
        bench(tmp_path).row("ours", "denoise", ITEMS, scorer(calls), model=model, settings=settings)
    assert len(calls) == 3 * len(ITEMS)
    bench(tmp_path, resume=False).row("ours", "denoise", ITEMS, scorer(calls), model="new", settings={"steps": 20})
    assert len(calls) == 4 * len(ITEMS)
    assert len(bench(tmp_path).rows) == 1


def test_an_interrupted_row_goes_on_where_it_stopped(tmp_path):
    first, second = [], []
    with pytest.raises(KeyboardInterrupt):
        bench(tmp_path).row("ours", "denoise", ITEMS, scorer(first, stop_at="ccc"))
    work = next((tmp_path / "work").iterdir())
    work.write_text(work.read_text() + '{"item": "ccc", "figu')  # cut short by a kill
    row = bench(tmp_path).row("ours", "denoise", ITEMS, scorer(second))
    assert (first, second) == (["a", "bb"], ["ccc", "dddd"])
    assert row["metrics"]["psnr"]["value"] == 2.5 and not list((tmp_path / "work").iterdir())


def test_a_row_out_of_time_keeps_what_it_has_and_is_finished_later(tmp_path):
    calls = []
    row = bench(tmp_path).row("ours", "denoise", ITEMS, scorer(calls), chunk=2, seconds=0)
    assert (row["n"], row["partial"], calls) == (2, "2 of 4 items", ["a", "bb"])
    row = bench(tmp_path).row("ours", "denoise", ITEMS, scorer(calls))
    assert row["n"] == 4 and "partial" not in row and calls == ITEMS
    assert len(bench(tmp_path).rows) == 1


def test_a_missing_row_says_why_and_gives_way_to_a_measured_one(tmp_path):
    store = bench(tmp_path)
    store.missing("peer", "denoise", "peer is not installed")
    assert bench(tmp_path).rows[0]["missing"] == "peer is not installed"
    store.row("peer", "denoise", ITEMS, scorer([]))
    store.missing("peer", "denoise", "peer is not installed")
    assert [("missing" in r) for r in bench(tmp_path).rows] == [False]


def test_a_quick_run_leaves_the_full_results_alone(tmp_path):
    bench(tmp_path).row("ours", "denoise", ITEMS, scorer([]))
    bench(tmp_path, quick=True).row("ours", "denoise", ITEMS[:1], scorer([]))
    assert bench(tmp_path).rows[0]["n"] == 4 and bench(tmp_path, quick=True).rows[0]["n"] == 1


def test_differences_use_common_items_and_groups(tmp_path):
    store = bench(tmp_path, groups={"a": "x", "bb": "x", "ccc": "y", "dddd": "z"})
    ours = store.row("ours", "denoise", ITEMS, scorer([]))
    base = store.row("base", "denoise", ITEMS[:3], lambda part: ({"psnr": 1.0, "seconds": 0.0} for _ in part))
    gap = store.difference(ours, base, "psnr")
    assert gap["value"] == pytest.approx(1.0) and gap["n"] == 3 and gap["groups"] == 2
    assert store.difference(ours, base, "ssim") is None


def test_peak_memory_sees_a_large_array():
    with peak_memory() as before:
        pass
    with peak_memory() as peak:
        big = np.ones(40_000_000)  # 305 MiB
        big += 1
        import time

        time.sleep(0.3)
    assert peak[0] > before[0] + 200


def test_table_is_markdown():
    assert table(["a", "b"], [[1, "x"]]).splitlines() == ["| a | b |", "|---|---|", "| 1 | x |"]


def test_the_mean_of_intervals_covers_as_often_as_they_do():
    rng = np.random.default_rng(0)

    def one(truth):
        error = rng.standard_normal(400).mean()
        return Interval(truth + error, truth + error - 1.96 / 20, truth + error + 1.96 / 20, 400, 400)

    found = [averaged([one(1.0), one(2.0), one(6.0)]) for _ in range(600)]
    # 95 % of 600 trials, standard error 0.009; the width of three is that of one over the root of three
    assert np.mean([f.low <= 3.0 <= f.high for f in found]) == pytest.approx(0.95, abs=0.036)
    assert found[0].high - found[0].low == pytest.approx(2 * 1.96 / 20 / 3**0.5)
    assert (found[0].n, found[0].groups) == (1200, 1200)
    part = Interval(0.9, 0.7, 0.95, 10, 10)
    assert vars(averaged([part])) == pytest.approx(vars(part))


def test_items_may_bring_intervals_and_text(tmp_path):
    def score(part):
        for item in part:
            own = {"value": len(item) / 10, "low": 0.0, "high": 0.5, "n": 10, "groups": 10}
            yield {
                "share": own,
                "none": own | {"value": None, "low": None},
                "sha256": "ab" + item,
                "tiny": 1.23456789e-12,
            }

    for _ in range(2):  # the second from the file
        row = bench(tmp_path).row("ours", "sets", ITEMS[:3], score)
        assert set(row["metrics"]) == {"share", "tiny"} and row["metrics"]["tiny"]["value"] == 1.234568e-12
        assert row["metrics"]["share"]["value"] == pytest.approx(0.2) and row["metrics"]["share"]["n"] == 30
        assert row["items"]["bb"]["sha256"] == "abbb"


def test_shares_of_blocks_are_pooled_where_asked(tmp_path):
    """Two blocks of 20 pictures are 40 pictures; the mean of two intervals would know less."""
    made = Bench("b", tmp_path, tmp_path / "work", pooled=("found",))
    blocks = {"0-19": share(np.repeat([1.0, 0.0], [20, 0])), "20-39": share(np.repeat([1.0, 0.0], [17, 3]))}
    row = made.row("m", "t", list(blocks), lambda part: [{"found": vars(blocks[b]), "seconds": 1.0} for b in part])
    assert row["metrics"]["found"] == vars(share(np.repeat([1.0, 0.0], [37, 3])))


def test_an_option_that_a_bench_would_ignore_is_refused():
    only = Benchmark(print, takes=("n",))
    only.check("toy", Asked(n=3, quick=True, tasks="a,b"))
    with pytest.raises(ValueError, match="bench toy has no use for --costly; it takes --data"):
        only.check("toy", Asked(n=3, costly=10))
    with pytest.raises(ValueError, match="unknown tasks b: this bench has a"):
        Asked(tasks="a, b").chosen(("a",))
    with pytest.raises(ValueError, match="give --data FOLDER"):
        Asked().folder()
