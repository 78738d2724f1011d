"""Scores with known answers."""

from dataclasses import replace

import numpy as np
import pytest

from difusa.domains.medical.export import save
from difusa.domains.medical.metrics import evaluate, scores
from difusa.domains.medical.scan import Made, Scan


def test_known_errors(painted):
    ct = painted[0]["CT"]
    same = scores(ct, ct)
    assert same["psnr"] == np.inf and same["ssim"] == pytest.approx(1) and same["mae"] == 0
    off = scores(replace(ct, array=ct.array + np.int16(20)), ct)
    assert off["mae"] == pytest.approx(20) and off["psnr"] == pytest.approx(10 * np.log10(2000**2 / 20**2))
    t1 = painted[0]["T1"]
    twice = scores(replace(t1, array=t1.array * 2), t1)  # MRI has no unit
    assert twice["mae"] < 1e-6
    with pytest.raises(ValueError, match="a CT against a T1"):
        scores(ct, t1)
    with pytest.raises(ValueError, match="two grids"):
        scores(Scan(t1.array[1:], t1.affine, "T1"), t1)


def test_evaluate_names_what_fails_and_goes_on(tmp_path, painted):
    good = save(painted[0]["CT"], tmp_path / "a_CT.nii.gz", Made("simulated"))
    (tmp_path / "b_CT.nii.gz").write_bytes(b"no scan")
    told = evaluate([good, tmp_path / "b_CT.nii.gz"], truth=(good, good), progress=lambda *_: None)
    assert told["pairs"][0]["mae"] == 0 and told["failed"][0]["pair"] == 1 and "b_CT" in told["failed"][0]["reason"]
    with pytest.raises(ValueError, match="2 translations and 1 true"):
        evaluate([good, good], truth=(good,))
