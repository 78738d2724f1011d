"""Pictures of known heads: exact signals, partial volume, disease where the mask says, the same bytes from the same numbers."""

import json

import numpy as np
import pytest

from difusa.domains.medical import labels, pathology, physics, simulate
from difusa.domains.medical.physics import SEQUENCES
from difusa.domains.medical.simulate import Options, Person, paint, person, scans
from difusa.domains.medical.synthesizing import grid, sick, synthesize
from difusa.domains.medical.synthesizing import simulate as simulate_verb
from difusa.domains.medical.tissues import BRAIN, INDEX, mask, values

PLAIN = Options(deform=0, atrophy=0, bias=0, noise=0, motion=0, stripped=0)


def still(head) -> Person:
    return Person(head, head, simulate.anatomy.drawn(*head.box, np.random.default_rng(0), 0.0), values(), 3.0, "none")


def test_signals_are_those_of_the_equations(ball):
    head = ball
    table = physics.signal(values(), SEQUENCES["T2"][0])[None]
    image, tissue = paint(still(head), table, head.affine, head.labels.shape, 1)
    assert (tissue == head.labels).all()
    np.testing.assert_allclose(image[0], table[0].astype(np.float32)[head.labels], rtol=1e-6)


def test_partial_volume_is_the_share_of_the_volume():
    """A plane between two tissues at a third of a voxel: six samples an edge find two of six."""
    slab = np.full((8, 8, 8), INDEX["white"], np.uint8)
    slab[4:] = INDEX["csf"]
    head = labels.Head("slab", slab, np.eye(4))
    table = np.zeros((1, len(values().t1)))
    table[0, INDEX["csf"]] = 1
    affine = np.eye(4)
    affine[0, 3] = 1 / 3 - 0.5  # voxel 4 reaches from 3.333 to 4.333; the tissue changes at 3.5
    image, _ = paint(still(head), table, affine, (8, 8, 8), 6)
    assert image[0, 4, 3, 3] == pytest.approx(5 / 6, abs=1e-6) and image[0, 3, 3, 3] == 0
    wide = np.diag([8, 8, 8, 1.0])
    wide[:3, 3] = 3.5
    coarse, _ = paint(still(head), table, wide, (1, 1, 1), 8)
    assert coarse[0, 0, 0, 0] == pytest.approx(0.5, abs=1e-6)


def test_same_numbers_same_bytes_and_others_differ(ball):
    head = ball
    affine, shape = np.diag([2.0, 2, 2, 1]) + np.eye(4, k=3) * -40, (40, 40, 3)
    affine[1, 3] = affine[2, 3] = -40

    def one(index):
        who = person([head], 5, index, Options())
        return scans(who, ("T1", "CT"), 5, index, affine, shape, Options())

    a, b, c = one(3), one(3), one(4)
    assert all((a[0][k] == b[0][k]).all() for k in a[0]) and (a[1] == b[1]).all() and a[2] == b[2]
    assert (a[0]["T1"] != c[0]["T1"]).any()


def test_slabs_make_no_difference(monkeypatch, ball):
    head = ball
    who = person([head], 0, 0, Options(), "none")
    table = physics.signal(values(), SEQUENCES["T1"][0])[None]
    whole = paint(who, table, head.affine, head.labels.shape, 2)
    monkeypatch.setattr(simulate, "SLAB", 96 * 96 * 7)
    parts = paint(who, table, head.affine, head.labels.shape, 2)
    np.testing.assert_allclose(
        whole[0], parts[0], atol=2e-3 * table.max()
    )  # a sample on an edge may fall to either side
    assert (whole[1] != parts[1]).mean() < 1e-4


def test_lesions_lie_in_white_matter(ball):
    head = ball
    sickened = pathology.with_lesions(head, np.random.default_rng(0), 12)
    new = sickened.labels == INDEX["lesion"]
    assert 100 < new.sum() < 20000 and (head.labels[new] == INDEX["white"]).all()
    assert (sickened.labels[~new] == head.labels[~new]).all()
    r = np.linalg.norm(np.argwhere(new) - 47.5, axis=1)
    assert np.median(r) < np.median(np.linalg.norm(np.argwhere(head.labels == INDEX["white"]) - 47.5, axis=1))


def test_a_mass_replaces_brain_alone_and_grows_with_its_radius(ball):
    head = ball
    sizes = []
    for radius in (6.0, 9.0, 14.0):
        sickened = pathology.with_tumour(head, np.random.default_rng(1), radius)
        new = sickened.labels != head.labels
        assert mask(head.labels, BRAIN)[new].all()
        assert (head.labels[sickened.labels == INDEX["oedema"]] == INDEX["white"]).all()
        sizes.append(mask(sickened.labels, ("tumour", "necrosis")).sum())
    assert sizes[0] < sizes[1] < sizes[2]
    with pytest.raises(ValueError, match="tumor: is none of"):
        pathology.painted(head, "tumor", np.random.default_rng(0))


