"""The files that pictures come in, from bytes to rows of pixels and all that goes with them; each refusal says the
way out.
"""

import io
import os
import struct

import numpy as np

from difusa.domains.heritage.compression import of_file

MEGAPIXELS = 150  # the default limit; a picture of that size needs about 6 GB to restore as a whole
# TIFF tags that describe how the pixels lie in the file: never carried to another file as description
LAYOUT = set(range(254, 260)) | set(range(262, 267)) | {273} | set(range(277, 285)) | set(range(290, 294)) | {296, 301}
LAYOUT |= set(range(317, 326)) | {330, 338, 339, 347} | set(range(512, 533)) | {700, 33723, 34377, 34665, 34675, 34853}


def limit_megapixels() -> float:
    """The size limit: DIFUSA_MEGAPIXELS when set, else 150."""
    return float(os.environ.get("DIFUSA_MEGAPIXELS", MEGAPIXELS))


def check_size(path, width: int, height: int) -> None:
    """Refuse a picture that is too large to hold, from its header alone."""
    limit = limit_megapixels()
    if width < 1 or height < 1:
        raise Refused(f"{path}: the header says {width} x {height} pixels; the file is damaged, get a fresh copy")
    if width * height > limit * 1e6:
        raise Refused(
            f"{path}: {width} x {height} pixels is {width * height / 1e6:.0f} megapixels, the limit is {limit:g}: "
            "cut the picture into parts, scale it down, or set DIFUSA_MEGAPIXELS higher if the machine has the memory"
        )


