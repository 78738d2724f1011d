"""Colour as a global line a channel: exact where the line is known, the same in any batch, and no pixel beyond its place."""

import json
import zipfile

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from skimage import data as pictures

from difusa.domains.heritage import colour, damage, recolouring
from difusa.domains.heritage.data import Picture, load
from difusa.domains.heritage.intervals import Calibration
from difusa.domains.heritage.observation import prepare
from difusa.domains.heritage.posterior import Plan
from difusa.domains.heritage.task import restore
from difusa.shared.seeds import stream


def photograph(side=256):
    """[side, side, 3] uint8 whose channels reach black and white, as most pictures do."""
    rows = pictures.astronaut()[:side, 100 : 100 + side].astype(np.float32)
    low, high = rows.min((0, 1)), rows.max((0, 1))
    return np.rint((rows - low) / (high - low) * 255).astype(np.uint8)


def faded(rows, number=3):
    """The picture after `damage.age`, rounded to 8 bits."""
    aged = damage.age(rows.astype(np.float32) / 127.5 - 1, stream(5, number))
    return np.rint((aged + 1) * 127.5).astype(np.uint8)


def off(a, b):
    """Root mean square difference in grey levels of 8 bits."""
    scale = 255 / np.iinfo(a.dtype).max
    return float(np.sqrt(np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2))) * scale


class Knows:
    """The ideal colourist of one picture: its state, whatever the noise."""

    def __init__(self, ends):
        self.state = torch.from_numpy(colour.state(ends))

    def __call__(self, x, sigma, *, statistics, kind):
        return self.state.expand_as(x)


class Named:
    name, sha256 = "known", "0" * 64


@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_known_line_is_undone_exactly(number, dtype):
    clean = photograph().astype(dtype) * (257 if dtype == np.uint16 else 1)
    full = np.iinfo(dtype).max
    aged = damage.age((clean / np.float32(full) * 2 - 1).astype(np.float32), stream(8, number))
    given = np.rint((aged + 1) / 2 * full).astype(dtype)
    ends, _ = colour.measured(clean / np.float32(full))
    ready = prepare(Picture(given), None, ("colour",), noise=None, border=1, kind="unknown")
    tool = recolouring.Tool(Knows(ends), Named, Calibration({}))
    made = recolouring.recolour(recolouring.untouched(ready), ready.seen, tool, Plan(samples=2, steps=12))
    # rounding moves the aged value and the aged ends by half a level, times the gain (below 3.5), and the answer by half
    worst = np.abs(made.picture.pixels.astype(int) - clean).max()
    assert worst <= 4 and made.picture.pixels.dtype == dtype
    assert "known 000" in made.guidance and made.evaluations == recolouring.STEPS


def test_a_line_changes_the_ends_and_not_the_shape():
    light = photograph()[:200] / np.float32(255)
    gain, offset = np.float32([0.5, 0.8, 0.3]), np.float32([0.1, 0.05, 0.4])
    (ends, shape), (after, same) = colour.measured(light), colour.measured(light * gain + offset)
    np.testing.assert_allclose(after, np.tile(gain, 2) * ends + np.tile(offset, 2), atol=1e-6)
    np.testing.assert_allclose(same, shape, atol=2e-3)  # ranks of nearly equal colours may swap
    assert len(colour.told(ends, shape)) == colour.STATISTICS


def test_ageing_the_ends_is_ageing_the_picture():
    light = photograph() / np.float32(255)
    for number in range(20):
        ends = colour.aged(colour.measured(light)[0], stream(1, number))
        aged = (damage.age(light * 2 - 1, stream(1, number)) + 1) / 2
        np.testing.assert_allclose(ends, colour.measured(aged)[0], atol=1e-5)


def test_tones_never_turn():
    ends = torch.tensor([0.4, 0.4, 0.4, 0.6, 0.4, 0.6])
    gain, _ = colour.line(10 * torch.randn(50, 6, generator=torch.Generator().manual_seed(0)), ends)
    assert (gain >= colour.GAINS[0]).all() and (gain <= colour.GAINS[1]).all()


