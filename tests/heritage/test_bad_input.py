"""Files that cannot be restored are refused with the way out, before any memory is spent on them."""

import struct
import time
import tracemalloc
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image
from skimage import data as pictures

from difusa.domains.heritage.data import load
from difusa.domains.heritage.task import restore


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_that_claims(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header claims any size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [20000, 32767])
def test_a_huge_png_is_refused_from_its_header(tmp_path, side):
    (tmp_path / "huge.png").write_bytes(png_that_claims(side, side))
    tracemalloc.start()
    began = time.perf_counter()
    with pytest.raises(ValueError, match=rf"huge.png: {side} x {side} pixels.*limit is 150.*cut the picture"):
        load(tmp_path / "huge.png")
    assert time.perf_counter() - began < 1  # the issue's own limit for a header that lies
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()


def test_a_huge_tiff_and_jpeg_are_refused_from_their_headers(tmp_path):
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(tmp_path / "a.jpg")
    raw = bytearray((tmp_path / "a.jpg").read_bytes())
    place = raw.index(b"\xff\xc0") + 5  # start of frame: height and width
    raw[place : place + 4] = struct.pack(">HH", 32767, 32767)
    (tmp_path / "a.jpg").write_bytes(raw)
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((16, 16), np.uint8), metadata=None)
    raw = bytearray((tmp_path / "a.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        for code in (256, 257):
            struct.pack_into("<H", raw, file.pages[0].tags[code].valueoffset, 32767)
    (tmp_path / "a.tif").write_bytes(raw)
    for name in ("a.jpg", "a.tif"):
        with pytest.raises(ValueError, match="32767 x 32767 pixels"):
            load(tmp_path / name)


def test_the_limit_can_be_raised_and_lowered(tmp_path, monkeypatch):
    Image.fromarray(pictures.astronaut()).save(tmp_path / "a.png")
    monkeypatch.setenv("DIFUSA_MEGAPIXELS", "0.2")
    with pytest.raises(ValueError, match="DIFUSA_MEGAPIXELS"):
        load(tmp_path / "a.png")
    monkeypatch.setenv("DIFUSA_MEGAPIXELS", "0.3")
    assert load(tmp_path / "a.png").size == (512, 512)


@pytest.mark.parametrize("name", ["a.png", "a16.png", "a.jpg", "a.webp", "plain.tif", "packed.tif"])
@pytest.mark.parametrize("share", [0.03, 0.5, 0.98])
def test_truncated_files_are_named(tmp_path, name, share):
    rows = pictures.coffee()[:100, :100]
    if name == "a16.png":
        import imagecodecs

        (tmp_path / name).write_bytes(imagecodecs.png_encode(rows.astype(np.uint16) * 257))
    elif name.endswith("tif"):
        tifffile.imwrite(tmp_path / name, rows, photometric="rgb", compression="zlib" if name == "packed.tif" else None)
    else:
        Image.fromarray(rows).save(tmp_path / name)
    raw = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(raw[: int(len(raw) * share)])
    with pytest.raises(ValueError, match=rf"{name}: the \w+ file is truncated or damaged.*fresh copy"):
        load(tmp_path / name)


@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
def test_cmyk_is_refused_with_advice(tmp_path, name):
    Image.fromarray(pictures.coffee()[:50, :50]).convert("CMYK").save(tmp_path / name)
    with pytest.raises(ValueError, match=f"{name}: a CMYK picture; convert it to RGB"):
        load(tmp_path / name)


def test_other_kinds_are_refused_with_advice(tmp_path):
    rows = pictures.coffee()[:50, :50]
    tifffile.imwrite(tmp_path / "float.tif", rows.astype(np.float32), photometric="rgb")
    tifffile.imwrite(tmp_path / "pages.tif", np.stack([rows, rows]), photometric="rgb")
    Image.new("LAB", (20, 20)).save(tmp_path / "lab.tif")
    Image.fromarray(rows).save(tmp_path / "a.gif")
    (tmp_path / "empty.png").write_bytes(b"")
    for name, reason in {
        "float.tif": "float32.*16-bit TIFF",
        "pages.tif": "TIFF of 2 pages; split it",
        "lab.tif": "CIELAB; convert it to RGB",
        "a.gif": "not a TIFF, PNG, JPEG or WebP",
        "empty.png": r"not a TIFF.*\(0 bytes\)",
    }.items():
        with pytest.raises(ValueError, match=f"{name}: .*{reason}"):
            load(tmp_path / name)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_one_bit_becomes_grey_and_says_so(tmp_path, name):
    page = Image.fromarray(pictures.page() > 128)
    assert page.mode == "1"
    page.save(tmp_path / name)
    picture = load(tmp_path / name)
    assert np.array_equal(picture.pixels, (pictures.page() > 128) * np.uint8(255)) and "1-bit" in picture.notes[0]


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_a_palette_keeps_its_colours(tmp_path, name):
    small = Image.fromarray(pictures.coffee()[:64, :64]).quantize(32)
    small.save(tmp_path / name)
    picture = load(tmp_path / name)
    assert np.array_equal(picture.pixels, np.asarray(small.convert("RGB"))) and "palette" in picture.notes[0]


def saved(folder, name: str, rows) -> str:
    Image.fromarray(rows).save(folder / name)
    return str(folder / name)


def test_an_empty_mask_gives_the_same_pixels(tmp_path, tiny, capsys):
    source = saved(tmp_path, "a.png", pictures.coffee()[:64, :80])
    mask = saved(tmp_path, "m.png", np.zeros((64, 80), np.uint8))
    figures = restore(source, out=tmp_path / "o.tif", mask=mask, model=tiny)
    assert figures["pictures"][0]["tiles"] == 0 and "the mask is empty" in capsys.readouterr().err
    before, after = load(source), load(tmp_path / "o.tif")
    assert np.array_equal(before.pixels, after.pixels)
    assert after.xmp is None  # nothing was made by a model, so the file does not say so


def test_a_full_mask_warns(tmp_path, tiny, capsys):
    source = saved(tmp_path, "a.png", pictures.coffee()[:64, :80])
    mask = saved(tmp_path, "m.png", np.full((64, 80), 255, np.uint8))
    figures = restore(source, out=tmp_path / "o.tif", mask=mask, model=tiny, samples=1, steps=1)
    assert "covers the whole picture" in capsys.readouterr().err
    assert figures["pictures"][0]["restored_share"] == 1


def test_a_mask_of_the_wrong_size_names_both(tmp_path, tiny):
    source = saved(tmp_path, "a.png", pictures.coffee()[:64, :80])
    mask = saved(tmp_path, "m.png", np.zeros((80, 64), np.uint8))
    with pytest.raises(ValueError, match=r"the mask is 64 x 80 pixels, the picture 80 x 64"):
        restore(source, out=tmp_path / "o.tif", mask=mask, model=tiny)
    assert not (tmp_path / "o.tif").exists()


def test_a_mask_fits_an_upright_or_a_stored_picture(tmp_path):
    from difusa.domains.heritage.observation import load_mask

    block = Image.Exif()
    block[0x0112] = 6
    Image.fromarray(pictures.coffee()[:40, :60]).save(tmp_path / "a.png", exif=block)
    picture = load(tmp_path / "a.png")
    upright = np.zeros((60, 40), np.uint8)
    upright[5:9, 2:4] = 1
    stored = np.rot90(upright)  # back from a quarter turn clockwise
    for name, rows in (("upright.png", upright), ("stored.png", np.ascontiguousarray(stored))):
        saved(tmp_path, name, rows)
        assert np.array_equal(load_mask(tmp_path / name, picture), upright > 0), name


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"task": "inpaint"}, "--mask M.png or --find-damage"),
        ({}, "nothing to do"),
        ({"task": "polish"}, "--task polish: there are inpaint"),
        ({"task": "sr2,sr4"}, "choose one enlargement"),
        ({"task": "denoise", "out": "o.jpg"}, "would change every pixel"),
        ({"task": "denoise", "out": "o.bmp"}, "unknown format .bmp"),
        ({"task": "denoise", "out": "a.png"}, "never overwritten"),
        ({"task": "denoise", "out": None}, "--out is missing"),
        ({"task": "denoise", "samples": 0}, "--samples"),
        ({"task": "denoise", "steps": 0}, "at least 1 network evaluation"),
        ({"task": "denoise", "sampler": "magic"}, "--sampler magic: there are"),
        ({"task": "denoise", "temperature": -1}, "--temperature"),
        ({"task": "denoise", "noise": 200}, "--noise 200"),
        ({"task": "denoise", "kind": "fresco"}, "--kind fresco"),
        ({"task": "denoise", "pick": "best"}, "--pick best"),
        ({"task": "outpaint", "border": 0}, "--border 0"),
        ({"task": "denoise", "guidance": 2.0}, "name it"),
    ],
)
def test_wrong_arguments_are_refused(tmp_path, tiny, options, reason):
    source = saved(tmp_path, "a.png", pictures.coffee()[:64, :80])
    options = {"out": "o.tif"} | options
    out = options.pop("out")
    with pytest.raises(ValueError, match=reason):
        restore(source, out=out and tmp_path / out, model=tiny, **options)
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
