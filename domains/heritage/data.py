"""Pictures as museums keep them: 8 or 16 bits, grey or RGB, with profile, EXIF, XMP, resolution and alpha kept beside the pixels.

Pixels are held upright (as every viewer shows them); the orientation tag is kept, and `export.save` turns them back, so a file
that was stored on its side stays stored on its side. Sizes are read from the header before anything is decoded.
"""

import hashlib
import io
import os
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

MEGAPIXELS = 150  # the default limit; a picture of that size needs about 6 GB to restore as a whole
SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".webp")
INVERSE_TURN = {6: 8, 8: 6}
# TIFF tags that describe how the pixels lie in the file: never carried to another file as description.
LAYOUT = {
    254,
    255,
    256,
    257,
    258,
    259,
    262,
    263,
    264,
    265,
    266,
    273,
    277,
    278,
    279,
    280,
    281,
    282,
    283,
    284,
    290,
    291,
    292,
    293,
}
LAYOUT |= {
    296,
    301,
    317,
    318,
    319,
    320,
    321,
    322,
    323,
    324,
    325,
    330,
    338,
    339,
    347,
    512,
    513,
    514,
    529,
    530,
    531,
    532,
    700,
}
LAYOUT |= {33723, 34377, 34665, 34675, 34853}


@dataclass(frozen=True)
class Picture:
    """One picture: pixels [H, W] or [H, W, 3] uint8 or uint16, upright; alpha [H, W] or none, never changed.

    orientation: EXIF value 1..8 of the file; exif: a TIFF-structured block; dpi: pixels an inch (x, y); sha256: of the file.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    orientation: int = 1
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    source: str = "array"
    sha256: str = ""
    notes: tuple[str, ...] = ()

    @property
    def full(self) -> int:
        """Value of white: 255 or 65535."""
        return int(np.iinfo(self.pixels.dtype).max)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, upright."""
        return self.pixels.shape[1], self.pixels.shape[0]


def turn(a: np.ndarray, orientation: int) -> np.ndarray:
    """Stored rows [H, W, ...] turned upright by an EXIF orientation (1..8); `INVERSE_TURN` names the way back."""
    if orientation in (5, 6, 7, 8):
        a = a.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        a = a[::-1]
    if orientation in (2, 3, 6, 7):
        a = a[:, ::-1]
    return np.ascontiguousarray(a)


def limit_megapixels() -> float:
    """The size limit: DIFUSA_MEGAPIXELS when set, else 150."""
    return float(os.environ.get("DIFUSA_MEGAPIXELS", MEGAPIXELS))


def check_size(path, width: int, height: int) -> None:
    """Refuse a picture that is too large to hold, from its header alone."""
    limit = limit_megapixels()
    if width < 1 or height < 1:
        raise ValueError(f"{path}: the header says {width} x {height} pixels; the file is damaged, get a fresh copy")
    if width * height > limit * 1e6:
        raise ValueError(
            f"{path}: {width} x {height} pixels is {width * height / 1e6:.0f} megapixels, the limit is {limit:g}: "
            "cut the picture into parts, scale it down, or set DIFUSA_MEGAPIXELS higher if the machine has the memory"
        )


