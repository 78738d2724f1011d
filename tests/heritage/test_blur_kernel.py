"""Deblurring: the formula against a dense solution, the kernel read off real pictures, and what the verb says of it."""

import json
from functools import cache

import numpy as np
import pytest
from PIL import Image
from skimage import data as pictures

from difusa.domains.heritage.blur_kernel import Blur, deblurred, estimated, told
from difusa.domains.heritage.damage import blur, gaussian_kernel
from difusa.domains.heritage.data import load
from difusa.domains.heritage.deblur import POWER, ROUNDING, sharpened
from difusa.domains.heritage.task import restore


@cache
def crop(name: str) -> np.ndarray:
    """256 px of a picture of scikit-image, in [-1, 1]."""
    top, left = {"coffee": (60, 150), "astronaut": (20, 130), "chelsea": (20, 100)}[name]
    return getattr(pictures, name)()[top : top + 256, left : left + 256].astype(np.float32) / 127.5 - 1


def filed(picture: np.ndarray) -> np.ndarray:
    """Through 8 bits, as in a file."""
    return np.clip(np.rint((picture + 1) * 127.5), 0, 255).astype(np.float32) / 127.5 - 1


def error(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.sqrt(np.mean((a - b) ** 2)))


def test_the_formula_is_the_dense_solution():
    """All unknowns of a tiny picture written out: seen pixels' rows of the blur, and the stiffness of the spectrum."""
    rng = np.random.default_rng(0)
    side, kernel, noise = 14, rng.random((3, 3)).astype(np.float32), 0.1
    kernel, spare = kernel / kernel.sum(), 9
    wide = side + 2 * spare  # 32, a length that the transform takes as it is
    picture = rng.uniform(-1, 1, (side, side, 1)).astype(np.float32)
    known = rng.random((side, side)) > 0.1
    seen = np.zeros((wide, wide), bool)
    seen[spare:-spare, spare:-spare] = known
    steps = [(y, x, kernel[y + 1, x + 1]) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    units = np.eye(wide * wide).reshape(-1, wide, wide)
    blurs = sum(weight * np.roll(units, (-y, -x), (1, 2)) for y, x, weight in steps)  # correlation of each unit
    blurs = blurs.reshape(wide * wide, -1).T * seen.reshape(-1, 1)
    rows, columns = np.fft.fftfreq(wide)[:, None], np.fft.fftfreq(wide)[None]
    stiff = (noise**2 + ROUNDING**2) / POWER * np.maximum(rows**2 + columns**2, 1 / wide**2)
    prior = np.fft.ifft2(np.fft.fft2(units) * stiff).real.reshape(wide * wide, -1)
    values = np.zeros((wide, wide))
    values[spare:-spare, spare:-spare] = picture[..., 0]
    dense = np.linalg.solve(blurs.T @ blurs + prior, blurs.T @ values.ravel()).reshape(wide, wide)
    found = sharpened(picture, kernel, noise, rounds=200, known=known)[..., 0]
    assert np.allclose(found, dense[spare:-spare, spare:-spare], atol=1e-4)  # 32 bits, conjugate gradients to their end


@pytest.mark.parametrize("name", ["coffee", "astronaut", "chelsea"])
@pytest.mark.parametrize("kernel", ["motion:9,30", "motion:6,115"])
def test_motion_is_read_off_and_undone(name, kernel):
    """Within half a pixel and four degrees, with 1 grey level of noise; what is undone loses a third of its error."""
    true = told(kernel)
    rng = np.random.default_rng(0)
    seen = filed(blur(crop(name), true.kernel) + rng.normal(0, 1 / 127.5, (256, 256, 3)).astype(np.float32))
    found = estimated(seen)
    assert found.family == "motion" and found.odds > 30
    assert found.size == pytest.approx(true.size, abs=0.5)
    assert abs((found.angle - true.angle + 90) % 180 - 90) < 4
    assert found.noise == pytest.approx(1, abs=0.2)
    assert error(deblurred(seen, found), crop(name)) < 0.67 * error(seen, crop(name))


@pytest.mark.parametrize("sigma", [1.2, 2.5])
def test_a_gaussian_is_read_off(sigma):
    seen = filed(blur(crop("coffee"), gaussian_kernel(sigma)))
    found = estimated(seen)
    # the picture is a little soft itself, which reads as more blur
    assert found.family == "gaussian" and found.size == pytest.approx(sigma, rel=0.25)
    assert error(deblurred(seen, found), crop("coffee")) < 0.8 * error(seen, crop("coffee"))


@pytest.mark.parametrize("name", ["coffee", "astronaut", "chelsea"])
def test_a_sharp_picture_is_left_as_it_is(name):
    assert estimated(crop(name)).family == "none"
    assert np.array_equal(deblurred(crop(name), estimated(crop(name))), crop(name))


def test_degenerate_pictures_have_no_blur():
    for picture in (np.zeros((40, 300, 3)), np.zeros((128, 128, 3)), np.full((128, 128, 3), 1.0)):
        assert estimated(picture.astype(np.float32)).family == "none"


def test_told_kernels():
    assert told("motion:9,30") == Blur("motion", 9, 30) and told(" gaussian:1.5") == Blur("gaussian", 1.5)
    # anticlockwise: along 45 degrees a line goes from the lower left to the upper right
    way = told("motion:9,45").kernel
    assert np.trace(way[:, ::-1]) == pytest.approx(1) and np.trace(way) < 0.3
    # in a row: each pixel as long as the motion is in it
    assert np.allclose(told("motion:4,0").kernel[2], [0.125, 0.25, 0.25, 0.25, 0.125])


@pytest.mark.parametrize("text", ["motion:9", "motion:0,30", "gaussian:x", "gaussian:-1", "box:3", "", "motion:9,nan"])
def test_unknown_kernels_are_refused(text):
    with pytest.raises(ValueError, match="--blur .*motion:9,30, or gaussian:SIGMA"):
        told(text)


def test_the_verb_tells_which_blur_it_undid(tmp_path, tiny):
    rows = filed(blur(crop("coffee")[:96, :112], told("motion:7,0").kernel))
    Image.fromarray(np.uint8(np.rint((rows + 1) * 127.5))).save(tmp_path / "a.png")
    mask = np.zeros((96, 112), np.uint8)
    mask[30:60, 30:80] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    options = {"task": "deblur", "model": tiny, "samples": 2, "steps": 2, "out": tmp_path / "o.png"}
    restore(tmp_path / "a.png", mask=tmp_path / "mask.png", blur="motion:7,0", report=tmp_path / "r.json", **options)
    made = json.loads((tmp_path / "r.json").read_text())["pictures"][0]["blur"]
    assert made == {"family": "motion", "length_px": 7.0, "angle_degrees": 0.0, "origin": "told"}
    same = (load(tmp_path / "o.png").pixels == load(tmp_path / "a.png").pixels).all(axis=2)
    assert same[mask == 0].all()
    with pytest.raises(ValueError, match="add deblur to --task"):
        restore(tmp_path / "a.png", blur="motion:7,0", **options | {"task": "denoise"})
