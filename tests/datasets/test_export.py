"""A picture that leaves carries Content Credentials that other programs read; shards stay as they were; the rest is refused."""

import io
import json
import zlib

import numpy as np
import pytest

pytest.importorskip("c2pa")
pytest.importorskip("cv2")
pytest.importorskip("mlcroissant")

from difusa.apps.export import export
from difusa.apps.release import release
from difusa.apps.verify import trusted
from difusa.datasets.batch import batch
from difusa.shared.passport.verdict import CHANGED, INTACT, verdict

PERSON = {"override": "a set that only a test will see", "by": "Ana Souza", "office": "tester"}


@pytest.fixture
def staged(tmp_path, monkeypatch, at_once):
    """A data set of two restored crops, unreleased."""
    from PIL import Image

    monkeypatch.delenv("DIFUSA_DATA", raising=False)
    home = tmp_path / "pictures"
    home.mkdir()
    name = next(
        n
        for n in map("p{}".format, range(400))
        if zlib.crc32(n.encode()) % 10 == 0 and zlib.crc32(n.encode()) // 10 % 2
    )
    field = np.kron(np.random.default_rng(0).integers(40, 215, (6, 6, 3)), np.ones((16, 16, 1)))
    Image.fromarray(field.astype(np.uint8)).save(home / f"{name}.png")
    text = f'name = "crops"\ndomain = "heritage"\ncount = 2\n[make]\npictures = "{home}"\nsize = 32\n'
    (tmp_path / "r.toml").write_text(text + '[conditions.fixed]\ndamage = "losses"\n')
    batch(tmp_path / "r.toml", out=tmp_path / "set", progress=lambda done, total: None)
    return tmp_path / "set"


def test_what_leaves_carries_credentials_and_what_stays_does_not(staged, shards, tmp_path):
    import c2pa

    before = shards(staged)
    out = tmp_path / "out"
    release(staged, export=out, **PERSON)
    assert shards(staged) == before and b"c2pa" not in b"".join(before.values())
    folders = sorted(p for p in out.iterdir() if p.is_dir() and p.name != "papers")
    assert len(folders) == 2
    for folder in folders:
        assert verdict(folder, trusted()).status == INTACT
        picture = folder / f"{folder.name}.restored.png"
        with c2pa.Reader("image/png", io.BytesIO(picture.read_bytes())) as reader:
            told = json.loads(reader.json())
        active = told["manifests"][told["active_manifest"]]
        facts = {a["label"]: a["data"] for a in active["assertions"]}
        assert "compositeWithTrained" in facts["c2pa.actions.v2"]["actions"][0]["digitalSourceType"]
        assert facts["org.difusa.passport"]["verb"] == "batch"
        alone = tmp_path / f"{folder.name}.png"
        alone.write_bytes(picture.read_bytes())
        assert verdict(alone, trusted()).status == INTACT  # the file alone, without its record
    assert (out / "RELEASE.json").exists() and (out / "papers" / "limits.en.md").exists()
    data = bytearray(picture.read_bytes())
    data[data.rindex(b"IDAT") + 8] ^= 1
    picture.write_bytes(data)
    assert verdict(folders[-1], trusted()).status == CHANGED


def test_only_what_was_released_and_is_unchanged_leaves(staged, tmp_path):
    with pytest.raises(ValueError, match="not released"):
        export(staged, out=tmp_path / "out")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").touch()
    with pytest.raises(ValueError, match="lies there already"):
        release(staged, export=tmp_path / "full", **PERSON)
    assert (staged / "UNRELEASED").exists()
    release(staged, **PERSON)
    plain = export(staged, out=tmp_path / "plain", c2pa=False, progress=lambda done, total: None)
    assert plain == {"samples": 2, "pictures": 0}
    with next(iter((staged / "shards").iterdir())).open("ab") as file:
        file.write(b"\0" * 512)
    with pytest.raises(ValueError, match="changed after its release"):
        export(staged, out=tmp_path / "out")
