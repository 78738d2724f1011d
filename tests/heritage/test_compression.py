"""What a decoded JPEG tells: tables and grid, cells that hold the truth, a projection that only comes nearer to it."""

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data as pictures

from difusa.domains.heritage import compression
from difusa.domains.heritage.cases import Case
from difusa.domains.heritage.data import load
from difusa.domains.heritage.observation import prepare
from difusa.domains.heritage.posterior import measured
from difusa.shared.guidance.cells import planes, project

TRUTH = pictures.chelsea()[20:276, 100:356]
SUBSAMPLING = {1: 0, 2: 2}  # our step -> Pillow's name


def written(pixels: np.ndarray, quality: int, step: int = 2) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling=SUBSAMPLING[step])
    return file.getvalue()


def through(pixels: np.ndarray, quality: int, step: int = 2) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(written(pixels, quality, step))))


def states(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels.astype(np.float64) / 127.5 - 1).permute(2, 0, 1)[None]


@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("quality", [10, 20, 35, 50, 70, 80, 90])
def test_tables_are_read_off_the_pixels(quality, step):
    for truth in (TRUTH, pictures.coffee()[100:300, 150:400]):
        found = compression.in_pixels(through(truth, quality, step))
        assert (found.quality, found.tables.chroma_step, found.top, found.left) == (quality, step, 0, 0)


@pytest.mark.parametrize("cut", [(5, 11), (8, 0), (3, 6)])
def test_the_grid_of_a_cropped_picture_is_found(cut):
    found = compression.in_pixels(through(TRUTH, 60, 2)[cut[0] :, cut[1] :])
    assert found.quality == 60 and found.tables.chroma_step == 2
    assert (found.top, found.left) == (-cut[0] % 16, -cut[1] % 16)


@pytest.mark.parametrize("picture", [pictures.chelsea, pictures.coffee, pictures.astronaut, pictures.camera])
def test_an_uncompressed_picture_has_no_cells(picture):
    rows = picture()[:256, :256]
    assert compression.in_pixels(rows) is None
    noisy = rows + np.random.default_rng(0).normal(0, 10, rows.shape)
    assert compression.in_pixels(noisy.clip(0, 255).astype(np.uint8)) is None


def test_fine_files_are_left_to_the_network():
    assert compression.known(through(TRUTH, 70)) is not None
    assert compression.known(through(TRUTH, 85)) is None
    assert compression.known(through(TRUTH, 70).astype(np.uint16) * 257) is None


@pytest.mark.parametrize("quality", [10, 20, 50, 70])
@pytest.mark.parametrize("cut", [(0, 0), (5, 11)])
def test_the_truth_lies_in_the_cells(quality, cut):
    """The slack is for the rounding of colours by encoder and decoder: 99.5 % of coefficients at least."""
    seen = through(TRUTH, quality)[cut[0] :, cut[1] :]
    cells = compression.cells(seen, compression.in_pixels(seen))
    outside = [c.outside(planes(states(TRUTH[cut[0] :, cut[1] :]))) for c in cells]
    assert all((gap == 0).double().mean() >= 0.995 for gap in outside)
    assert cells[0].known.float().mean() > 0.5  # not so because all blocks were left out
    # and the cells are no wider than the coding allows: half a step more elsewhere is mostly outside
    moved = planes(states(TRUTH[cut[0] :, cut[1] :])) * 0.5 + planes(states(seen)) * 0.5
    assert (cells[0].half.min() - compression.SLACK) * 2 == min(min(row) for row in compression.JPEG.at(quality).luma)
    assert (cells[0].outside(moved) == 0).double().mean() >= 0.995  # convex


def test_the_projection_is_one_and_comes_nearer():
    seen = through(TRUTH, 20)
    cells = compression.cells(seen, compression.in_pixels(seen))
    truth = states(TRUTH)
    truth = project(truth, cells)  # the few coefficients that rounding put outside
    assert (project(truth, cells) - truth).abs().max() < 1e-12
    noise = torch.from_numpy(np.random.default_rng(1).standard_normal(truth.shape))
    rough = truth + 0.2 * noise
    near = project(rough, cells)
    assert (project(near, cells) - near).abs().max() < 1e-12
    far, left = ((planes(x) - planes(truth)).square().sum((0, 2, 3)) for x in (rough, near))
    assert (left <= far).all() and left[0] < 0.9 * far[0]
    assert (near - truth).norm() < (rough - truth).norm()  # in R, G and B too
    outside = sum(c.outside(planes(near)).abs().max() for c in cells)
    assert outside < 1e-9
    # where nothing is known nothing moves
    blind = tuple(replace(c, known=torch.zeros_like(c.known)) for c in cells)
    assert torch.equal(project(rough, blind), rough)


