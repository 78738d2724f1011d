"""The bundle gives the original back byte for byte, tells what was done, and is refused when it was tampered with."""

import hashlib
import json
import shutil
import zipfile

import numpy as np
import pytest
from PIL import Image
from skimage import data as pictures

from difusa.domains.heritage.data import load
from difusa.domains.heritage.export import SOURCE_TYPE
from difusa.domains.heritage.task import restore, undo


@pytest.fixture(scope="module")
def restored(tmp_path_factory, tiny, icc):
    """Folder with a.jpg, its mask, o.tif and o.bundle.zip."""
    folder = tmp_path_factory.mktemp("restored")
    Image.fromarray(pictures.coffee()[:64, :80]).save(folder / "a.jpg", icc_profile=icc, quality=90)
    mask = np.zeros((64, 80), np.uint8)
    mask[20:30, 20:40] = 255
    Image.fromarray(mask).save(folder / "mask.png")
    restore(folder / "a.jpg", out=folder / "o.tif", mask=folder / "mask.png", model=tiny, samples=2, steps=2)
    return folder


def sha256(path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_undo_gives_back_the_original_bytes(restored, tmp_path):
    given = undo(restored / "o.bundle.zip", out=tmp_path / "back.jpg")
    assert (tmp_path / "back.jpg").read_bytes() == (restored / "a.jpg").read_bytes()
    assert given["sha256"] == sha256(restored / "a.jpg")
    shutil.copy(restored / "o.bundle.zip", tmp_path / "moved.zip")
    assert undo(tmp_path / "moved.zip")["out"] == str(tmp_path / "a.jpg")  # its own name, beside the bundle


def test_undo_overwrites_no_other_file(restored, tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"another")
    with pytest.raises(ValueError, match="is another file: name a different one with --out"):
        undo(restored / "o.bundle.zip", out=tmp_path / "a.jpg")
    assert (tmp_path / "a.jpg").read_bytes() == b"another"


def test_the_bundle_tells_what_was_done(restored):
    with zipfile.ZipFile(restored / "o.bundle.zip") as bundle:
        report = json.loads(bundle.read("report.json"))
        page = bundle.read("report.html").decode()
        mask, share, half = (np.asarray(Image.open(bundle.open(f"{n}.png"))) for n in ("mask", "invention", "interval"))
    drawn = np.asarray(Image.open(restored / "mask.png"))
    assert np.array_equal(mask, drawn)
    assert share.dtype == np.uint16 and (share[drawn > 0] == 65535).all() and share[drawn == 0].max() == 0
    assert half[drawn > 0].min() > 0 and half[drawn == 0].max() == 0
    assert report["original"]["sha256"] == sha256(restored / "a.jpg")
    assert report["output"]["sha256"] == sha256(restored / "o.tif")
    assert report["mask"]["restored_share"] == pytest.approx((drawn > 0).mean(), abs=1e-6)
    assert report["interval"]["calibrated"] is False and report["seed"] == 0
    [region] = report["regions"]
    assert region["pixels"] == 200 and region["invented_share"] == 1
    assert report["model"]["sha256"] in page and report["original"]["sha256"] in page and 'src="http' not in page
    assert SOURCE_TYPE.encode() in load(restored / "o.tif").xmp


def rewritten(source, target, **changes):
    """A copy of a zip with entries replaced or added."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in dict.fromkeys([*old.namelist(), *changes]):
            new.writestr(name, changes[name] if name in changes else old.read(name))
    return target


def test_tampered_bundles_are_refused(restored, tmp_path):
    bundle = restored / "o.bundle.zip"
    fake = rewritten(bundle, tmp_path / "1.zip", **{"original/a.jpg": b"fake"})
    with pytest.raises(ValueError, match="original/a.jpg was changed"):
        undo(fake, out=tmp_path / "x")
    fake = rewritten(bundle, tmp_path / "2.zip", **{"../evil": b"fake"})
    with pytest.raises(ValueError, match="evil was added"):
        undo(fake, out=tmp_path / "x")
    with zipfile.ZipFile(bundle) as file:
        manifest = json.loads(file.read("manifest.json"))
    manifest["entries"]["original/a.jpg"] = hashlib.sha256(b"fake").hexdigest()
    fake = rewritten(bundle, tmp_path / "3.zip", **{"original/a.jpg": b"fake", "manifest.json": json.dumps(manifest)})
    with pytest.raises(ValueError, match="not the one that was restored"):
        undo(fake, out=tmp_path / "x")
    (tmp_path / "4.zip").write_bytes(bundle.read_bytes()[:-100])
    (tmp_path / "5.zip").write_bytes(b"no zip")
    for name in ("4.zip", "5.zip"):
        with pytest.raises(ValueError, match="damaged one"):
            undo(tmp_path / name, out=tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_name_that_leaves_the_folder_stays_inside(restored, tmp_path):
    with zipfile.ZipFile(restored / "o.bundle.zip") as file:
        manifest = json.loads(file.read("manifest.json"))
    manifest["original"]["name"] = "../../escaped.jpg"
    (tmp_path / "deep").mkdir()
    fake = rewritten(restored / "o.bundle.zip", tmp_path / "deep" / "b.zip", **{"manifest.json": json.dumps(manifest)})
    assert undo(fake)["out"] == str(tmp_path / "deep" / "escaped.jpg")
