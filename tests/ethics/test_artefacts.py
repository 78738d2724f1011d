"""Artefacts: each is put into pictures of natural statistics, and is caught by the check made for it."""

import io

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from difusa.ethics.artefacts import artefacts, signs, table
from difusa.ethics.findings import FAIL, PASS
from difusa.shared.seeds import stream

COUNT, SIDE = 80, 64


def natural(number: int, seed: int) -> np.ndarray:
    """A picture whose spectrum falls as 1 / f, as natural scenes' do (Field 1987), saved once as JPEG as photographs are."""
    from PIL import Image

    rng = stream(seed, number)
    f = np.hypot(*np.meshgrid(np.fft.fftfreq(SIDE), np.fft.fftfreq(SIDE)))
    f[0, 0] = 1
    field = np.fft.ifft2(np.fft.fft2(rng.standard_normal((SIDE, SIDE))) / f).real
    image = np.uint8(np.clip(128 + 45 * field / field.std(), 0, 255))
    file = io.BytesIO()
    Image.fromarray(image).convert("RGB").save(file, "JPEG", quality=90)
    return np.asarray(Image.open(io.BytesIO(file.getvalue())))


def grey(image: np.ndarray, change) -> np.ndarray:
    return np.uint8(np.clip(change(image.astype(float)), 0, 255))


def grid(image):
    """A faint lattice of period 8, as patch-wise decoders leave it."""
    lines = np.zeros(SIDE)
    lines[::8] = 10
    return grey(image, lambda x: x + (lines[:, None] + lines)[..., None])


def checkered(image):
    parity = np.add.outer(np.arange(SIDE), np.arange(SIDE)) % 2
    return grey(image, lambda x: x + 6 * (2 * parity - 1)[..., None])


def upsampled(image):
    """Doubled by repetition, as a deconvolution without overlap does."""
    return np.repeat(np.repeat(image[::2, ::2], 2, 0), 2, 1)


CONTROLS = {
    "blur": lambda x: grey(x, lambda v: gaussian_filter(v, (1.2, 1.2, 0))),
    "grid in the spectrum": grid,
    "checkerboard": checkered,
    "noise or over-sharpening": lambda x: grey(
        x, lambda v: v + 40 * stream(1, int(x[0, 0, 0])).standard_normal(v.shape)
    ),
    "clipped tones": lambda x: grey(x, lambda v: (v - 128) * 4 + 128),
}


@pytest.fixture(scope="module")
def real():
    return table(natural(n, 0) for n in range(3 * COUNT))


@pytest.mark.parametrize("seed", range(1, 6))
def test_real_pictures_pass(real, seed):
    assert {f.verdict for f in artefacts(real, table(natural(n, seed) for n in range(COUNT)), 0.1, 0.5)} == {PASS}


@pytest.mark.parametrize("name", CONTROLS)
def test_each_artefact_is_caught(real, name):
    for seed in range(1, 4):
        other = table(CONTROLS[name](natural(n, seed)) for n in range(COUNT))
        told = {f.name: f.verdict for f in artefacts(real, other, 0.1, 0.5)}
        assert FAIL in (told[name], told[f"{name}: on average"])


def test_repeated_pixels_show_in_the_spectrum(real):
    told = {f.name: f.verdict for f in artefacts(real, table(upsampled(natural(n, 1)) for n in range(COUNT)), 0.1, 0.5)}
    assert FAIL in (told["grid in the spectrum"], told["blur"], told["blur: on average"])


def test_one_black_picture_fails(real):
    images = [natural(n, 1) for n in range(COUNT - 1)] + [np.zeros((SIDE, SIDE, 3), np.uint8)]
    told = {f.name: f for f in artefacts(real, table(images), 0.1, 0.5)}
    assert told["blank pictures"].verdict == FAIL
    assert told["blank pictures"].value == pytest.approx(1 / COUNT)


def test_too_small_a_picture_is_refused():
    with pytest.raises(ValueError, match="16 at least"):
        signs(np.zeros((12, 40), np.uint8))