def test_means_lie_inside_and_tend_to_the_projection():
    """Against scipy's truncated normal; with an error of nothing, the projection."""
    from scipy.stats import truncnorm

    seen = through(TRUTH, 20)
    cells = compression.cells(seen, compression.in_pixels(seen))[:1]
    x = states(TRUTH) + 0.3 * torch.from_numpy(np.random.default_rng(3).standard_normal((1, 3, *TRUTH.shape[:2])))
    torch.testing.assert_close(project(x, cells, 1e-4), project(x, cells), atol=2e-3, rtol=0)
    mean = project(x, cells, 0.2)
    assert cells[0].outside(planes(mean)).abs().max() < 1e-9
    have, half = cells[0].coefficients(planes(x))[0, 0, :8, :8], cells[0].half.double()
    scale, centre = 0.4 * half, cells[0].centre[0, :8, :8].double()
    low, high = ((centre + end - have) / scale for end in (-half, half))
    wanted = have + scale * torch.from_numpy(truncnorm.mean(low.numpy(), high.numpy()))
    assert bool(cells[0].known[0, 0])
    torch.testing.assert_close(cells[0].coefficients(planes(mean))[0, 0, :8, :8], wanted, atol=1e-6, rtol=0)


def test_cropped_cells_are_the_same_cells():
    seen = through(TRUTH, 30)[5:, 11:]
    cells = compression.cells(seen, compression.in_pixels(seen))
    x = states(TRUTH[5:, 11:])
    x = x + 0.1 * torch.from_numpy(np.random.default_rng(2).standard_normal(x.shape))
    box = (slice(40, 168), slice(24, 152))
    part, whole = project(x[:, :, *box], tuple(c.crop(box) for c in cells)), project(x, cells)[:, :, *box]
    inner = (slice(None), slice(None), slice(16, -16), slice(16, -16))
    torch.testing.assert_close(part[inner], whole[inner], atol=1e-12, rtol=0)
    assert not torch.equal(part, x[:, :, *box])
    nothing = tuple(c.crop((slice(0, 8), slice(0, 8))) for c in cells)
    assert torch.equal(project(x[:, :, :8, :8], nothing), x[:, :, :8, :8])


def test_a_files_own_tables_are_taken(tmp_path):
    tables = [[min(255, 20 + 3 * k) for k in range(64)], [min(255, 30 + 3 * k) for k in range(64)]]
    Image.fromarray(TRUTH).save(tmp_path / "a.jpg", qtables=tables, subsampling=2)
    picture = load(tmp_path / "a.jpg")
    assert picture.jpeg.chroma_step == 2
    with Image.open(tmp_path / "a.jpg") as file:
        assert list(picture.jpeg.luma) == list(file.quantization[0])
    seen = prepare(picture, None, ("jpeg",), noise=None, border=0, kind="unknown").seen
    assert len(seen.cells) == 2
    assert all((c.outside(planes(states(TRUTH))) == 0).double().mean() > 0.995 for c in seen.cells)
    record = repr(measured(lambda x, sigma: x, seen))
    assert record.startswith("Quantised(") and record == repr(measured(lambda x, sigma: x, seen))
    assert load_grey(tmp_path).jpeg.luma == picture.jpeg.luma


def load_grey(folder):
    Image.fromarray(pictures.camera()[:64, :64]).save(
        folder / "grey.jpg", qtables=[list(load(folder / "a.jpg").jpeg.luma)]
    )
    return load(folder / "grey.jpg")


def test_only_where_the_truth_must_lie_there(tmp_path):
    Image.fromarray(through(TRUTH, 20)).save(tmp_path / "a.png")
    picture = load(tmp_path / "a.png")
    assert picture.jpeg is None
    options = {"noise": 10.0, "border": 16, "kind": "unknown"}
    mask = np.zeros(TRUTH.shape[:2], bool)
    mask[60:100, 60:100] = True

    def cells(*tasks, marks=None):
        return prepare(picture, marks, tasks, **options).seen.cells

    alone, filled, wide = cells("jpeg"), cells("inpaint", "jpeg", marks=mask), cells("jpeg", "outpaint")
    assert not cells("denoise", "jpeg") and not cells("jpeg", "sr2") and not cells("deblur")
    assert alone and not filled[0].known[8:12, 8:12].any() and filled[0].known[0].equal(alone[0].known[0])
    assert [c.top for c in wide] == [c.top + 16 for c in alone]
    Image.fromarray(TRUTH).save(tmp_path / "b.png")
    assert prepare(load(tmp_path / "b.png"), None, ("jpeg",), **options).seen.cells == ()


def test_the_bench_reads_it_off_the_pixels():
    case = Case(None, "jpeg", TRUTH, through(TRUTH, 20))
    assert case.compression.quality == 20 and len(case.cells) == 2
