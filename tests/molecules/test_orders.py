"""Bonds that cannot be written are changed as little as can be; those that can stay as they were drawn."""

import numpy as np
import pytest

from difusa.domains.molecules.orders import settled, written
from difusa.domains.molecules.valences import filled

rdkit = pytest.importorskip("rdkit")


def bonds_of(smiles):
    from rdkit import Chem

    mol = Chem.MolFromSmiles(smiles)
    orders = {1.0: 1, 2.0: 2, 3.0: 3, 1.5: 4}
    rows = [
        (*sorted((b.GetBeginAtomIdx(), b.GetEndAtomIdx())), orders[b.GetBondTypeAsDouble()]) for b in mol.GetBonds()
    ]
    atoms = list(mol.GetAtoms())
    return (
        np.array([a.GetAtomicNum() for a in atoms]), np.array([a.GetFormalCharge() for a in atoms]),
        np.array(rows, np.int32).reshape(-1, 3),
    )  # fmt: skip


def sure(bonds, but=()):
    """Log-probabilities of the orders as drawn; `but`: {row: (order, log-probability)} of a second choice."""
    log_p = np.full((len(bonds), 5), -20.0)
    log_p[np.arange(len(bonds)), bonds[:, 2]] = 0.0
    for row, (order, value) in dict(but).items():
        log_p[row, order] = value
    return log_p


@pytest.mark.parametrize(
    "smiles",
    [
        "CC(=O)Nc1ccc(O)cc1",
        "c1cc[nH]c1",
        "O=c1cc[nH]cc1",
        "c1ccc2[nH]ccc2c1",
        "CS(=O)(=O)c1ccsc1",
        "C[N+](=O)[O-]",
        "C#N",
    ],
)
def test_what_can_be_written_stays(smiles):
    numbers, charges, bonds = bonds_of(smiles)
    assert np.array_equal(settled(numbers, charges, bonds, sure(bonds)), bonds)


def test_the_least_likely_bond_too_many_goes():
    numbers, charges, bonds = np.full(6, 6), np.zeros(6, int), np.array([[0, k, 1] for k in range(1, 6)], np.int32)
    found = settled(numbers, charges, bonds, sure(bonds, {3: (0, -1.5)}))
    assert found[:, 1].tolist() == [1, 2, 3, 5]
    numbers, bonds = np.array([6, 8, 8, 6]), np.array([[0, 1, 2], [0, 2, 2], [0, 3, 1]], np.int32)
    found = settled(numbers, np.zeros(4, int), bonds, sure(bonds, {1: (1, -0.3), 0: (1, -2.0)}))
    assert found.tolist() == [[0, 1, 2], [0, 2, 1], [0, 3, 1]]  # a double bond becomes a single one


def test_a_given_bond_is_not_changed():
    numbers, bonds = np.full(6, 6), np.array([[0, k, 1] for k in range(1, 6)], np.int32)
    found = settled(numbers, np.zeros(6, int), bonds, sure(bonds, {0: (0, -0.1), 4: (0, -5.0)}), held=2)
    assert found[:, 1].tolist() == [1, 2, 3, 4]


def test_rings_that_alternate_nowhere_are_written_with_what_fits():
    five = np.array([[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 4, 4], [0, 4, 4]], np.int32)  # five carbons, no lone pair
    numbers, charges = np.full(5, 6), np.zeros(5, int)
    assert not written(numbers, charges, five)
    found = settled(numbers, charges, five, sure(five))
    assert sorted(found[:, 2].tolist()) == [1, 1, 1, 2, 2]
    carried = filled(numbers, charges, found, np.zeros((5, 5)))
    assert sorted(carried.tolist()) == [1, 1, 1, 1, 2]  # cyclopentadiene
    chain = np.array([[0, 1, 4], [1, 2, 1]], np.int32)  # aromatic, and in no ring
    found = settled(np.full(3, 6), np.zeros(3, int), chain, sure(chain))
    assert found.tolist() == [[0, 1, 2], [1, 2, 1]]


def test_a_bond_that_holds_two_pieces_goes_last():
    # a carbon with five bonds, two of them in a ring: the ring opens, although the bond to the last atom is less sure
    numbers, bonds = (
        np.full(6, 6),
        np.array([[0, 1, 1], [0, 2, 1], [1, 2, 1], [0, 3, 1], [0, 4, 1], [0, 5, 1]], np.int32),
    )
    found = settled(numbers, np.zeros(6, int), bonds, sure(bonds, {0: (0, -2.0), 5: (0, -1.0)}))
    assert found.tolist() == [[0, 2, 1], [1, 2, 1], [0, 3, 1], [0, 4, 1], [0, 5, 1]]
