"""The gate and the verbs, end to end on a small staged set of real molecules: SMILES in shards, as the factory lays them down."""

import csv
import io
import json
import tarfile

import pytest

pytest.importorskip("rdkit")

from difusa.apps import cli
from difusa.apps.audit import audit
from difusa.apps.release import release
from difusa.ethics import gate
from difusa.ethics.policy import AUDITS, FILE, lacking, read

ALKYL = ("C", "CC", "CCC", "CC(C)", "CCCC", "CC(C)C", "C1CC1", "C1CCC1", "C1CCCC1", "C1CCCCC1")
HEADS = ("O", "N", "F", "C#N", "C=O", "C(=O)O", "C(=O)N", "OC", "NC", "C(C)=O", "Cl", "S")
TAILS = ("", "O", "N", "F", "C", "CO", "CN", "C#N")
SOURCES = """
[[source]]
name = "small organic molecules"
licence = "CC0-1.0"
credit = "written by hand"
"""


def smiles() -> list[str]:
    """Some 900 different small molecules: tail-alkyl-head, as names are put together."""
    from rdkit import Chem

    built = (f"{t}{a}{h}" for a in ALKYL for h in HEADS for t in TAILS)
    return list(dict.fromkeys(Chem.CanonSmiles(s) for s in built if Chem.MolFromSmiles(s)))


def staged(folder, texts, domain="molecules"):
    """A folder as `difusa batch` leaves it: manifest, marker, one shard."""
    (folder / "shards").mkdir(parents=True)
    recipe = {"name": "small", "domain": domain, "count": len(texts), "audits": ["fidelity", "privacy"], "about": {}}
    manifest = {
        "format": 1,
        "recipe": recipe,
        "recipe_sha256": "0" * 64,
        "count": len(texts),
        "models": [],
        "sources": [],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "UNRELEASED").write_text("not released")
    with tarfile.open(folder / "shards" / "shard-00000.tar", "w") as tar:
        for i, text in enumerate(texts):
            entry = tarfile.TarInfo(f"{i:08d}.smi")
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    return folder


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """Real molecules, other ones of the same kind, the list of sources, and a policy that judges copies of molecules."""
    from random import Random

    folder, every = tmp_path_factory.mktemp("real"), smiles()
    Random(0).shuffle(every)
    (folder / "train.smi").write_text("\n".join(every[:200]))
    (folder / "sources.toml").write_text(SOURCES)
    strict = FILE.read_text().replace("molecules = 0.7", "molecules = 0.0").replace("repeats", "repeats")
    (folder / "strict.toml").write_text(strict)
    return folder, every[:200], every[200:300]


def audited(folder, real, report, **more):
    options = {
        "against": real / "train.smi",
        "sources": real / "sources.toml",
        "policy": real / "strict.toml",
        "repeats": 5,
    }
    return audit(folder, report=report, progress=lambda done, total: None, **options | more)


def test_a_clean_set_is_released_and_tells_by_whom(real, tmp_path):
    home, _, fresh = real
    folder, policy = staged(tmp_path / "set", fresh), home / "strict.toml"
    with pytest.raises(ValueError, match="never audited"):
        release(folder, policy=policy)
    told = audited(folder, home, tmp_path / "report.html")
    assert {told["verdicts"][a] for a in ("fidelity", "privacy", "origin", "safety")} == {"pass"}
    text = (tmp_path / "report.html").read_text()
    assert "aprovado" in text
    assert json.loads((tmp_path / "report.json").read_text())["findings"] == told["findings"]
    with pytest.raises(ValueError, match="another policy"):
        release(folder)
    record = release(folder, policy=policy)
    assert record["decision"]["passed"]
    assert not (folder / "UNRELEASED").exists()
    papers = sorted(p.name for p in (folder / "papers").iterdir())
    assert len(papers) == 8
    assert "privacidade: aprovada" in (folder / "papers" / "limits.pt-BR.md").read_text()
    assert "[a preencher]" in (folder / "papers" / "impact.pt-BR.md").read_text()
    with pytest.raises(ValueError, match="released already"):
        release(folder, policy=policy)


def test_planted_copies_keep_a_set_in_and_so_does_whatever_was_touched(real, tmp_path, capsys):
    home, train, fresh = real
    folder, policy = staged(tmp_path / "set", fresh[:95] + train[:5]), home / "strict.toml"
    told = audited(folder, home, tmp_path / "report.html")
    assert told["verdicts"]["privacy"] == "fail"
    assert cli.main(["release", str(folder), "--policy", str(policy)]) == 2
    assert "copies of training things" in capsys.readouterr().err
    assert (folder / "UNRELEASED").exists()

    kept = json.loads((folder / "audit.json").read_text())
    kept["record"]["report"]["verdicts"]["privacy"] = "pass"
    for finding in kept["record"]["report"]["findings"]:
        finding["verdict"] = "pass"
    (folder / "audit.json").write_text(json.dumps(kept))
    with pytest.raises(ValueError, match="forged"):
        release(folder, policy=policy)
    reason = "the copies are of public substances"
    with pytest.raises(ValueError, match="a reason has at least 20 letters"):
        release(folder, policy=policy, override="because", by="Ana Souza", office="data steward")
    for by in (None, "Ana"):
        with pytest.raises(ValueError, match="first and last name"):
            release(folder, policy=policy, override=reason, by=by, office="data steward")
    person = {"by": "Ana Souza", "office": "data steward"}
    capsys.readouterr()
    record = release(folder, policy=policy, override=reason, **person)
    assert (
        "over these objections:\n" in (said := capsys.readouterr().out) and record["decision"]["objections"][0] in said
    )
    assert not record["decision"]["passed"]
    assert record["decision"]["override"]["name"] == "Ana Souza"
    assert record["decision"]["objections"]


