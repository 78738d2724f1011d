"""Affine, spacing, orientation and values survive every way in and out."""

import numpy as np
import pytest

from difusa.domains.medical import geometry
from difusa.domains.medical.export import save
from difusa.domains.medical.readers import load
from difusa.domains.medical.scan import Made, Scan

CLOSE = 1e-4  # millimetres: the issue's own limit


@pytest.mark.parametrize("kind", ["whole", "float"])
@pytest.mark.parametrize("out", ["scan_T1.nii.gz", "scan_T1.nii", "folder"])
def test_round_trip(tmp_path, volume, affine, out, kind):
    array = volume if kind == "whole" else (volume * 0.37).astype(np.float32)
    back = load(save(Scan(array, affine, "T1"), tmp_path / out, Made("simulated")))
    assert np.abs(back.affine - affine).max() < CLOSE
    np.testing.assert_allclose(back.spacing, np.linalg.norm(affine[:3, :3], axis=0), atol=CLOSE)
    if kind == "whole":
        assert back.array.dtype == np.int16 and (back.array == array).all()
    else:  # 16 bits over the range of the values
        limit = np.ptp(array) / 65000 if out == "folder" else 0
        assert np.abs(back.array - array).max() <= limit


def test_the_real_series_comes_back(tmp_path, data):
    scan = load(data / "medical" / "dicom" / "prostate_t2")
    assert scan.array.shape == (384, 384, 19) and scan.array.dtype == np.int16 and scan.contrast == "T2"
    np.testing.assert_allclose(scan.spacing, [0.5, 0.5, 3], atol=CLOSE)
    for out in ("folder", "back_T2.nii.gz"):
        back = load(save(scan, tmp_path / out, Made("translated", sources=(scan.source,))))
        assert np.abs(back.affine - scan.affine).max() < CLOSE and (back.array == scan.array).all()


def test_the_reader_agrees_with_the_standard(data):
    """Corner positions by DICOM PS3.3, C.7.6.2.1.1, of slices read one by one."""
    import pydicom

    scan = load(data / "medical" / "dicom" / "prostate_t2")
    for file in sorted((data / "medical" / "dicom" / "prostate_t2").iterdir())[::6]:
        d = pydicom.dcmread(file)
        k = scan.source.series.instances.index(d.SOPInstanceUID)
        row, column = np.array(d.ImageOrientationPatient).reshape(2, 3)
        there = np.array(d.ImagePositionPatient) + row * d.PixelSpacing[1] * 300 + column * d.PixelSpacing[0] * 20
        assert np.abs(scan.affine[:3] @ [300, 20, k, 1] - there * [-1, -1, 1]).max() < 1e-3  # the file's own six digits
        assert scan.array[300, 20, k] == d.pixel_array[20, 300]


def test_a_turn_is_exact_and_keeps_every_voxel_in_place(volume, affine):
    turn = geometry.turn_of(affine)
    upright, to = turn.upright(volume), turn.affine(affine, volume.shape)
    assert (turn.back(upright) == volume).all()
    assert (np.diag(geometry.directions(to)) > 0.5).all()
    for place in [(0, 0, 0), (3, 2, 1), tuple(n - 1 for n in upright.shape)]:
        at = np.linalg.inv(affine) @ to @ [*place, 1]
        assert upright[place] == volume[tuple(np.rint(at[:3]).astype(int))]
        assert np.abs(at - np.rint(at)).max() < 1e-9


def test_turn_agrees_with_nibabel(volume, affine):
    import nibabel

    turn = geometry.turn_of(affine)
    theirs = nibabel.as_closest_canonical(nibabel.Nifti1Image(volume, affine))
    assert (turn.upright(volume) == np.asarray(theirs.dataobj)).all()
    np.testing.assert_allclose(turn.affine(affine, volume.shape), theirs.affine, atol=1e-9)


def test_another_grid_of_the_same_box(affine):
    """A ramp in space stays that ramp; the outer edges of the box stay where they are."""
    shape = (12, 10, 6)
    grid = np.stack([*np.meshgrid(*map(np.arange, shape), indexing="ij"), np.ones(shape)], -1)
    ramp = (grid @ affine.T)[..., :3] @ [0.3, -0.2, 0.5]
    to, sizes = geometry.with_spacing(affine, shape, np.linalg.norm(affine[:3, :3], axis=0) / 2)
    assert sizes == (24, 20, 12)
    edge = lambda a, n: a @ [*(np.array(n) - 0.5), 1]  # noqa: E731
    np.testing.assert_allclose(edge(to, sizes), edge(affine, shape), atol=1e-9)
    moved = geometry.on_grid(ramp, affine, to, sizes)
    fine = np.stack([*np.meshgrid(*map(np.arange, sizes), indexing="ij"), np.ones(sizes)], -1)
    inside = (slice(2, -2),) * 3
    np.testing.assert_allclose(moved[inside], ((fine @ to.T)[..., :3] @ [0.3, -0.2, 0.5])[inside], atol=1e-4)  # float32
