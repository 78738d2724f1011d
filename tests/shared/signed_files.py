"""Small files of eleven formats, and what signs them."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cryptography")

from difusa.shared.passport import Facts, attach, carriers, sidecar
from difusa.shared.passport.signing import canonical, sealed
from difusa.shared.passport.signing import opened as envelope_of

FACTS = Facts("test make", ({"name": "tiny", "sha256": "0" * 64},), "Plan(steps=5)", 7, audits={"valid": 0.5})


def png(rows: np.ndarray) -> bytes:
    """PNG of uint8 [H, W] or big-endian uint16 [H, W], by hand."""
    depth = rows.dtype.itemsize * 8
    body = b"".join(b"\0" + r.tobytes() for r in rows.astype(rows.dtype.newbyteorder(">")))
    head = struct.pack(">IIBBBBB", rows.shape[1], rows.shape[0], depth, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(body)), (b"IEND", b""))
    return carriers.PNG + b"".join(
        struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks
    )


def nifti(voxels: np.ndarray) -> bytes:
    """A single-file NIfTI-1 of float32 voxels."""
    head = bytearray(352)
    struct.pack_into("<i", head, 0, 348)
    struct.pack_into("<8h", head, 40, 3, *voxels.shape, 1, 1, 1, 1)
    struct.pack_into("<2h", head, 70, 16, 32)
    struct.pack_into("<f", head, 108, 352)
    head[344:348] = b"n+1\0"
    return bytes(head) + voxels.astype("<f4").tobytes()


def samples(seed: int) -> dict[str, bytes]:
    """Small files of eleven formats."""
    rng = np.random.default_rng(seed)
    wave = (127 + 100 * np.sin(np.arange(40)[:, None] / 7 + np.arange(48) / (5 + seed))).astype(np.uint8)
    volume = nifti(rng.normal(size=(5, 6, 7)))
    mols = [f"m{k}\n  difusa\n\n  1  0\n {rng.random():.4f}\nM  END\n>  <SEED>\n{k}\n\n$$$$\n" for k in range(5)]
    frames = [f"1\nenergy={rng.random():.5f}\nH 0.0 0.0 {k}.0\n" for k in range(4)]
    made = {
        "grey.png": png(wave), "deep.png": png(wave.astype(np.uint16) * 257), "scan.nii": volume,
        "scan.nii.gz": carriers.packed(volume), "molecules.sdf": "".join(mols).encode(),
        "frames.extxyz": "".join(frames).encode(),
        "crystal.cif": f"data_c\n_cell_length_a {3 + rng.random():.6f}\nloop_\n _atom\n A\n B\n".encode(),
        "table.parquet": rng.bytes(2000),
    }  # fmt: skip
    image, tifffile = pytest.importorskip("PIL.Image"), pytest.importorskip("tifffile")
    with io.BytesIO() as file:
        image.fromarray(wave).save(file, "JPEG")
        made["photo.jpg"] = file.getvalue()
    with io.BytesIO() as file:
        tifffile.imwrite(file, wave.astype(np.uint16) * 200, compression="zlib")
        made["scan.tif"] = file.getvalue()
    made["slice.dcm"] = dicom(wave, ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2")[seed % 2])
    return made


def dicom(rows: np.ndarray, syntax: str) -> bytes:
    """A DICOM file of a uint8 picture, explicit or implicit little endian."""
    pydicom = pytest.importorskip("pydicom")
    d = pydicom.Dataset()
    d.file_meta = pydicom.dataset.FileMetaDataset()
    d.file_meta.TransferSyntaxUID = syntax
    d.SOPClassUID = d.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    d.SOPInstanceUID = d.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    d.Rows, d.Columns = rows.shape
    d.SamplesPerPixel, d.PhotometricInterpretation, d.PixelRepresentation = 1, "MONOCHROME2", 0
    d.BitsAllocated, d.BitsStored, d.HighBit = 8, 8, 7
    d.PixelData = rows.tobytes()
    d["PixelData"].VR = "OB"
    with io.BytesIO() as file:
        d.save_as(file, enforce_file_format=True)
        return file.getvalue()


ALONE = {"table.parquet"}  # carries nothing inside


def written(folder: Path, name: str, seed: int = 0) -> Path:
    path = folder / name
    path.write_bytes(samples(seed)[name])
    assert attach(path, FACTS) == sidecar(path)
    return path


def resigned(path: Path, by, **changes) -> None:
    """The sidecar with its record's facts or its time changed, signed anew by a key."""
    old = envelope_of(sidecar(path).read_bytes())
    made, filed = old.record["made"] | changes.pop("made", {}), old.filed | changes.pop("filed", {})
    sidecar(path).write_bytes(canonical(sealed(old.record | {"made": made}, by, filed).as_json()))
