"""The verb from file to file with a small random network: grids, names, seeds, reports, refusals; not its quality."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from difusa.domains.medical import codec, flicker, gate, intervals, lost, sampling, volumes
from difusa.domains.medical.export import save
from difusa.domains.medical.readers import load
from difusa.domains.medical.scan import CONTRASTS, Made, Scan
from difusa.domains.medical.task import translate

QUIET = {"progress": lambda *_: None, "steps": 2, "samples": 2}


@pytest.fixture
def t1(tmp_path, painted):
    return save(painted[0]["T1"], tmp_path / "a_T1.nii.gz", Made("simulated"))


def test_prepared_and_restored(painted):
    """What goes in comes back on its own grid, from any orientation and spacing."""
    scan = painted[0]["T1"]
    turned = Scan(scan.array.transpose(2, 0, 1)[::-1], _turned(scan), "T1")
    upright, other = volumes.prepare([scan], 4), volumes.prepare([turned], 4)
    assert upright.given.shape[2] % 4 == 0 and upright.given.shape[3] % 4 == 0
    np.testing.assert_allclose(other.given[0], upright.given[0], atol=1e-5)
    for ready in (upright, other):
        back = volumes.restore(ready, codec.decode(ready.given[0], "T1") * ready.scale, 0.0)
        wanted = np.clip(ready.first.array, 0, None)
        assert back.shape == wanted.shape
        head = wanted > 0.1 * ready.scale  # voxels of 2 mm go to pixels of 1 mm and back: edges are a little smoother
        assert np.abs(back - wanted)[head].mean() < 0.04 * ready.scale
        assert np.corrcoef(back[head], wanted[head])[0, 1] > 0.97


def _turned(scan):
    affine = scan.affine[:, [2, 0, 1, 3]].copy()
    affine[:3, 3] = (scan.affine @ [0, 0, scan.array.shape[2] - 1, 1])[:3]
    affine[:, 0] *= -1
    return affine


def test_sources_are_checked(painted):
    t1, flair = painted[0]["T1"], painted[0]["FLAIR"]
    assert volumes.prepare([t1, flair], 4).present.tolist() == [1, 0, 0, 1, 0]
    with pytest.raises(ValueError, match="two scans of one contrast"):
        volumes.prepare([t1, t1], 4)
    away = flair.affine.copy()
    away[0, 3] += 300
    with pytest.raises(ValueError, match="lies elsewhere"):
        volumes.prepare([t1, Scan(flair.array, away, "FLAIR")], 4)
    with pytest.raises(ValueError, match="T1GD"):
        volumes.prepare([Scan(t1.array, t1.affine, "T1GD")], 4)


@pytest.mark.parametrize(("step", "together"), [(1.0, 2.0), (3.0, 2.0), (1.0, 0.0)])
def test_noise_goes_together(step, together):
    """Unit variance in every plane; correlation of neighbours exp(-step / together); white within a plane."""
    noise = sampling.correlated(np.random.default_rng(0), (30, 64, 64), step, together)
    assert np.abs(noise.var((1, 2)) - 1).max() < 0.1
    expected = np.exp(-step / together) if together else 0.0
    assert np.corrcoef(noise[:-1].ravel(), noise[1:].ravel())[0, 1] == pytest.approx(expected, abs=0.01)
    assert np.corrcoef(noise[:, :-1].ravel(), noise[:, 1:].ravel())[0, 1] == pytest.approx(0, abs=0.01)


@pytest.fixture
def planes_alone(monkeypatch):
    """Each plane as it was drawn: what takes out flicker has tests of its own."""
    monkeypatch.setattr(flicker, "steady", lambda made, *_: made)


def test_the_exact_denoiser_of_one_picture_finds_it(painted, planes_alone):
    """A denoiser that knows the answer: every sample is the answer, whatever the noise; and the count of runs is told right."""
    ready, seen = volumes.prepare([painted[0]["T1"]], 4), []
    answer = ready.given[0]

    def knows(x, sigma, *, given, present, target):
        assert (target == CONTRASTS.index("FLAIR")).all() and present[0].tolist() == [1, 0, 0, 0, 0]
        return given[:, :1]

    plan = sampling.Plan(samples=2, steps=3)
    drawn = list(sampling.samples(knows, ready, "FLAIR", plan, ran=lambda: seen.append(1)))
    assert len(seen) == sampling.runs(knows, ready, plan)
    for one in drawn:
        np.testing.assert_allclose(one[ready.head], answer[ready.head], atol=1e-5)


def test_samples_have_the_spread_of_the_posterior(painted, planes_alone):
    """The exact denoiser of a Gaussian N(0, 1/4): samples spread by a half, neighbours in place correlate as their noise does."""
    ready = volumes.prepare([painted[0]["T1"]], 4)
    gaussian = lambda x, sigma, **_: x * 0.25 / (0.25 + sigma**2)  # noqa: E731
    one = sampling.sample(gaussian, ready, "T2", sampling.Plan(steps=40), 0)
    assert one[ready.head].std() == pytest.approx(0.5, rel=0.03)
    expected, both = np.exp(-ready.spacing[2] / sampling.Plan().together), ready.head[:-1] & ready.head[1:]
    assert np.corrcoef(one[:-1][both], one[1:][both])[0, 1] == pytest.approx(expected, abs=0.02)


def test_pairs_of_samples_cancel_and_pairs_are_strangers(painted, planes_alone):
    """Under a linear denoiser opposite noise gives opposite samples; the next pair's has nothing to do with it."""
    ready, plan = volumes.prepare([painted[0]["T1"]], 4), sampling.Plan(samples=4, steps=6)
    gaussian = lambda x, sigma, **_: x * 0.25 / (0.25 + sigma**2)  # noqa: E731
    drawn = [one[ready.head] for one in sampling.samples(gaussian, ready, "T2", plan)]
    np.testing.assert_allclose(drawn[0], -drawn[1], atol=1e-5)
    np.testing.assert_allclose(drawn[2], -drawn[3], atol=1e-5)
    assert abs(np.corrcoef(drawn[0], drawn[2])[0, 1]) < 0.02
    alone = list(sampling.samples(gaussian, ready, "T2", replace(plan, opposite=False)))
    assert abs(np.corrcoef(alone[0][ready.head], alone[1][ready.head])[0, 1]) < 0.02


