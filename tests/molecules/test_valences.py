"""Hydrogens that fill valences: right for every heavy atom of real molecules, by the network's choice where two would do."""

import numpy as np
import torch

from difusa.domains.molecules.chemistry import filling
from difusa.domains.molecules.constraints import settled_hydrogens
from difusa.domains.molecules.network import ONEHOT
from difusa.domains.molecules.qm9 import molecule_of
from difusa.domains.molecules.stability import bond_counts

MOST = 4


def heavy_part(molecule):
    """numbers, charges, true hydrogens and bond counts of the heavy atoms."""
    heavy = molecule.numbers > 1
    place = np.cumsum(heavy) - 1
    ends = molecule.bonds[:, :2]
    between = heavy[ends].all(1)
    carried = np.bincount(ends[~between].ravel(), minlength=len(heavy))[heavy]
    bonds = np.column_stack([place[ends[between]], molecule.bonds[between, 2]])
    return molecule.numbers[heavy], molecule.charges[heavy], carried, bond_counts(heavy.sum(), bonds)


def check(molecule) -> int:
    """How many heavy atoms leave a choice."""
    numbers, charges, carried, counts = heavy_part(molecule)
    fits = filling(numbers, charges, *counts.T, MOST)
    assert fits[np.arange(len(numbers)), carried].all(), molecule.smiles
    return int((fits.sum(1) > 1).sum())


def test_the_hydrogens_of_real_molecules_fill_their_valences(molecules, qm9_rows):
    found = [m for m, _ in map(molecule_of, qm9_rows) if m.smiles]
    free = sum(map(check, [*molecules, *found]))
    assert len(found) > 400
    assert free < 0.1 * sum(len(m) for m in found)  # aromatic nitrogen alone leaves a choice


def test_a_choice_is_the_networks_and_a_total_is_always_met():
    log_p = torch.tensor([[0.7, 0.1, 0.1, 0.05, 0.05]] * 3).clamp(min=1e-6)
    state = {"hydrogens": ONEHOT * log_p}
    fits = np.zeros((3, 5), bool)
    fits[0, 3] = fits[1, [0, 1]] = True  # the last atom has too many bonds
    assert settled_hydrogens(state, fits, None).tolist() == [3, 0, 0]
    assert settled_hydrogens(state, fits, 4).tolist() == [3, 1, 0]
    assert sum(settled_hydrogens(state, fits, 9)) == 9
