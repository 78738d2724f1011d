"""The contrast is what the user, the name, the sidecar and the tags say; two that differ are an error naming both."""

import json

import nibabel
import numpy as np
import pytest

from difusa.domains.medical.checks import Refused
from difusa.domains.medical.contrast import by_name, by_times, by_words
from difusa.domains.medical.readers import load


def nifti(path, **sidecar):
    nibabel.save(nibabel.Nifti1Image(np.zeros((3, 3, 3), np.uint8), np.eye(4)), path)
    if sidecar:
        path.with_name(path.name.replace(".nii.gz", ".json")).write_text(json.dumps(sidecar))
    return path


@pytest.mark.parametrize(
    ("name", "contrast"),
    [("a_T1", "T1"), ("a_T1w", "T1"), ("a_T2w", "T2"), ("sub-1_PDw", "PD"), ("a_FLAIR", "FLAIR"), ("a_CT", "CT"),
     ("a_T1GD", "T1GD"), ("T1", None), ("at1", None), ("a_T11", None)],
)  # fmt: skip
def test_by_name(name, contrast):
    assert by_name(name) == contrast


@pytest.mark.parametrize(
    ("words", "contrast"),
    [("t2_tse_tra", "T2"), ("AX T1 MPRAGE", "T1"), ("t1_mpr_ce", "T1GD"), ("T2 FLAIR sag", "FLAIR"), ("ep2d_diff", None),
     ("pd_tse", "PD")],
)  # fmt: skip
def test_by_words(words, contrast):
    assert by_words(words) == contrast


@pytest.mark.parametrize(
    ("te", "tr", "ti", "contrast"),
    [(10, 500, 0, "T1"), (100, 5000, 0, "T2"), (20, 3000, 0, "PD"), (120, 9000, 2500, "FLAIR"), (55, 2500, 0, None)],
)
def test_by_times(te, tr, ti, contrast):
    assert by_times({"EchoTime": te, "RepetitionTime": tr, "InversionTime": ti}) == contrast


def test_agreement_and_conflict(tmp_path):
    path = nifti(tmp_path / "x_T1w.nii.gz")
    assert load(path).contrast == "T1" and load(path, "T1").contrast == "T1"
    with pytest.raises(Refused, match=r"--from says T2.*name says T1|name says T1.*--from says T2"):
        load(path, "T2")
    with pytest.raises(ValueError, match="--from t1: is none of T1"):
        load(path, "t1")
    path = nifti(tmp_path / "y_T1w.nii.gz", EchoTime=0.1, RepetitionTime=5.0)
    with pytest.raises(Refused, match=r"times says T2.*name says T1"):
        load(path)
    path = nifti(tmp_path / "z.nii.gz", SeriesDescription="t2_tse", Modality="CT")
    assert load(path).contrast == "CT"
    assert load(nifti(tmp_path / "unknown.nii.gz")).contrast is None
