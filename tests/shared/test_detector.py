"""The detector of pictures on made-up figures: what it keeps on disk, what it says, where it sees it; and reconstruction."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from difusa.shared.forensics import deliveries, detector, pictures, reconstruction, scoring, tables
from difusa.shared.forensics.detector import EACH, Detector, Judge
from difusa.shared.forensics.fitting import Linear, known
from difusa.shared.forensics.judging import GENERATED, NO_SIGN, UNSURE, Limits, Trial
from difusa.shared.forensics.pictures import Measured

SIZES = {"spectrum": 4, "residues": 3, "tower": 6, "spread": 6, "reconstruction": 2}
VIEWS = len(deliveries.DELIVERIES)


@pytest.fixture
def made() -> Detector:
    """A detector of random coefficients that leans on the first figure of each part."""
    rng = np.random.default_rng(0)
    parts = {k: Linear(rng.normal(size=n), 0.5 + rng.random(n), rng.normal(size=n), 0.3) for k, n in SIZES.items()}
    mix = Linear(np.zeros(5), np.ones(5), np.ones(5), 0.0)
    seen = rng.normal(size=(50, SIZES["tower"]))
    tests = (Trial("A", 0.9, 0.5, 20, True), Trial("B", 0.6, 0.1, 20, False))
    judges = {"A": Judge(parts, mix, 0.7)}
    return Detector(judges, 1.0, 0.0, Limits(0.2, 0.8), known(seen, 3 * seen, keep=4), ("A",), tests, 0.03)


def measured(made: Detector, push: np.ndarray) -> Measured:
    """Figures whose mixed logits are `push` [VIEWS], by the spectrum alone: the other parts are at their zero."""
    parts = made.judges["A"].parts
    zero = {k: p.mean - p.bias * p.weights * p.scale / (p.weights @ p.weights) for k, p in parts.items()}
    views = {k: np.repeat(zero[k][None], VIEWS, 0) for k in EACH}
    part = parts["spectrum"]
    views["spectrum"] = views["spectrum"] + push[:, None] * part.weights * part.scale / (part.weights @ part.weights)
    return Measured(views, zero["reconstruction"])


def test_verdicts_follow_the_deliveries(made):
    sure = pictures.weigh([measured(made, np.full(VIEWS, 3.0))], made)
    assert sure.verdict == GENERATED and sure.flipped == 0 and sure.probability == pytest.approx(1 / (1 + np.exp(-3)))
    assert pictures.weigh([measured(made, np.full(VIEWS, -3.0))], made).verdict == NO_SIGN
    torn = pictures.weigh([measured(made, np.array([3.0, 3, 3, 3, 3, -3]))], made)
    assert torn.verdict == UNSURE and torn.flipped == pytest.approx(1 / VIEWS) and torn.low < 0.06 < 0.9 < torn.high
    assert pictures.weigh([measured(made, np.full(VIEWS, 3.0))], made, "too small").verdict == UNSURE


def test_far_from_what_it_knows_is_unsure(made):
    found = measured(made, np.full(VIEWS, 3.0))
    far = replace(found, views=found.views | {"tower": found.views["tower"] + 50 * made.seen.directions[:, 0]})
    said = pictures.weigh([far], made)
    assert said.verdict == UNSURE and "unlike the pictures" in said.outside


def test_squares_are_averaged(made):
    two = [measured(made, np.full(VIEWS, v)) for v in (1.0, 3.0)]
    assert pictures.weigh(two, made).probability == pytest.approx(1 / (1 + np.exp(-2.0)))


def test_odds_are_the_mean_of_the_odds_against_each_family(made):
    """A sure sign of one family is not outvoted by others that see nothing; no sign of any is no sign."""
    judge = made.judges["A"]
    other = replace(judge, mix=replace(judge.mix, bias=-4.0))  # logits of -4 more
    two = replace(made, judges={"A": judge, "B": other})
    for push in (5.0, -3.0):
        odds = np.mean([np.exp(push), np.exp(push - 4)])
        said = pictures.weigh([measured(made, np.full(VIEWS, push))], two)
        assert said.probability == pytest.approx(odds / (1 + odds)) and said.likeness == ("A" if push > 0 else "")


def test_kept_and_read_again(made, tmp_path):
    detector.save(made, tmp_path, "one")
    again = detector.load(tmp_path, "one")
    assert {f.suffix for f in tmp_path.iterdir()} == {".json", ".safetensors"}
    assert (again.tested_on, again.limits, again.fitted_on) == (made.tested_on, made.limits, made.fitted_on)
    found = measured(made, np.linspace(-1, 1, VIEWS))
    ours, theirs = (pictures.weigh([found], d) for d in (made, again))
    assert ours.probability == pytest.approx(theirs.probability, abs=1e-5)  # coefficients are kept in float32
    assert theirs.false_alarms == 0.03 and [t.family for t in theirs.tested_on] == ["A", "B"]


def test_broken_and_missing_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no detector"):
        detector.load(tmp_path)
    (tmp_path / "pictures.json").write_text("{}")
    with pytest.raises(ValueError, match="pictures"):
        detector.load(tmp_path)


def test_heat_shows_the_verdict_and_each_patch_s_exact_share(made):
    patches = np.random.default_rng(1).normal(size=(196, SIZES["tower"]))
    judge = made.judges["A"]
    where, tower = judge.where(patches) * judge.patch, judge.parts["tower"]
    assert where.mean() + tower.bias == pytest.approx(float(tower(patches.mean(0))), abs=1e-9)
    found = replace(measured(made, np.zeros(VIEWS)), patches=patches)
    places = deliveries.squares(np.zeros((100, 300, 3), np.uint8))
    whole = pictures.heat((100, 300), places, [found] * 3, made, probability=1 / (1 + np.exp(2)))
    assert whole.shape == (14, 42) and whole.mean() == pytest.approx(-2)
    share = judge.where(patches).reshape(14, 14)
    assert np.allclose(whole[:, :14], share - share.mean() - 2)
    assert pictures.painted(np.zeros((100, 300, 3), np.uint8), whole).shape == (100, 300, 3)


def test_reconstruction_is_exact_where_the_denoiser_is():
    """A denoiser that knows the picture gives it back; one that blurs does not."""
    image = np.random.default_rng(2).integers(0, 256, (192, 192, 3)).astype(np.uint8)
    truth = reconstruction.tiles(image)
    exact = reconstruction.reconstructed(image, lambda x, sigma: truth)
    blurred = reconstruction.reconstructed(image, lambda x, sigma: torch.nn.functional.avg_pool2d(x, 3, 1, 1))
    assert exact[0] == pytest.approx(np.log(1e-4), abs=1e-2)  # the floor of the logarithm
    assert blurred[0] > exact[0] + 5


def table(rng, shift: float) -> tables.Table:
    """Six groups of real items and two families; the second figure tells the generated ones, the first the group."""
    rows, families, groups = [], [], []
    for family, move in (("real", 0.0), ("A", shift), ("B", shift)):
        for k in range(60):
            rows.append([float(k % 6), move + rng.normal(), rng.normal()])
            families.append(family)
            groups.append(f"patient {k % 6}")
    return tables.Table(np.array(rows), tuple(families), tuple(groups))


def test_tables_tell_families_and_never_judge_by_their_own_group():
    rng = np.random.default_rng(3)
    found = table(rng, 4.0)
    detectors, judged = tables.in_turn(("group", "sign", "noise"), found, ["A"], "scan")
    assert len(detectors) == 6 and all(j is not None for j in judged)
    part = {f: [j for j, g in zip(judged, found.families) if g == f] for f in ("real", "A", "B")}
    said = {f: scoring.Said(tuple(v), tuple(str(k % 6) for k in range(len(v)))) for f, v in part.items()}
    figures = scoring.figures(said["real"], said["B"])
    assert figures["auroc"].value > 0.98 and figures["balanced_accuracy"] > 0.9
    assert set(detectors[0].fitted_on) == {"A"}
    assert "sign" in part["B"][0].reasons[0]


def test_nothing_to_tell_is_unsure():
    found = table(np.random.default_rng(4), 0.0)
    _, judged = tables.in_turn(("group", "sign", "noise"), found, ["A", "B"], "scan")
    assert np.mean([j.verdict == UNSURE for j in judged]) > 0.9
