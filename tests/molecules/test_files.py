"""Files: what is written is read back, by us and by others' readers; a broken row keeps its place and its reason."""

from dataclasses import replace

import numpy as np
import pytest

from difusa.domains.molecules.export import save
from difusa.domains.molecules.molecule import Molecule, from_rdkit, named, to_rdkit
from difusa.domains.molecules.readers import load

pytest.importorskip("rdkit")


@pytest.fixture
def drawn(molecules):
    """Eight good molecules with tags, one overvalent, one that lacks a hydrogen."""
    good = [replace(m, tags={"SEED": i, "MODEL": "ab12e34", "gap": 6.5}) for i, m in enumerate(molecules)]
    first = good[3]
    over = replace(first, bonds=np.vstack([first.bonds, [[0, len(first) - 1, 2]]]).astype(np.int32), smiles="")
    lack = replace(good[0], **{k: getattr(good[0], k)[:-1] for k in ("numbers", "positions", "charges")})
    lack = named(replace(lack, bonds=good[0].bonds[good[0].bonds[:, :2].max(1) < len(lack)]))
    return [*good, over, lack]


@pytest.mark.parametrize("suffix", [".sdf", ".extxyz", ".xyz"])
def test_round_trip(drawn, tmp_path, suffix):
    save(drawn, tmp_path / f"a{suffix}")
    records = load(tmp_path / f"a{suffix}")
    assert [r.number for r in records] == list(range(1, len(drawn) + 1))
    for m, r in zip(drawn, records):
        found = r.molecule
        assert found.smiles == m.smiles and bool(r.reason) == (not m.smiles)
        assert np.array_equal(found.numbers, m.numbers) and np.array_equal(found.charges, m.charges)
        assert sorted(found.bonds.tolist()) == sorted(m.bonds.tolist())
        assert np.abs(found.positions - m.positions).max() < 1e-6  # six decimals in SDF, eight in extxyz
        assert found.tags["SMILES"] == m.smiles and found.tags["SEED"] == m.tags["SEED"]
        assert found.tags["MODEL"] == "ab12e34" and found.tags["gap"] == 6.5
    assert "valence" in records[-2].reason and "valence" in records[-2].molecule.tags["REASON"]


def test_other_readers_see_the_same(drawn, molecules, tmp_path):
    from ase.io import read
    from rdkit import Chem

    save(drawn, tmp_path / "a.sdf")
    text = (tmp_path / "a.sdf").read_text()
    assert text.count("V3000") == text.count("$$$$") == len(drawn) and max(map(len, text.splitlines())) <= 200
    found = list(Chem.SDMolSupplier(str(tmp_path / "a.sdf"), removeHs=False))
    for m, mol in zip(molecules, found):
        assert mol.GetConformer().Is3D() and not any(a.GetNumImplicitHs() for a in mol.GetAtoms())
        assert from_rdkit(mol).smiles == m.smiles
        assert Chem.MolToInchiKey(mol) == mol.GetProp("INCHIKEY")
    assert "@" in found[len(molecules) - 1].GetProp("ISOMERIC_SMILES")  # stereo out of the coordinates
    assert found[len(molecules)] is None  # the overvalent one: RDKit refuses it too
    assert [a.GetNumRadicalElectrons() for a in found[-1].GetAtoms()].count(1) == 1
    save(drawn, tmp_path / "a.extxyz")
    frames = read(tmp_path / "a.extxyz", index=":")
    assert len(frames) == len(drawn) and np.allclose(frames[0].positions, drawn[0].positions, atol=1e-8)


