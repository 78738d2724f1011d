"""The map's colours and words say what the maps of the bundle hold."""

import numpy as np
import pytest

from difusa.apps.invention import Invention, in_words, largest, layer
from difusa.apps.slider import data_address

REPORT = {"interval": {"calibrated": True}}


def plain(value, digits):
    return f"{value:.{digits}f}"


def made(share, half, report=REPORT) -> Invention:
    return Invention(np.float32(share), np.float32(half), report)


def test_figures_of_a_known_map():
    share = np.zeros((10, 10))
    share[0] = 1
    half = np.zeros((10, 10))
    half[0, :5], half[0, 5:] = 10 / 255, 60 / 255
    assert made(share, half).figures() == pytest.approx(
        {"restored": 10, "invented": 100, "half": 35, "guessed": 50}, rel=1e-6
    )


def test_words():
    same = lambda text: text  # noqa: E731
    half = np.full((10, 10), 20 / 255)
    nothing = in_words(made(np.zeros((10, 10)), half), same, plain)
    assert nothing == "Nothing was restored: every pixel is the original's own."
    share = np.zeros((10, 10))
    share[:2] = 1
    invented = in_words(made(share, half), same, plain)
    assert invented.startswith("20.0 % of the pixels were invented by the model") and "± 20.0 grey" in invented
    assert "not calibrated" not in invented
    denoised = in_words(made(np.full((10, 10), 0.4), half, {"interval": {"calibrated": False}}), same, plain)
    assert denoised.startswith("Every pixel was restored; 40 %") and "not calibrated" in denoised


def test_colours_run_from_yellow_to_violet_and_opacity_is_the_share():
    colours = layer(made([[1, 1, 0.5, 0]], [[0, 0.25, 0.9, 0]]), (1, 4))
    assert colours[0, 0].tolist() == [255, 221, 0, 255]
    assert colours[0, 1].tolist() == [60, 0, 120, 255]
    assert colours[0, 2, 3] == 128 and colours[0, 3, 3] == 0


def test_a_hairline_survives_reduction():
    a = np.zeros((100, 130), np.float32)
    a[:, 77] = 1
    small = largest(a, (10, 13))
    assert small.shape == (10, 13)
    assert (small[:, 7] == 1).all() and small.sum() == 10


def test_pictures_travel_inside_the_page():
    address = data_address(np.zeros((4, 5, 3), np.uint8))
    assert address.startswith("data:image/webp;base64,")
