"""Figures of a crystal's geometry: what they must not depend on, what they must see."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("spglib")

from difusa.domains.materials import forensics
from difusa.domains.materials.crystal import Crystal

SALT = np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
NAMES = forensics.FIGURES


def salt(a: float = 5.64) -> Crystal:
    return Crystal(a * SALT, np.array([11, 17], np.uint8), np.array([[0.0, 0, 0], [0.5, 0.5, 0.5]]))


@pytest.fixture(scope="module")
def known():
    """Of rock salts of all sizes about sodium chloride's."""
    return forensics.usual([salt(5.64 + 0.01 * k) for k in range(-15, 16)])


def test_choice_of_cell_motion_and_order_do_not_count(known):
    rng = np.random.default_rng(0)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    small = salt()
    wide = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 1]])  # a cell of two formula units
    shifts = [np.zeros(3), np.array([1.0, 0, 0])]
    frac = np.concatenate([(small.frac + s) @ np.linalg.inv(wide) % 1.0 for s in shifts])
    other = Crystal(wide @ small.cell @ turn, np.tile(small.numbers, 2), (frac + 0.13) % 1.0)
    assert np.allclose(forensics.figures(small, known), forensics.figures(other, known), atol=1e-6)


def test_nearest_neighbours_of_salt(known):
    which, ratio, shell = forensics.nearest(salt())
    assert which.tolist() == [17, 11] and shell.tolist() == [6, 6]
    from ase.data import covalent_radii

    assert np.exp(ratio[0]) == pytest.approx(2.82 / (covalent_radii[11] + covalent_radii[17]), abs=1e-3)


def test_rattled_atoms_and_wrong_volumes_are_seen(known):
    figure = dict(zip(NAMES, forensics.figures(salt(), known), strict=True))
    rattled = replace(salt(), frac=np.array([[0.0, 0, 0], [0.51, 0.495, 0.505]]))
    moved = dict(zip(NAMES, forensics.figures(rattled, known), strict=True))
    assert figure["symmetry operations at 0.1 angstrom, log"] == pytest.approx(np.log(48))
    assert (figure["symmetry lost at 0.01 angstrom"], moved["symmetry lost at 0.01 angstrom"]) == (0, 1)
    swollen = dict(zip(NAMES, forensics.figures(salt(7.0), known), strict=True))
    grown = swollen["volume over usual, log"] - figure["volume over usual, log"]
    assert grown == pytest.approx(3 * np.log(7.0 / 5.64), abs=1e-9)
    assert swollen["nearest distances, mean |z|"] > figure["nearest distances, mean |z|"] + 3


def test_usual_is_kept(known, tmp_path):
    forensics.save_usual(known, tmp_path)
    again = forensics.load_usual(tmp_path)
    assert np.allclose(
        forensics.figures(salt(), known), forensics.figures(salt(), again), atol=1e-3
    )  # float16, float32
