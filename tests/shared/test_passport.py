"""Passports: intact files pass, each of ten tamperings is found and named, in eleven formats; malformed files get an answer."""

import io
import json
import os
import struct
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cryptography")

from difusa.apps import cli
from difusa.shared.passport import Facts, attach, carriers, credentials, keys, sidecar
from difusa.shared.passport.content import described, opened, touched
from difusa.shared.passport.signing import Trust, canonical, sealed, standing
from difusa.shared.passport.signing import opened as envelope_of
from difusa.shared.passport.verdict import CHANGED, INTACT, STRANGER, UNKNOWN, verdict

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


@pytest.fixture
def trust():
    return Trust().adding((keys.mine() and keys.folder() / "public.pem").read_bytes(), "own")


@pytest.fixture
def stranger(tmp_path, monkeypatch):
    """Somebody else's keys."""
    with monkeypatch.context() as patch:
        patch.setenv("DIFUSA_KEYS", str(tmp_path / "else" / "keys"))
        return keys.mine()


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


def one_byte(path, seed, other):
    raw = bytearray(path.read_bytes())
    if path.suffix == ".gz":
        inner = bytearray(carriers.unpacked(bytes(raw)))
        inner[-5] ^= 1
        path.write_bytes(carriers.packed(bytes(inner)))
        return
    places = {
        ".sdf": raw.find(b" 0."),
        ".extxyz": raw.find(b"=0."),
        ".cif": raw.find(b"_a 3"),
        ".png": raw.find(b"IDAT"),
    }
    at = places.get(path.suffix, len(samples(0)[path.name]) // 2) + 3 + 8 * (path.suffix == ".png")
    raw[at] ^= 1
    path.write_bytes(bytes(raw))


def cut(path, seed, other):
    path.write_bytes(path.read_bytes()[: -max(2, path.stat().st_size // 10)])


def lengthened(path, seed, other):
    path.write_bytes(path.read_bytes() + b"0")


def swapped(path, seed, other):
    """The genuine sidecar of another file of the same kind."""
    folder = path.parent / "other"
    folder.mkdir()
    b = folder / f"b{path.name}"
    b.write_bytes(samples(seed + 50)[path.name])
    attach(b, FACTS)
    sidecar(path).write_bytes(sidecar(b).read_bytes())


def replaced(path, seed, other):
    """All of the content is another's, under the old name and passport."""
    path.write_bytes(samples(seed + 99)[path.name])


def lost(path, seed, other):
    sidecar(path).unlink()


def forged(path, seed, other):
    resigned(path, other, made={"seed": 8})


def altered(path, seed, other):
    value = json.loads(sidecar(path).read_text())
    value["record"]["made"]["seed"] = 8
    sidecar(path).write_text(json.dumps(value))


def late(path, seed, other):
    resigned(path, keys.mine(), filed={"made": "2090-01-01T00:00:00Z"})


def garbled(path, seed, other):
    sidecar(path).write_bytes(sidecar(path).read_bytes()[:-40])


# tampering -> verdict where the file carries its passport, verdict where it does not, a word that names it
TAMPERINGS = {
    one_byte: (CHANGED, CHANGED, ""),
    cut: (CHANGED, CHANGED, ""),
    lengthened: (CHANGED, CHANGED, ""),
    swapped: (CHANGED, UNKNOWN, "another file|written for|was swapped"),
    replaced: (CHANGED, CHANGED, ""),
    lost: (INTACT, UNKNOWN, "sidecar is missing|no passport"),
    forged: (CHANGED, STRANGER, "a key that you do not know"),
    altered: (CHANGED, STRANGER, "forged, or was altered"),
    late: (UNKNOWN, UNKNOWN, "clock is far off"),
    garbled: (CHANGED, UNKNOWN, "damaged"),
}


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("seed", [0, 1])
def test_two_hundred_files(tmp_path, trust, stranger, tamper, seed):
    carried, alone, word = TAMPERINGS[tamper]
    wrong = {}
    names = sorted(samples(seed))
    for name in names:
        folder = tmp_path / name.replace(".", "-")
        folder.mkdir()
        path = written(folder, name, seed)
        before = verdict(path, trust)
        assert (before.status, before.reasons) == (INTACT, ()), before.sentence
        tamper(path, seed, stranger)
        found = verdict(path, trust)
        expected = alone if name in ALONE else carried
        if found.status != expected or not (set(word.split("|")) & {w for w in word.split("|") if w in found.sentence}):
            wrong[name] = found.sentence
    assert len(names) == 11 and not wrong


def test_the_place_of_a_change_is_named(tmp_path, trust):
    path = written(tmp_path, "molecules.sdf")
    text = path.read_text()
    rows = text.split("$$$$\n")
    path.write_text("$$$$\n".join([*rows[:2], rows[2].replace("M  END", "M  FIN"), *rows[3:]]))
    assert verdict(path, trust).where == ("record 3 was changed",)
    path.write_text("$$$$\n".join([*rows[:1], *rows[2:]]))
    assert verdict(path, trust).where == ("record 2 of those signed is missing",)
    path.write_text("$$$$\n".join([rows[1], rows[0], *rows[2:]]))
    assert verdict(path, trust).where == ("the records are in another order",)
    sidecar(path).unlink()
    assert verdict(path, trust).status == INTACT  # each by its own stamp
    path.write_text("$$$$\n".join([rows[1].replace("M  END", "M  FIN"), rows[0], ""]))
    assert verdict(path, trust).where == ("record 1 was changed",)


def test_a_pixel_is_placed_inside_or_outside_of_what_was_invented(tmp_path, trust):
    pytest.importorskip("PIL")
    rows = np.arange(64 * 64, dtype=np.uint32).reshape(64, 64).astype(np.uint8)
    mask = np.zeros((64, 64), bool)
    mask[:8, :8] = True
    path = tmp_path / "a.png"
    path.write_bytes(png(rows))
    attach(path, FACTS, more={"touched": touched(mask)})
    text = carriers.inside(path.read_bytes())[1]
    for place, said in (((2, 2), ", where the model had invented"), ((40, 50), ", all outside")):
        other = rows.copy()
        other[place] ^= 1
        path.write_bytes(carriers.carry(png(other), text))
        (where,) = verdict(path, trust).where
        assert f"x {place[1] // 4 * 4}-{place[1] // 4 * 4 + 4}" in where and said in where
    path.write_bytes(carriers.carry(png(rows).replace(b"IDAT", b"IDAT"), text).replace(b"IEND", b"IEnD"))
    assert "pixels" in verdict(path, trust).sentence


def test_a_record_has_no_clock_and_the_file_depends_on_content_and_keys_only(tmp_path, trust, monkeypatch):
    first, second = (tmp_path / n for n in "ab")
    for folder in (first, second):
        folder.mkdir()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1790000000")
    for name in samples(0):
        a, b = written(first, name), written(second, name)
        assert a.read_bytes() == b.read_bytes() and sidecar(a).read_bytes() == sidecar(b).read_bytes()
        assert opened(a.read_bytes(), name).data == carriers.unpacked(samples(0)[name])
        attach(a, FACTS)  # again: in place of the old one, not beside it
        assert a.read_bytes() == b.read_bytes()
    assert verdict(first / "grey.png", trust).made == "2026-09-21T14:13:20Z"


def test_a_folder_is_signed_as_one(tmp_path, trust):
    folder = tmp_path / "crystals"
    folder.mkdir()
    for k in range(3):
        (folder / f"{k}.cif").write_bytes(samples(k)["crystal.cif"])
    (folder / "0001.dcm").write_bytes(b"bare")
    attach(folder, FACTS)
    assert verdict(folder, trust).status == verdict(folder / "1.cif", trust).status == INTACT
    assert verdict(folder / "0001.dcm", trust).reasons == ("as one of the files of crystals",)
    (folder / "0001.dcm").write_bytes(b"more")
    assert verdict(folder / "0001.dcm", trust).status == CHANGED
    (folder / "0001.dcm").write_bytes(b"bare")
    (folder / "1.cif").write_bytes((folder / "1.cif").read_bytes().replace(b" A\n", b" C\n"))
    (folder / "2.cif").rename(folder / "9.cif")
    assert verdict(folder, trust).where == ("1.cif was changed", "2.cif is missing", "9.cif was added")


def test_a_slice_carries_its_passport_out_of_its_series(tmp_path, trust):
    pydicom, folder = pytest.importorskip("pydicom"), tmp_path / "series"
    folder.mkdir()
    for k in (1, 2):
        (folder / f"000{k}.dcm").write_bytes(samples(k)["slice.dcm"])
    attach(folder, FACTS)
    assert verdict(folder, trust).status == INTACT
    raw = (folder / "0001.dcm").read_bytes()
    alone = tmp_path / "renamed.dcm"
    alone.write_bytes(raw)
    found = verdict(alone, trust)
    assert found.status == INTACT and found.record["made"]["verb"] == "test make"
    bare, text = carriers.inside(raw)
    assert bare == samples(1)["slice.dcm"] and text
    for k in (1, 2):  # explicit and implicit little endian: other programs read past it, and can read it
        d = pydicom.dcmread(folder / f"000{k}.dcm")
        assert d[0x7FE1, 0x1000].private_creator == "DIFUSA PASSPORT" and d.pixel_array.shape == (40, 48)
    alone.write_bytes(raw.replace(bare[-20:], bare[-20:][::-1]))
    assert verdict(alone, trust).status == CHANGED


def test_others_need_only_the_public_half(tmp_path, monkeypatch, capsys):
    path = written(tmp_path, "grey.png")
    keys.export(out=tmp_path / "public.pem")
    secret = [(keys.folder() / n).read_bytes() for n in keys.FILES[:3]]
    for file in (path, sidecar(path), tmp_path / "public.pem"):
        assert b"PRIVATE" not in file.read_bytes()
        assert not any(s.split(b"\n")[1 if b"\n" in s else 0] in file.read_bytes() for s in secret)
    monkeypatch.setenv("DIFUSA_KEYS", str(tmp_path / "nobody"))
    assert cli.main(["verify", str(path)]) == UNKNOWN  # no certificate to check with
    assert "no public certificate" in capsys.readouterr().out
    report = tmp_path / "r.json"
    assert cli.main(["verify", str(path), "--trust", str(tmp_path / "public.pem"), "--report", str(report)]) == INTACT
    assert "grey.png: intact and ours" in capsys.readouterr().out
    (told,) = json.loads(report.read_text())["files"]
    assert (told["status"], told["made_with"]["seed"], told["made_with"]["plan"]) == (0, 7, "Plan(steps=5)")
    assert not (tmp_path / "nobody").exists()  # checking makes no keys
    assert cli.main(["verify", str(path), "--trust", str(path)]) == UNKNOWN


def test_an_authority_vouches_for_later_keys_and_nobody_else_does(tmp_path, trust, stranger):
    record = {"made": {}, "content": described(opened(b"abc", "a.bin"))}
    only_top = Trust(trust.known[1:])
    assert standing(sealed(record, keys.mine()), only_top) == "ours"
    theirs = sealed(record, stranger)
    assert standing(theirs, trust) == "stranger"
    # a stranger's signature under our certificate
    assert standing(replace(theirs, certificate=sealed(record, keys.mine()).certificate), trust) == "forged"


def test_keys_are_private_and_made_once(tmp_path, monkeypatch):
    monkeypatch.setenv("DIFUSA_KEYS", str(tmp_path / "k"))
    keys.init(name="Museu")
    assert [oct((tmp_path / "k" / n).stat().st_mode & 0o777) for n in keys.FILES[:3]] == ["0o600"] * 3
    assert oct((tmp_path / "k").stat().st_mode & 0o777) == "0o700"
    with pytest.raises(ValueError, match="holds keys already"):
        keys.init()
    (tmp_path / "k" / "signing.key").chmod(0o644)
    with pytest.raises(ValueError, match="can be read by others"):
        keys.mine()
    (tmp_path / "k" / "signing.key").unlink()
    with pytest.raises(ValueError, match="should hold"):
        keys.mine()


def test_a_time_before_the_key_is_named(tmp_path, trust):
    path = written(tmp_path, "scan.nii")
    resigned(path, keys.mine(), filed={"made": "1999-01-01T00:00:00Z"})
    found = verdict(path, trust)
    assert found.status == UNKNOWN and "1999-01-01" in found.sentence
    attach(path, FACTS)
    assert verdict(path, trust, now=datetime.now(UTC) + timedelta(hours=30)).status == INTACT
    assert "still to come" in verdict(path, trust, now=datetime.now(UTC) - timedelta(hours=30)).sentence


@pytest.mark.parametrize("name", ["grey.png", "photo.jpg", "scan.tif"])
def test_content_credentials(tmp_path, trust, stranger, name):
    """Written last, under the same keys; with them alone a file is known, a change and a stranger's are told."""
    c2pa = pytest.importorskip("c2pa")
    path = tmp_path / name
    path.write_bytes(samples(0)[name])
    for source_type in ("", FACTS.source_type):
        attach(path, replace(FACTS, sources=({"name": "a", "sha256": "1"},), source_type=source_type), c2pa=True)
        assert verdict(path, trust).status == INTACT
        if not source_type:
            path.write_bytes(samples(0)[name])
    with c2pa.Reader(credentials.FORMATS[carriers.kind_of(path.read_bytes())], io.BytesIO(path.read_bytes())) as reader:
        told = json.loads(reader.json())
    active = {a["label"]: a["data"] for a in told["manifests"][told["active_manifest"]]["assertions"]}
    assert active["org.difusa.passport"]["seed"] == 7
    assert active["c2pa.actions.v2"]["actions"][0]["digitalSourceType"].endswith("/trainedAlgorithmicMedia")
    sidecar(path).unlink()
    assert verdict(path, trust).reasons == ("by its Content Credentials (C2PA)",)
    assert verdict(path, Trust(others(tmp_path))).status == STRANGER
    raw = bytearray(path.read_bytes())
    inner = samples(0)[name]  # a byte of the pixels
    raw[raw.find(inner[len(inner) // 2 :][:16] if name != "scan.tif" else inner[300:316]) + 8] ^= 1
    path.write_bytes(bytes(raw))
    assert verdict(path, trust).status == CHANGED


def others(tmp_path) -> tuple:
    """The certificates of somebody else."""
    from difusa.shared.passport.keys import certificates

    return tuple(certificates((tmp_path / "else" / "keys" / "public.pem").read_bytes()))


def malformed() -> list[tuple[str, bytes, bytes | None]]:
    """(name, file, sidecar) of fifty files that nobody should have to read."""
    good = samples(0)
    rng = np.random.default_rng(5)
    files = [(f"cut{k}{n}", raw[: len(raw) * k // 5], None) for n, raw in good.items() for k in (1, 3)]
    files += [(f"noise.{s}", rng.bytes(600), None) for s in ("png", "sdf", "cif", "nii.gz", "jpg", "extxyz", "dcm")]
    head = bytearray(good["scan.nii"])
    for value in (float("nan"), float("inf"), -1e30, 351.0):
        struct.pack_into("<f", head, 108, value)
        files.append((f"offset{value}.nii", bytes(head), None))
    files += [
        ("empty.sdf", b"", None), ("empty.png", b"", None), ("ends.sdf", b"$$$$\n" * 50, None),
        ("long.extxyz", b"9999999\nx\nH 0 0 0\n", None), ("many.xyz", b"0\n" * 3000, None),
        ("huge.png", carriers.PNG + struct.pack(">I", 2**32 - 1) + b"IHDR" + b"\xff" * 40, None),
        ("loop.tif", b"II*\0\x08\0\0\0\0\0\x08\0\0\0", None), ("far.tif", b"MM\0*\xff\xff\xff\xff", None),
        ("half.jpg", b"\xff\xd8\xff\xe0\xff\xff", None), ("bomb.nii.gz", carriers.packed(b"\0" * 3_000_000), None),
    ]  # fmt: skip
    beside = [
        b"", b"{}", b"[" * 200_000, b'{"format":"difusa-passport/1"}', b"\xff\xfe", b"null", b"1" * 9000,
        b'{"format":"difusa-passport/1","record":{"content":{}},"signature":"","certificate":""}',
        b'{"format":"difusa-passport/1","record":NaN}', b'{"a":1,"a":2}', b'"\\ud800"', b"{" * 100, b" " * 5000,
    ]  # fmt: skip
    files += [(f"side{k}.bin", b"abc", text) for k, text in enumerate(beside)]
    return files


def test_fifty_malformed_files_get_an_answer(tmp_path, trust, monkeypatch):
    monkeypatch.setattr(carriers, "LARGEST", 2_000_000)
    files = malformed()
    assert len(files) >= 50
    for name, raw, beside in files:
        path = tmp_path / name
        path.write_bytes(raw)
        if beside is not None:
            sidecar(path).write_bytes(beside)
        found = verdict(path, trust)
        assert found.status == UNKNOWN and found.reasons, (name, found)
        if beside is None:  # whatever the bytes are, they can be signed, but for a damaged .gz
            try:
                attach(path, FACTS)
            except ValueError as error:
                assert name.endswith(".gz") and "no passport can be given" in str(error)
            else:
                assert verdict(path, trust).status == INTACT, name
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for odd in ("pipe", "loop", "nothing", "."):
        assert verdict(tmp_path / odd, trust).status == UNKNOWN


def test_an_envelope_reads_back():
    record = {"made": {"a": 0.1}, "content": {"sha256": "0", "kind": "file"}}
    made = sealed(record, keys.mine(), {"name": "ã", "made": "2026-01-01"})
    assert envelope_of(canonical(made.as_json())) == made
