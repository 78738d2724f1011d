"""Hydrogens that fill valences: right for every heavy atom of real molecules, by the network's choice where two would do."""

import numpy as np

from difusa.domains.molecules.qm9 import molecule_of
from difusa.domains.molecules.stability import bond_counts
from difusa.domains.molecules.valences import alternating, filled, options

MOST = 4


def heavy_part(molecule):
    """Numbers, charges, true hydrogens and bonds of the heavy atoms."""
    heavy = molecule.numbers > 1
    place = np.cumsum(heavy) - 1
    ends = molecule.bonds[:, :2]
    between = heavy[ends].all(1)
    carried = np.bincount(ends[~between].ravel(), minlength=len(heavy))[heavy]
    bonds = np.column_stack([place[ends[between]], molecule.bonds[between, 2]])
    return molecule.numbers[heavy], molecule.charges[heavy], carried, bonds


def check(molecule) -> int:
    """How many heavy atoms leave a choice; the truth is among the options, and is found again from a hint or from none."""
    numbers, charges, carried, bonds = heavy_part(molecule)
    counts = bond_counts(len(numbers), bonds)
    ways = [options(*row, MOST) for row in zip(numbers.tolist(), charges.tolist(), *counts.T.tolist())]
    assert all(h in [k for _, k in way] for h, way in zip(carried, ways)), molecule.smiles
    hint = np.where(np.arange(MOST + 1) == carried[:, None], -0.1, -3.0)
    np.testing.assert_array_equal(filled(numbers, charges, bonds, hint), carried)
    np.testing.assert_array_equal(filled(numbers, charges, bonds, hint, int(carried.sum())), carried)
    np.testing.assert_array_equal(filled(numbers, charges, bonds, hint, None, carried[:2].tolist()), carried)
    return sum(len(way) > 1 for way in ways)


def test_the_hydrogens_of_real_molecules_fill_their_valences(molecules, qm9_rows):
    found = [m for m, _ in map(molecule_of, qm9_rows) if m.smiles]
    free = sum(map(check, [*molecules, *found]))
    assert len(found) > 400
    assert free < 0.1 * sum(len(m) for m in found)  # aromatic nitrogen alone leaves a choice


def ring(*elements: int, size: int = 5):
    bonds = np.array([(i, (i + 1) % size, 4) for i in range(size)])
    return np.array(elements), np.zeros(size, int), bonds


def test_a_ring_is_made_of_alternating_bonds_whatever_the_network_thinks():
    imidazole = ring(7, 6, 7, 6, 6)
    even = np.log(np.full((5, 5), 0.2))
    both = even + 5.0 * (np.arange(5) == 1)  # a hydrogen on every atom, says the network
    for hint in (even, both, even + 5.0 * (np.arange(5) == 0)):
        assert filled(*imidazole, hint)[[0, 2]].tolist() in ([0, 1], [1, 0])
    surer = both + np.array([0, 0, 1, 0, 0])[:, None] * (np.arange(5) == 1)
    assert filled(*imidazole, surer).tolist() == [0, 1, 1, 1, 1]
    assert filled(*ring(6, 6, 7, 6, 6, 6, size=6), np.zeros((6, 5))).tolist() == [1, 1, 0, 1, 1, 1]


def test_where_nothing_fits_the_likeliest_stays_and_a_total_is_always_met():
    numbers, charges = np.array([6, 8, 6]), np.zeros(3, int)
    crowded = np.array([(0, 1, 3), (0, 2, 3)])  # the first carbon has six bonds, the oxygen three
    log_p = np.log(np.array([[0.7, 0.1, 0.1, 0.05, 0.05]] * 3))
    assert filled(numbers, charges, crowded, log_p).tolist() == [0, 0, 1]
    assert filled(numbers, charges, crowded, log_p, 4).sum() == 4
    assert not alternating(np.array([(0, 1, 4), (1, 2, 4), (2, 0, 4)]), {0, 1, 2})
    assert alternating(np.array([(0, 1, 4), (1, 2, 4), (2, 0, 4)]), {0, 1})
