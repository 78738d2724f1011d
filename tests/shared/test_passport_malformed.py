"""Fifty malformed files get an answer; an envelope reads back."""

import os
import struct

import numpy as np
import pytest

from difusa.tests.shared.signed_files import FACTS, samples

pytest.importorskip("cryptography")

from difusa.shared.passport import attach, carriers, keys, sidecar
from difusa.shared.passport.signing import canonical, sealed
from difusa.shared.passport.signing import opened as envelope_of
from difusa.shared.passport.verdict import INTACT, UNKNOWN, verdict


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
