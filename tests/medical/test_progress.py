"""Progression: volumes follow the laws, two steps are one, what the process does not reach stays bit for bit, and it is said."""

import json

import nibabel
import numpy as np
import pytest

from difusa.domains.medical import progress_fields as fields
from difusa.domains.medical import progress_flow as flow
from difusa.domains.medical import progress_growth as growth
from difusa.domains.medical.export import save
from difusa.domains.medical.progress import progress
from difusa.domains.medical.readers import load
from difusa.domains.medical.scan import Made, Scan

QUIET = {"progress": lambda *_: None}


@pytest.fixture(scope="module")
def head(ball):
    """A T1 of the ball, 2 mm, and a mask with two lesions and a tumour with core and oedema; upright."""
    from difusa.domains.medical import simulate
    from difusa.domains.medical.synthesizing import grid, stored

    who = simulate.person([ball], 3, 0, simulate.Options(deform=0, atrophy=0, motion=0, stripped=0), "none")
    affine, shape = grid(ball, 2.0)
    made, _, _ = simulate.scans(who, ("T1", "FLAIR"), 3, 0, affine, shape, simulate.Options(bias=0.02, noise=0.01))
    index = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"))
    places = (affine[:3, :3] @ index.reshape(3, -1) + affine[:3, 3:]).reshape(3, *shape)
    far = lambda *at: np.sqrt(((places - np.reshape(at, (3, 1, 1, 1))) ** 2).sum(0))  # noqa: E731
    mask = np.zeros(shape, np.uint8)
    mask[far(0, 17, 0) < 8], mask[far(0, 17, 0) < 5], mask[far(0, 17, 0) < 2.2] = 2, 3, 4
    mask[far(0, -16, 0) < 4.2], mask[far(-16, 0, 4) < 4.2] = 1, 1
    return {c: stored(made[c], affine, c, {}) for c in made}, mask


@pytest.fixture(scope="module")
def start(head):
    return flow.begun(head[0]["T1"], head[1])


@pytest.mark.parametrize("kind", growth.LAWS)
@pytest.mark.parametrize("scenario", growth.SCENARIOS)
def test_laws_are_flows(kind, scenario):
    """Closed forms against small Euler steps, and 1 + 11 + 12 months against 24, to 1e-9 of the volume."""
    law = growth.LAWS[kind]
    once = law.grown(5.0, 0, 24, scenario)
    parts = law.grown(law.grown(law.grown(5.0, 0, 1, scenario), 1, 11, scenario), 12, 12, scenario)
    assert parts == pytest.approx(once, rel=1e-9)
    number, step = law.inner(5.0), 1e-4
    ends = growth.WEEKS * 7 / growth.MONTH
    for k in range(int(3 / step)):
        kill = growth.ALPHA * growth.DOSE * (1 + growth.FRACTION / growth.RATIO) / ends if scenario[:2] == "ra" else 0
        kill = kill if k * step < ends else 0
        number += step * (-law.rate * number - kill if kind == "glioblastoma" else law.rate - kill * number / 3)
    assert law.grown(5.0, 0, 3, scenario) == pytest.approx(law.outer(number), rel=2e-3)


def test_laws_are_those_published():
    day = 1 / growth.MONTH
    doubled = growth.LAWS["glioblastoma"].grown(17.7, 0, day, "untreated") / 17.7
    assert 100 * np.log(doubled) == pytest.approx(1.4, abs=0.01)
    r = growth.radius(growth.LAWS["low-grade"].grown(10.0, 0, 12, "untreated")) - growth.radius(10.0)
    assert 2 * r == pytest.approx(4.1)
    assert growth.load(10.0, 36, growth.LESIONS) == pytest.approx(12.25, abs=0.01)


def test_a_front_moves_like_a_ball():
    """The level set of the distance to a ball is a ball of the volume asked for; back again it is the ball it was."""
    axis = np.arange(40) - 19.5
    r = np.sqrt(axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis**2)
    small, large, one = r < 8, r < 12, np.ones(3)
    made = fields.grown(small, np.ones_like(small), int(large.sum()), one)
    assert made.sum() == large.sum() and (made & large).sum() > 0.98 * large.sum()
    assert (fields.grown(made, made, int(small.sum()), one) & small).sum() > 0.97 * small.sum()
    assert not (fields.grown(small, r > 9, int(large.sum()), one) & (r > 8) & (r < 9)).any()


