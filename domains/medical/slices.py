"""One file of a DICOM series: judged before it is unpacked, and read."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from difusa.domains.medical.checks import BYTES_A_FILE, Refused, check_depth

DEFLATED = "1.2.840.10008.1.2.1.99"
IMAGES = {"1.2.840.10008.5.1.4.1.1.4": "MR", "1.2.840.10008.5.1.4.1.1.2": "CT"}
MULTIFRAME = {"1.2.840.10008.5.1.4.1.1.4.1", "1.2.840.10008.5.1.4.1.1.2.1"}
DIRECTORY = "1.2.840.10008.1.3.10"
MAGIC = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"PK\x03\x04": "a zip file",
    b"%PDF": "a PDF",
}


@dataclass(frozen=True)
class Part:
    """One file of a series: its name for messages, its size in bytes, and how to open it."""

    name: str
    size: int
    open: Callable[[], BinaryIO]


def read(part: Part):
    """The data set of one file, a pydicom.Dataset. Raises Refused naming the file: no DICOM, a bomb, nested too deep, cut off."""
    import pydicom

    if part.size > BYTES_A_FILE:
        raise Refused(
            f"{part.name}: {part.size / 2**20:.0f} MB in one file, the limit is {BYTES_A_FILE / 2**20:.0f} MB"
        )
    with part.open() as file:
        first = file.read(132)
        if first[128:] != b"DICM":
            found = next((said for magic, said in MAGIC.items() if first.startswith(magic)), "no DICOM file")
            raise Refused(f"{part.name}: {found}, whatever its name says; take it out of the folder")
        try:
            meta = pydicom.filereader._read_file_meta_info(file)
            if str(meta.get("TransferSyntaxUID", "")) == DEFLATED:
                check_inflated(part.name, file.read())
            file.seek(0)
            dataset = pydicom.dcmread(file)
            check_depth(part.name, dataset)
        except Refused:
            raise
        except RecursionError as error:
            raise Refused(f"{part.name}: DICOM sequences nested without end; no scanner writes such a file") from error
        except Exception as error:  # pydicom raises many types for a broken file
            raise Refused(f"{part.name}: the DICOM file is truncated or damaged ({error}); get a fresh copy") from error
    return dataset


def check_inflated(name: str, packed: bytes) -> None:
    """Refuses a deflated data set that grows beyond BYTES_A_FILE, without holding it."""
    inflate, left, grown = zlib.decompressobj(-zlib.MAX_WBITS), packed, 0
    while left and not inflate.eof:
        grown += len(inflate.decompress(left, 2**20))
        left = inflate.unconsumed_tail
        if grown > BYTES_A_FILE:
            raise Refused(
                f"{name}: {len(packed) / 2**20:.1f} MB that unpack to more than {BYTES_A_FILE / 2**20:.0f} MB; "
                "store it without the deflated transfer syntax"
            )


def check_image(name: str, dataset) -> None:
    """Refuses what is no single slice of MR or CT."""
    kind = str(dataset.get("SOPClassUID", ""))
    if kind in MULTIFRAME or int(dataset.get("NumberOfFrames", 1) or 1) > 1:
        raise Refused(f"{name}: several slices in one file; convert the series to one file a slice, or to NIfTI")
    if kind not in IMAGES:
        raise Refused(
            f"{name}: neither an MR nor a CT image (SOP class {kind or 'missing'}); take it out of the folder"
        )
    for key in ("Rows", "Columns", "PixelSpacing", "ImageOrientationPatient", "ImagePositionPatient", "PixelData"):
        if key not in dataset or dataset[key].is_empty:
            raise Refused(f"{name}: has no {key}; without it its place in the body, or its picture, is unknown")
    if int(dataset.get("SamplesPerPixel", 1)) != 1:
        raise Refused(f"{name}: a colour picture, not a slice of a scan; take it out of the folder")


def pixels(name: str, dataset) -> np.ndarray:
    """Values [rows, columns] float64, rescaled as the file says. Raises Refused where they cannot be decoded."""
    try:
        stored = dataset.pixel_array
    except Exception as error:  # each decoder raises its own types
        raise Refused(f"{name}: its pixels cannot be decoded ({error}); store it uncompressed") from error
    if stored.shape != (int(dataset.Rows), int(dataset.Columns)):
        raise Refused(f"{name}: {stored.shape} pixels where the header says {(dataset.Rows, dataset.Columns)}")
    slope, intercept = (float(dataset.get(k, n)) for k, n in (("RescaleSlope", 1), ("RescaleIntercept", 0)))
    if not np.isfinite([slope, intercept]).all() or slope == 0:
        raise Refused(f"{name}: values are rescaled by {slope} and {intercept}; the file is damaged")
    return stored * slope + intercept


def plain(value):
    """A DICOM value as a number, text, or a list of them."""
    if hasattr(value, "__iter__") and not isinstance(value, str | bytes) and type(value).__name__ == "MultiValue":
        return [plain(v) for v in value]
    kind = type(value).__name__
    return (
        float(value)
        if kind.startswith("DS") or isinstance(value, float)
        else int(value)
        if kind == "IS"
        else str(value)
    )
