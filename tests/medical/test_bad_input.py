"""Files that cannot be used are refused with the way out, before memory is spent on them; the rest of a batch goes on."""

import gzip
import io
import struct
import time
import tracemalloc
import zipfile
import zlib

import nibabel
import numpy as np
import pydicom
import pytest

from difusa.domains.medical.checks import Refused
from difusa.domains.medical.readers import load, load_all


def nifti(path, shape=(4, 4, 4), dtype=np.uint8, affine=None, body=None):
    """A .nii.gz with a header of its own and any body."""
    header = nibabel.Nifti1Header()
    header.set_data_dtype(dtype)
    header["dim"][: len(shape) + 1] = [len(shape), *shape]
    header["vox_offset"], header["sform_code"] = 352, 1
    header["srow_x"], header["srow_y"], header["srow_z"] = (np.eye(4) if affine is None else np.asarray(affine))[:3]
    header["magic"] = b"n+1"
    packed = gzip.compress(header.binaryblock + b"\0" * 4 + (bytes(int(np.prod(shape))) if body is None else body), 9)
    path.write_bytes(packed)
    return path


def refused_fast(path, match, seconds=1.0, memory=200e6):
    """The refusal's text, in the time and memory that the issue allows."""
    with pytest.raises(ValueError, match="x"):  # what is imported late is no part of the time
        load(path)
    tracemalloc.start()
    began = time.perf_counter()
    with pytest.raises(Refused, match=match):
        load(path)
    assert time.perf_counter() - began < seconds and tracemalloc.get_traced_memory()[1] < memory
    tracemalloc.stop()


def test_a_small_file_that_grows_to_1500_megabytes_is_refused_from_its_header(tmp_path):
    path = nifti(tmp_path / "bomb_x.nii.gz", (1200, 1250, 1000), body=bytes(2**20))
    with open(path, "ab") as file:  # 1.5 MB that would grow to 1.5 GB
        file.write(gzip.compress(bytes(2**26), 9) * 23)
    assert path.stat().st_size < 1.7e6
    refused_fast(path, r"bomb_x.nii.gz: 1200 x 1250 x 1000 voxels is 1500 million, the limit is 150.*DIFUSA_MEGAVOXELS")


def test_more_than_the_header_says_is_not_unpacked(tmp_path):
    refused_fast(nifti(tmp_path / "x.nii.gz", (64, 64, 64), body=bytes(2**25)), "more bytes than its header says")


@pytest.mark.parametrize("shape", [(32767, 32767, 32767), (32767, 32767), (2, 2, 2, 32767, 32767)])
def test_headers_that_claim_anything(tmp_path, shape):
    refused_fast(nifti(tmp_path / "x.nii.gz", shape, body=b""), "the limit is 150 million")


def test_the_limit_can_be_changed(tmp_path, monkeypatch):
    path = nifti(tmp_path / "x.nii.gz", (30, 30, 30))
    load(path)
    monkeypatch.setenv("DIFUSA_MEGAVOXELS", "0.02")
    with pytest.raises(Refused, match="limit is 0.02"):
        load(path)


NAN = np.eye(4) * np.nan
SINGULAR = np.diag([1.0, 0.0, 1.0, 1.0])
FLAT = np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])


@pytest.mark.parametrize(("affine", "match"), [(NAN, "not finite"), (SINGULAR, "singular"), (FLAT, "singular")])
def test_affines(tmp_path, affine, match):
    with pytest.raises(Refused, match=rf"x.nii.gz: the affine.*{match}"):
        load(nifti(tmp_path / "x.nii.gz", affine=affine))


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.99])
def test_truncated_nifti(tmp_path, keep):
    body = np.random.default_rng(0).integers(0, 255, 27000, np.uint8).tobytes()
    path = nifti(tmp_path / "x.nii.gz", (30, 30, 30), body=body)
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])
    with pytest.raises(Refused, match=r"x.nii.gz: .*(truncated|damaged)"):
        load(path)


