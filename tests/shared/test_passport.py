"""Passports: intact files pass, each of ten tamperings is found and named, in eleven formats."""

import json

import numpy as np
import pytest

from difusa.tests.shared.signed_files import ALONE, FACTS, png, resigned, samples, written

pytest.importorskip("cryptography")

from difusa.shared.passport import attach, carriers, keys, sidecar
from difusa.shared.passport.content import opened, touched
from difusa.shared.passport.verdict import CHANGED, INTACT, STRANGER, UNKNOWN, verdict


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
