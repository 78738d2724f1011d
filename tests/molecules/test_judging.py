"""What judges a molecule: distances, valences, geometry, GFN2-xTB, PoseBusters."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("rdkit")

from difusa.domains.molecules import distributions, judges, lookup, stability
from difusa.domains.molecules.geometry import geometry
from difusa.domains.molecules.molecule import Molecule, to_rdkit


def turned(positions):
    return positions @ np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0] + [4.0, -2.0, 7.0]


@pytest.mark.parametrize(
    ("pair", "angstrom", "order"),
    [  # either side of the thresholds that EDM's tables and margins (10, 5, 3 pm) give
        ((6, 6), 1.229, 3), ((6, 6), 1.231, 2), ((6, 6), 1.389, 2), ((6, 6), 1.391, 1), ((6, 6), 1.639, 1),
        ((6, 6), 1.641, 0), ((1, 6), 1.189, 1), ((1, 6), 1.191, 0), ((7, 7), 1.129, 3), ((8, 7), 1.259, 2),
        ((8, 8), 1.259, 2), ((9, 9), 1.519, 1), ((15, 8), 1.549, 2), ((16, 15), 1.909, 2), ((16, 6), 1.649, 2),
        ((35, 53), 1.0, 0), ((6, 14), 1.8, 0),
    ],
)  # fmt: skip
def test_orders_by_distance(pair, angstrom, order):
    found = lookup.lookup_orders(np.array(pair, np.uint8), np.array([[0, 0, 0], [0, 0, angstrom]]))
    assert found.tolist() == [[0, order], [order, 0]]


def test_valence_patterns_count_aromatic_bonds_apart():
    ring = [(i, (i + 1) % 6, 4) for i in range(6)]
    benzene = [*ring, *((i, i + 6, 1) for i in range(6))]
    patterns = frozenset({(6, 0, 2, 1), (6, 0, 0, 4), (7, 0, 2, 1), (7, 0, 0, 3), (7, 1, 0, 4), (1, 0, 0, 1)})

    def molecule(numbers, bonds, charges=None):
        n = len(numbers)
        rows = np.array([(min(i, j), max(i, j), o) for i, j, o in bonds], np.int32)
        return Molecule(np.array(numbers, np.uint8), np.zeros((n, 3)), np.array(charges or [0] * n, np.int8), rows)

    good = molecule([6] * 6 + [1] * 6, benzene)
    assert stability.stable(good, patterns).all()
    # A second hydrogen on one carbon: 2 aromatic and 2 single bonds make 5. Rounded to 1 each, the legacy says 4.
    five = molecule([6] * 6 + [1] * 7, [*benzene, (0, 12, 1)])
    assert not stability.stable(five, patterns)[0] and stability.stable_legacy(five).all()
    # Four single bonds on a nitrogen need its charge, though pyrrole's nitrogen has a valence of 4 without one.
    four = [(0, k, 1) for k in range(1, 5)]
    assert stability.stable(molecule([7, 1, 1, 1, 1], four, [1, 0, 0, 0, 0]), patterns).all()
    assert not stability.stable(molecule([7, 1, 1, 1, 1], four), patterns)[0]
    # A methyl radical is stable to the legacy table alone.
    methyl = molecule([6, 1, 1, 1], four[:3])
    assert not stability.stable(methyl, patterns)[0] and stability.stable_legacy(methyl).all()


def test_values_along_the_bonds_are_rdkits(molecules):
    from rdkit.Chem import rdMolTransforms as measured

    for m in molecules:
        mol, found = to_rdkit(m), geometry([m])
        spot = mol.GetConformer()
        near = [[b.GetIdx() for b in a.GetNeighbors()] for a in mol.GetAtoms()]
        pairs = [(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in mol.GetBonds()]
        angles = [(i, j, k) for j in range(len(m)) for i in near[j] for k in near[j] if i < k]
        chains = [(i, j, k, o) for j, k in pairs for i in near[j] for o in near[k] if k != i != o != j]
        theirs = {
            "bond_lengths": [measured.GetBondLength(spot, *p) for p in pairs],
            "bond_angles": [measured.GetAngleDeg(spot, *p) for p in angles],
            "torsions": [abs(measured.GetDihedralDeg(spot, *p)) for p in chains],
        }
        for name, values in theirs.items():
            # Degrees near 0 and 180 lose half the digits in RDKit's arccos.
            assert np.sort(found[name].values) == pytest.approx(np.sort(values), abs=1e-5), name


def test_types_have_names_in_one_direction(molecules):
    nitrile = geometry([molecules[3]])
    assert {distributions.name_of(t) for t in nitrile["bond_lengths"].by_type()} == {"C-C", "C:C", "N#C", "C-H"}
    assert sum(len(v) for v in nitrile["torsions"].by_type().values()) == len(nitrile["torsions"].values)


def test_distances_of_samples():
    rng = np.random.default_rng(0)
    a = rng.normal(size=400)
    same, moved = distributions.compared(a, a), distributions.compared(a + 0.5, a)
    assert same["wasserstein"] == same["jensen_shannon"] == 0
    assert moved["wasserstein"] == pytest.approx(0.5) and 0 < moved["jensen_shannon"] < 1
    # From {0, 1} to {0, 0, 3}: 1/6 of the mass goes from 1 to 0, 1/3 from 1 to 3.
    assert distributions.wasserstein(np.array([1, 0]), np.array([0, 3, 0])) == pytest.approx(1 / 6 + 2 / 3)
    assert distributions.compared([5, 5], [6, 6, 6], distributions.tallied)["jensen_shannon"] == 1
    assert distributions.compared([], [1.0]) == {"n": 0, "reference_n": 1}


def test_descriptors_are_rdkits_of_the_smiles(molecules):
    from rdkit import Chem
    from rdkit.Chem import QED, Crippen, Descriptors

    for m in molecules[:5]:
        mol, found = Chem.MolFromSmiles(m.smiles), distributions.descriptors(m)
        expected = [QED.qed(mol), Crippen.MolLogP(mol), Descriptors.MolWt(mol)]
        assert [found["qed"], found["logp"], found["weight"]] == pytest.approx(expected, abs=1e-9)
    assert distributions.descriptors(molecules[4])["ring_sizes"] == [6, 6]
    assert 1 <= distributions.descriptors(molecules[3])["sa"] < 2  # benzonitrile: as easy as it gets


def test_rmsd_forgets_place_and_turn_but_not_hands():
    a = np.random.default_rng(0).normal(size=(7, 3))
    q = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    q *= np.linalg.det(q)  # proper
    assert judges.rmsd(a, a @ q + 3) == pytest.approx(0, abs=1e-7)  # the root of a rounding error of 1e-15
    assert judges.rmsd(a, a * [1, 1, -1]) > 0.1
    b = a + 0.1 * np.random.default_rng(1).normal(size=a.shape)
    assert judges.rmsd(a, b) == pytest.approx(judges.rmsd(b @ q, a), abs=1e-9)


def test_relaxation_gains_more_from_a_worse_geometry(molecules):
    pytest.importorskip("tblite")
    start = molecules[1]  # nitromethane: formal charges that cancel
    first = judges.relax(start)
    assert 0 < first.kcal < 30 and 0 < first.rmsd < 0.3
    shaken = replace(start, positions=start.positions + np.random.default_rng(0).normal(0, 0.1, (len(start), 3)))
    assert judges.relax(shaken).kcal > first.kcal + 10
    # 0.01 kcal/mol: where L-BFGS stops depends on the frame.
    assert judges.relax(replace(start, positions=turned(start.positions))).kcal == pytest.approx(first.kcal, abs=0.01)
    assert judges.relax(molecules[0]).kcal == pytest.approx(judges.relax(molecules[0]).kcal, abs=1e-9)


def test_relaxation_takes_charges_and_radicals(molecules):
    pytest.importorskip("tblite")
    assert judges.relax(molecules[7]).kcal > 0
    radical = replace(molecules[5], numbers=np.array([8, 1], np.uint8), positions=molecules[5].positions[:2])
    radical = replace(radical, charges=np.zeros(2, np.int8), bonds=np.array([[0, 1, 1]], np.int32))
    assert judges.relax(radical).kcal >= 0


def test_posebusters_sees_what_is_wrong(molecules):
    pytest.importorskip("posebusters")
    good = molecules[4]
    assert all(judges.bust(good).values())
    flat = judges.bust(replace(good, positions=good.positions * [1, 1, 0.3] * 0.7))
    assert not all(flat.values()) and not flat["bond_lengths"]
    torn = judges.bust(replace(good, bonds=good.bonds[1:]))
    assert not all(torn.values())
    nitrogen = replace(
        good, numbers=np.where(good.numbers == 8, 9, good.numbers).astype(np.uint8)
    )  # F with a double bond
    assert not judges.bust(nitrogen)["sanitization"]
