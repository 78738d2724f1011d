"""`difusa data prepare` on real broken and odd files: each is kept as it should look, or listed with its reason."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from difusa.shared.seeds import stream
from difusa.shared.training.prepare import prepare

Image = pytest.importorskip("PIL.Image")


def photo(size=(200, 150), seed=0):
    """A smooth RGB picture whose corners differ, so that every turn and channel swap shows."""
    rng = stream(seed, 0)
    small = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


def close(path: Path, expected, most: float):
    """Largest difference in grey levels between a prepared file and a Pillow image."""
    with Image.open(path) as found:
        assert found.mode == "RGB"
        assert found.size == expected.size
        difference = np.abs(np.asarray(found, int) - np.asarray(expected.convert("RGB"), int)).max()
    assert difference <= most, difference


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    photo().save(folder / "plain.png")
    return folder


def reasons(result):
    return {r["file"]: r["reason"] for r in result["left_out"]}


def test_broken_and_tiny_files_are_listed(source, tmp_path):
    whole = (source / "plain.png").read_bytes()
    (source / "cut.png").write_bytes(whole[: len(whole) // 2])
    photo().save(source / "half.jpg")
    data = (source / "half.jpg").read_bytes()
    (source / "half.jpg").write_bytes(data[: len(data) * 2 // 3])
    (source / "empty.jpg").write_bytes(b"")
    (source / "words.png").write_text("this is not a picture")
    (source / "page.png").write_text("<!doctype html><html>404</html>")
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF  # one wrong byte in the middle of the pixels: the checksum tells
    (source / "flipped.png").write_bytes(flipped)
    photo((300, 60)).save(source / "strip.png")
    frames = [photo(seed=s) for s in (1, 2)]
    frames[0].save(source / "moving.gif", save_all=True, append_images=frames[1:])
    huge = whole[:16] + (60000).to_bytes(4, "big") * 2 + whole[24:]
    (source / "claims.png").write_bytes(huge)
    Image.fromarray(np.float32(np.linspace(0, 1, 150 * 150)).reshape(150, 150)).save(source / "floats.tif")
    result = prepare(source, out=tmp_path / "out")
    why = reasons(result)
    assert [r["file"] for r in result["kept"]] == ["plain.png"]
    for name in ("cut.png", "half.jpg", "empty.jpg", "words.png", "page.png", "flipped.png"):
        assert why[name].startswith("corrupt or not a picture"), name
    assert "less than 128" in why["strip.png"]
    assert "2 frames" in why["moving.gif"]
    assert "60000" in why["claims.png"] or "corrupt" in why["claims.png"]  # Pillow checks the header's sum first
    assert "8 or 16 bits" in why["floats.tif"]
    assert json.loads((tmp_path / "out/prepared.json").read_text()) == result
    assert sorted(p.name for p in (tmp_path / "out").glob("*.png")) == ["plain.png"]


def test_colour_modes_look_as_before(source, tmp_path):
    out, picture = tmp_path / "out", photo(seed=3)
    picture.convert("CMYK").save(source / "cmyk.tif")
    picture.quantize(64).save(source / "palette.png")
    picture.convert("L").save(source / "grey.png")
    picture.convert("1").save(source / "line.png")
    darker = picture.convert("L").point(
        lambda v: v // 2
    )  # other pixels than grey.png, of which it would be a duplicate
    sixteen = np.asarray(darker).astype(np.uint16) * 257
    Image.fromarray(sixteen).save(source / "sixteen.png")
    veil = Image.new("L", picture.size, 255)
    veil.paste(0, (0, 0, 50, 150))
    picture.putalpha(veil)
    picture.save(source / "alpha.png")
    assert not prepare(source, out=out)["left_out"]
    picture = picture.convert("RGB")
    close(out / "cmyk.png", picture, 1)  # plain CMYK there and back rounds once
    close(out / "palette.png", picture.quantize(64), 0)
    close(out / "grey.png", picture.convert("L"), 0)
    close(out / "line.png", picture.convert("1"), 0)
    close(out / "sixteen.png", darker, 0)
    white = picture.copy()
    white.paste("white", (0, 0, 50, 150))
    close(out / "alpha.png", white, 0)


@pytest.mark.parametrize("orientation", [2, 3, 6, 8])
def test_orientation_is_applied_and_metadata_gone(source, tmp_path, orientation):
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "A camera with a name"
    photo().save(source / "turned.jpg", exif=exif, comment=b"where I live", dpi=(300, 300))
    prepare(source, out=tmp_path / "out")
    with Image.open(source / "turned.jpg") as raw:
        close(tmp_path / "out/turned.png", ImageOps.exif_transpose(raw), 0)
    stored = (tmp_path / "out/turned.png").read_bytes()
    with Image.open(tmp_path / "out/turned.png") as result:
        assert not result.info and not result.getexif()
    assert b"camera" not in stored and b"where I live" not in stored


def test_colours_follow_the_profile(source, tmp_path):
    """A picture in another colour space comes out as it looks, not as its numbers read without the profile."""
    from PIL import ImageCms

    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    srgb = ImageCms.createProfile("sRGB")
    picture = photo(seed=5)
    in_lab = ImageCms.profileToProfile(picture, srgb, lab, outputMode="LAB")
    in_lab.save(source / "lab.tif", icc_profile=lab.tobytes())
    prepare(source, out=tmp_path / "out")
    # one level: the profile in the file keeps its numbers in 16 bits
    close(tmp_path / "out/lab.png", ImageCms.profileToProfile(in_lab, lab, srgb, outputMode="RGB"), 1)


def test_duplicates_are_kept_once(source, tmp_path):
    photo().save(source / "same pixels.tif")
    photo().save(source / "deep/again.png", pnginfo=None)
    photo(seed=1).save(source / "deep/other.png")
    result = prepare(source, out=tmp_path / "out")
    assert [r["file"] for r in result["kept"]] == ["deep/again.png", "deep/other.png"]
    assert result["duplicates"] == [
        {"file": "plain.png", "same_as": "deep/again.png"},
        {"file": "same pixels.tif", "same_as": "deep/again.png"},
    ]
    again = prepare(source, out=tmp_path / "out")
    assert again == result
    (source / "deep/again.png").unlink()
    result = prepare(source, out=tmp_path / "out")
    assert {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.png")} == {
        "plain.png",
        "deep/other.png",
    }


def test_size_and_names(source, tmp_path):
    photo((900, 600), seed=2).save(source / "big.png")
    photo((900, 600), seed=4).save(source / "big.jpg")
    prepare(source, out=tmp_path / "out", size=256)
    for name, size in {"big.png.png": (384, 256), "big.jpg.png": (384, 256), "plain.png": (200, 150)}.items():
        with Image.open(tmp_path / "out" / name) as result:
            assert result.size == size


def test_goes_on_where_it_stopped(source, tmp_path):
    """Killed and run again, the folder is byte for byte that of an unbroken run; done files are left alone."""
    for n in range(30):
        photo((700, 500), seed=10 + n).save(source / f"{n:02}.png", compress_level=1)
    prepare(source, out=tmp_path / "whole")
    arguments = f"Path({str(source)!r}), out=Path({str(tmp_path / 'cut')!r})"
    code = f"from pathlib import Path\nfrom difusa.shared.training.prepare import prepare\nprepare({arguments})"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stderr=subprocess.DEVNULL, env=os.environ | {"PYTHONSAFEPATH": "1"}
    )
    began = time.monotonic()
    while len(list((tmp_path / "cut").glob("*.png"))) < 5 and time.monotonic() - began < 120:
        time.sleep(0.002)
    process.kill()
    process.wait()
    journal = tmp_path / "cut/prepared.jsonl"
    journal.write_text(journal.read_text() + '{"file": "03.png", "sta')  # and the last line torn
    done = {p: p.stat().st_mtime_ns for p in (tmp_path / "cut").glob("*.png")}
    assert 5 <= len(done) < 31
    settled = [line["to"] for line in map(json.loads, journal.read_text().splitlines()[1:-1])]
    prepare(source, out=tmp_path / "cut")
    for name in ["prepared.json", *(p.name for p in (tmp_path / "whole").glob("*.png"))]:
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    assert all((tmp_path / "cut" / n).stat().st_mtime_ns == done[tmp_path / "cut" / n] for n in settled)
    assert not list((tmp_path / "cut").glob("*.tmp"))


def test_a_changed_source_is_done_again(source, tmp_path):
    prepare(source, out=tmp_path / "out")
    photo(seed=9).save(source / "plain.png")
    prepare(source, out=tmp_path / "out")
    close(tmp_path / "out/plain.png", photo(seed=9), 0)


def test_refusals(source, tmp_path):
    with pytest.raises(ValueError, match="outside it"):
        prepare(source, out=source / "ready")
    with pytest.raises(ValueError, match="not a folder"):
        prepare(tmp_path / "nowhere", out=tmp_path / "out")
    with pytest.raises(ValueError, match="no pictures"):
        (tmp_path / "bare").mkdir()
        prepare(tmp_path / "bare", out=tmp_path / "out")
    with pytest.raises(ValueError, match="size must be positive"):
        prepare(source, out=tmp_path / "out", size=0)
    prepare(source, out=tmp_path / "out")
    with pytest.raises(ValueError, match="choose another --out"):
        prepare(source, out=tmp_path / "out", size=128)
