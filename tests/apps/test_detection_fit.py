"""The fit of the detector of pictures, on made-up figures: families with opposite signs, and calibration by turns."""

from pathlib import Path

import numpy as np
import pytest

from difusa.apps.detection_bench import Held, is_real, of
from difusa.apps.detection_data import REAL, Item
from difusa.apps.detection_fit import FOLDS, fitted, judged
from difusa.shared.forensics.deliveries import DELIVERIES
from difusa.shared.forensics.scoring import figures

SIZES = {"spectrum": 4, "residues": 3, "tower": 6, "spread": 6, "reconstruction": 2}
SIGNS = {REAL: 0.0, "A": 4.0, "B": -4.0}  # of the spectrum's first figure: no one line tells both from the real ones


def drawn(split: str, deliveries: int, rng: np.random.Generator) -> dict[Item, dict[str, np.ndarray]]:
    """60 pictures a family, two of each artist."""
    found = {}
    for family, sign in SIGNS.items():
        for k in range(60):
            own = {part: rng.normal(size=n) for part, n in SIZES.items()}
            own["spectrum"][0] += sign
            seen = {part: v + 0.1 * rng.normal(size=(deliveries, SIZES[part])) for part, v in own.items()}
            seen["reconstruction"] = own["reconstruction"][None] if split == "train" else own["reconstruction"]
            seen["patches"] = own["tower"] + rng.normal(size=(196, SIZES["tower"]))
            found[Item(f"{split} {family} {k}", Path(), family, f"{split} {family} {k // 2}", split)] = seen
    return found


@pytest.fixture(scope="module")
def parts():
    rng = np.random.default_rng(0)
    rows, views = drawn("train", 3, rng), drawn("test", len(DELIVERIES), rng)
    return rows, views, {family: judged(rows, views, family) for family in ("A", "B")}


def test_families_with_opposite_signs_are_both_found(parts):
    rows, views, judges = parts
    detector, own = fitted(judges, rows, views)
    test = Held.of(views, own)
    for family in ("A", "B"):
        told = figures(test.said(is_real), test.said(of(family)))
        assert told["auroc"].value > 0.95 and told["calibration_error"] < 0.15
        likeness = [test.judged[i].likeness for i in views if i.family == family and test.judged[i].likeness]
        assert len(likeness) > 20 and set(likeness) == {family}
    assert detector.fitted_on == ("A", "B") and detector.parts[0] == "spectrum"


def test_no_picture_is_judged_by_what_was_calibrated_on_its_artist(parts):
    rows, views, judges = parts
    _, own = fitted(judges, rows, views)
    assert len({id(d) for d in own.values()}) == FOLDS
    by_artist = {}
    for item, detector in own.items():
        assert sum(detector.notes["n_calibrate"].values()) < len(views)
        assert by_artist.setdefault(item.group, detector) is detector


def test_a_family_left_out_has_no_judge(parts):
    rows, views, judges = parts
    detector, own = fitted({"A": judges["A"]}, rows, views)
    assert set(detector.notes["n_calibrate"]) == {REAL, "A"} and set(own) == set(views)
    test = Held.of(views, own)
    assert figures(test.said(is_real), test.said(of("B")))["auroc"].value < 0.5  # its sign is the opposite
