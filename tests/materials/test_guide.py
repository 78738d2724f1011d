"""What the guide tells of drawn crystals, and how it is judged."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("pymatgen")

from difusa.domains import models
from difusa.domains.materials import guide as guides
from difusa.domains.materials import property_metrics, readings
from difusa.domains.materials.crystal import Crystal
from difusa.domains.materials.wishes import Wishes
from difusa.shared.targets import Target

NAMES = ("formation_energy", "e_above_hull", "band_gap")
WISHES = Wishes(NAMES, np.zeros(3), np.array([1.0, 0.1, 2.0]), np.full(3, -5.0), np.full(3, 5.0))


@pytest.fixture
def crystals():
    rng = np.random.default_rng(0)
    found = [Crystal(4.5 * np.eye(3), rng.choice([3, 8, 26], 4).astype(np.uint8), rng.random((4, 3))) for _ in range(5)]
    return [*found, replace(found[0], tags={"broken": "two atoms are 0.1 angstrom apart"})]


def test_tags_are_the_regressors_answers_inside_their_bounds(small_crystal_models, crystals):
    targets = (
        Target("band_gap", 0.5, np.inf),
        Target("e_above_hull", 0.0, 0.1),
        Target("formation_energy", -1.5, -1.5),
    )
    found = guides.guide(targets, WISHES, small_crystal_models["guide"])
    assert found.windows == {"band_gap": (0.5, np.inf), "formation_energy": (-1.6, -1.4)}, "it cannot tell e_above_hull"
    told = guides.told(crystals, found)
    mean, _ = readings.predict(found.network, crystals)
    for k, c in enumerate(told[:5]):
        for column, name in enumerate(found.network.names):
            low, middle, high = (c.tags[f"predicted_{name}{end}"] for end in ("_low", "", "_high"))
            assert low <= middle <= high and middle == pytest.approx(mean[k, column], abs=1e-4)
        assert c.tags["predicted_band_gap_low"] >= 0
        assert 0 <= c.tags["p_all"] <= min(c.tags["p_band_gap"], c.tags["p_formation_energy"]) <= 1
    assert told[5].tags["p_all"] == 0 and "predicted_band_gap" not in told[5].tags


def test_a_guide_that_is_missing_is_told_and_changes_nothing(crystals, small_crystal_models, monkeypatch):
    monkeypatch.setattr(guides, "guide", lambda *a, **k: (_ for _ in ()).throw(FileNotFoundError("no model 'x'")))
    made, about = guides.attach(crystals, (), WISHES)
    assert made == crystals and about == {"missing": "no model 'x'"}
    monkeypatch.undo()
    with pytest.raises(ValueError, match="needed is 'regressor'"):
        guides.guide((), WISHES, small_crystal_models["model"])


def test_hits_are_the_judges_and_broken_crystals_have_none(small_crystal_models, crystals):
    judge = models.find(small_crystal_models["judge"]).load()
    close = replace(crystals[0], frac=np.zeros((4, 3)))
    values = property_metrics.judged(judge, [*crystals[:5], close])
    assert np.isnan(values[5]).all() and np.isfinite(values[:5]).all()
    middle = float(np.median(values[:5, 0]))
    windows = {"formation_energy": (-np.inf, middle)}
    tagged = [replace(c, tags={"p_formation_energy": 0.6, "p_all": 0.6}) for c in [*crystals[:5], close]]
    found = property_metrics.in_ranges(tagged, judge, windows)
    assert found["hit"]["all"]["value"] == pytest.approx(3 / 6) and found["told"]["all"] == pytest.approx(0.6)
    assert found["curve"]["error"] == pytest.approx(0.1) and found["valid"] == pytest.approx(5 / 6)
    truth = np.column_stack([values[:5, 0], np.full(5, np.nan)])
    best = property_metrics.agreement(crystals[:5], truth, judge, windows)
    assert (
        best["found"]["value"] == 1 and best["false"]["value"] == 0 and best["by_chance"]["value"] == pytest.approx(0.6)
    )


@pytest.mark.parametrize("name", ["materials-guide", "materials-judge"])
def test_shipped_intervals_hold_on_systems_never_seen(name, data):
    from difusa.domains.materials.data import load
    from difusa.domains.materials.packed import VERSION
    from difusa.shared import conformal
    from difusa.shared.prepared import cached, given

    if not (given("materials", "mp", data) or cached("mp", VERSION).exists()):
        pytest.skip("the crystals are not prepared yet")
    found = models.find(name, domain="materials")
    network, calibration = found.load(), conformal.load(found.folder, found.sha256, "materials")
    crystals, truth = readings.heldout(load(data), "test", network.names, 200)
    mean, std = readings.predict(network, crystals)
    low, high = calibration.interval(mean, std)
    for k, (error, usual) in enumerate(((0.09, 0.8), (0.4, 0.7))):  # a third more than the card's, for 200 are few
        known = np.isfinite(truth[:, k])
        inside = ((truth >= low) & (truth <= high))[known, k].mean()
        assert 0.82 < inside < 0.98  # 200 draws: a standard error of 0.02
        assert np.abs(mean - truth)[known, k].mean() < error < usual
