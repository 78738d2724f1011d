"""The verbs `difusa watermark`, and what verify makes of a picture of which only the mark is left."""

import re

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from difusa.apps import verify as verifying
from difusa.apps import watermark
from difusa.apps.cli import main
from difusa.apps.verify import verify
from difusa.shared.passport import sidecar
from difusa.shared.passport.verdict import CHANGED, INTACT, UNKNOWN


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    from skimage import data

    path = tmp_path_factory.mktemp("pictures") / "a.png"
    path.write_bytes(imagecodecs.png_encode(data.astronaut()))
    return path


@pytest.fixture
def marked(picture, tmp_path):
    out = tmp_path / "marked.png"
    watermark.embed(picture, out=out)
    return out


def pixels(path):
    return np.array(Image.open(path))


def test_marked_read_and_taken_out_again(picture, marked, tmp_path, capsys):
    assert watermark.read([marked]).exit_status == 0
    assert "carries your mark, payload" in capsys.readouterr().out
    assert watermark.read([picture, marked], report=tmp_path / "r.json").exit_status == 3
    watermark.remove(marked, out=tmp_path / "back.png")
    assert (pixels(tmp_path / "back.png") == pixels(picture)).all()
    assert 0 < np.abs(pixels(marked).astype(int) - pixels(picture)).max() < 10


def test_verify_knows_its_own_after_the_passport_is_gone(marked, tmp_path, picture):
    assert verify([marked]).verdicts[0].status == INTACT
    small = tmp_path / "sent.jpg"
    Image.open(marked).save(small, quality=70)
    found = verify([small]).verdicts[0]
    assert found.status == CHANGED and "carries your watermark" in found.sentence
    assert verify([picture]).verdicts[0].status == UNKNOWN


def test_verify_reads_marks_of_molecules_with_the_key_alone(tmp_path, monkeypatch):
    """Without passport, stamps and tags; a stranger's key, or none, finds nothing, and no keys are made to look."""
    from difusa.domains.molecules.task import generate

    generate(out=tmp_path / "a.sdf", count=6, steps=8, seed=3)
    records = (tmp_path / "a.sdf").read_text().split("$$$$\n")[:-1]
    bare = tmp_path / "sent.sdf"
    bare.write_text("".join(r.partition("M  END")[0] + "M  END\n$$$$\n" for r in records))
    found = verify([bare]).verdicts[0]
    assert found.status == CHANGED and "carries your watermark" in found.sentence
    monkeypatch.setattr(verifying, "RECORDS", 2)  # those that are looked at count, and no others
    assert f"{watermark.reading(bare, most=2)['p_value']:.1g}" in verify([bare]).verdicts[0].sentence
    monkeypatch.setenv("DIFUSA_KEYS", str(tmp_path / "nobody"))
    assert verify([bare]).verdicts[0].status == UNKNOWN and not (tmp_path / "nobody").exists()
    watermark.read([bare])  # makes the keys of somebody else
    said = verify([bare]).verdicts[0]
    assert said.status == UNKNOWN and "watermark" not in said.sentence


def test_a_weak_mark_is_a_hint_and_no_verdict(tmp_path):
    """A crystal has too few numbers to be sure of: 1 in 4,001 is the least that its reading can tell."""
    from difusa.domains.materials.task import generate

    generate(out=tmp_path / "a", count=3, steps=14, seed=3, batch=8)
    place, said = tmp_path / "sent", []
    place.mkdir()
    for path in sorted((tmp_path / "a").glob("*.cif")):
        (place / path.name).write_text(re.sub(r"(?m)^_difusa_passport.*\n", "", path.read_text()))
        said.append(verify([place / path.name]).verdicts[0])
    assert all(v.status == UNKNOWN for v in said)
    assert any("it may carry your watermark" in v.sentence for v in said)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.sdf", "no mol block\n$$$$\n"),
        ("b.sdf", ""),
        ("a.cif", "data_x\n_difusa_seed 99999999999999999999999\n"),
        ("b.cif", ""),
    ],
)
def test_verify_never_raises_where_marks_cannot_be_read(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert verify([tmp_path / name]).verdicts[0].status == UNKNOWN


def test_only_its_issuer_takes_a_mark_out(marked, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DIFUSA_KEYS", str(tmp_path / "others"))
    assert main(["watermark", "remove", str(marked), "--out", str(tmp_path / "b.png")]) == 2
    assert "as it was written" in capsys.readouterr().err
    assert watermark.read([marked]).exit_status == 3


def test_says_what_is_wrong(picture, marked, tmp_path, capsys):
    with pytest.raises(ValueError, match=r"write \.tif or \.png"):
        watermark.embed(picture, out=tmp_path / "a.jpg")
    with pytest.raises(ValueError, match="name another file"):
        watermark.embed(picture, out=picture)
    with pytest.raises(ValueError, match="only the passport knows"):
        watermark.remove(picture, out=tmp_path / "b.png")
    sidecar(marked).unlink()
    Image.fromarray(pixels(marked)).save(marked)
    with pytest.raises(ValueError, match="only the passport knows"):
        watermark.remove(marked, out=tmp_path / "b.png")
    with pytest.raises((ValueError, OSError)):
        watermark.read([tmp_path / "none.png"])