def test_a_run_sees_the_head_of_its_planes(painted):
    """Whole units about the head, with a margin; the rest is air; and how many threads there are changes no byte."""
    ready = volumes.prepare([painted[0]["T1"]], 8)
    head = np.zeros_like(ready.head)
    head[1, 30:50, 20:60] = True
    head[2, 40:90, 20:30] = True
    ready = replace(ready, head=head)
    (part,) = sampling.parts(ready, 8)
    assert part.planes.tolist() == [1, 2, 2, 2]
    for side, used in zip(part.box, (head.any((0, 2)), head.any((0, 1))), strict=True):
        places = np.flatnonzero(used)
        assert (side.stop - side.start) % 8 == 0 and side.stop - side.start >= sampling.SMALLEST
        assert side.start <= max(0, places[0] - sampling.MARGIN) and side.stop >= min(
            len(used), places[-1] + sampling.MARGIN
        )
    before, made = torch.get_num_threads(), []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        made.append(sampling.sample(lambda x, sigma, **_: torch.tanh(x), ready, "T2", sampling.Plan(steps=2), 0))
    torch.set_num_threads(before)
    outside = np.ones_like(head)
    outside[(part.planes[:, None, None], *np.ogrid[part.box])] = False
    assert (made[0] == made[1]).all() and (made[0][outside] == codec.blank("T2")).all()
    air = made[0][1, :, 20] == codec.blank("T2")
    assert air[29 - sampling.AIR] and not air[30 - sampling.AIR]


def test_planes_without_head_stay_air(painted, planes_alone):
    ready, seen = volumes.prepare([painted[0]["T1"]], 4), []
    head = ready.head.copy()
    head[[0, 2]] = False
    noisy = lambda x, sigma, **_: x  # noqa: E731
    plan, whole = sampling.Plan(samples=1, steps=2), sampling.sample(noisy, ready, "T2", sampling.Plan(steps=2), 0)
    part = replace(ready, head=head)
    (one,) = sampling.samples(noisy, part, "T2", plan, ran=lambda: seen.append(1))
    assert (one[[0, 2]] == codec.blank("T2")).all() and (one[head] == whole[head]).all()
    assert len(seen) == sampling.runs(noisy, part, plan)


