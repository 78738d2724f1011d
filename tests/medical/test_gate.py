"""The gate: what it sees, its limits and p-values, what it says of right and wrong scans, and how it is trained."""

import json

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("monai")

import torch

from difusa.domains.medical import codec, gate, gate_lessons, gate_people, labels, simulate
from difusa.domains.medical.gate_network import FLAWS, LOOKS, PIXEL, SIDE, Looks, air, seen
from difusa.domains.medical.scan import CONTRASTS
from difusa.shared.seeds import stream


def eye(seed: int, saw=()) -> gate.Eye:
    torch.manual_seed(seed)
    return gate.Eye(Looks().eval().requires_grad_(False), frozenset(saw))


def test_what_is_seen_lies_about_the_head_in_means_of_pixels():
    planes, head = np.full((2, 130, 90), -0.8, np.float32), np.zeros((2, 130, 90), bool)
    planes[:, 100:124, 60:84], head[:, 100:124, 60:84] = 0.4, True
    found = seen(planes, head, -0.8)
    assert found.shape == (2, SIDE, SIDE)
    rows, columns = np.flatnonzero((found[0] > -0.7).any(1)), np.flatnonzero((found[0] > -0.7).any(0))
    assert abs(rows.mean() - (SIDE - 1) / 2) <= 1 and abs(columns.mean() - (SIDE - 1) / 2) <= 1
    assert ((found[0] + 0.8).sum() * PIXEL**2) == pytest.approx(1.2 * 24**2, rel=1e-4)
    assert seen(planes, head & False, -0.8).shape == (2, SIDE, SIDE)


def test_limits_are_the_highest_figures_that_pass():
    """Of 49 people at 2 % the 49th of 50 places is the highest; a patient counts with room; the floor holds."""
    people = np.stack([np.arange(1, 50) / 10.0, np.full(49, 7.0)], 1)
    known = gate.Gate((eye(0), eye(1, ("a",))), {"T1": people}, {"T1": {"a": np.array([8.0, 1.0])}})
    assert known.limits("T1").tolist() == [8.0 * gate.ROOM, 7.0]
    alone = known.without("a")
    assert alone.limits("T1").tolist() == [4.9, 7.0] and len(alone.eyes) == 1
    low = gate.Gate((eye(0),), {"T1": people * 0}, {"T1": {}})
    assert low.limits("T1").tolist() == list(gate.FLOOR)


def test_the_p_value_counts_people(monkeypatch):
    planes = np.zeros((3, SIDE, SIDE), np.float32)
    people = np.stack([np.arange(1.0, 50.0), np.ones(49)], 1)
    known = gate.Gate((eye(0),), {"T1": people}, {"T1": {}})
    told = known.word(planes, "T1")
    unlikely = known.figures(planes, "T1")[0][0]
    assert 1 < unlikely < 6, "thirteen looks, none of them learned"
    scores = (people / known.limits("T1")).max(1)
    assert told["p_value"] == pytest.approx((1 + (scores >= told["score"]).sum()) / 50, abs=0.021)


@pytest.fixture(scope="module")
def scanned():
    """Every contrast of one simulated person on the MNI152 head, which no network learned from: five planes of 1 mm."""
    head = labels.mni()
    who = simulate.person([head], 11, 0, simulate.Options(stripped=0.0, motion=0.0), "none")
    low, high = head.box
    affine = np.diag([1.0, 1.0, 4.0, 1.0])
    affine[:3, 3] = [
        *((low + high)[:2] / 2 - [100, 116]),
        float(head.affine[2] @ [0, 0, head.levels[len(head.levels) // 2], 1]),
    ]
    made, _, _ = simulate.scans(
        who, CONTRASTS, 11, 0, affine, (200, 232, 5), simulate.Options(stripped=0.0, motion=0.0)
    )
    return {c: codec.picture(np.moveaxis(image, 2, 0)) for c, image in made.items()}


def word(image: np.ndarray, said: str) -> dict:
    planes = codec.encode(image, said)
    head = np.stack([gate.head_of(p, said) for p in planes])
    return gate.load().word(gate.stack(planes, head, said), said)


@pytest.mark.parametrize("contrast", CONTRASTS)
def test_the_shipped_gate_lets_a_head_pass(scanned, contrast):
    assert word(scanned[contrast], contrast)["accepted"]


def test_the_shipped_gate_says_what_is_wrong(scanned):
    t1, ct = scanned["T1"], scanned["CT"]
    told = word(t1, "T2")
    assert not told["accepted"] and told["reason"].endswith(", was called T2") and told["p_value"] < 0.05
    assert word(scanned["T2"], "T1")["reason"] == "looks like T2, was called T1"
    assert word(np.rot90(t1, axes=(1, 2)), "T1")["looks_like"] == "on its side"
    assert "looks like CT" in word(np.clip((ct + 100) / 300, 0, 1), "T1")["reason"]
    assert "not a head" in word(np.random.default_rng(0).random((5, 200, 200)).astype(np.float32), "T1")["reason"]


def test_lessons_depend_on_the_stream_alone_and_show_every_look(ball):
    people = gate_people.painted([ball], 2, 0)
    assert people.signals.shape[1:] == (len(CONTRASTS), gate_people.SIDE, gate_people.SIDE)
    lessons = gate_lessons.Lessons(people, None, gate_lessons.things(None, 12))
    planes, looks = lessons.batch(stream(0, 0), 6)
    again, _ = lessons.batch(stream(0, 0), 6)
    assert (planes == again).all() and planes.shape == (6, 1, SIDE, SIDE) and len(looks) == 6
    for name in LOOKS:
        look, plane = lessons.plane(name, stream(1, 0))
        assert LOOKS[look] == name and np.isfinite(plane).all() and plane.shape == (SIDE, SIDE)
    assert set(FLAWS) < set(LOOKS) and air("T1") == pytest.approx(-0.8)


def test_a_gate_is_kept_and_a_damaged_one_is_told(tmp_path):
    figures = {"T1": np.array([[0.5, 3.0], [0.25, 4.0]])}
    known = gate.Gate((eye(3, ("a", "b")),), figures, {"T1": {"a": np.array([0.1, 2.0])}})
    gate.save(known, tmp_path)
    read = gate.load(tmp_path)
    assert read.eyes[0].saw == {"a", "b"} and (read.limits("T1") == known.limits("T1")).all()
    planes = np.random.default_rng(0).normal(size=(2, SIDE, SIDE)).astype(np.float32)
    assert read.figures(planes, "T1")[0] == pytest.approx(known.figures(planes, "T1")[0], rel=0.05)  # 8 bits a weight
    told = json.loads((tmp_path / "gate.json").read_text())
    (tmp_path / "gate.json").write_text(json.dumps(told | {"looks": ["T1"]}))
    gate.load.cache_clear()
    with pytest.raises(ValueError, match="damaged .*difusa medical gate"):
        gate.load(tmp_path)
    gate.load.cache_clear()
    assert gate.load(tmp_path / "nowhere") is None
    gate.load.cache_clear()
