"""The verb conformers, with small random networks: graph and stereo are the SMILES', misfits are told, a seed has its bytes."""

import json

import numpy as np
import pytest

pytest.importorskip("rdkit")

from rdkit import Chem
from rdkit.Chem import AllChem

from difusa.apps import cli
from difusa.domains.molecules.conformers import conformers
from difusa.domains.molecules.stereo import asked_of, turned

TEXTS = (  # two centres, E, an imine whose hydrogen decides, aromatic NH, zwitterion, one atom
    "C[C@H](O)[C@@H](F)CO",
    "F/C=C/O",
    "[H]/N=C(\\C)F",
    "c1cc[nH]c1",
    "[NH3+][C@@H](C)C(=O)[O-]",
    "C",
)


def read(path):
    return list(Chem.SDMolSupplier(str(path), removeHs=False))


def embedded(smiles: str) -> np.ndarray:
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert AllChem.EmbedMolecule(mol, randomSeed=1) == 0
    return mol.GetConformer().GetPositions()


def bonds(mol):
    return [(b.GetBeginAtomIdx(), b.GetEndAtomIdx(), b.GetBondTypeAsDouble()) for b in mol.GetBonds()]


def test_the_graph_is_obeyed_by_every_conformer_and_stereo_where_it_says_so(small_models, tmp_path):
    told = conformers(list(TEXTS), out=tmp_path / "x.sdf", count=6, report=tmp_path / "r.json", **small_models)
    found = read(tmp_path / "x.sdf")
    assert len(found) == told["count"] == 6 * len(TEXTS)
    for k, mol in enumerate(found):
        text = TEXTS[k // 6]
        wanted = Chem.AddHs(Chem.MolFromSmiles(text))
        assert [a.GetAtomicNum() for a in mol.GetAtoms()] == [a.GetAtomicNum() for a in wanted.GetAtoms()]
        assert [a.GetFormalCharge() for a in mol.GetAtoms()] == [a.GetFormalCharge() for a in wanted.GetAtoms()]
        assert sorted((*sorted(b[:2]), b[2]) for b in bonds(mol)) == sorted(
            (*sorted(b[:2]), b[2]) for b in bonds(wanted)
        )
        assert mol.GetProp("INPUT") == text
        assert (mol.GetIntProp("SEED"), mol.GetProp("MODEL")) == (0, told["model"]["sha256"])
        right = mol.GetProp("ISOMERIC_SMILES") == Chem.CanonSmiles(text)
        # Of double bonds the verdict is stricter than RDKit's perception: all neighbours must lie on their side.
        assert right == (mol.GetProp("STEREO") != "wrong") or (right and "=C" in text and "[O-]" not in text)
    words = {m.GetProp("STEREO") for m in found}
    assert {"right", "mirrored", "none"} <= words, "the random network should give both hands"
    entries = json.loads((tmp_path / "r.json").read_text())["molecules"]
    assert [e["specified"] for e in entries] == [2, 1, 1, 0, 1, 0]
    assert all(6 <= e["drawn"] <= 24 and sum(e["stereo"].values()) == 6 for e in entries)
    assert told["network_evaluations"] == 5


def test_misfits_are_kept_and_told_when_the_budget_ends(small_models, tmp_path, capsys):
    text = "F[C@H](O)[C@@H](F)[C@H](O)[C@@H](C)O"  # one draw in eight can be right
    told = conformers([text], out=tmp_path / "x.sdf", count=3, sampler="ddpm", **small_models)
    (entry,) = told["molecules"]
    assert entry["count"] == 3
    assert entry["drawn"] == 12
    words = [m.GetProp("STEREO") for m in read(tmp_path / "x.sdf")]
    assert 0 < words.count("wrong") == entry["stereo"]["wrong"]
    assert "conformers have the wrong stereo" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text", ["C[C@H](O)[C@@H](F)CO", "C[C@@H]1CCC[C@H](F)C1", "N[C@@H](C)C(=O)O", "C[C@H](F)/C=C/C"]
)
def test_a_mirror_image_is_turned_back(text):
    stereo, positions = asked_of(text), embedded(text)
    same, word = turned(stereo, positions)
    assert word == "right"
    np.testing.assert_array_equal(same, positions)
    back, word = turned(stereo, positions * (-1, 1, 1))
    assert word == "mirrored"
    np.testing.assert_array_equal(back, positions)


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("C[C@H](O)[C@@H](F)CO", "C[C@H](O)[C@H](F)CO"),
        ("C[C@@H]1CCC[C@H](F)C1", "C[C@H]1CCC[C@H](F)C1"),
        ("F/C=C/O", "F/C=C\\O"),
        ("[H]/N=C(\\C)F", "[H]/N=C(/C)F"),
    ],
)
def test_diastereomers_are_wrong_in_either_hand(text, other):
    stereo, positions = asked_of(text), embedded(other)
    assert turned(stereo, positions)[1] == turned(stereo, -positions)[1] == "wrong"


