"""NIfTI files: the header is judged before a voxel is unpacked."""

import gzip
import hashlib
import io
import json
import zlib
from pathlib import Path

import numpy as np

from difusa.domains.medical.checks import Refused, check_affine, check_finite, check_shape
from difusa.domains.medical.scan import ACQUISITION, Scan, Source

HEADER = 540  # bytes of the longer header, NIfTI-2
OFFSET = 2**20  # of the voxels: header extensions beyond that are not read
MILLIMETRES = {"mm": 1.0, "unknown": 1.0, "meter": 1000.0, "micron": 0.001}
SIDECAR = 2**20  # bytes
TIMES = ("EchoTime", "RepetitionTime", "InversionTime")  # BIDS writes seconds, DICOM milliseconds


def is_nifti(path: Path) -> bool:
    """Whether the name says so."""
    return path.name.lower().endswith((".nii", ".nii.gz"))


def stem(path: Path) -> str:
    """The file's name without .nii or .nii.gz."""
    name = path.name[:-3] if path.name.lower().endswith(".gz") else path.name
    return name[:-4] if name.lower().endswith(".nii") else name


def _open(path: Path):
    """The file, unpacked where it is packed, whatever its name says."""
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if packed else open(path, "rb")


def read_header(path: Path):
    """The header, a nibabel object. Raises Refused where the first bytes are no NIfTI header."""
    from nibabel import Nifti1Header, Nifti2Header

    with _open(path) as file:
        first = file.read(HEADER)
    size = int.from_bytes(first[:4], "little")
    kind, length = (Nifti2Header, 540) if 540 in (size, int.from_bytes(first[:4], "big")) else (Nifti1Header, 348)
    if len(first) < length:
        raise Refused(f"{path}: {len(first)} bytes are no NIfTI file; it is truncated, get a fresh copy")
    if first[length - 4 if kind is Nifti1Header else 4 :][:3] not in (b"n+1", b"n+2"):
        raise Refused(
            f"{path}: not a NIfTI file in one part (.nii, .nii.gz); convert it first, pairs of .hdr and .img too"
        )
    return kind.from_fileobj(io.BytesIO(first[:length]))


def load(path: Path) -> Scan:
    """One volume; integers stay integers where the header has no scaling, else float32.

    Raises Refused naming the file: too large (from the header), truncated, no affine, several volumes, colours.
    """
    path = Path(path)
    try:
        return _load(path)
    except (Refused, FileNotFoundError, PermissionError):
        raise
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise Refused(f"{path}: the packed file is truncated or damaged ({error}); get a fresh copy") from error
    except Exception as error:  # nibabel raises several types of its own for a broken header
        raise Refused(f"{path}: not a NIfTI file that can be read ({error}); get a fresh copy") from error


def _load(path: Path) -> Scan:
    header = read_header(path)
    shape = check_shape(path, header.get_data_shape())
    dtype = header.get_data_dtype()
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise Refused(f"{path}: voxels of type {dtype}; save it as integers or float32 first")
    scale = MILLIMETRES[header.get_xyzt_units()[0]]
    affine = np.diag([scale, scale, scale, 1]) @ np.asarray(header.get_best_affine(), np.float64)
    affine = check_affine(path, affine)
    offset = int(header["vox_offset"])
    if not header.sizeof_hdr <= offset <= OFFSET:
        raise Refused(f"{path}: the voxels begin at byte {offset} as the header says; the file is damaged")
    wanted, digest = int(np.prod(shape)) * dtype.itemsize, hashlib.sha256()
    with _open(path) as file:
        file.read(offset)
        raw = file.read(wanted)
        if len(raw) < wanted:
            raise Refused(
                f"{path}: {len(raw)} of {wanted} bytes of voxels are there; it is truncated, get a fresh copy"
            )
        if file.read(1):
            raise Refused(f"{path}: more bytes than its header says; the file is damaged, get a fresh copy")
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    array = np.frombuffer(raw, dtype).reshape(shape, order="F")
    slope, intercept = header.get_slope_inter()
    if slope not in (None, 1.0) or intercept not in (None, 0.0):
        array = (array * np.float64(slope) + np.float64(intercept)).astype(np.float32)
    array = check_finite(path, array.astype(array.dtype.newbyteorder("="), order="C"))
    coded = int(header["sform_code"]) or int(header["qform_code"])
    notes = () if coded else ("the header says nothing of the orientation; voxel axes are taken for right, front, up",)
    return Scan(array, affine, source=Source("nifti", digest.hexdigest(), acquisition(path), notes=notes))


def sidecar(path: Path) -> dict:
    """The JSON file beside the volume, empty where there is none. Raises Refused where it is broken."""
    beside = path.with_name(stem(path) + ".json")
    if not beside.is_file():
        return {}
    try:
        if beside.stat().st_size > SIDECAR:
            raise ValueError(f"{beside.stat().st_size} bytes long")
        told = json.loads(beside.read_text(encoding="utf-8"))
        if not isinstance(told, dict):
            raise ValueError("no table of names and values")
    except (ValueError, RecursionError) as error:
        raise Refused(f"{beside}: not a sidecar that can be read ({error}); mend it or take it away") from error
    return told


def acquisition(path: Path) -> dict:
    """What the sidecar tells of the acquisition: ACQUISITION alone, times in milliseconds."""
    told = {k: v for k, v in sidecar(path).items() if k in ACQUISITION and isinstance(v, int | float | str)}
    return {k: v * 1000 if k in TIMES and isinstance(v, int | float) else v for k, v in told.items()}