def reader(path, raw: bytes):
    """(format's name, function that reads it) by the first bytes; ValueError for a format that is not handled."""
    if raw[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "TIFF", read_tiff
    if raw[:8] == b"\x89PNG\r\n\x1a\n":
        if len(raw) > 26:
            check_size(path, *struct.unpack(">II", raw[16:24]))
        return "PNG", read_plain
    if raw[:3] == b"\xff\xd8\xff":
        return "JPEG", read_plain
    if raw[:4] == b"RIFF" and raw[8:12] == b"WEBP":
        return "WebP", read_plain
    raise Refused(f"{path}: not a TIFF, PNG, JPEG or WebP file ({len(raw)} bytes); save it as TIFF or PNG first")


class Refused(ValueError):
    """A readable file of a kind that cannot be restored."""


def _cmyk(path) -> Refused:
    return Refused(
        f"{path}: a CMYK picture; convert it to RGB with its own profile (image editors do), save as TIFF, restore that"
    )


def _channels(path, a: np.ndarray) -> dict:
    """Split decoded rows [H, W] or [H, W, 1..4] into pixels and alpha."""
    if a.dtype not in (np.uint8, np.uint16):
        raise Refused(
            f"{path}: pixels of type {a.dtype}; 8 and 16 bit integers are handled: save it as 16-bit TIFF first"
        )
    a = a[..., None] if a.ndim == 2 else a
    if a.ndim != 3 or a.shape[2] not in (1, 2, 3, 4):
        raise Refused(f"{path}: {a.shape} is not a grey or RGB picture; save one page as RGB first")
    count = a.shape[2]
    pixels = a[..., 0] if count < 3 else a[..., :3]
    return {"pixels": pixels, "alpha": a[..., -1] if count in (2, 4) else None}


def read_plain(path, raw: bytes) -> dict:
    """PNG, JPEG, WebP: the header by Pillow; 16-bit PNG by libpng, since Pillow would cut RGB to 8 bits."""
    from PIL import Image

    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None  # opening decodes nothing; our own limit comes next
    try:
        image = Image.open(io.BytesIO(raw))
    finally:
        Image.MAX_IMAGE_PIXELS = limit
    check_size(path, *image.size)
    if getattr(image, "n_frames", 1) > 1:
        raise Refused(f"{path}: {image.n_frames} frames; save one of them as a still picture")
    if image.mode in ("CMYK", "YCCK", "LAB"):
        raise _cmyk(path)
    info, notes = image.info, []
    if raw[:4] == b"\x89PNG" and raw[24] == 16:
        import imagecodecs

        fields = _channels(path, imagecodecs.png_decode(raw))
    else:
        if image.mode == "1":
            notes.append("a 1-bit picture: kept as 8-bit grey, since restored greys do not fit into one bit")
            image = image.convert("L")
        elif image.mode in ("P", "PA"):
            notes.append("a palette picture: kept as RGB, the colours unchanged, since restored ones fit no palette")
            image = image.convert("RGBA" if image.has_transparency_data else "RGB")
        elif image.mode in ("L", "RGB") and image.has_transparency_data:
            image = image.convert({"L": "LA", "RGB": "RGBA"}[image.mode])
        fields = _channels(path, np.asarray(image))
    exif = info.get("exif")
    return fields | {
        "orientation": _orientation(image.getexif()),
        "icc": info.get("icc_profile"),
        "exif": exif.removeprefix(b"Exif\0\0") if exif else None,
        "xmp": _bytes(info.get("xmp") or info.get("XML:com.adobe.xmp")),
        "dpi": tuple(float(v) for v in info["dpi"]) if "dpi" in info else None,
        "notes": tuple(notes),
        "jpeg": of_file(image),
    }


def read_tiff(path, raw: bytes) -> dict:
    import tifffile
    from PIL import Image

    with tifffile.TiffFile(io.BytesIO(raw)) as file:
        page = file.pages[0]
        check_size(path, page.imagewidth, page.imagelength)
        if len([p for p in file.pages if not (getattr(p, "subfiletype", 0) or 0) & 1]) > 1:
            raise Refused(f"{path}: a TIFF of {len(file.pages)} pages; split it (tiffsplit) and restore each page")
        photometric, notes = page.photometric.name, []
        if photometric == "SEPARATED":
            raise _cmyk(path)
        if photometric not in ("MINISBLACK", "MINISWHITE", "RGB", "PALETTE") and not (
            photometric == "YCBCR" and page.compression.name == "JPEG"
        ):
            raise Refused(
                f"{path}: a TIFF of colour type {photometric}; convert it to RGB in an image editor and restore that"
            )
        rows = page.asarray()
        if page.planarconfig == 2 and rows.ndim == 3:
            rows = np.moveaxis(rows, 0, -1)
        if rows.dtype == bool or page.bitspersample == 1:
            notes.append("a 1-bit picture: kept as 8-bit grey, since restored greys do not fit into one bit")
            rows = rows.astype(np.uint8) * 255
        if photometric == "PALETTE":
            notes.append("a palette picture: kept as RGB, the colours unchanged, since restored ones fit no palette")
            rows = (np.moveaxis(page.colormap[:, rows], 0, -1) // 256).astype(np.uint8)
        elif photometric == "MINISWHITE":
            notes.append("a picture stored as white = 0: kept with black = 0")
            rows = np.iinfo(rows.dtype).max - rows
        tags = page.tags
        icc, xmp = (bytes(tags[code].value) if code in tags and tags[code].value else None for code in (34675, 700))
        unit = {1: None, 2: 1.0, 3: 2.54}.get(int(tags[296].value) if 296 in tags else 2)
        dpi = (
            tuple(unit * v[0] / v[1] for v in (tags[282].value, tags[283].value))
            if unit and {282, 283} <= set(tags.keys())
            else None
        )
    exif = Image.Exif()
    if b"+" not in raw[:4]:  # Pillow reads the tags of classic TIFF only
        exif.load_from_fp(io.BytesIO(raw))
    orientation = _orientation(exif)
    for code in LAYOUT & set(exif):
        if code in (34665, 34853):
            exif.get_ifd(code)  # the nested blocks (EXIF, GPS) are read now and kept
        else:
            del exif[code]
    return _channels(path, rows) | {
        "orientation": orientation,
        "icc": icc,
        "exif": exif.tobytes().removeprefix(b"Exif\0\0") if len(exif) else None,
        "xmp": xmp,
        "dpi": dpi,
        "notes": tuple(notes),
    }


def _orientation(exif) -> int:
    value = exif.get(0x0112, 1)
    return value if value in range(1, 9) else 1


def _bytes(value) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