def test_translate_end_to_end(tmp_path, t1, small_model, monkeypatch):
    monkeypatch.setattr(gate, "load", lambda: None)
    told = translate(
        [t1],
        to="T2",
        out=tmp_path / "o.nii.gz",
        dicom=tmp_path / "d",
        report=tmp_path / "r.json",
        model=small_model,
        **QUIET,
    )
    source, made, half = load(t1), load(tmp_path / "o.nii.gz"), load(tmp_path / "o_halfwidth.nii.gz")
    assert made.array.shape == source.array.shape and np.abs(made.affine - source.affine).max() < 1e-4
    assert made.contrast == "T2" and made.array.dtype == np.int16 and half.array.max() > 0
    series = load(tmp_path / "d")
    assert (series.array == made.array).all() and np.abs(series.affine - made.affine).max() < 1e-4
    assert told == json.loads((tmp_path / "r.json").read_text())
    assert told["gate"]["accepted"] and told["interval_level"] == 0.9 and not told["interval_calibrated"]
    assert set(told["structures"]) == set(intervals.CLASSES) and told["network_evaluations"] == 2
    low, high = told["structures"]["dark"]["volume_ml"]["interval"]
    assert low <= told["structures"]["dark"]["volume_ml"]["value"] <= high
    assert str(tmp_path) not in json.dumps({k: v for k, v in told.items() if k not in ("model", "commit")})
    again = translate([t1], to="T2", out=tmp_path / "p.nii.gz", model=small_model, **QUIET)
    assert (tmp_path / "p.nii.gz").read_bytes() == (tmp_path / "o.nii.gz").read_bytes() and again["sources"] == told[
        "sources"
    ]
    translate([t1], to="T2", out=tmp_path / "q.nii.gz", model=small_model, seed=1, **QUIET)
    assert (tmp_path / "q.nii.gz").read_bytes() != (tmp_path / "o.nii.gz").read_bytes()


def test_translate_refuses(tmp_path, t1, small_model, painted):
    go = {"model": small_model, **QUIET}
    with pytest.raises(ValueError, match="T2w: is none of"):
        translate([t1], to="T2w", out=tmp_path / "o.nii.gz", **go)
    with pytest.raises(ValueError, match="is T1 already"):
        translate([t1], to="T1", out=tmp_path / "o.nii.gz", **go)
    with pytest.raises(ValueError, match="end it in .nii.gz"):
        translate([t1], to="T2", out=tmp_path / "o", **go)
    with pytest.raises(ValueError, match="nothing to write"):
        translate([t1], to="T2", **go)
    with pytest.raises(ValueError, match="name says T1|--from says T2"):
        translate([t1], to="FLAIR", from_="T2", out=tmp_path / "o.nii.gz", **go)
    plain = save(Scan(painted[0]["T1"].array, painted[0]["T1"].affine), tmp_path / "x.nii.gz", Made("simulated"))
    with pytest.raises(ValueError, match="nothing tells its contrast"):
        translate([plain], to="FLAIR", out=tmp_path / "o.nii.gz", **go)


def test_the_gate_is_heard(tmp_path, t1, small_model):
    """The shipped gate and a T1 that is said to be a T2: refused by default, by name; on request it goes on and says so."""
    scan = load(t1)
    wrong = save(Scan(scan.array, scan.affine, "T2"), tmp_path / "b_T2.nii.gz", Made("simulated"))
    with pytest.raises(ValueError, match=r"the gate refuses .*T2.* \(score .*, limit 1; p .*--anyway"):
        translate(
            [wrong], to="FLAIR", out=tmp_path / "o.nii.gz", report=tmp_path / "r.json", model=small_model, **QUIET
        )
    assert not (tmp_path / "o.nii.gz").exists()
    told = json.loads((tmp_path / "r.json").read_text())["gate"]
    assert told["accepted"] is False and told["score"] > 1 and told["called"] == "T2" and told["looks_like"] != "T2"
    told = translate([wrong], to="FLAIR", out=tmp_path / "o.nii.gz", anyway=True, model=small_model, **QUIET)
    assert told["gate"]["accepted"] is False and (tmp_path / "o.nii.gz").exists()


