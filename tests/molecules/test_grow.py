"""The verb grow, with small random networks: the fragment stays to the bit, growth keeps to where it may, bad rows are told."""

import numpy as np
import pytest

pytest.importorskip("rdkit")

from rdkit import Chem
from rdkit.Chem import AllChem

from difusa.apps import cli
from difusa.domains.molecules.asked import ask
from difusa.domains.molecules.completing import grown
from difusa.domains.molecules.fragments import fit, read_fragment
from difusa.domains.molecules.grow import between, grow, scaffolded
from difusa.domains.molecules.network import Molecules
from difusa.domains.molecules.plan import Plan
from difusa.domains.molecules.readers import load
from difusa.domains.molecules.sizes import Sizes
from difusa.domains.molecules.task import generate

SIZES = Sizes((6, 7, 8, 9, 1), np.array([[6, 6], [9, 10], [12, 10]]), np.array([1, 1, 1]))


def block(smiles: str, hydrogens: bool = True, without: int | None = None) -> str:
    """A mol block, far from the origin; `without`: that atom, counted from 0, is left out."""
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert AllChem.EmbedMolecule(mol, randomSeed=1) == 0
    mol.GetConformer().SetPositions(mol.GetConformer().GetPositions() + [30.0, -20.0, 10.0])
    if without is not None:
        mol = Chem.RWMol(mol)
        mol.RemoveAtom(without)
        mol = mol.GetMol()
    return Chem.MolToMolBlock(mol if hydrogens else Chem.RemoveHs(mol))


def table(bare):
    return {(i, j): order for i, j, order in bare.bonds.tolist()}


