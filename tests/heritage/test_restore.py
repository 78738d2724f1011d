"""The restore verb on real pictures: undamaged pixels untouched, same seed same bytes, whatever was asked is what is
written.
"""

import json
import zipfile

import numpy as np
import pytest
import tifffile
from PIL import Image
from skimage import data as pictures

from difusa.domains.heritage.data import load
from difusa.domains.heritage.task import restore

QUICK = {"samples": 2, "steps": 2}


def rectangle(folder, shape, top=20, left=30):
    """A mask file with a loss of 12 x 18 pixels."""
    mask = np.zeros(shape, np.uint8)
    mask[top : top + 12, left : left + 18] = 255
    Image.fromarray(mask).save(folder / "mask.png")
    return mask > 0


def twenty(folder, icc):
    """Twenty real files: ten pictures out of scikit-image, each at 8 bits (PNG, TIFF, JPEG, WebP) and at 16 bits
    (TIFF, PNG).
    """
    import imagecodecs

    names = (
        "astronaut",
        "coffee",
        "chelsea",
        "rocket",
        "page",
        "camera",
        "moon",
        "text",
        "coins",
        "immunohistochemistry",
    )
    suffixes = (".png", ".tif", ".jpg", ".webp", ".png")
    for i, name in enumerate(names):
        rows = np.ascontiguousarray(getattr(pictures, name)()[:96, :112])
        suffix = suffixes[i % 5]
        if suffix == ".webp" and rows.ndim == 2:
            suffix = ".jpg"
        Image.fromarray(rows).save(folder / f"{name}{suffix}", icc_profile=icc)
        wide = rows.astype(np.uint16) * 256 + np.random.default_rng(i).integers(0, 256, rows.shape, dtype=np.uint16)
        kind = "rgb" if rows.ndim == 3 else "minisblack"
        if i % 3:
            tifffile.imwrite(folder / f"{name}16.tif", wide, photometric=kind, iccprofile=icc, metadata=None)
        else:
            (folder / f"{name}16.png").write_bytes(imagecodecs.png_encode(wide))
    return sorted(folder.iterdir())


def test_no_pixel_outside_the_mask_differs_in_twenty_real_files(tmp_path, tiny, icc):
    given, masks = tmp_path / "given", tmp_path / "masks"
    given.mkdir(), masks.mkdir()
    paths = twenty(given, icc)
    assert len(paths) == 20
    for path in paths:
        picture = load(path)
        mask = rectangle(tmp_path, picture.pixels.shape[:2])
        (tmp_path / "mask.png").rename(masks / f"{path.stem}.png")
    figures = restore(given, out=tmp_path / "out", mask=masks, model=tiny, samples=1, steps=1)
    assert len(figures["pictures"]) == 20 and figures["failed"] == {}
    bits = set()
    for path in paths:
        before, after = load(path), load(tmp_path / "out" / f"{path.stem}.tif")
        bits.add(before.pixels.dtype.itemsize * 8)
        assert after.pixels.dtype == before.pixels.dtype and after.pixels.shape == before.pixels.shape
        changed = (after.pixels != before.pixels).reshape(*mask.shape, -1).any(axis=2)
        assert not changed[~mask].any() and changed[mask].mean() > 0.9, path
        assert after.icc == before.icc and (after.icc is not None or path.name.endswith("16.png"))
    assert bits == {8, 16}


@pytest.mark.parametrize("sampler", ["dpmpp_2m", "ddpm"])
def test_the_same_seed_gives_the_same_bytes_for_any_batch(tmp_path, tiny, sampler):
    Image.fromarray(pictures.coffee()[:150, :180]).save(tmp_path / "a.png")
    mask = np.zeros((150, 180), np.uint8)
    mask[10:20, 10:170], mask[100:140, 150:160] = 255, 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    made = {}
    for batch in (1, 3, 8):
        options = {"model": tiny, "samples": 5, "steps": 2, "batch": batch, "seed": 7, "sampler": sampler}
        restore(tmp_path / "a.png", out=tmp_path / "o.tif", mask=tmp_path / "mask.png", **options)
        made[batch] = (tmp_path / "o.tif").read_bytes(), (tmp_path / "o.bundle.zip").read_bytes()
    assert made[1] == made[3] == made[8]
    restore(tmp_path / "a.png", out=tmp_path / "o.tif", mask=tmp_path / "mask.png", **options | {"seed": 8})
    assert (tmp_path / "o.tif").read_bytes() != made[8][0]