def test_noise_and_reference(ball):
    """The reference is the 99.8th percentile of the noiseless volume."""
    head = ball
    made, tissue, used = scans(
        still(head), ("T2",), 0, 0, head.affine, head.labels.shape, Options(deform=0, bias=0, noise=0, motion=0, fine=1)
    )
    clean = np.abs(physics.signal(values(), used["T2"]))[head.labels]
    assert still(head).reference(used["T2"]) == pytest.approx(np.percentile(clean[::2, ::2, ::2], 99.8))
    assert (tissue == head.labels).all() and made["T2"].max() > 0.9


def test_synthesize_writes_pairs_that_fit(tmp_path, monkeypatch, ball):
    from difusa.domains.medical.readers import load

    monkeypatch.setattr(labels, "mni", lambda: ball)
    monkeypatch.delenv("DIFUSA_DATA", raising=False)
    few = {"contrasts": "T1,FLAIR,CT", "spacing": 2.0, "seed": 4, "progress": lambda *_: None}
    told = synthesize(
        out=tmp_path,
        count=2,
        pathology="lesions",
        **few,
    )
    assert [c["index"] for c in told["cases"]] == [0, 1] and told["cases"][0]["volumes_ml"]["lesions"] > 0
    t1, ct, flair = (load(tmp_path / f"case-0001_{c}.nii.gz") for c in ("T1", "CT", "FLAIR"))
    marked, tissue = load(tmp_path / "case-0001_mask.nii.gz"), load(tmp_path / "case-0001_tissues.nii.gz")
    assert (t1.contrast, ct.contrast, flair.contrast) == ("T1", "CT", "FLAIR")
    assert t1.array.shape == marked.array.shape and np.abs(t1.affine - marked.affine).max() < 1e-6
    assert (marked.array == sick(tissue.array.astype(int))).all() and set(np.unique(marked.array)) == {0, 1}
    assert ct.array.min() < -950 and ct.array.max() > 800
    white = tissue.array == INDEX["white"]
    assert flair.array[marked.array == 1].mean() > 1.15 * flair.array[white].mean()
    first = {p.name: p.read_bytes() for p in tmp_path.glob("case-0001_*")}
    synthesize(out=tmp_path / "b", start=1, pathology="lesions", **few)
    assert first == {p.name: p.read_bytes() for p in (tmp_path / "b").iterdir()}


def test_simulate_writes_what_was_asked(tmp_path, monkeypatch, ball):
    from difusa.domains.medical.readers import load

    monkeypatch.setattr(labels, "mni", lambda: ball)
    quick = {"spacing": 3.0, "progress": lambda *_: None}
    simulate_verb(out=tmp_path / "a.nii.gz", to="FLAIR", te=140, tr=8000, ti=2400, field=1.5, **quick)
    told = json.loads((tmp_path / "a.json").read_text())
    assert (told["EchoTime"], told["RepetitionTime"], told["InversionTime"], told["MagneticFieldStrength"]) == (
        0.14,
        8.0,
        2.4,
        1.5,
    )
    assert load(tmp_path / "a.nii.gz").contrast == "FLAIR"
    simulate_verb(out=tmp_path / "series", to="CT", **quick)
    assert load(tmp_path / "series").contrast == "CT"
    for wrong in (
        {"to": "T3"},
        {"to": "T1", "te": 600, "tr": 500},
        {"to": "CT", "te": 5},
        {"pathology": "x"},
        {"spacing": 0.0},
    ):
        with pytest.raises(ValueError, match="|".join(map(str, wrong.values()))):
            simulate_verb(out=tmp_path / "b.nii.gz", **wrong)


def test_real_heads(data):
    """A real label map: the brain of an adult, its tissues where they belong, its split fixed."""
    test, train = labels.heads(data, "test"), labels.SPLITS["train"]
    assert len(test) == 4 and not set(train) & set(labels.SPLITS["test"]) and len(train) == 14
    head = test[0]
    litres = mask(head.labels, BRAIN).sum() * abs(np.linalg.det(head.affine[:3, :3])) / 1e6
    assert 0.9 < litres < 1.7
    assert (np.diag(head.affine)[:3] > 0).all()
    affine, shape = grid(head, 4.0)
    made, tissue, _ = scans(still(head), ("T1", "T2"), 0, 0, affine, shape, PLAIN)
    assert made["T1"][tissue == INDEX["white"]].mean() > made["T1"][tissue == INDEX["cortex"]].mean() * 1.1
    assert made["T2"][tissue == INDEX["ventricle"]].mean() > 2 * made["T2"][tissue == INDEX["white"]].mean()