def test_the_fragment_stays_to_the_bit_and_comes_first(small_models, tmp_path):
    (tmp_path / "f.sdf").write_text(block("c1cc[nH]c1") + "$$$$\n" + block("C[NH2+]C") + "$$$$\n")
    out = tmp_path / "x.sdf"
    told = grow(tmp_path / "f.sdf", out=out, count=8, elements="C,N,O,H", **small_models)
    found = [r.molecule for r in load(out)]
    assert len(found) == told["count"] == 16
    for k, molecule in enumerate(found):
        bare = read_fragment((tmp_path / "f.sdf").read_text().split("$$$$\n")[k // 8]).bare
        n = len(bare)
        np.testing.assert_array_equal(molecule.positions[:n], bare.positions)
        np.testing.assert_array_equal(molecule.numbers[:n], bare.numbers)
        np.testing.assert_array_equal(molecule.charges[:n], bare.charges)
        heavy = molecule.numbers != 1
        assert heavy[: heavy.sum()].all()
        assert heavy.sum() > n
        inside = (molecule.bonds[:, :2] < n).all(1)
        assert {(i, j): o for i, j, o in molecule.bonds[inside].tolist()} == table(bare)
        i, j = molecule.bonds[:, :2].T
        carried = np.bincount(i[~heavy[j]], minlength=len(heavy))[:n]
        lost = bare.hydrogens - carried
        assert lost.min() == 0
        assert lost.sum() == 1, "one hydrogen gives way"
        grew = set(i[(i < n) & (j >= n) & heavy[j]].tolist())
        assert grew <= set(np.flatnonzero(lost).tolist())
        assert str(molecule.tags["ATTACHED"]) == ",".join(str(g + 1) for g in sorted(grew))
        assert set(molecule.numbers[n:].tolist()) <= {1, 6, 7, 8}
    assert len({m.positions[5:].tobytes() for m in found[:8]}) == 8
    assert any(m.tags["ATTACHED"] for m in found)


def test_named_atoms_and_counts_are_obeyed(small_models, tmp_path):
    (tmp_path / "f.sdf").write_text(block("CC(C)O"))
    out = tmp_path / "x.sdf"
    grow(tmp_path / "f.sdf", out=out, count=6, attach="1,3", add="4..5", atoms=17, **small_models)
    for molecule in (r.molecule for r in load(out)):
        assert len(molecule) == 17
        assert (molecule.numbers != 1).sum() in (8, 9)
        assert {*str(molecule.tags["ATTACHED"]).split(",")} <= {"1", "3", ""}
        i, j = molecule.bonds[:, :2].T
        assert np.bincount(i[molecule.numbers[j] == 1], minlength=4)[:4].tolist() == [2, 1, 2, 1]


def test_where_it_grows():
    benzene = read_fragment(block("c1ccccc1"))
    assert (benzene.groups, benzene.staying) == (((0, 1, 2, 3, 4, 5),), 5)
    assert {benzene.way(0, i) for i in range(60)} == {(k,) for k in range(6)}
    implied = read_fragment(block("Cc1ccccc1", hydrogens=False))
    assert implied.bare.hydrogens.tolist() == [3, 0, 1, 1, 1, 1, 1]
    assert implied.groups == ((0, 0, 0, 2, 3, 4, 5, 6),)
    lacking = read_fragment(block("CCO", without=8))  # the hydrogen of the oxygen
    assert (lacking.groups, lacking.staying) == (((2,),), 5)
    dummy = read_fragment(
        block("CCO", without=8).replace(" C   0", " *   0", 1)
    )  # methyl becomes a dummy with hydrogens
    assert {g for (g,) in dummy.groups} == {0, 1}
    named = read_fragment(block("CCO"), [1, 1, 3])
    assert (named.groups, named.staying) == (((0,), (0,), (2,)), 3)


@pytest.mark.parametrize("text", ["[*]c1ccccc1", "[*:1]CC[*:2]"])
def test_dummies_are_dropped(text):
    mol = Chem.MolFromSmiles(text)
    AllChem.EmbedMolecule(mol, randomSeed=1)
    found = read_fragment(Chem.MolToV3KMolBlock(mol))
    assert 0 not in found.bare.numbers
    assert len(found.groups) == text.count("*")
    assert found.staying == {6: 5, 2: 4}[len(found.bare)]


def test_a_formula_counts_the_fragment():
    network = Molecules(elements=5, width=32, edge=16, hidden=32, heads=4, layers=1).eval()
    wish = Sizes(SIZES.elements, np.array([[7, 10], [9, 10]]), np.array([1, 1]))
    one = read_fragment(block("CCO"))
    asked = fit(ask(wish, "C7H10O2"), one)
    found = grown(
        network, one, [9] * 3, Plan(steps=5), range(3), elements=SIZES.elements, formula=asked.formula, carried=[10] * 3
    )
    for s in found:
        assert sorted(s.numbers.tolist()) == [6] * 7 + [8] * 2
        assert s.hydrogens.sum() == 10
    with pytest.raises(ValueError, match="the fragment holds 2 O, --formula 1"):
        fit(ask(wish, "C8H10O"), read_fragment(block("OCO")))


@pytest.mark.parametrize(
    ("row", "attach", "reason"),
    [
        ("nonsense", [], "no mol block|Counts line|invalid|EOF"),
        (Chem.MolToMolBlock(Chem.MolFromSmiles("C" * 1100)), [], "1100 atoms"),
        (Chem.MolToMolBlock(Chem.MolFromSmiles("CC")), [], "flat drawing"),
        (block("C[SiH3]"), [], "element 14 is none of this model's"),
        (block("CCCCCCCCCCCC"), [], "12 heavy atoms; what may be drawn has 6 to 12"),
        (block("CCO"), [77], "--attach 77: no heavy atom .* it has 9 atoms"),
        (block("CCO"), [5], "it is a hydrogen"),
        (block("CCO"), [3, 3], "carries or lacks 1 hydrogens, 2 are asked for"),
        (block("FC(F)(F)F"), [], "no hydrogen that could give way"),
    ],
)
def test_reasons(row, attach, reason):
    with pytest.raises(ValueError, match=reason):
        fit(ask(SIZES), read_fragment(row, attach))


def test_bad_rows_are_told_and_the_run_goes_on(small_models, tmp_path, capsys):
    (tmp_path / "f.sdf").write_text("$$$$\n".join(["broken\n", block("C[SiH3]"), block("CCO"), ""]))
    names = [x for k, v in small_models.items() if k != "progress" for x in (f"--{k}", str(v))]
    words = ["molecules", "grow", str(tmp_path / "f.sdf"), "--count", "2", "--out", str(tmp_path / "x.sdf"), *names]
    assert cli.main(words) == 0
    assert [r.molecule.tags["FRAGMENT"] for r in load(tmp_path / "x.sdf")] == [3, 3]
    told = capsys.readouterr().err
    assert "row 1: " in told
    assert "row 2: element 14" in told
    assert cli.main([*words, "--add", "20"]) == 2
    with pytest.raises(ValueError, match="--scaffold .*: "):
        scaffolded(tmp_path / "f.sdf", ask(SIZES))


def test_the_batch_does_not_change_a_byte(small_models, tmp_path):
    (tmp_path / "f.sdf").write_text(block("CCO"))
    for batch in (1, 4, 1000):
        grow(tmp_path / "f.sdf", out=tmp_path / f"{batch}.sdf", count=6, batch=batch, **small_models)
    assert len({(tmp_path / f"{b}.sdf").read_bytes() for b in (1, 4, 1000)}) == 1


def test_how_many_to_add():
    assert (between("4"), between("3..8")) == ((4, 4), (3, 8))
    for wrong in ("0", "8..3", "few", "-1"):
        with pytest.raises(ValueError, match="such as 4 or 3"):
            between(wrong)


def test_generate_obeys_a_scaffold_and_a_formula_together(small_models, tmp_path):
    (tmp_path / "s.sdf").write_text(block("c1cc[nH]c1"))
    wish = {"count": 6, "scaffold": tmp_path / "s.sdf", "formula": "C7H10NOF"} | small_models
    told = generate(out=tmp_path / "x.sdf", **wish)
    assert told["constraints"]["scaffold"].endswith("s.sdf")
    bare = read_fragment((tmp_path / "s.sdf").read_text()).bare
    found = [r.molecule for r in load(tmp_path / "x.sdf")]
    assert len(found) == 6
    for molecule in found:
        assert sorted(molecule.numbers.tolist()) == [1] * 10 + [6] * 7 + [7, 8, 9]
        np.testing.assert_array_equal(molecule.positions[:5], bare.positions)
        inside = (molecule.bonds[:, :2] < 5).all(1)
        assert {(i, j): o for i, j, o in molecule.bonds[inside].tolist()} == table(bare)
    for text, reason in (
        ("C4H4O6", "fragment holds N"),
        ("C4H2NOF", "keeps 4 hydrogens"),
        ("C5H13NO", "keeps 4 hydrogens"),
    ):
        with pytest.raises(ValueError, match=f"--scaffold .*{reason}"):
            generate(out=tmp_path / "y.sdf", **wish | {"formula": text})
    assert not (tmp_path / "y.sdf").exists()