def test_conformal_quantile():
    """The ceil((n + 1) 0.9)-th of n; over many draws the next one lies below with a chance of at least 0.9."""
    assert intervals.quantile(np.arange(1, 20)) == 18 and intervals.quantile(np.arange(1, 10)) == 9
    with pytest.raises(ValueError, match="too few"):
        intervals.quantile(np.arange(8))
    draws = np.random.default_rng(0).standard_exponential((4000, 41))
    held = [row[-1] <= intervals.quantile(row[:-1]) for row in draws]
    assert 0.89 < np.mean(held) < 0.93


def test_calibration_belongs_to_its_weights(tmp_path):
    known = intervals.Calibration({"T2": 1.7}, {"T2": 2.0}, {"T2": 2.2}, 4, 60)
    known.save(tmp_path, "abc")
    assert intervals.load(tmp_path, "abc") == known and intervals.load(tmp_path, "other") == intervals.Calibration()
    assert known.factor("voxels", "T2", 4) == (1.7, True) and known.factor("voxels", "T2", 2) == (
        intervals.GUESS,
        False,
    )
    assert known.factor("voxels", "CT", 8) == (intervals.GUESS, False)
    (tmp_path / "calibration.json").write_text("{")
    with pytest.raises(ValueError, match="damaged"):
        intervals.load(tmp_path, "abc")


def test_lost_lesions(painted):
    """Bright spots painted over are reported, the largest first; those that are still there are not."""
    ready = volumes.prepare([painted[0]["FLAIR"]], 4)
    flair = ready.given[CONTRASTS.index("FLAIR")].copy()
    middle = [n // 2 for n in flair.shape]
    top, left = middle[1] + 16, middle[2]
    spots = [(slice(3, 6), slice(top, top + n), slice(left + k, left + k + n)) for k, n in ((-8, 4), (6, 5))]
    gone = flair.copy()
    for spot in spots:
        flair[spot] = 1.4
    assert lost.lost_lesions(flair, flair, ready.head, ready.spacing) == []
    found = lost.lost_lesions(flair, gone, ready.head, ready.spacing)
    sizes = [3 * n**2 * np.prod(ready.spacing) / 1000 for n in (5, 4)]
    assert [r["ml"] for r in found[:2]] == pytest.approx(sizes, abs=1e-3)
    assert found[0]["place"] == [4, middle[1] + 18, middle[2] + 8] and found[0]["contrast_source"] > 3
    once = gone.copy()
    once[spots[1]] = 1.4
    left = lost.lost_lesions(flair, once, ready.head, ready.spacing)
    assert [r["ml"] for r in left[:1]] == pytest.approx(sizes[1:], abs=1e-3)


def test_what_is_written_carries_a_passport(tmp_path, t1, small_model, monkeypatch):
    """Inside the NIfTI file and beside it, beside a DICOM series; a changed voxel is found; --no-passport leaves no trace."""
    from difusa.apps.verify import verify

    monkeypatch.setattr(gate, "load", lambda: None)
    out, series = tmp_path / "o.nii", tmp_path / "d"
    translate([t1], to="T2", out=out, dicom=series, model=small_model, **QUIET)
    told = json.loads((tmp_path / "o.nii.passport.json").read_text())
    assert "medical translate" in json.dumps(told) and "a_T1" not in json.dumps(told)  # a file's name may be a person's
    half = tmp_path / "o_halfwidth.nii.gz"
    assert verify([out, half, series]).exit_status == 0
    (tmp_path / "o.nii.passport.json").unlink()
    assert verify([out]).exit_status == 0  # the one inside is enough
    raw = bytearray(out.read_bytes())
    raw[-1] ^= 1
    out.write_bytes(raw)
    assert verify([out]).exit_status == 1
    translate([t1], to="T2", out=tmp_path / "p.nii", model=small_model, passport=False, **QUIET)
    assert b"difusa-passport" not in (tmp_path / "p.nii").read_bytes()
    assert not (tmp_path / "p.nii.passport.json").exists()
