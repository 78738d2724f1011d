"""Pictures come in and go out with every pixel and everything that belongs to them."""

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageOps
from skimage import data as pictures

from difusa.domains.heritage.data import INVERSE_TURN, decode, encode, load, turn
from difusa.domains.heritage.export import SOURCE_TYPE, save, stamped


def exif(orientation: int) -> Image.Exif:
    block = Image.Exif()
    block[0x010F], block[0x0112], block[315] = "Camera", orientation, "Painter"
    block.get_ifd(0x8769)[0x9003] = "2020:01:02 03:04:05"
    block.get_ifd(0x8825)[1] = "N"
    return block


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("grey", [False, True])
def test_codec_returns_every_level(bits, grey):
    dtype = np.uint8 if bits == 8 else np.uint16
    levels = np.arange(2**bits, dtype=dtype).reshape(2 ** (bits // 2), -1)
    rows = levels if grey else np.dstack([levels, levels[::-1], levels.T])
    x = encode(rows)
    assert x.dtype == torch.float32 and x.shape == (3, *levels.shape) and x.min() == -1 and x.max() == 1
    assert np.array_equal(decode(x, dtype, grey), rows)


def test_decode_rounds_and_clips():
    x = torch.tensor([-1.5, -1.0, 0.0, 0.0039, 1.0, 2.0]).expand(3, 1, 6)
    # 0.0 lies exactly between 127 and 128: round half to even
    assert decode(x, np.uint8, True).tolist() == [[0, 0, 128, 128, 255, 255]]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_turned_as_viewers_turn_it(tmp_path, orientation):
    stored = pictures.astronaut()[:40, :60]
    Image.fromarray(stored).save(tmp_path / "a.png", exif=exif(orientation))
    picture = load(tmp_path / "a.png")
    assert picture.orientation == orientation
    assert np.array_equal(picture.pixels, np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "a.png"))))
    assert np.array_equal(turn(picture.pixels, INVERSE_TURN.get(orientation, orientation)), stored)
    save(picture, tmp_path / "b.png")
    save(picture, tmp_path / "b.tif")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "b.png")), stored)
    assert np.array_equal(tifffile.imread(tmp_path / "b.tif"), stored)
    for name in ("b.png", "b.tif"):
        assert np.array_equal(np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / name))), picture.pixels)


def files(folder, icc):
    """One picture in every format that is read, with profile, EXIF and resolution where the format holds them."""
    rows = pictures.coffee()[:60, :90]
    grey = rows[..., 0].copy()
    wide = rows.astype(np.uint16) * 256 + np.arange(90, dtype=np.uint16)[None, :, None]
    full = {"icc_profile": icc, "exif": exif(6), "dpi": (300, 300)}
    Image.fromarray(rows).save(folder / "a.png", **full)
    Image.fromarray(rows).save(folder / "a.jpg", quality=95, **full)
    Image.fromarray(rows).save(folder / "a.webp", icc_profile=icc, exif=exif(6), lossless=True)
    Image.fromarray(np.dstack([rows, grey])).save(folder / "alpha.png", **full)
    Image.fromarray(grey).save(folder / "grey.png", dpi=(72, 72))
    tags = [(274, 3, 1, 6, True), (315, 2, 0, "Painter", True)]
    common = {
        "iccprofile": icc,
        "resolution": (300, 300),
        "resolutionunit": "inch",
        "extratags": tags,
        "metadata": None,
    }
    tifffile.imwrite(folder / "a8.tif", rows, photometric="rgb", **common)
    tifffile.imwrite(folder / "a16.tif", wide, photometric="rgb", compression="zlib", **common)
    tifffile.imwrite(folder / "big-endian.tif", wide, photometric="rgb", byteorder=">", **common)
    tifffile.imwrite(
        folder / "planar.tif", np.moveaxis(wide, 2, 0), photometric="rgb", planarconfig="separate", **common
    )
    tifffile.imwrite(folder / "grey16.tif", wide[..., 0], photometric="minisblack", **common)
    alpha = np.dstack([wide, wide[..., 0]])
    tifffile.imwrite(folder / "alpha16.tif", alpha, photometric="rgb", extrasamples=["unassalpha"], **common)
    return sorted(folder.iterdir())


def test_every_format_keeps_pixels_profile_exif_and_resolution(tmp_path, icc):
    given = tmp_path / "given"
    given.mkdir()
    for path in files(given, icc):
        picture = load(path)
        assert picture.pixels.dtype == (np.uint16 if "16" in path.name or path.name[:3] in ("big", "pla") else np.uint8)
        assert (picture.alpha is not None) == path.name.startswith("alpha")
        for name in ("out.tif", "out.png"):
            save(stamped(picture, originalSha256=picture.sha256), tmp_path / name)
            again = load(tmp_path / name)
            assert np.array_equal(again.pixels, picture.pixels), path
            assert (again.alpha is None and picture.alpha is None) or np.array_equal(again.alpha, picture.alpha)
            assert (again.icc, again.orientation) == (picture.icc, picture.orientation)
            if picture.dpi:  # PNG counts pixels a metre, in whole numbers: 300 dpi becomes 299.9994
                assert again.dpi == pytest.approx(picture.dpi, abs=0.02)
            if picture.exif:
                before, after = Image.Exif(), Image.Exif()
                before.load(picture.exif), after.load(again.exif)
                assert after[315] == before[315] == "Painter"
                for block in (0x8769, 0x8825):
                    assert after.get_ifd(block) == before.get_ifd(block)
            assert SOURCE_TYPE.encode() in again.xmp and picture.sha256.encode() in again.xmp


def test_sixteen_bit_png_keeps_all_bits(tmp_path):
    import imagecodecs

    rows = np.random.default_rng(0).integers(0, 65536, (30, 40, 3), dtype=np.uint16)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(rows))
    assert np.array_equal(load(tmp_path / "a.png").pixels, rows)


def test_an_existing_xmp_packet_is_kept(tmp_path):
    packet = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:creator="Someone"/>'
        b"</rdf:RDF></x:xmpmeta>"
    )
    tifffile.imwrite(tmp_path / "a.tif", pictures.camera()[:30, :30], extratags=[(700, 1, len(packet), packet, True)])
    picture = load(tmp_path / "a.tif")
    assert picture.xmp == packet
    save(stamped(picture), tmp_path / "b.tif")
    told = load(tmp_path / "b.tif").xmp
    assert b"Someone" in told and SOURCE_TYPE.encode() in told


def test_an_unreadable_xmp_packet_is_replaced_and_noted(tmp_path):
    packet = b"<!DOCTYPE x [<!ENTITY a 'aaaa'>]><x>&a;</x>"
    tifffile.imwrite(tmp_path / "a.tif", pictures.camera()[:30, :30], extratags=[(700, 1, len(packet), packet, True)])
    picture = stamped(load(tmp_path / "a.tif"))
    assert "XMP" in picture.notes[-1] and b"ENTITY" not in picture.xmp
