"""The page "Verify" as a visitor uses it: intact, changed, strange and bare files, in both languages; every reason translated."""

import ast
from pathlib import Path

import numpy as np
import pytest

import difusa.apps
from difusa.apps.i18n import translator
from difusa.apps.verify import HINTED, MARKED
from difusa.apps.verify_words import REASONS, told
from difusa.shared import passport
from difusa.shared.passport import Facts, attach, keys, sidecar
from difusa.shared.passport.saying import Said

MAIN = Path(difusa.apps.__file__).parent / "main_page.py"
FACTS = Facts("molecules generate", ({"name": "qm9", "sha256": "ab" * 32},), "Plan()", 3)


@pytest.fixture
def files(tmp_path):
    """Name -> bytes of a signed table with its passport, a changed one, and a bare one."""
    path = tmp_path / "a.parquet"
    path.write_bytes(bytes(range(256)) * 4)
    attach(path, FACTS)
    good = path.read_bytes()
    return {"a.parquet": good, "a.parquet.passport.json": sidecar(path).read_bytes(), "changed": b"X" + good[1:]}


def page(language="en"):
    from streamlit.testing.v1 import AppTest

    at = AppTest.from_file(str(MAIN), default_timeout=200)
    at.session_state["language"] = language
    at = at.run().switch_page("verify_page.py").run()
    assert not at.exception
    return at


def given(at, *uploads, key="verify_files"):
    at.file_uploader(key=key).set_value([(n, c, "application/octet-stream") for n, c in uploads]).run()
    assert not at.exception
    kinds = (at.subheader, at.success, at.warning, at.error, at.info, at.markdown)
    return "\n".join(e.value for kind in kinds for e in kind)


def test_a_file_with_its_passport_and_a_changed_one(files):
    at = page()
    beside = ("a.parquet.passport.json", files["a.parquet.passport.json"])
    said = given(at, ("a.parquet", files["a.parquet"]), beside)
    assert "Genuine and unchanged." in said and "signed by Difusa" in said
    assert "molecules generate" in str(at.table[0].value) and "qm9" in str(at.table[0].value)
    said = given(at, ("../a.parquet", files["changed"]), beside)
    assert "Genuine, but changed afterwards." in said and "bytes 0 to 15" in said
    # renamed on the way: a single passport belongs to the single file
    assert "Genuine and unchanged." in given(at, ("b (1).bin", files["a.parquet"]), beside)
    said = given(at, ("a.parquet", files["a.parquet"]))
    assert "It cannot be told." in said and "there is no a.parquet.passport.json beside it" in said.replace("\\", "")


def test_in_portuguese_and_with_the_certificates_of_others(files, tmp_path, monkeypatch):
    keys.export(out=tmp_path / "public.pem")
    monkeypatch.setenv("DIFUSA_KEYS", str(tmp_path / "nobody"))
    at = page("pt_BR")
    both = [(n, files[n]) for n in ("a.parquet", "a.parquet.passport.json")]
    assert "falta o certificado público" in given(at, *both)
    given(at, ("public.pem", (tmp_path / "public.pem").read_bytes()), key="verify_trust")
    assert "Autêntico e sem alteração." in given(at, *both)
    assert "Estes não são certificados" in given(at, ("public.pem", b"none"), key="verify_trust")


def test_molecules_without_passport_are_known_by_their_mark(tmp_path):
    from difusa.domains.molecules.task import generate

    generate(out=tmp_path / "a.sdf", count=6, steps=8, seed=3)
    bare = "".join(
        r.partition("M  END")[0] + "M  END\n$$$$\n" for r in (tmp_path / "a.sdf").read_text().split("$$$$\n")[:-1]
    )
    at = page("pt_BR")
    said = given(at, ("sent on.sdf", bare.encode()))
    assert (
        "Autêntico, mas alterado depois." in said and "mas traz a sua marca" in said and "não traz passaporte" in said
    )


def test_a_video_gets_a_timeline_and_no_verdict(tmp_path):
    clips = pytest.importorskip("difusa.shared.forensics.clips")
    pytest.importorskip("cv2")
    frames = np.random.default_rng(0).integers(0, 255, (15, 48, 64, 3), np.uint8)
    video = clips.write(tmp_path / "a.avi", frames, 10.0).read_bytes()
    at = page("pt_BR")
    said = given(at, ("a.avi", video))
    assert "segundo a segundo" in said and "vozes clonadas não são reconhecidas" in said and "probabilidade" not in said


def test_every_reason_has_its_words():
    """What the package can say, and verify of a mark, is what the page's catalogue holds."""
    found = {MARKED, HINTED}
    for path in Path(passport.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("Said", "Malformed"):
                found |= {a.value for a in node.args if isinstance(a, ast.Constant)}
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in NAMES:
                values = ast.walk(node.value)
                found |= {v.value for v in values if isinstance(v, ast.Constant) and " " in str(v.value)}
    assert found == set(REASONS)


NAMES = ("DAMAGED", "STRANGE", "FORGED", "ROWS", "WHERE", "CREDENTIALS", "words")


def test_what_is_filled_in_is_translated_too():
    inner = Said("it is nested too deep")
    assert told(Said("the sidecar is damaged: {why}", why=inner), translator("pt_BR")).endswith(
        "está aninhado fundo demais"
    )
    assert told(Said("{name} was added", name="{x}"), translator("en")) == "{x} was added"