@pytest.mark.parametrize("scenario", growth.SCENARIOS)
def test_two_steps_are_one(start, scenario):
    """12 + 12 months against 24. Volumes: one voxel of each tissue. Places: Dice 0.93 of the solid tumour (the distance to a
    mask of voxels is not the distance to the first mask), 0.8 where a treatment left a few voxels to grow from, and 0.85 of
    lesions of 39 voxels. Picture: a fortieth of its reference on the average of what changed. Brain: 0.5 % of it."""
    wish = flow.Wish(scenario, "low-grade", lesions=30, atrophy=1.0)
    once, half = flow.advanced(start, 24, wish), flow.advanced(start, 12, wish)
    twice = flow.advanced(half, 12, wish)
    assert twice.months == once.months == 24
    for name, value in once.volumes.items():
        assert twice.volumes[name] == pytest.approx(value, rel=1e-9)
    for label in range(1, 6):
        a, b = (s.mask == label for s in (once, twice))
        assert abs(int(a.sum()) - int(b.sum())) <= 1, flow.LABELS[label]
    solid = [np.isin(s.mask, (3, 4)) for s in (once, twice)]
    assert dice(*solid) >= (0.93 if scenario == "untreated" else 0.8) and dice(once.mask == 1, twice.mask == 1) >= 0.85
    changed = (once.scan.array != start.scan.array) | (twice.scan.array != start.scan.array)
    assert np.abs(once.scan.array.astype(float) - twice.scan.array)[changed].mean() < 25
    brain = [flow.measured(s)["inner_brain"] for s in (once, twice)]
    assert brain[0] == pytest.approx(brain[1], rel=5e-3)


def dice(a, b) -> float:
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def test_volumes_follow_the_parameters_and_the_rest_stays(start):
    before, voxel = flow.measured(start), start.voxel
    after = flow.measured(flow.advanced(start, 12, flow.Wish(kind="low-grade", lesions=50, atrophy=0)))
    assert after["lesion"] == pytest.approx(1.5 * before["lesion"], abs=voxel)
    then = flow.advanced(start, 12, flow.Wish(atrophy=0))
    after = flow.measured(then)
    wanted = growth.LAWS["glioblastoma"].grown(before["tumour"] + before["necrosis"], 0, 12, "untreated")
    solid = after["tumour"] + after["necrosis"]
    assert voxel * 100 < solid <= wanted + voxel  # the ball's white matter is not large enough for more
    assert after["necrosis"] / solid == pytest.approx(start.volumes["necrosis_share"], abs=2 * voxel / solid)
    same = then.mask == start.mask
    assert np.array_equal(then.scan.array[same], start.scan.array[same]) and 0 < (~same).mean() < 0.2
    where = fields.place(start.scan, start.mask > 0)
    assert not ((then.mask > 0) & (start.mask == 0) & (~where.inner | where.fluid)).any()
    for percent in (1.0, 2.0):
        thin = flow.advanced(start, 24, flow.Wish(lesions=0, kind="low-grade", atrophy=percent))
        moved = thin.scan.array != start.scan.array
        assert not moved[~where.inner].any()
        kept = flow.thinned(start, growth.left(24, percent))
        lost = 1 - flow.measured(kept)["inner_brain"] / before["inner_brain"]
        assert lost == pytest.approx(1 - growth.left(24, percent), rel=0.25)
        assert flow.measured(kept)["inner_fluid"] > before["inner_fluid"]


def test_atrophy_does_not_fold(start):
    from difusa.domains.medical.anatomy import jacobian

    where = fields.place(start.scan, start.mask > 0)
    assert jacobian(fields.loss(where, start.scan.array, start.mask > 1, 0.96)).min() > 0.1


def test_treatments_treat(start):
    wanted = {s: flow.measured(flow.advanced(start, 3, flow.Wish(s, atrophy=0)))["tumour"] for s in growth.SCENARIOS}
    assert wanted["radiotherapy"] < wanted["resection"] < wanted["untreated"]
    cut = flow.advanced(start, 3, flow.Wish("resection", atrophy=0))
    cavity = flow.measured(cut)["cavity"]
    assert cavity == pytest.approx(0.95 * start.volumes["tumour"], abs=start.voxel)
    assert cut.scan.array[cut.mask == 5].mean() < 0.6 * start.scan.array[start.mask == 3].mean()  # fluid is dark in T1
    bare = flow.begun(start.scan, np.where(start.mask == 1, 1, 0).astype(np.uint8))
    with pytest.raises(ValueError, match="the mask holds none"):
        flow.advanced(bare, 12, flow.Wish("radiotherapy"))


