"""From the browser's canvas to a mask at full size, and from a visitor's file name to one that is safe."""

import numpy as np
import pytest

from difusa.apps import heritage_mask as masks


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd.png", "a\0b.png", "C:\\x\\y.png", "x" * 300 + ".png", "obra nº 3 / é.png", "..png", ".png"],
)
def test_no_name_leaves_its_folder(name, tmp_path):
    plain = masks.plain_name(name)
    assert (tmp_path / plain).resolve().parent == tmp_path.resolve()
    assert 0 < len(plain) <= 90 and not plain.startswith(".")


@pytest.mark.parametrize("scale", [0.25, 1, 2.5])
def test_a_stroke_covers_what_lies_under_it(scale):
    """The canvas may be smaller or larger than the picture: a rectangle drawn on it keeps its place and size."""
    size = (240, 160)  # width, height of the picture
    canvas = np.zeros((round(160 * scale), round(240 * scale), 4), np.uint8)
    canvas[round(40 * scale) : round(80 * scale), round(100 * scale) : round(180 * scale), 3] = 153
    mask = masks.from_canvas(canvas, size)
    assert mask.shape == (160, 240)
    wanted = np.zeros_like(mask)
    wanted[40:80, 100:180] = True
    assert np.array_equal(mask, wanted)


def test_a_thin_line_on_a_large_canvas_is_not_lost():
    canvas = np.zeros((700, 700, 4), np.uint8)
    canvas[:, 351, 3] = 40
    assert masks.from_canvas(canvas, (100, 100))[:, 50].all()


def test_nothing_drawn_is_an_empty_mask():
    assert not masks.from_canvas(None, (30, 20)).any()


def test_views_are_reduced_and_eight_bits():
    deep = np.full((2000, 3000, 3), 40_000, np.uint16)
    view = masks.reduced(deep)
    assert view.shape == (600, 900, 3) and view.dtype == np.uint8
    assert (view == 40_000 >> 8).all()
    small = np.full((20, 30), 7, np.uint8)
    assert masks.reduced(small).shape == (20, 30, 3)


def test_mask_file_ignores_alpha_and_grows_from_any_channel(png):
    drawn = np.zeros((20, 30, 4), np.uint8)
    drawn[..., 3] = 255
    drawn[4, 5, 2] = 1
    mask = masks.from_file(png(drawn), "m.png", (30, 20))
    assert mask.sum() == 1 and mask[4, 5]
    assert np.array_equal(masks.from_file(masks.as_png(mask), "m.png", (30, 20)), mask)


def test_tint_marks_only_the_mask():
    view = np.full((40, 60, 3), 100, np.uint8)
    mask = np.zeros((80, 120), bool)
    mask[:40] = True
    shown = masks.tinted(view, mask)
    assert (shown[20:] == 100).all() and (shown[:20, :, 0] > 150).all()