def test_measuring_hardly_depends_on_the_size():
    rows = photograph()
    big = np.repeat(np.repeat(rows, 4, 0), 4, 1) / np.float32(255)
    for a, b in zip(colour.measured(rows / np.float32(255)), colour.measured(big), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_only_marked_pixels_are_measured():
    light = photograph() / np.float32(255)
    where = np.zeros(light.shape[:2], bool)
    where[50:200, 30:220] = True
    spoilt = np.where(where[..., None], light, np.float32(7))
    for a, b in zip(colour.measured(light, where), colour.measured(spoilt, where), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="no pixel"):
        colour.measured(light, where & ~where)


@pytest.fixture(scope="module")
def tool():
    return recolouring.tool()


def recoloured(tool, pixels, **options):
    ready = prepare(Picture(pixels), None, ("colour",), noise=None, border=1, kind="photograph")
    return recolouring.recolour(recolouring.untouched(ready), ready.seen, tool, Plan(**options))


def test_faded_comes_back_and_undamaged_stays(tool):
    clean = photograph()
    gains = []
    for number in range(8):
        aged = faded(clean, number)
        gains.append(off(aged, clean) / off(recoloured(tool, aged).picture.pixels, clean))
    assert np.median(gains) > 3  # of the mean error; measured on calibration crops in card.md
    assert off(recoloured(tool, clean).picture.pixels, clean) < 8  # grey levels


def test_the_samples_differ_and_more_of_them_change_none(tool):
    seen = prepare(Picture(faded(photograph())), None, ("colour",), noise=None, border=1, kind="unknown").seen
    two, six = (torch.stack(recolouring.lines(tool.network, seen, Plan(samples=n))) for n in (2, 6))
    assert torch.equal(two, six[:, :2])
    assert six.std(dim=1).min() > 0
    other = torch.stack(recolouring.lines(tool.network, seen, Plan(samples=2, seed=1)))
    assert not torch.equal(two, other)


def test_spread_becomes_an_interval_and_a_share(tool):
    made = recoloured(tool, faded(photograph()))
    assert (made.half > 0).all() and made.share.max() <= 65535 and (made.share > 0).all()
    assert len(made.regions) == 1 and made.regions[0]["pixels"] == 256 * 256


def test_the_verb_on_16_bits_with_a_mask(tmp_path, tiny):
    wide = faded(photograph(160)).astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "in.tif", wide, photometric="rgb")
    mask = np.zeros((160, 160), np.uint8)
    mask[20:120, 30:150] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    told = restore(
        tmp_path / "in.tif", out=tmp_path / "out.tif", mask=tmp_path / "mask.png", task="colour", model=tiny, samples=2
    )
    after = load(tmp_path / "out.tif").pixels
    assert after.dtype == np.uint16 and told["network_evaluations"] == recolouring.STEPS
    changed = (after != wide).any(axis=2)
    assert not changed[mask == 0].any() and changed[mask > 0].mean() > 0.9
    with zipfile.ZipFile(tmp_path / "out.bundle.zip") as bundle:
        report = json.loads(bundle.read("report.json"))
    sha256 = recolouring.tool().model.sha256
    assert report["model"] == {"name": "colour", "sha256": sha256} and sha256 in report["guidance"]


@pytest.mark.parametrize(("task", "steps"), [("colour", 5), ("inpaint,colour", 5), ("inpaint,colour", 2)])
def test_steps_bound_both_networks_together(tmp_path, tiny, task, steps):
    Image.fromarray(faded(photograph(64))).save(tmp_path / "in.png")
    marks = np.zeros((64, 64), np.uint8)
    marks[20:30, 20:30] = 255
    Image.fromarray(marks).save(tmp_path / "mask.png")
    told = restore(
        tmp_path / "in.png", out=tmp_path / "out.png", mask=tmp_path / "mask.png", task=task, model=tiny,
        samples=2, steps=steps,
    )  # fmt: skip
    # an odd number of steps leaves one of two shares the larger; dpmpp_2m takes every evaluation it may
    assert told["network_evaluations"] == steps


def test_colour_comes_after_filling_and_lost_pixels_are_not_measured(tmp_path, tiny):
    rows = faded(photograph(160))
    marks = np.zeros((160, 160), bool)
    marks[60:90, 60:90] = True
    answers = []
    for name, fill in (("black", 0), ("white", 255)):
        Image.fromarray(np.where(marks[..., None], np.uint8(fill), rows)).save(tmp_path / f"{name}.png")
        Image.fromarray(np.uint8(marks) * 255).save(tmp_path / "mask.png")
        restore(
            tmp_path / f"{name}.png", out=tmp_path / f"{name}-out.png", mask=tmp_path / "mask.png",
            task="inpaint,colour", model=tiny, samples=2, steps=2, watermark=False,
        )  # fmt: skip
        answers.append(load(tmp_path / f"{name}-out.png").pixels)
    np.testing.assert_array_equal(*answers)
    assert (answers[0] != rows).any(axis=2).mean() > 0.9