def test_releases_are_followed_and_sources_are_told_thing_by_thing(real, tmp_path):
    home, train, fresh = real
    history, second = tmp_path / "releases.jsonl", staged(tmp_path / "v2", fresh[:40] + train[:40])
    first = audited(staged(tmp_path / "v1", fresh), home, tmp_path / "1.html", follow=history)
    assert "drift" in first["verdicts"] and "nearest to source small organic molecules" in str(first["findings"])
    told = audited(second, home, tmp_path / "2.html", follow=history)
    copies = next(f for f in told["findings"] if f["audit"] == "drift" and f["name"] == "copies of training things")
    assert copies["low"] > 0.3 and "moved" in copies["note"]
    again = audited(second, home, tmp_path / "2.html", follow=history)
    assert again == told and len(history.read_text().splitlines()) == 2
    assert (tmp_path / "2.html").read_text().count("<svg") == 2
    rows = list(csv.DictReader((tmp_path / "2.nearest.csv").open()))
    assert len(rows) == 80 and {r["source"] for r in rows} == {"small organic molecules"}
    copied = [r for r in rows if float(r["distance"]) < 1e-5]
    assert len(copied) >= 40


def test_data_changed_after_the_audit_are_noticed(real, tmp_path):
    home, _, fresh = real
    folder = staged(tmp_path / "set", fresh)
    audited(folder, home, tmp_path / "report.html")
    with open(folder / "shards" / "shard-00000.tar", "ab") as file:
        file.write(b"\0" * 512)
    with pytest.raises(ValueError, match="changed after the audit"):
        release(folder, policy=home / "strict.toml")


def test_medical_data_need_a_named_reviewer():
    policy = read()[0]
    for nobody in (None, gate.Person("Ana Souza", ""), gate.Person("Ana", "CRM-SP 123456")):
        with pytest.raises(ValueError, match="named reviewer"):
            gate.decided("medical", [], policy, nobody, None, None)
        with pytest.raises(ValueError, match="named reviewer"):
            gate.decided(
                "medical", ["x"], policy, nobody, "a reason that is long enough", gate.Person("Ana Souza", "dean")
            )
    doctor = gate.Person("Ana Souza", "CRM-SP 123456")
    assert gate.decided("medical", [], policy, doctor, None, None)["reviewer"] == {
        "name": "Ana Souza",
        "office": "CRM-SP 123456",
    }


def test_the_policy_says_what_is_asked_and_refuses_what_it_does_not_know(tmp_path):
    policy = read()[0]
    assert policy.asks("molecules") == ["fidelity", "privacy", "origin", "safety"]
    assert policy.asks("medical", ("usefulness",)) == ["fidelity", "usefulness", "privacy", "bias", "origin"]
    for wrong, told in (("[privcy]\nx = 1\n", "privacy"), ('required.other = ["fairness"]\n', "fairness")):
        path = tmp_path / "p.toml"
        text = FILE.read_text()
        path.write_text(text + wrong if wrong[0] == "[" else text.replace("materials = []", 'materials = ["fairness"]'))
        with pytest.raises(ValueError, match=told):
            read(path)


def test_an_audit_without_its_control_counts_as_not_made():
    policy = read()[0]
    findings = [{"audit": "privacy", "name": "copies of training things", "verdict": "pass"}]
    report = {"verdicts": {"privacy": "pass"}, "findings": findings}
    assert lacking(report, ["privacy", "bias"], policy) == [
        "privacy: without control: planted copies found",
        "bias: nothing was judged",
    ]
    assert set(AUDITS) >= set(policy.demands)


def test_an_unfinished_set_is_neither_audited_nor_released(tmp_path, capsys):
    folder = tmp_path / "set"
    (folder / "shards").mkdir(parents=True)
    (folder / "UNRELEASED").touch()
    manifest = {"recipe": {"domain": "molecules"}, "shards": 2}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    for command in (["release", folder], ["audit", folder, "--against", tmp_path, "--report", tmp_path / "r.html"]):
        (tmp_path / "a.smi").write_text("CCO a\n")
        assert cli.main([str(c) for c in command]) == 2
        assert "0 of 2 shards; difusa batch RECIPE" in capsys.readouterr().err