def test_parquet_has_a_row_for_each(drawn, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    save(drawn, tmp_path / "a.parquet")
    rows = parquet.read_table(tmp_path / "a.parquet").to_pylist()
    assert [r["SMILES"] for r in rows] == [m.smiles for m in drawn]
    assert (
        rows[5] | {"formula": "H2O", "atoms": 3, "heavy_atoms": 1, "charge": 0, "gap": 6.5, "REASON": None} == rows[5]
    )
    assert "valence" in rows[-2]["REASON"] and rows[6]["charge"] == 2


def test_unknown_suffix_is_refused_before_any_work(tmp_path):
    with pytest.raises(ValueError, match=r"\.cdx; write one of"):
        save([None], tmp_path / "a.cdx")
    with pytest.raises(ValueError, match="unknown format"):
        load(tmp_path / "a.cdx")


def test_tags_cannot_break_the_record(molecules, tmp_path):
    odd = replace(molecules[0], tags={"NAME": "two\nlines", "note": "a\n\n$$$$\n> <x>\nb"})
    save([odd, molecules[1]], tmp_path / "a.sdf")
    records = load(tmp_path / "a.sdf")
    assert [r.molecule.smiles for r in records] == [m.smiles for m in molecules[:2]]
    assert records[0].molecule.tags["NAME"] == "two lines" and "x" not in records[0].molecule.tags
    with pytest.raises(ValueError, match="no name of an SDF tag"):
        save([replace(odd, tags={"a>": 1})], tmp_path / "a.sdf")


def test_broken_sdf_rows_keep_their_place(molecules, tmp_path):
    save(molecules[:3], tmp_path / "a.sdf")
    rows = (tmp_path / "a.sdf").read_text().split("$$$$\n")
    cut = "\n".join(rows[1].splitlines()[:9]) + "\n"
    implied = "\n     x\n\n  1  0  0  0  0  0  0  0  0  0999 V2000\n    0.0000    0.0000    0.0000 C   0  0\nM  END\n"
    (tmp_path / "b.sdf").write_text("$$$$\n".join([rows[0], cut, "", implied, rows[2]]))
    found = load(tmp_path / "b.sdf")
    assert [bool(r.reason) for r in found] == [False, True, True, True, False]
    assert "implied" in found[3].reason and found[4].molecule.smiles == molecules[2].smiles


def test_broken_xyz_rows_keep_their_place(tmp_path):
    water = "3\n\nO 0 0 0\nH 0.76 0.59 0\nH -0.76 0.59 0\n"
    places = "H .59 .59 .59\nH -.59 -.59 .59\nH -.59 .59 -.59\nH .59 -.59 -.59\n"
    ammonium = f"5\nProperties=species:S:1:pos:R:3 charge=1\nN 0 0 0\n{places}"
    unknown, oops, nan = "2\n\nO 0 0 0\nXx 1 0 0\n", water.replace("0.76", "oops", 1), water.replace("0.76", "nan", 1)
    (tmp_path / "a.xyz").write_text(water + unknown + ammonium + oops + nan + "9\n\nO 0 0 0\n")
    found = load(tmp_path / "a.xyz")
    assert [r.molecule.smiles if r.molecule else "" for r in found] == ["O", "", "[NH4+]", "", "", ""]
    assert all(r.reason for r in found if not r.molecule)
    assert "not finite" in found[4].reason and "1 atom lines" in found[5].reason
    (tmp_path / "b.xyz").write_text("20000\n\n" + "H 0 0 0\n" * 20_000 + water)
    assert ["20000 atoms" in r.reason for r in load(tmp_path / "b.xyz")] == [True, False]


def test_the_smiles_of_hydrogen_fluoride_is_no_truth_value(tmp_path):
    """ASE reads an unquoted F as False; and a graph without bonds is not perceived anew."""
    pair = np.array([9, 1], np.uint8), np.array([[0.0, 0, 0], [0, 0, 0.92]]), np.zeros(2, np.int8)
    bonded, apart = (named(Molecule(*pair, np.array(b, np.int32).reshape(-1, 3))) for b in ([[0, 1, 1]], []))
    save([bonded, apart], tmp_path / "a.extxyz")
    one, two = (r.molecule for r in load(tmp_path / "a.extxyz"))
    assert one.smiles == one.tags["SMILES"] == "F" and not len(two.bonds) and two.smiles == apart.smiles != "F"


def test_smiles_lines(tmp_path):
    (tmp_path / "a.smi").write_text(
        "CCO ethanol\n# a comment\n\nC1CC(\nCC(C)(C)(C)C\nc1ccccc\n" + "C" * 20_000 + "\nC" * 2
    )
    found = load(tmp_path / "a.smi")
    assert [bool(r.reason) for r in found] == [False, True, True, True, True, False, False]
    first = found[0].molecule
    assert (first.smiles, first.tags["NAME"], len(first)) == ("CCO", "ethanol", 9) and np.isnan(first.positions).all()
    assert "syntax error" in found[1].reason and "valence" in found[2].reason and "60002 atoms" in found[4].reason
    with pytest.raises(ValueError, match="not finite"):
        to_rdkit(first)
