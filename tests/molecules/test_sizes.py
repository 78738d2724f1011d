"""Sizes travel with the model: made from the training split, drawn as often as there."""

import numpy as np
import pytest

from difusa.domains.molecules.domain import DOMAIN
from difusa.domains.molecules.examples import Options
from difusa.domains.molecules.packed import pack
from difusa.domains.molecules.sizes import Sizes, table


@pytest.fixture
def packed(molecules):
    some = [molecules[i] for i in (0, 0, 1, 5, 3)]  # pyrrole twice, nitromethane, water; benzonitrile is held out
    return pack(some, range(5), [0, 0, 0, 0, 2], np.zeros((5, 0)), ())


def test_the_table_counts_what_is_trained_on(packed):
    told = table(packed, Options(atoms=9))
    assert told == {"elements": [6, 7, 8, 9, 1], "sizes": [[1, 2, 1], [4, 3, 1], [5, 5, 2]]}
    assert table(packed, Options(atoms=4))["sizes"] == [[1, 2, 1], [4, 3, 1]]
    assert table(packed, Options(atoms=8), whole=True)["sizes"] == [[1, 2, 1], [4, 3, 1]]


def test_a_training_run_finds_them(packed, tmp_path):
    packed.save(tmp_path / "molecules" / "qm9.npz")
    for name, atoms in (("skeleton", 9), ("hydrogens", 29)):
        beside = DOMAIN.models[name].beside(tmp_path, {"elements": "qm9", "atoms": atoms})
        assert beside == {"sizes.json": table(packed, Options(atoms=9))}


def test_draws_are_as_frequent_as_in_the_data_and_depend_on_the_index_alone():
    sizes = Sizes((6, 1), np.array([[1, 4], [2, 6], [3, 8]]), np.array([1, 0, 3]))
    drawn = sizes.draw(0, range(2000))
    share = (drawn[:, 0] == 1).mean()
    assert abs(share - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 2000)
    assert not (drawn[:, 0] == 2).any()
    np.testing.assert_array_equal(sizes.draw(0, [17, 3]), drawn[[17, 3]])