def test_grey_stays_grey_and_alpha_stays(tmp_path, tiny):
    grey = pictures.camera()[:64, :64]
    alpha = pictures.moon()[:64, :64]
    Image.fromarray(np.dstack([grey, alpha])).save(tmp_path / "a.png")
    rectangle(tmp_path, (64, 64))
    restore(tmp_path / "a.png", out=tmp_path / "o.png", mask=tmp_path / "mask.png", model=tiny, **QUICK)
    after = load(tmp_path / "o.png")
    assert after.pixels.ndim == 2 and np.array_equal(after.alpha, alpha)


@pytest.mark.parametrize(
    ("task", "size"), [("sr2", (96, 80)), ("sr4", (192, 160)), ("outpaint", (64, 56)), ("sr2,outpaint", (112, 96))]
)
def test_tasks_that_change_the_size(tmp_path, tiny, task, size):
    rows = pictures.coffee()[100:140, 100:148]
    Image.fromarray(rows).save(tmp_path / "a.png", dpi=(100, 100))
    restore(tmp_path / "a.png", out=tmp_path / "o.tif", task=task, border=8, model=tiny, samples=1, steps=1)
    after = load(tmp_path / "o.tif")
    assert after.size == size and round(after.dpi[0]) == {"sr2": 200, "sr4": 400, "outpaint": 100}[task.split(",")[0]]
    if task == "outpaint":
        assert np.array_equal(after.pixels[8:-8, 8:-8], rows)


def test_a_mask_without_inpaint_says_where_a_task_may_act(tmp_path, tiny):
    Image.fromarray(pictures.coffee()[:64, :80]).save(tmp_path / "a.png")
    mask = rectangle(tmp_path, (64, 80))
    restore(
        tmp_path / "a.png",
        out=tmp_path / "o.png",
        mask=tmp_path / "mask.png",
        task="denoise",
        noise=25,
        model=tiny,
        **QUICK,
    )
    changed = (load(tmp_path / "o.png").pixels != load(tmp_path / "a.png").pixels).any(axis=2)
    assert not changed[~mask].any() and changed[mask].mean() > 0.5
    with zipfile.ZipFile(tmp_path / "o.bundle.zip") as bundle:
        share = np.asarray(Image.open(bundle.open("invention.png")))
    # noise is partly trusted, so no pixel is wholly invented, and outside nothing is
    assert share[~mask].max() == 0 and 0 < share[mask].mean() < 65535


def test_losses_and_noise_together(tmp_path, tiny):
    rows = pictures.coffee()[:64, :80]
    Image.fromarray(rows).save(tmp_path / "a.png")
    mask = rectangle(tmp_path, (64, 80))
    from difusa.domains.heritage.observation import prepare

    ready = prepare(
        load(tmp_path / "a.png"), mask, ("inpaint", "denoise", "jpeg"), noise=20.0, border=0, kind="photograph"
    )
    doubt = ready.seen.doubt[0].numpy()
    from difusa.domains.heritage.damage import TYPICAL_DOUBT

    assert np.isinf(doubt[mask]).all() and np.allclose(doubt[~mask], np.hypot(20 / 127.5, TYPICAL_DOUBT["jpeg"]))
    assert ready.seen.task.tolist() == [1, 0, 0, 0] and ready.seen.kind == 1
    # the first guess is harmonic: within what surrounds the loss
    guess, around = ready.seen.observed.numpy()[:, mask], ready.seen.observed.numpy()[:, 19:33, 29:49]
    assert guess.std() > 0 and guess.min() >= around.min() and guess.max() <= around.max()
    assert np.array_equal(ready.lost, mask)


