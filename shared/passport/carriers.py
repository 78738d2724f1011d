"""Where a file can carry its passport: put in and taken out byte for byte, so that the fingerprint is of the file without it.

inside(put_in(data, text)) == (data, text) for every format here, and the other way round: any other bytes of a file with a
passport in them are a change.
"""

import gzip
import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from difusa.shared.passport.signing import Malformed

LARGEST = 512 * 2**20  # bytes, also of what a .gz unpacks to
PNG, KEYWORD = b"\x89PNG\r\n\x1a\n", b"difusa.passport\0\0\0\0\0"
TAG = 65111  # of TIFF, in the range that is free for everybody
NIFTI_COMMENT = 6  # code of an extension that holds plain text
MARK = b"difusa-passport "
DICOM_GROUP, DICOM_OWNER = (
    0x7FE1,
    b"DIFUSA PASSPORT ",
)  # private, the first group after the pixels: the file's last elements
IMPLICIT, DEFLATED, BIG = (b"1.2.840.10008.1.2" + end for end in (b"", b".1.99", b".2"))  # transfer syntaxes


@dataclass(frozen=True)
class Carrier:
    """Two functions: data, text -> data with the text in it; and back, None where there is none."""

    put_in: Callable[[bytes, bytes], bytes]
    take_out: Callable[[bytes], tuple[bytes, bytes] | None]


def kind_of(data: bytes) -> str:
    """png, jpeg, tiff, dicom, nifti or "" by the first bytes."""
    if data.startswith(PNG):
        return "png"
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data[:4] in (b"II*\0", b"MM\0*"):
        return "tiff"
    if data[128:132] == b"DICM":
        return "dicom"
    if len(data) >= 352 and data[344:348] == b"n+1\0" and _nifti_order(data):
        return "nifti"
    return ""


def unpacked(data: bytes) -> bytes:
    """What is inside a gzip file, else the data. Raises Malformed where it is damaged or larger than LARGEST."""
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            found = file.read(LARGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise Malformed("the compressed file is damaged") from error
    if len(found) > LARGEST:
        raise Malformed("it unpacks to more than {n} MB", n=LARGEST // 2**20)
    return found


def packed(data: bytes) -> bytes:
    """gzip without a time: equal content gives equal bytes."""
    return gzip.compress(data, 6, mtime=0)


def carry(data: bytes, text: bytes) -> bytes | None:
    """The file with a passport in it; None where its format cannot carry one, or not one so long."""
    carrier = CARRIERS.get(kind_of(data))
    if carrier is None:
        return None
    try:
        made = carrier.put_in(data, text)
        return made if carrier.take_out(made) == (data, text) else None
    except (struct.error, ValueError, IndexError, OverflowError, StopIteration):
        return None


def inside(data: bytes) -> tuple[bytes, bytes | None]:
    """The file without its passport, and the passport's text; the data and None where there is none, or not as we write it."""
    carrier = CARRIERS.get(kind_of(data))
    try:
        found = carrier and carrier.take_out(data)
        return found if found and carrier.put_in(*found) == data else (data, None)
    except (struct.error, ValueError, IndexError, OverflowError, StopIteration):
        return data, None


def _png_chunks(data: bytes):
    """(name, start, stop) of each chunk, its length and check number included."""
    at = len(PNG)
    while at + 12 <= len(data):
        stop = at + 12 + int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 8], at, stop
        at = stop


def _into_png(data: bytes, text: bytes) -> bytes:
    end = next(start for name, start, _ in _png_chunks(data) if name == b"IEND")
    body = b"iTXt" + KEYWORD + text
    return data[:end] + struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body)) + data[end:]


def _out_of_png(data: bytes):
    for name, start, stop in _png_chunks(data):
        if name == b"iTXt" and data[start + 8 :].startswith(KEYWORD):
            return data[:start] + data[stop:], data[start + 8 + len(KEYWORD) : stop - 4]
    return None