def test_short_body_wrong_types_and_series_of_volumes(tmp_path):
    with pytest.raises(Refused, match="10 of 64 bytes"):
        load(nifti(tmp_path / "a.nii.gz", body=bytes(10)))
    with pytest.raises(Refused, match="series of volumes"):
        load(nifti(tmp_path / "b.nii.gz", (4, 4, 4, 3)))
    with pytest.raises(Refused, match="complex"):
        load(nifti(tmp_path / "c.nii.gz", dtype=np.complex64))
    values = np.ones(64, np.float32)
    values[7] = np.nan
    with pytest.raises(Refused, match="1 of 64 voxels are not finite"):
        load(nifti(tmp_path / "d.nii.gz", dtype=np.float32, body=values.tobytes()))
    (tmp_path / "e.nii").write_bytes(b"P6 not a scan" * 99)
    with pytest.raises(Refused, match="e.nii: not a NIfTI file"):
        load(tmp_path / "e.nii")
    assert load(nifti(tmp_path / "f.nii.gz", (4, 4, 4, 1))).array.shape == (4, 4, 4)


def edit(folder, name, **changes):
    d = pydicom.dcmread(folder / name)
    for key, value in changes.items():
        setattr(d, key, value)
    d.save_as(folder / name)


def test_mixed_orientation_missing_and_doubled_slices(series):
    kept = (series / "0004.dcm").read_bytes()
    edit(series, "0004.dcm", ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
    with pytest.raises(Refused, match=r"mixed orientation.*0004.dcm"):
        load(series)
    (series / "0004.dcm").unlink()
    with pytest.raises(Refused, match=r"missing slices: 1 between .*0003.dcm and .*0005.dcm"):
        load(series)
    (series / "0004.dcm").write_bytes(kept)
    (series / "again.dcm").write_bytes(kept)
    with pytest.raises(Refused, match="two slices in one place"):
        load(series)


def test_several_series_and_uneven_slices(series):
    kept = (series / "0002.dcm").read_bytes()
    edit(series, "0002.dcm", SeriesInstanceUID="1.2.3")
    with pytest.raises(Refused, match="2 series in one place"):
        load(series)
    (series / "0002.dcm").write_bytes(kept)
    d = pydicom.dcmread(series / "0002.dcm")
    edit(series, "0002.dcm", ImagePositionPatient=[float(x) + 0.3 for x in d.ImagePositionPatient])
    with pytest.raises(Refused, match="spaced unevenly"):
        load(series)


def test_a_deflated_dicom_bomb(tmp_path, series):
    d = pydicom.dcmread(series / "0001.dcm")
    d.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1.99"
    d.save_as(tmp_path / "fair.dcm")
    assert load(tmp_path / "fair.dcm").array.shape == (12, 10, 1)
    raw = (tmp_path / "fair.dcm").read_bytes()
    head = raw[: 144 + struct.unpack("<I", raw[140:144])[0]]
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = b"".join(squeeze.compress(bytes(2**24)) for _ in range(7)) + squeeze.flush()
    (tmp_path / "bomb_x.dcm").write_bytes(head + body)
    refused_fast(tmp_path / "bomb_x.dcm", "unpack to more than 96 MB", seconds=3, memory=60e6)


@pytest.mark.parametrize("defined", [True, False])
def test_dicom_nested_a_thousand_deep(tmp_path, series, defined):
    raw = (series / "0001.dcm").read_bytes()
    inner = b""
    for _ in range(1000):  # items of ReferencedSeriesSequence, explicit VR
        length = struct.pack("<I", len(inner) if defined else 2**32 - 1)
        item = b"\xfe\xff\x00\xe0" + length + inner + (b"" if defined else b"\xfe\xff\x0d\xe0\0\0\0\0")
        size = struct.pack("<I", len(item) if defined else 2**32 - 1)
        inner = b"\x08\x00\x15\x11SQ\0\0" + size + item + (b"" if defined else b"\xfe\xff\xdd\xe0\0\0\0\0")
    place = raw.index(b"\x08\x00\x11\x21")  # before DerivationDescription: tags ascend
    (tmp_path / "deep_x.dcm").write_bytes(raw[:place] + inner + raw[place:])
    refused_fast(tmp_path / "deep_x.dcm", "nested (more than 32 deep|without end)", seconds=5)


def test_a_png_renamed(series):
    (series / "0007.dcm").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200))
    with pytest.raises(Refused, match=r"0007.dcm: a PNG picture"):
        load(series)
    (series / "0007.dcm").rename(series / "thumbnail.png")  # a picture that says what it is lies beside the slices
    assert load(series).array.shape == (12, 10, 6)


