"""Keys: private, vouched for, and what others need to check by; Content Credentials under the same ones."""

import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from difusa.tests.shared.signed_files import FACTS, resigned, samples, written

pytest.importorskip("cryptography")

from difusa.apps import cli
from difusa.shared.passport import attach, carriers, credentials, keys, sidecar
from difusa.shared.passport.content import described, opened
from difusa.shared.passport.signing import Trust, sealed, standing
from difusa.shared.passport.verdict import CHANGED, INTACT, STRANGER, UNKNOWN, verdict


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
