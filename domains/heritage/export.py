"""Writing pictures back with all that came with them: profile, EXIF, XMP, resolution, alpha, orientation, bit depth."""

import io
import os
import struct
import uuid
import zlib
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from difusa.domains.heritage.data import INVERSE_TURN, Picture, turn
from difusa.domains.heritage.readers import LAYOUT

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
SPACES = {
    "x": "adobe:ns:meta/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
    "difusa": "https://difusa.example/ns/1.0/",
}
PNG_EARLY = (b"iCCP", b"pHYs", b"eXIf", b"iTXt")


def write_atomic(path, data: bytes) -> None:
    """Write a file whole or not at all: a temporary name beside it, then one rename."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def check_target(path, *, keeps_pixels: bool = True) -> None:
    """Refuse an output name whose format cannot hold the result."""
    suffix = Path(path).suffix.lower()
    if suffix in (".jpg", ".jpeg", ".webp"):
        raise ValueError(
            f"--out {path}: {suffix} compression would change every pixel, the undamaged ones too; write .tif or .png"
        )
    if suffix not in (".tif", ".tiff", ".png"):
        raise ValueError(f"--out {path}: unknown format {suffix or '(none)'}; write .tif or .png")


def save(picture: Picture, path) -> bytes:
    """Write TIFF or PNG by the suffix of `path`, losslessly, at the picture's own bit depth; returns the file's
    bytes.
    """
    check_target(path)
    data = (_png if Path(path).suffix.lower() == ".png" else _tiff)(picture)
    write_atomic(path, data)
    return data


def stamped(picture: Picture, **facts: str) -> Picture:
    """The picture with an XMP packet that says it was partly made by a trained model (IPTC digital source type).

    `facts` become properties in the project's own namespace. An existing packet is kept and added to; one that is not
    readable XML is replaced, and a note says so.
    """
    for prefix, uri in SPACES.items():
        ElementTree.register_namespace(prefix, uri)
    notes, root = picture.notes, None
    if picture.xmp:
        try:
            if b"<!DOCTYPE" in picture.xmp or b"<!ENTITY" in picture.xmp:
                raise ElementTree.ParseError("it declares entities")
            root = ElementTree.fromstring(picture.xmp.strip(b"\0 \n\r\t"))
        except ElementTree.ParseError as error:
            notes += (f"the XMP packet could not be read ({error}) and was replaced",)
    rdf = f"{{{SPACES['rdf']}}}"
    if root is None:
        root = ElementTree.Element(f"{{{SPACES['x']}}}xmpmeta")
    inner = root if root.tag == f"{rdf}RDF" else root.find(f"{rdf}RDF")
    if inner is None:
        inner = ElementTree.SubElement(root, f"{rdf}RDF")
    for old in inner.findall(f"{rdf}Description"):  # one source type a picture: ours replaces an earlier one
        for child in old.findall(f"{{{SPACES['Iptc4xmpExt']}}}DigitalSourceType"):
            old.remove(child)
        old.attrib.pop(f"{{{SPACES['Iptc4xmpExt']}}}DigitalSourceType", None)
    about = ElementTree.SubElement(inner, f"{rdf}Description", {f"{rdf}about": ""})
    ElementTree.SubElement(about, f"{{{SPACES['Iptc4xmpExt']}}}DigitalSourceType").text = SOURCE_TYPE
    for name, value in facts.items():
        ElementTree.SubElement(about, f"{{{SPACES['difusa']}}}{name}").text = value
    packet = (
        b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        + ElementTree.tostring(root)
        + b'<?xpacket end="w"?>'
    )
    return replace(picture, xmp=packet, notes=notes)


def _rows(picture: Picture) -> np.ndarray:
    """Pixels and alpha in the order in which they were stored."""
    rows = picture.pixels
    if picture.alpha is not None:
        rows = np.dstack([rows, picture.alpha])
    return turn(rows, INVERSE_TURN.get(picture.orientation, picture.orientation))


def _png(picture: Picture) -> bytes:
    """PNG by libpng; chunks for profile, resolution, EXIF and XMP follow the header (PNG 3rd edition, sec. 11.3)."""
    import imagecodecs

    data = imagecodecs.png_encode(_rows(picture), level=6)
    chunks = []
    if picture.icc:
        chunks.append((b"iCCP", b"ICC profile\0\0" + zlib.compress(picture.icc)))
    if picture.dpi:
        chunks.append((b"pHYs", struct.pack(">IIB", *(round(v / 0.0254) for v in picture.dpi), 1)))
    if picture.exif:
        chunks.append((b"eXIf", picture.exif))
    if picture.xmp:
        chunks.append((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + picture.xmp))
    extra = b"".join(struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks)
    return data[:33] + extra + data[33:]  # the signature and IHDR are the first 33 bytes


def _tiff(picture: Picture) -> bytes:
    """Deflate TIFF; the nested EXIF and GPS blocks are appended and their offsets patched in."""
    import tifffile
    from PIL import Image
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    tags, nested = [], {}
    if picture.exif:
        exif = Image.Exif()
        exif.load(picture.exif)
        nested = {code: block for code in (34665, 34853) if (block := exif.get_ifd(code))}
        for code, value in sorted(exif.items()):
            if code in LAYOUT or code in nested:
                continue
            if isinstance(value, str):
                tags.append((code, 2, 0, value.encode("utf-8") + b"\0", True))
            elif isinstance(value, bytes):
                tags.append((code, 1, len(value), value, True))
            elif isinstance(value, int):
                tags.append((code, 4, 1, value, True))
    if picture.orientation != 1:
        tags = [t for t in tags if t[0] != 274] + [(274, 3, 1, picture.orientation, True)]
    tags += [
        (code + 1, 4, 1, 0, True) for code in nested
    ]  # tifffile writes no such tags itself: placeholders one code higher
    if picture.xmp:
        tags.append((700, 1, len(picture.xmp), picture.xmp, True))
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        _rows(picture),
        photometric="rgb" if picture.pixels.ndim == 3 else "minisblack",
        extrasamples=["unassalpha"] if picture.alpha is not None else None,
        planarconfig="contig",
        compression="zlib",
        predictor=True,
        rowsperstrip=64,
        iccprofile=picture.icc,
        resolution=picture.dpi,
        resolutionunit="inch" if picture.dpi else None,
        metadata=None,
        software=False,
        byteorder="<",
        extratags=tags,
    )
    data = bytearray(buffer.getvalue())
    if nested:
        with tifffile.TiffFile(io.BytesIO(bytes(data))) as file:
            places = {code: file.pages[0].tags[code + 1] for code in nested}
        for code, block in nested.items():
            directory = ImageFileDirectory_v2(b"II*\0\0\0\0\0")
            for key, value in block.items():
                if not isinstance(value, dict):
                    directory[key] = value
            data += b"\0" * (len(data) % 2)
            struct.pack_into("<H", data, places[code].offset, code)
            struct.pack_into("<I", data, places[code].valueoffset, len(data))
            data += directory.tobytes(len(data))
    return bytes(data)