@pytest.mark.parametrize("keep", [0.2, 0.6, 0.95])
def test_truncated_dicom(series, keep):
    raw = (series / "0003.dcm").read_bytes()
    (series / "0003.dcm").write_bytes(raw[: int(len(raw) * keep)])
    with pytest.raises(Refused, match="0003.dcm: "):
        load(series)


def directory(folder, *named):
    """A DICOMDIR that names the files."""
    d = pydicom.Dataset()
    d.file_meta = pydicom.dataset.FileMetaDataset()
    d.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    d.SOPClassUID = d.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    d.SOPInstanceUID = d.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    d.DirectoryRecordSequence = []
    for name in named:
        record = pydicom.Dataset()
        record.ReferencedFileID = name
        d.DirectoryRecordSequence.append(record)
    pydicom.dcmwrite(folder / "DICOMDIR", d, enforce_file_format=True)


@pytest.mark.filterwarnings("ignore")  # pydicom warns of such names when they are written
def test_a_dicomdir_that_points_outside(tmp_path, series):
    (tmp_path / "secret").write_bytes(b"x")
    for named in (["..", "secret"], "/etc/passwd", "..\\secret"):
        directory(series, named)
        with pytest.raises(Refused, match="DICOMDIR: names a file outside"):
            load(series)
    directory(series, "0001.dcm", "0009.dcm")
    with pytest.raises(Refused, match="not there"):
        load(series / "DICOMDIR")
    directory(series, "0001.dcm")
    assert load(series / "DICOMDIR").array.shape == (12, 10, 6)


def pack(path, entries):
    with zipfile.ZipFile(path, "w") as archive:
        for name, raw in entries:
            archive.writestr(name, raw)
    return path


def test_zips(tmp_path, series):
    slices = [(f"a/{f.name}", f.read_bytes()) for f in series.iterdir()]
    good = load(pack(tmp_path / "good.zip", slices))
    assert (good.array == load(series).array).all()
    link = zipfile.ZipInfo("a/link.dcm")
    link.external_attr = 0o120777 << 16
    bad = {
        "leads out": [("../../x.dcm", slices[0][1])],
        "leads out of": [("/etc/x.dcm", slices[0][1])],
        "leads": [("C:\\x.dcm", slices[0][1])],
        "is a link": [(link, b"/etc/passwd")],
    }
    for match, entries in bad.items():
        with pytest.raises(Refused, match=match):
            load(pack(tmp_path / "bad.zip", slices + entries))
    assert not (tmp_path.parent / "x.dcm").exists()


def test_a_zip_of_very_many_entries_is_refused_from_its_last_record(tmp_path):
    pack(tmp_path / "many_x.zip", [("a", b"")])
    raw = (tmp_path / "many_x.zip").read_bytes()
    entry, end = raw[raw.index(b"PK\1\2") : raw.index(b"PK\5\6")], raw[-22:]
    start = raw.index(b"PK\1\2")
    count = 60_000
    end = end[:8] + struct.pack("<HHII", count, count, count * len(entry), start) + end[20:]
    (tmp_path / "many_x.zip").write_bytes(raw[:start] + entry * count + end)
    refused_fast(tmp_path / "many_x.zip", "60000 entries", memory=5e6)


def test_a_broken_sidecar(tmp_path):
    nifti(tmp_path / "x.nii.gz")
    (tmp_path / "x.json").write_text("[" * 100_000)
    with pytest.raises(Refused, match="x.json: not a sidecar"):
        load(tmp_path / "x.nii.gz")


def test_a_batch_goes_on(tmp_path, series):
    nifti(tmp_path / "good_T1.nii.gz")
    nifti(tmp_path / "bad_T1.nii.gz", affine=NAN)
    (tmp_path / "x.dcm").write_bytes(io.BytesIO(b"\x89PNG" + bytes(500)).read())
    paths = [
        tmp_path / "bad_T1.nii.gz",
        tmp_path / "x.dcm",
        tmp_path / "nowhere.nii",
        tmp_path / "good_T1.nii.gz",
        series,
    ]
    found = list(load_all(paths))
    assert [p for p, _ in found] == paths
    assert [isinstance(f, Exception) for _, f in found] == [True, True, True, False, False]
    for path, error in found[:3]:
        assert path.name in str(error)
