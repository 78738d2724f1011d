"""The verbs `difusa watermark`, and what verify makes of a picture of which only the mark is left."""

import imagecodecs
import numpy as np
import pytest
from PIL import Image

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
