"""Seams of the shipped restorer on real pictures: the step across tile borders is no larger than its neighbours.

Whole-canvas tasks and a large loss, drawn with tiles so small that several borders fall into one picture (the overlap is
a quarter of a tile, as shipped). Measured on one sample, not on the mean of several, which would hide a seam.
"""

from functools import partial

import numpy as np
import pytest
import torch

from difusa.domains.heritage import posterior, tiles
from difusa.domains.heritage.data import Picture, encode
from difusa.domains.heritage.observation import prepare
from difusa.domains.models import find
from difusa.shared.seeds import stream

NEAR = 8  # columns to each side with which a column is compared
DRAWS = 2000  # of other columns in place of the borders


@pytest.fixture(scope="module")
def restorer():
    try:
        return find("restorer", domain="heritage").load()
    except FileNotFoundError:
        pytest.skip("no restorer is shipped")


def steps_across(picture: torch.Tensor, where: torch.Tensor) -> np.ndarray:
    """Mean |difference| [W - 1] of neighbouring columns of [3, H, W] over the rows in `where` [H, W]; NaN where none."""
    both = (where[:, 1:] & where[:, :-1]).double()
    return ((picture[:, :, 1:] - picture[:, :, :-1]).double().abs().mean(0) * both).sum(0).div(both.sum(0)).numpy()


def excess(picture: torch.Tensor, where: torch.Tensor) -> np.ndarray:
    """Each step over the median of the steps within NEAR columns: what the picture itself shows there drops out."""
    step = np.pad(steps_across(picture, where), NEAR, constant_values=np.nan)
    around = np.lib.stride_tricks.sliding_window_view(step, 2 * NEAR + 1)
    with np.errstate(all="ignore"):
        return around[:, NEAR] / np.array([np.nanmedian(a) if np.isfinite(a).any() else np.nan for a in around])


def borders(length: int, tile: int, overlap: int) -> np.ndarray:
    """Columns before which a tile begins or ends, as indices of `steps_across`."""
    ends = {i for start in tiles.origins(length, tile, overlap) for i in (start, start + tile)}
    return np.array(sorted(i - 1 for i in ends if 0 < i < length))


def seams(made: torch.Tensor, truth: torch.Tensor, doubt: torch.Tensor, tile: int, overlap: int) -> dict:
    """Mean excess at the tile borders of both axes: of the restored picture and of the truth, and the 0.5 and 99.5 %
    points of the same mean over as many other columns and rows of the restored picture."""
    where, rows = doubt[0] > 0, {"restored": [], "truth": [], "else": []}
    for turned in (False, True):
        a, b, w = ((t.transpose(-1, -2) if turned else t) for t in (made, truth, where))
        lines = borders(a.shape[-1], tile, overlap)
        found, real = excess(a, w), excess(b, w)
        lines = lines[np.isfinite(found[lines])]
        rows["restored"].append(found[lines])
        rows["truth"].append(real[lines])
        others = np.delete(found, lines)
        rows["else"].append(others[np.isfinite(others)])
    at, real, others = (np.concatenate(v) for v in rows.values())
    drawn = stream(0, 0).choice(others, (DRAWS, len(at))).mean(1)
    low, high = np.quantile(drawn, [0.005, 0.995])
    return {"n": len(at), "restored": at.mean(), "truth": real.mean(), "low": low, "high": high}


def restored(monkeypatch, restorer, truth: np.ndarray, task: str, tile: int, overlap: int) -> dict:
    """Damage uint8 [H, W, 3], draw one sample with these tiles, and look for seams."""
    pixels, mask, noise = truth, None, None
    if task == "denoise":
        noise = 25.0
        pixels = np.clip(np.rint(truth + noise * stream(1, 0).standard_normal(truth.shape)), 0, 255).astype(np.uint8)
    elif task == "sr2":
        height, width = truth.shape[0] // 2, truth.shape[1] // 2
        pixels = np.uint8(np.rint(truth.reshape(height, 2, width, 2, 3).mean((1, 3))))
    else:
        mask = np.zeros(truth.shape[:2], bool)
        mask[16:-16, 16:-16] = True
    ready = prepare(Picture(pixels), mask, (task,), noise=noise, border=0, kind="unknown")
    monkeypatch.setattr(posterior, "Tiled", partial(tiles.Tiled, tile=tile, overlap=overlap))
    made = next(posterior.samples(restorer, ready.seen, posterior.Plan(samples=1)))
    return seams(made.clamp(-1, 1), encode(truth), ready.seen.doubt, tile, overlap)


def told(task: str, tile: int, row: dict) -> str:
    return (
        f"{task}, tiles of {tile}: step at {row['n']} borders {row['restored']:.3f} of its neighbours' (truth "
        f"{row['truth']:.3f}); as many other lines: {row['low']:.3f} to {row['high']:.3f}"
    )


def picture(side: int) -> np.ndarray:
    from skimage import data

    return data.astronaut()[:side, 128 : 128 + side]


@pytest.mark.parametrize("task", ["denoise", "sr2", "inpaint"])
def test_no_seams_with_the_shipped_weights(monkeypatch, restorer, task):
    row = restored(monkeypatch, restorer, picture(144), task, 48, 16)
    print(told(task, 48, row))
    assert row["n"] >= 12
    assert row["low"] < row["restored"] < row["high"]


def test_the_measure_sees_seams_where_tiles_do_not_overlap(monkeypatch, restorer):
    """The same picture and weights without overlap: the steps stand out, or the test above would prove nothing."""
    row = restored(monkeypatch, restorer, picture(128), "denoise", 32, 0)
    print(told("denoise, no overlap", 32, row))
    assert row["restored"] > row["high"]


@pytest.mark.slow
@pytest.mark.parametrize("task", ["denoise", "sr2", "inpaint"])
def test_no_seams_in_a_larger_picture(monkeypatch, restorer, task):
    """Tiles and overlap as shipped, and tiles of 96 px, on 512 px."""
    from skimage import data

    for tile, overlap in ((tiles.TILE, tiles.OVERLAP), (96, 24)):
        row = restored(monkeypatch, restorer, data.astronaut(), task, tile, overlap)
        print(told(task, tile, row))
        assert row["low"] < row["restored"] < row["high"]
