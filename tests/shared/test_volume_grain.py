"""The mark in the grain of a scan: read in the scanner's space after what happens to scans, and taken out again."""

import numpy as np
import pytest
from scipy.ndimage import affine_transform, gaussian_filter
from scipy.stats import kstest

from difusa.shared.watermark import volume_grain
from difusa.shared.watermark.keyed import heard
from difusa.shared.watermark.volume_grain import SCHEME, cube, embed, folded, frequencies, read, remove, waves_of

KEY, PAYLOAD = b"a key of thirty-two bytes, 01234", 0x5EED_0123_4567
AFFINE = np.array([[-1.0, 0.02, 0, 40], [0.02, 1.0, 0.1, -30], [0, -0.1, 1.2, 5], [0, 0, 0, 1]])


@pytest.fixture(scope="module")
def scan():
    """Smooth tissue and noise of 1.5 %, int16, 1000 = reference."""
    rng = np.random.default_rng(0)
    tissue = gaussian_filter(rng.standard_normal((88, 96, 64)), 5)
    tissue = 500 + 300 * np.tanh(2 * tissue / tissue.std())
    return (tissue + rng.normal(0, 15, tissue.shape)).clip(0).astype(np.int16)


@pytest.fixture(scope="module")
def marked(scan):
    return embed(scan, AFFINE, KEY, PAYLOAD, 3.0).volume


def moved(affine, by, scale=1.0):
    made = affine.copy()
    made[:3, 3] = affine[:3] @ [*by, 1]
    made[:3, :3] = made[:3, :3] * scale
    return made


ATTACKS = {
    "none": lambda x: (x, AFFINE),
    "cut": lambda x: (x[20:80, 10:80, 8:50], moved(AFFINE, (20, 10, 8))),
    "resampled": lambda x: (
        affine_transform(x.astype(np.float32), np.full(3, 1.4), 0, (62, 68, 45), order=1), moved(AFFINE, (0, 0, 0), 1.4)
    ),
    "windowed": lambda x: ((np.clip(x, 200, 800) - 200) * 0.4, AFFINE),
    "8 bits": lambda x: ((x / 5).clip(0, 255).astype(np.uint8), AFFINE),
    "axes turned": lambda x: (x[::-1].transpose(1, 0, 2), AFFINE @ np.array(
        [[0, -1, 0, x.shape[0] - 1], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])),
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_read_after(marked, attack):
    p, payload, whole = read(*ATTACKS[attack](marked), KEY)
    assert p < 1e-9
    if attack in ("none", "8 bits", "axes turned"):
        assert payload == PAYLOAD and whole


def test_nothing_is_found_where_nothing_is(scan, marked):
    assert read(scan, AFFINE, KEY)[0] > 1e-4
    assert read(marked, AFFINE, b"another key of thirty-two bytes!")[0] > 1e-4
    assert read(np.zeros((8, 8, 8)), np.eye(4), KEY)[0] > 1e-4


def test_p_values_are_uniform_over_keys(scan):
    found = folded(scan, AFFINE)
    values = [heard(SCHEME, b"%032d" % k, found)[0] for k in range(60)]
    assert kstest(values, "uniform").pvalue > 1e-3


def test_taken_out_bit_for_bit_even_at_the_ends_of_the_range(scan):
    rng = np.random.default_rng(1)
    volume = scan.astype(np.uint8)
    volume[:20] = rng.choice([0, 1, 3, 252, 254, 255], volume[:20].shape)
    where = rng.random(volume.shape) < 0.6
    made = embed(volume, AFFINE, KEY, PAYLOAD, 3.0, where)
    assert (made.volume[~where] == volume[~where]).all() and (made.volume != volume).any()
    assert (remove(made.volume, AFFINE, KEY, PAYLOAD, 3.0, where, made.left) == volume).all()
    with pytest.raises(ValueError, match="not of this volume"):
        remove(made.volume, AFFINE, KEY, PAYLOAD, 3.0, where, made.left + b"\0")


def test_broken_numbers_to_within_rounding(scan):
    volume, where = scan / np.float32(7), np.ones(scan.shape, bool)
    made = embed(volume, AFFINE, KEY, PAYLOAD, 0.5, where)
    assert made.volume.dtype == np.float32 and made.left is None
    assert np.abs(remove(made.volume, AFFINE, KEY, PAYLOAD, 0.5, where, None) - volume).max() < 1e-4


def test_waves_and_cube_are_one():
    waves = np.random.default_rng(2).standard_normal(2 * len(frequencies()))
    assert np.allclose(waves_of(cube(waves)), waves, atol=1e-10)
    assert np.linalg.norm(cube(waves)) == pytest.approx(np.linalg.norm(waves))
    assert 64 / volume_grain.BAND[1] > 4  # millimetres: coarser than two voxels of 2 mm
