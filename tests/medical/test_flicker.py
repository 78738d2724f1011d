"""What takes flicker out: stripes go; what the sources show, what planes share, fine detail and air stay."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from difusa.domains.medical import flicker

SHAPE = (24, 48, 40)


@pytest.fixture
def scan():
    """A smooth source that jumps once between two planes, what it translates to, and a head."""
    rng = np.random.default_rng(0)
    source = gaussian_filter(rng.standard_normal(SHAPE), 4)
    source = (source / source.std() / 4).astype(np.float32)
    source[12:] += 0.5
    head = np.zeros(SHAPE, bool)
    head[:, 4:-4, 4:-4] = True
    return source[None], (0.3 - 0.8 * source) * head, head


def far(a, b, head) -> float:
    return float(np.sqrt(np.mean((a - b)[head] ** 2)))


def test_stripes_go(scan):
    """Planes that are each too bright or too dark, unlike the sources: more than half of the error goes."""
    source, right, head = scan
    stripes = 0.2 * np.random.default_rng(1).standard_normal((len(right), 1, 1)).astype(np.float32)
    made = right + stripes * head
    assert far(flicker.steady(made, source, head, 1.0), right, head) < 0.45 * far(made, right, head)


def test_what_the_sources_show_stays(scan):
    """A jump of the sources is no flicker, nor is a brightness that all planes share: less than a hundredth moves."""
    source, right, head = scan
    for made in (right, right + 0.5 * head):
        assert far(flicker.steady(made, source, head, 1.0), made, head) < 0.01
    blind = flicker.steady(right, np.zeros_like(source), head, 1.0)
    assert far(blind, right, head) > 0.05, "without the source the jump would be taken for flicker"


def test_detail_and_air_are_not_touched(scan):
    source, right, head = scan
    rows, columns = np.indices(SHAPE[1:])
    fine = ((rows + columns) % 2 - 0.5).astype(np.float32) * np.random.default_rng(2).standard_normal(
        (len(right), 1, 1)
    )
    out = flicker.steady(right + fine * head, source, head, 1.0)
    assert far(out - fine * head, flicker.steady(right, source, head, 1.0), head) < 1e-5
    assert (out[~head] == right[~head]).all() and out.dtype == np.float32


def test_several_sources_explain_together(scan):
    source, right, head = scan
    two = np.concatenate([source, np.random.default_rng(3).standard_normal(source.shape).astype(np.float32)])
    assert far(flicker.steady(right, two, head, 1.0), right, head) < 0.01


@pytest.mark.parametrize(("planes", "step"), [(24, 5.0), (1, 1.0)])
def test_thick_planes_and_a_single_one_are_left_alone(scan, planes, step):
    source, right, head = (a[..., :planes, :, :] for a in scan)
    assert flicker.steady(right, source, head, step) is right