def test_noise_is_estimated_in_grey_levels():
    from difusa.domains.heritage.observation import estimated_noise

    clean = pictures.moon()[:256, :256].astype(float)
    noisy = np.clip(clean + np.random.default_rng(0).normal(0, 20, clean.shape), 0, 255)
    for dtype in (np.uint8, np.uint16):
        rows = (noisy / 255 * np.iinfo(dtype).max).astype(dtype)
        # the picture's own finest detail adds to the estimate, clipping takes away: a tenth either way
        assert estimated_noise(rows) == pytest.approx(20, rel=0.1)


def test_one_sample_is_the_same_however_many_are_drawn(tmp_path, tiny):
    Image.fromarray(pictures.coffee()[:64, :80]).save(tmp_path / "a.png")
    mask = rectangle(tmp_path, (64, 80))
    made = {}
    for pick, samples in (("sample", 2), ("sample", 3), ("mean", 3), ("mean", 1)):
        restore(
            tmp_path / "a.png", out=tmp_path / "o.png", mask=tmp_path / "mask.png", pick=pick, model=tiny,
            samples=samples, steps=2, watermark=False,
        )  # fmt: skip
        made[pick, samples] = load(tmp_path / "o.png").pixels[mask]
    assert np.array_equal(made["sample", 2], made["sample", 3]) and np.array_equal(made["sample", 2], made["mean", 1])
    assert not np.array_equal(made["sample", 3], made["mean", 3])


def test_the_report_and_steps(tmp_path, tiny):
    Image.fromarray(pictures.coffee()[:64, :80]).save(tmp_path / "a.png")
    rectangle(tmp_path, (64, 80))
    seen = []
    figures = restore(
        tmp_path / "a.png", out=tmp_path / "o.tif", mask=tmp_path / "mask.png", model=tiny, samples=2, steps=5,
        sampler="heun", kind="painting", guidance=1.5, temperature=0.9, report=tmp_path / "r.json",
        progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    told = json.loads((tmp_path / "r.json").read_text())
    assert told == figures
    assert {"seconds", "network_evaluations", "peak_memory_mib", "model", "seed", "threads", "cpu"} <= set(told)
    # guidance costs two evaluations a call, so 5 allow 2 calls, and Heun takes 1 step of 1: 2 evaluations a sample, 4
    # in all
    assert told["network_evaluations"] == 2 and seen[-1] == (4, 4)
    with zipfile.ZipFile(tmp_path / "o.bundle.zip") as bundle:
        report = json.loads(bundle.read("report.json"))
        assert b"<html" in bundle.read("report.html")
    assert report["network_evaluations"] == 2 and report["mask"]["pixels_changed_outside"] == 0
    assert "Guided" in report["guidance"] and "scale=1.5" in report["guidance"] and "temperature=0.9" in report["space"]
    assert (
        len(report["departures"]) == 2 and report["seed"] == 0 and report["model"]["sha256"] == told["model"]["sha256"]
    )


def test_one_bad_file_does_not_stop_the_others(tmp_path, tiny):
    given = tmp_path / "given"
    given.mkdir()
    for name in ("a.png", "c.png"):
        Image.fromarray(pictures.coffee()[:40, :40]).save(given / name)
    (given / "b.png").write_bytes((given / "a.png").read_bytes()[:300])
    with pytest.raises(ValueError, match=r"1 of 3 pictures were not restored: .*b.png.*truncated"):
        restore(
            given,
            out=tmp_path / "out",
            task="denoise",
            noise=20,
            model=tiny,
            samples=1,
            steps=1,
            report=tmp_path / "r.json",
        )
    written = [f"{n}{s}" for n in "ac" for s in (".bundle.zip", ".tif", ".tif.passport.json")]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == written
    told = json.loads((tmp_path / "r.json").read_text())
    assert list(told["failed"]) == [str(given / "b.png")] and len(told["pictures"]) == 2


def test_stopping_leaves_nothing_behind(tmp_path, tiny):
    Image.fromarray(pictures.coffee()[:64, :80]).save(tmp_path / "a.png")
    rectangle(tmp_path, (64, 80))

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restore(
            tmp_path / "a.png", out=tmp_path / "o.tif", mask=tmp_path / "mask.png", model=tiny, progress=stop, **QUICK
        )
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "mask.png"]