def test_from_file_to_file_and_on(tmp_path, head, keys):
    """Files say what they are, carry passports that hold, and a second run goes on where the first one stopped."""
    from difusa.apps.verify import verify

    scans, mask = head
    path = save(scans["T1"], tmp_path / "a_T1.nii.gz", Made("simulated"))
    beside = save(Scan(mask, scans["T1"].affine), tmp_path / "a_mask.nii.gz", Made("simulated"))
    wish = {"kind": "low-grade", "atrophy": 0.0, **QUIET}
    told = progress(
        path, mask=beside, months="24,12", out=tmp_path / "o", dicom=True, report=tmp_path / "r.json", **wish
    )
    assert [row["month"] for row in told["volumes_ml"]] == [0, 12, 24] and "not a prediction" in told["notice"]
    for name in ("month-012_T1", "month-012_mask", "month-024_T1"):
        made = nibabel.load(tmp_path / "o" / f"{name}.nii.gz")
        assert b"Scenario, not a prediction" in made.header["descrip"].item()
        said = json.loads((tmp_path / "o" / f"{name}.json").read_text())
        assert "not a prediction" in said["Notice"] and said["SyntheticData"]
        assert verify([tmp_path / "o" / f"{name}.nii.gz"]).exit_status == 0
    assert verify([tmp_path / "o" / "month-012_dicom"]).exit_status == 0
    import pydicom

    slice_ = pydicom.dcmread(tmp_path / "o" / "month-012_dicom" / "0001.dcm")
    assert "not a prediction" in slice_.ImageComments and slice_.SyntheticData == "YES"
    source, then = load(path), load(tmp_path / "o" / "month-024_T1.nii.gz")
    np.testing.assert_allclose(then.affine, source.affine, atol=1e-6)
    progress(tmp_path / "o" / "month-012_T1.nii.gz", months="12", out=tmp_path / "p", passport=False, **wish)
    assert not (tmp_path / "p" / "month-024_T1.nii.gz.passport.json").exists()
    other = load(tmp_path / "p" / "month-024_mask.nii.gz").array
    whole = load(tmp_path / "o" / "month-024_mask.nii.gz").array
    assert dice(other == 3, whole == 3) > 0.93 and abs(int((other == 3).sum()) - int((whole == 3).sum())) <= 1
    with pytest.raises(ValueError, match="go on with the same"):
        progress(tmp_path / "o" / "month-012_T1.nii.gz", months="12", out=tmp_path / "q", scenario="resection", **QUIET)


def test_disease_is_placed_or_thresholded_or_asked_for(tmp_path, head):
    scans, mask = head
    path = save(scans["T1"], tmp_path / "a_T1.nii.gz", Made("simulated"))
    with pytest.raises(ValueError, match="give --mask FILE"):
        progress(path, out=tmp_path / "o", **QUIET)
    with pytest.raises(ValueError, match="give numbers above 0"):
        progress(path, out=tmp_path / "o", months="12;24", place="none", **QUIET)
    told = progress(path, out=tmp_path / "o", months="6", place="tumour", atrophy=0, passport=False, **QUIET)
    assert told["volumes_ml"][1]["tumour"] > told["volumes_ml"][0]["tumour"] > 0.1
    placed = load(tmp_path / "o" / "month-000_T1.nii.gz").array
    tumour = load(tmp_path / "o" / "month-000_mask.nii.gz").array == 3
    assert placed[tumour].mean() < 0.9 * np.percentile(load(path).array[tumour], 90)  # darker than white matter in T1
    small = save(Scan(mask[:-1], scans["T1"].affine), tmp_path / "b_mask.nii.gz", Made("simulated"))
    with pytest.raises(ValueError, match="another grid"):
        progress(path, out=tmp_path / "o", mask=small, **QUIET)
    bright = scans["FLAIR"].array.copy()
    bright[mask == 1] = 1.6 * np.median(bright[mask == 0][bright[mask == 0] > 200])
    flair = save(Scan(bright, scans["FLAIR"].affine, "FLAIR"), tmp_path / "a_FLAIR.nii.gz", Made("simulated"))
    told = progress(flair, out=tmp_path / "f", months="12", lesions=100, atrophy=0, passport=False, **QUIET)
    first, second = (row["lesion"] for row in told["volumes_ml"])
    assert first > 0.1 and second == pytest.approx(2 * first, rel=0.02)
