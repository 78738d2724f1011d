"""QM9 and the drug-like conformers: graphs that the geometry confirms, the splits of the literature, honest refusals."""

import numpy as np
import pytest

from difusa.domains.molecules import drugs, qm9
from difusa.domains.molecules.chemistry import EV
from difusa.domains.molecules.packed import cached

SUCH = "needs the prepared set in the cache"


def test_numbers_as_the_tables_write_them():
    assert [qm9.number(t) for t in ("0.", "-.5", "6.8*^-6", "1e3")] == [0.0, -0.5, 6.8e-6, 1000.0]


def test_split_is_edms():
    codes = qm9.split()
    order = np.random.RandomState(0).permutation(130_831)
    assert np.bincount(codes).tolist() == [100_000, 17_748, 13_083]
    assert (codes[order[:100_000]] == 0).all() and (codes[order[100_000:117_748]] == 1).all()


def test_first_rows(qm9_rows):
    pytest.importorskip("rdkit")
    found = [qm9.molecule_of(row) for row in qm9_rows]
    odd = {int(r["Index"]) for r, (_, why) in zip(qm9_rows, found) if why}
    assert odd == {23, 24, 486} & {int(r["Index"]) for r in qm9_rows}
    assert all(m.smiles for m, _ in found), "perception settles what the SMILES does not"
    for row, (m, _) in zip(qm9_rows, found):
        hydrogens, carbons, nitrogens, oxygens, fluorines = (
            int(n) for n in row["Stoichiometry"].strip("[]").split(",")
        )
        expected = [1] * hydrogens + [6] * carbons + [7] * nitrogens + [8] * oxygens + [9] * fluorines
        assert sorted(m.numbers.tolist()) == expected
        assert m.charges.sum() == 0


def test_graph_refuses_another_molecules_smiles(qm9_rows):
    from rdkit import Chem

    row = next(r for r in qm9_rows if r["SMILES"] == "CCO")
    numbers, positions = qm9.geometry(row)
    for text, message in (("CCN", "heavy atoms"), ("COC", "heavy atoms"), ("C.CO", "distances"), ("C=CO", "hydrogens")):
        with pytest.raises(ValueError, match=message):
            qm9.graph_of(Chem.MolFromSmiles(text), numbers, positions)
    charges, bonds = qm9.graph_of(Chem.MolFromSmiles("CCO"), numbers, positions)
    assert not charges.any() and len(bonds) == len(numbers) - 1


def test_formal_charges_and_sulfonyls():
    # dimethyl sulfone written S+2(O-)2
    numbers = np.array([6, 16, 8, 8, 6] + [1] * 6)
    bonds = np.array(
        [[0, 1, 1], [1, 2, 1], [1, 3, 1], [1, 4, 1]] + [[0, h, 1] for h in (5, 6, 7)] + [[4, h, 1] for h in (8, 9, 10)]
    )
    written = drugs.sulfonyls(numbers, bonds)
    assert written[:4, 2].tolist() == [1, 2, 2, 1] and not drugs.formal_charges(numbers, written).any()
    ammonium = np.array([7, 1, 1, 1, 1]), np.array([[0, h, 1] for h in range(1, 5)])
    assert drugs.formal_charges(*ammonium).tolist() == [1, 0, 0, 0, 0]


def test_scaffold_decides_the_split():
    pytest.importorskip("rdkit")
    same = [drugs.split_of(s) for s in ("Cc1ccc(C2CCNCC2)cc1", "CCOc1ccc(C2CCN(C)CC2)cc1", "c1ccc(C2CCNCC2)cc1")]
    assert len(set(same)) == 1
    assert len({drugs.split_of("C" * n) for n in range(1, 60)}) == 3  # without rings: by the molecule itself


def test_relative_energy():
    assert drugs.relative(np.array([3.0, 1, 7, 9]), np.array(["a", "a", "b", "b"])).tolist() == [2, 0, 0, 2]


def test_drugs_agree_with_their_smiles(data):
    pytest.importorskip("rdkit")
    arrays = drugs.source(data)
    for i in [*range(0, len(arrays["smiles"]), 1500), 11985]:
        text = drugs.plain(str(arrays["smiles"][i]))
        assert drugs.conformer(arrays, i, text).smiles == text
    with pytest.raises(ValueError, match="the SMILES says CCO"):
        drugs.conformer(arrays, 0, "CCO")


def test_without_data_the_place_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="molecules/openff_drugs.npz"):
        drugs.source(tmp_path)


@pytest.mark.skipif(not cached("qm9").exists(), reason=SUCH)
def test_prepared_qm9():
    packed = qm9.load()
    assert len(packed) == 130_831 and np.array_equal(packed.split, qm9.split())
    methane = packed.molecule(0)
    assert methane.smiles == "C" and methane.tags["gap"] == pytest.approx(0.5048 * EV, abs=1e-5)
    assert (packed.smiles != "").mean() > 0.9999
    rows = np.random.default_rng(0).choice(len(packed), 200, replace=False)
    from difusa.domains.molecules.molecule import named

    assert all(named(m).smiles == m.smiles for m in map(packed.molecule, rows))


@pytest.mark.skipif(not cached("drugs").exists(), reason=SUCH)
def test_prepared_drugs_keep_conformers_together():
    packed = drugs.load()
    _, key = np.unique(packed.source_smiles, return_inverse=True)
    pairs = np.unique(np.stack([key, packed.split], 1), axis=0)
    assert len(pairs) == key.max() + 1, "a molecule lies in one split"
    assert (packed.properties[:, 0] >= 0).all()
