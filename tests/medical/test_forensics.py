"""Figures of stacks of planes: white noise has none of the traces of a machine, smoothing and cut k-space leave theirs."""

import numpy as np
import pytest

pytest.importorskip("nibabel")

from difusa.domains.medical import forensics
from difusa.domains.medical.scan import Scan

NAMES = forensics.FIGURES


def heads(noise: float = 0.03, blur: float = 0.0, seed: int = 0, planes: int = 6) -> np.ndarray:
    """Round heads [planes, 192, 160] with a darker middle, Rician noise, perhaps smoothed in the plane."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:192, :160]
    r = np.hypot((y - 96) / 80, (x - 80) / 65)
    made = []
    for k in range(planes):
        image = 0.7 * (r < 1 - 0.01 * k) - 0.15 * (1 - np.tanh((r - 0.4) / 0.1)) + 0.05 * np.sin(x / 7) * (r < 0.9)
        image = np.hypot(image + noise * rng.normal(size=r.shape), noise * rng.normal(size=r.shape))
        made.append(gaussian_filter(image, blur) if blur else image)
    return np.stack(made).astype(np.float32)


def told(planes: np.ndarray) -> dict[str, float]:
    return dict(zip(NAMES, forensics.figures(planes, "T1"), strict=True))


def test_white_noise_has_its_spread_and_no_neighbours():
    found = told(heads(0.03))
    assert np.exp(found["finest residue in the head, log"]) == pytest.approx(0.03, rel=0.15)
    assert abs(found["residue, neighbours in a row"]) < 0.05  # 1 / sqrt(n) of some 10,000 pixels is 0.01
    assert abs(found["residues of neighbouring planes, correlation"]) < 0.05


def test_smoothing_shows_in_residues_and_in_k_space():
    plain, smooth = told(heads()), told(heads(blur=1.0))
    for name in ("finest residue in the head, log", "k-space, slope at the edge"):
        assert smooth[name] < plain[name] - 0.5


def test_repeated_planes_are_seen():
    one = heads()
    same = np.repeat(one[:1], 6, 0)
    assert told(same)["residues of neighbouring planes, correlation"] > 0.99


def test_zero_filled_columns_are_seen():
    planes = heads()
    k = np.fft.fft2(planes)
    k[:, :, 40:121] = 0
    assert (
        abs(told(np.abs(np.fft.ifft2(k)))["k-space, rows over columns"])
        > abs(told(planes)["k-space, rows over columns"]) + 1
    )


def test_what_cannot_be_judged_says_why():
    with pytest.raises(ValueError, match="hardly any head"):
        forensics.figures(np.zeros((6, 64, 64), np.float32), "T1")
    with pytest.raises(ValueError, match="contrast is unknown"):
        forensics.judge(Scan(np.zeros((8, 8, 8), np.float32), np.eye(4)))
    with pytest.raises(ValueError, match="planes show a head"):
        forensics.stacks(heads(planes=3), "T1")