def test_what_is_not_specified_is_free():
    assert asked_of("CC(O)F").free == 1
    assert turned(asked_of("CC(O)F"), embedded("C[C@H](O)F"))[1] == "free"
    assert turned(asked_of("CCO"), embedded("CCO"))[1] == "none"
    assert asked_of("C[C@H](F)C(O)F").free == 1


def test_bad_rows_get_a_reason_and_the_run_goes_on(small_models, tmp_path, capsys):
    bad = {
        "C1CC": "ring closure|unclosed ring",
        "C[Si](C)C": "element 14 is none of this model's C, N, O, F, H",
        "C" * 20_001: "at most 1000 atoms",
        "C" * 900: "atoms",
        "CC(=O)[O-].[NH4+]": "2 molecules in one SMILES",
        "[13CH4]": "13C: the models know no isotopes",
        "[C+2]": "charge \\+2",
        "[H][H]": "no heavy atom",
        "CCCCCCCCCCC": "11 heavy atoms: this model has seen at most 10",
        "CCCCCCCC": "26 atoms: this model has seen at most 20",
        "x": "SMILES Parse Error|syntax error",
    }
    told = conformers(["CO", *bad, "CN"], out=tmp_path / "x.sdf", count=1, **small_models)
    assert told["count"] == 2
    assert [f["row"] for f in told["failures"]] == list(range(2, 2 + len(bad)))
    for failure, reason in zip(told["failures"], bad.values(), strict=True):
        assert any(r in failure["reason"].replace("\\", "") for r in reason.replace("\\", "").split("|")), failure
    assert capsys.readouterr().err.count("row ") == len(bad)
    with pytest.raises(ValueError, match=r"\[H\]\[H\]: .*no heavy atom"):
        conformers(["[H][H]"], out=tmp_path / "y.sdf", **small_models)
    assert not (tmp_path / "y.sdf").exists()


def test_the_batch_does_not_change_a_byte(small_models, tmp_path):
    for batch in (1, 3, 1000):
        conformers([TEXTS[0]], out=tmp_path / f"{batch}.sdf", count=5, batch=batch, **small_models)
    assert len({(tmp_path / f"{b}.sdf").read_bytes() for b in (1, 3, 1000)}) == 1


def test_the_command_line_takes_files_and_names(small_models, tmp_path):
    (tmp_path / "in.smi").write_text("# mine\nCO methanol\n\nC1C broken\nCN\n")
    names = [x for k, v in small_models.items() if k != "progress" for x in (f"--{k}", str(v))]
    words = [
        "molecules",
        "conformers",
        str(tmp_path / "in.smi"),
        "CF",
        "--count",
        "2",
        "--out",
        str(tmp_path / "x.sdf"),
    ]
    assert cli.main([*words, *names]) == 0
    found = read(tmp_path / "x.sdf")
    assert [m.GetProp("_Name") for m in found] == ["methanol"] * 2 + [""] * 4
    assert [m.GetIntProp("ROW") for m in found] == [1, 1, 3, 3, 4, 4]
    assert (
        cli.main(["molecules", "conformers", str(tmp_path / "none.smi"), "--out", str(tmp_path / "x.sdf"), *names]) == 2
    )