def load(path) -> Picture:
    """Read TIFF (8, 16 bits), PNG (8, 16 bits), JPEG or WebP.

    ValueError names the file and the way out: unknown format, too large, truncated, CMYK, Lab, float, several pages.
    """
    path = Path(path)
    raw = path.read_bytes()
    if raw[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        reader, kind = _read_tiff, "TIFF"
    elif raw[:8] == b"\x89PNG\r\n\x1a\n":
        reader, kind = _read_plain, "PNG"
        if len(raw) > 26:
            check_size(path, *struct.unpack(">II", raw[16:24]))
    elif raw[:3] == b"\xff\xd8\xff":
        reader, kind = _read_plain, "JPEG"
    elif raw[:4] == b"RIFF" and raw[8:12] == b"WEBP":
        reader, kind = _read_plain, "WebP"
    else:
        raise ValueError(f"{path}: not a TIFF, PNG, JPEG or WebP file ({len(raw)} bytes); save it as TIFF or PNG first")
    try:
        fields = reader(path, raw)
    except _Refused as refused:
        raise ValueError(str(refused)) from None
    except ValueError as error:
        if str(error).startswith(str(path)):
            raise
        raise _damaged(path, kind, error) from error
    except (
        Exception
    ) as error:  # decoders raise many types (OSError, SyntaxError, struct.error, PngError) for a broken file
        raise _damaged(path, kind, error) from error
    pixels = fields.pop("pixels")
    orientation = fields.get("orientation", 1)
    alpha = fields.pop("alpha", None)
    return Picture(
        pixels=turn(pixels, orientation),
        alpha=None if alpha is None else turn(alpha, orientation),
        source=kind,
        sha256=hashlib.sha256(raw).hexdigest(),
        **fields,
    )


class _Refused(Exception):
    """A readable file of a kind that cannot be restored."""


def _damaged(path, kind: str, error: Exception) -> ValueError:
    return ValueError(f"{path}: the {kind} file is truncated or damaged ({error}); get a fresh copy of it")


def _cmyk(path) -> _Refused:
    return _Refused(
        f"{path}: a CMYK picture; convert it to RGB with its own profile (in an image editor), save as TIFF, and restore that"
    )


def _channels(path, a: np.ndarray) -> dict:
    """Split decoded rows [H, W] or [H, W, 1..4] into pixels and alpha."""
    if a.dtype not in (np.uint8, np.uint16):
        raise _Refused(
            f"{path}: pixels of type {a.dtype}; 8 and 16 bit integers are handled: save it as 16-bit TIFF first"
        )
    a = a[..., None] if a.ndim == 2 else a
    if a.ndim != 3 or a.shape[2] not in (1, 2, 3, 4):
        raise _Refused(f"{path}: {a.shape} is not a grey or RGB picture; save one page as RGB first")
    count = a.shape[2]
    pixels = a[..., 0] if count < 3 else a[..., :3]
    return {"pixels": pixels, "alpha": a[..., -1] if count in (2, 4) else None}


def _read_plain(path, raw: bytes) -> dict:
    """PNG, JPEG, WebP: the header by Pillow; 16-bit PNG by libpng, since Pillow would cut RGB to 8 bits."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            image = Image.open(io.BytesIO(raw))
        except Image.DecompressionBombError as error:
            raise ValueError(f"{path}: {error}: cut the picture into parts or scale it down") from None
    check_size(path, *image.size)
    if getattr(image, "n_frames", 1) > 1:
        raise _Refused(f"{path}: {image.n_frames} frames; save one of them as a still picture")
    if image.mode in ("CMYK", "YCCK", "LAB"):
        raise _cmyk(path)
    info, notes = image.info, []
    if raw[:4] == b"\x89PNG" and raw[24] == 16:
        import imagecodecs

        fields = _channels(path, imagecodecs.png_decode(raw))
        image.verify()  # the checksum of each chunk
    else:
        if image.mode == "1":
            notes.append("a 1-bit picture: kept as 8-bit grey, since restored greys do not fit into one bit")
            image = image.convert("L")
        elif image.mode in ("P", "PA"):
            notes.append(
                "a palette picture: kept as RGB with the same colours, since restored colours do not fit the palette"
            )
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
    }


def _read_tiff(path, raw: bytes) -> dict:
    import tifffile
    from PIL import Image

    with tifffile.TiffFile(io.BytesIO(raw)) as file:
        page = file.pages[0]
        check_size(path, page.imagewidth, page.imagelength)
        if len([p for p in file.pages if not (getattr(p, "subfiletype", 0) or 0) & 1]) > 1:
            raise _Refused(f"{path}: a TIFF of {len(file.pages)} pages; split it (tiffsplit) and restore each page")
        photometric, notes = page.photometric.name, []
        if photometric == "SEPARATED":
            raise _cmyk(path)
        if photometric not in ("MINISBLACK", "MINISWHITE", "RGB", "PALETTE") and not (
            photometric == "YCBCR" and page.compression.name == "JPEG"
        ):
            raise _Refused(
                f"{path}: a TIFF of colour type {photometric}; convert it to RGB in an image editor and restore that"
            )
        rows = page.asarray()
        if page.planarconfig == 2 and rows.ndim == 3:
            rows = np.moveaxis(rows, 0, -1)
        if rows.dtype == bool or page.bitspersample == 1:
            notes.append("a 1-bit picture: kept as 8-bit grey, since restored greys do not fit into one bit")
            rows = rows.astype(np.uint8) * 255
        if photometric == "PALETTE":
            notes.append(
                "a palette picture: kept as RGB with the same colours, since restored colours do not fit the palette"
            )
            rows = (np.moveaxis(page.colormap[:, rows], 0, -1) // 257).astype(np.uint8)
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


def encode(pixels: np.ndarray) -> Tensor:
    """uint8 or uint16 [H, W] or [H, W, 3] -> float32 [3, H, W] in [-1, 1]; grey three times."""
    full = np.float32(np.iinfo(pixels.dtype).max)
    x = torch.from_numpy(pixels.astype(np.float32)).mul_(2 / full).sub_(1)
    return x.expand(3, *x.shape).clone() if x.ndim == 2 else x.permute(2, 0, 1).contiguous()


def decode(x: Tensor, dtype, grey: bool) -> np.ndarray:
    """float [3, H, W] in [-1, 1] -> integers [H, W, 3], or [H, W] (mean of the channels) when `grey`; rounded, clipped."""
    full = int(np.iinfo(dtype).max)
    x = x.mean(dim=0) if grey else x.permute(1, 2, 0)
    return ((x.double() + 1) * (full / 2)).round().clamp(0, full).cpu().numpy().astype(dtype)
