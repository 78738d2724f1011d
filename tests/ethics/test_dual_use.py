"""Dual use: the screen finds what is listed, tells no menu, fails closed, and harm is no goal."""

import hashlib

import pytest

pytest.importorskip("rdkit")

from difusa.domains.molecules import screening
from difusa.domains.molecules.readers import load
from difusa.domains.molecules.screening import alerts, blocked, refuse, refuse_harm, skeleton_keys, write_list
from difusa.ethics.chemistry import MOLECULES
from difusa.ethics.dual_use import dual_use
from difusa.ethics.findings import FAIL, NOTED, PASS
from difusa.ethics.loading import of_things

ASPIRIN, SODIUM_SALT = "CC(=O)Oc1ccccc1C(=O)O", "CC(=O)Oc1ccccc1C(=O)[O-].[Na+]"
ALANINE, MIRRORED = "C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O"
HARMLESS = ("CCO", "c1ccccc1", "CC(C)=O", "CCN", "OCC(O)CO", "CC(=O)O", "CCCC", "C1CCCCC1", "CCOC", "CNC", "OCCO")


@pytest.fixture
def molecules(tmp_path):
    def read(*smiles):
        path = tmp_path / "a.smi"
        path.write_text("\n".join(smiles))
        return [r.molecule for r in load(path)]

    return read


@pytest.fixture
def own(tmp_path, monkeypatch, molecules):
    """An institution's list of two harmless substances, in place of the one that ships."""
    path = tmp_path / "own.txt"
    write_list([skeleton_keys(m)[0] for m in molecules(ASPIRIN, ALANINE)], path, salt="5a17")
    monkeypatch.setenv("DIFUSA_BLOCKED", str(path))
    blocked.cache_clear()
    yield path
    blocked.cache_clear()


def test_what_is_listed_is_found_in_any_dress(own, molecules):
    for listed in (ASPIRIN, SODIUM_SALT, ALANINE, MIRRORED, f"CCO.{ASPIRIN}"):
        with pytest.raises(ValueError, match="block list") as told:
            refuse(molecules("CCO", listed), "input")
        assert "molecule 2" in str(told.value)
    refuse(molecules(*HARMLESS), "input")


def test_the_list_is_no_menu():
    text = screening.LIST.read_text()
    lines = text.split()
    assert all(len(word) in (4, 6, 16, 32, 64) for word in lines)  # salt, sha256, hashes: nothing that names anything
    key = skeleton_keys_of("CCO")
    plain = {hashlib.sha256(key.encode()).hexdigest()[:16], key}
    assert not plain & set(lines)
    assert len(blocked().hashes) >= 27


def test_the_list_that_ships_knows_what_it_should(molecules):
    """A licensed medicine (chlormethine) that is a scheduled chemical too, as salt and as base; its harmless kin are not."""
    assert blocked().holds(molecules("C[NH+](CCCl)CCCl.[Cl-]")[0])
    assert blocked().holds(molecules("CN(CCCl)CCCl")[0])
    assert not any(blocked().holds(m) for m in molecules("CN(CCO)CCO", "CCCCl", "CP(=O)(OC)OC", *HARMLESS))


def skeleton_keys_of(smiles: str) -> str:
    from rdkit import Chem

    return Chem.MolToInchiKey(Chem.MolFromSmiles(smiles)).split("-")[0]


@pytest.mark.parametrize("harm", ["missing", "emptied", "one hash gone", "one letter"])
def test_without_a_whole_list_nothing_passes(own, molecules, harm):
    text = own.read_text()
    lines = text.split("\n")
    own.write_text(
        {
            "missing": "",
            "emptied": "",
            "one hash gone": "\n".join(lines[:3]),
            "one letter": text.replace(lines[2][0], "g", 1),
        }[harm]
    )
    if harm == "missing":
        own.unlink()
    blocked.cache_clear()
    with pytest.raises(ValueError, match="nothing passes"):
        refuse(molecules("CCO"), "input")
    found = of_things(dict(zip("abc", molecules("CCO", "CCN", "CCC"))), MOLECULES)
    assert [f.verdict for f in dual_use(found)] == [FAIL]


def test_the_audit(own, molecules):
    clean = of_things({str(i): m for i, m in enumerate(molecules(*HARMLESS))}, MOLECULES)
    assert [f.verdict for f in dual_use(clean, clean)] == [PASS, NOTED]
    bad = of_things({str(i): m for i, m in enumerate(molecules(*HARMLESS[:5], ASPIRIN))}, MOLECULES)
    assert dual_use(bad)[0].verdict == FAIL, "of six molecules too, a hit is a hit"


def test_alerts_are_rdkits(molecules):
    nitro, ethanol = molecules("O=[N+]([O-])c1ccccc1", "CCO")
    assert any("nitro" in a.lower() for a in alerts(nitro))
    assert not alerts(ethanol)


@pytest.mark.parametrize(
    ("name", "low", "high", "refused"),
    [
        ("toxicity", 0.5, float("inf"), True),
        ("toxicity", 0.9, 0.9, True),
        ("Ames_mutagenicity", 1, 2, True),
        ("toxicity", float("-inf"), 0.1, False),
        ("LD50", float("-inf"), 5, True),
        ("ld50", 2000, float("inf"), False),
        ("gap", 5, float("inf"), False),
    ],
)
def test_harm_is_no_goal(name, low, high, refused):
    if refused:
        with pytest.raises(ValueError, match="harm is no goal"):
            refuse_harm(name, low, high)
    else:
        refuse_harm(name, low, high)


def test_the_verbs_screen_what_goes_in_and_what_comes_out(own, molecules, tmp_path):
    from difusa.domains.molecules.conformers import read
    from difusa.domains.molecules.export import save
    from difusa.domains.molecules.verbs import pair

    _, _, sizes, placer_sizes = pair("drugs", None)
    graphs, failures = read([ASPIRIN, "CCO"], sizes, placer_sizes)
    assert [row for row, _ in graphs] == [2]
    assert "block list" in failures[0]["reason"]
    with pytest.raises(ValueError, match="block list"):
        save(molecules("CCO", ASPIRIN), tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()