def _jpeg_segments(data: bytes):
    """(marker, start, stop) of the segments before the picture's own data."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] not in (0xDA, 0xD9):
        stop = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        yield data[at + 1], at, stop
        at = stop


def _into_jpeg(data: bytes, text: bytes) -> bytes:
    if len(MARK) + len(text) + 2 > 65535:
        raise ValueError("a comment of JPEG holds at most 65,533 bytes")
    place = 2
    for marker, _, stop in _jpeg_segments(data):
        if not 0xE0 <= marker <= 0xEF:
            break
        place = stop
    return data[:place] + b"\xff\xfe" + struct.pack(">H", len(MARK) + len(text) + 2) + MARK + text + data[place:]


def _out_of_jpeg(data: bytes):
    for marker, start, stop in _jpeg_segments(data):
        if marker == 0xFE and data[start + 4 :].startswith(MARK):
            return data[:start] + data[stop:], data[start + 4 + len(MARK) : stop]
    return None


def _into_tiff(data: bytes, text: bytes) -> bytes:
    """The first directory is copied behind the file with one tag more; the header then points to the copy."""
    order = "<" if data[:2] == b"II" else ">"
    (old,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, old)
    entries = data[old + 2 : old + 2 + 12 * count]
    after = data[old + 2 + 12 * count : old + 6 + 12 * count]
    if len(after) != 4 or (count and struct.unpack_from(f"{order}H", entries, 12 * count - 12)[0] >= TAG):
        raise ValueError("this directory cannot take another tag")
    value = b"%d %d\n" % (old, len(data)) + text
    start = len(data) + len(data) % 2
    place = start + len(value) + len(value) % 2
    entry = struct.pack(f"{order}HHII", TAG, 1, len(value), start)
    fill = b"\0" * (start - len(data)), b"\0" * (len(value) % 2)
    directory = struct.pack(f"{order}H", count + 1) + entries + entry + after
    return data[:4] + struct.pack(f"{order}I", place) + data[8:] + fill[0] + value + fill[1] + directory


def _out_of_tiff(data: bytes):
    order = "<" if data[:2] == b"II" else ">"
    (place,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, place)
    tag, kind, size, start = struct.unpack_from(f"{order}HHII", data, place + 2 + 12 * (count - 1))
    if (tag, kind) != (TAG, 1) or start + size > len(data):
        return None
    line, _, text = data[start : start + size].partition(b"\n")
    old, length = map(int, line.split())
    return data[:4] + struct.pack(f"{order}I", old) + data[8:length], text


def _nifti_order(data: bytes) -> str:
    return next((o for o in "<>" if struct.unpack_from(f"{o}i", data, 0)[0] == 348), "")


def _into_nifti(data: bytes, text: bytes) -> bytes:
    """One more extension, the last; the voxels begin so much later (NIfTI-1.1, `vox_offset`)."""
    order = _nifti_order(data)
    (offset,) = struct.unpack_from(f"{order}f", data, 108)
    offset = int(offset)
    body = MARK + text
    size = -(-(len(body) + 8) // 16) * 16
    if not 352 <= offset <= len(data) or offset + size >= 2**24:  # beyond, a float has no room for odd numbers
        raise ValueError("the voxels begin nowhere in the file")
    if offset > 352 and not data[348]:
        raise ValueError("there is something between header and voxels that is no extension")
    extension = struct.pack(f"{order}ii", size, NIFTI_COMMENT) + body.ljust(size - 8, b"\0")
    head = data[:108] + struct.pack(f"{order}f", offset + size) + data[112:348]
    return head + b"\1" + data[349:offset] + extension + data[offset:]


def _out_of_nifti(data: bytes):
    order = _nifti_order(data)
    stop = int(struct.unpack_from(f"{order}f", data, 108)[0])
    at = 352
    while at + 8 <= stop <= len(data):
        size, code = struct.unpack_from(f"{order}ii", data, at)
        if size < 16 or at + size > stop:
            return None
        if code == NIFTI_COMMENT and at + size == stop and data[at + 8 :].startswith(MARK):
            head = data[:108] + struct.pack(f"{order}f", at) + data[112:348]
            flag = b"\1" if at > 352 else b"\0"
            return head + flag + data[349:at] + data[stop:], data[at + 8 + len(MARK) : stop].rstrip(b"\0")
        at += size
    return None


def _dicom_elements(data: bytes) -> tuple[bytes, bytes]:
    """The private creator's element, and the header of the passport's without its length, as the file's transfer syntax has them.

    Raises ValueError for a syntax that is compressed as a whole, or of the other byte order (PS3.5, section 7.1 and annex A).
    """
    at = data.find(b"\2\0\x10\0UI", 132, 2048)
    (size,) = struct.unpack_from("<H", data, at + 6)
    syntax = data[at + 8 : at + 8 + size].rstrip(b"\0 ")
    if at < 0 or syntax in (DEFLATED, BIG):
        raise ValueError("nothing can be put behind the elements of this file")
    first, second = struct.pack("<HH", DICOM_GROUP, 0x0010), struct.pack("<HH", DICOM_GROUP, 0x1000)
    if syntax == IMPLICIT:
        return first + struct.pack("<I", len(DICOM_OWNER)) + DICOM_OWNER, second
    return first + b"LO" + struct.pack("<H", len(DICOM_OWNER)) + DICOM_OWNER, second + b"UT\0\0"


def _into_dicom(data: bytes, text: bytes) -> bytes:
    """Two elements of a private group, behind all others (PS3.5, section 7.8)."""
    owner, head = _dicom_elements(data)
    body = text + b" " * (len(text) % 2)
    return data + owner + head + struct.pack("<I", len(body)) + body


def _out_of_dicom(data: bytes):
    owner, head = _dicom_elements(data)
    start = data.rfind(owner + head)
    if start < 0:
        return None
    body = start + len(owner) + len(head) + 4
    (size,) = struct.unpack_from("<I", data, body - 4)
    return (data[:start], data[body:].rstrip(b" ")) if body + size == len(data) else None


CARRIERS = {
    "png": Carrier(_into_png, _out_of_png),
    "jpeg": Carrier(_into_jpeg, _out_of_jpeg),
    "tiff": Carrier(_into_tiff, _out_of_tiff),
    "nifti": Carrier(_into_nifti, _out_of_nifti),
    "dicom": Carrier(_into_dicom, _out_of_dicom),
}
