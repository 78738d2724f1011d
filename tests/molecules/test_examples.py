"""Training examples: the molecule itself, whatever the order of its atoms; the same for the same number."""

from dataclasses import replace

import numpy as np
import pytest

from difusa.domains.molecules.chemistry import CHARGES, ELEMENTS
from difusa.domains.molecules.examples import Examples, Options, rows_of
from difusa.domains.molecules.molecule import Molecule, assemble, named, skeleton
from difusa.domains.molecules.packed import pack

OPTIONS = Options(elements="drugs", atoms=40)


@pytest.fixture
def packed(molecules):
    n = len(molecules)
    return pack(molecules, range(n), np.zeros(n), np.arange(n) / 2, ("energy",))


def molecule_of(example, elements) -> Molecule:
    """The example as a molecule; places that are not there must be empty."""
    n = int(example["mask"].sum())
    assert example["mask"][:n].all() and not example["bonds"][n:].any() and not example["coords"][n:].any()
    assert np.array_equal(example["bonds"], example["bonds"].T) and not example["bonds"].diagonal().any()
    i, j = np.nonzero(np.triu(example["bonds"]))
    bonds = np.stack([i, j, example["bonds"][i, j]], 1).astype(np.int32)
    numbers = np.array(elements, np.uint8)[example["elements"][:n]]
    charges = np.array(CHARGES, np.int8)[example["charges"][:n]]
    return Molecule(numbers, example["coords"][:n].astype(float), charges, bonds)


def test_whole_molecules_come_back(packed, molecules):
    examples = Examples(packed, "train", replace(OPTIONS, properties=("energy",)), whole=True)
    rng = np.random.default_rng(0)
    for row, m in enumerate(molecules):
        found = examples.example(row, rng)
        again = named(molecule_of(found, ELEMENTS["drugs"]))
        assert again.smiles == m.smiles and found["properties"] == [row / 2]
        heavy = again.numbers != 1
        assert np.array_equal(found["given"][: len(m)], heavy)
        assert np.abs(again.positions[heavy].mean(0)).max() < 1e-5  # float32 of a few angstrom
        assert np.array_equal(found["hydrogens"][: len(m)][heavy], skeleton(again).hydrogens)
        # distances survive: the packed file rounds to 0.5 thousandths of an angstrom an axis
        far = [np.sort(np.linalg.norm(k[:, None] - k, axis=-1).ravel()) for k in (again.positions, m.positions)]
        assert np.abs(far[0] - far[1]).max() < 2e-3


def test_skeletons_come_back(packed, molecules):
    examples = Examples(packed, "train", OPTIONS)
    rng = np.random.default_rng(0)
    for row, m in enumerate(molecules):
        found = examples.example(row, rng)
        again = molecule_of(found, ELEMENTS["drugs"])
        bare = replace(skeleton(m), positions=np.zeros((len(skeleton(m)), 3)))
        ours = replace(bare, numbers=again.numbers, charges=again.charges, bonds=again.bonds)
        ours = replace(ours, hydrogens=found["hydrogens"][: len(again)].astype(np.uint8))
        # one graph, whatever the order of its atoms
        assert named(assemble(ours, np.zeros((ours.hydrogens.sum(), 3)))).smiles == m.smiles
        assert np.abs(again.positions.mean(0)).max() < 1e-5


def test_an_example_depends_on_seed_and_number_alone(packed):
    one, two = Examples(packed, "train", OPTIONS, 3), Examples(packed, "train", OPTIONS, 3)
    _ = [two[n] for n in (5, 4)]
    assert all(np.array_equal(one[7][k], v) for k, v in two[7].items())
    other = Examples(packed, "train", OPTIONS, 4)
    assert any(not np.array_equal(one[n]["coords"], other[n]["coords"]) for n in range(5))
    assert {v.dtype for k, v in one[0].items() if k not in ("coords", "mask")} == {np.dtype(np.int64)}
    assert one[0]["coords"].dtype == np.float32 and one[0]["mask"].dtype == bool


def test_atoms_are_shuffled_evenly(packed):
    examples = Examples(packed, "train", OPTIONS)
    rng = np.random.default_rng(0)
    first = [examples.example(2, rng)["elements"][0] for _ in range(2000)]  # glycine: five heavy atoms, one nitrogen
    share = np.mean(np.array(first) == ELEMENTS["drugs"].index(7))
    assert abs(share - 0.2) < 4 * np.sqrt(0.2 * 0.8 / 2000)  # four standard deviations


def test_what_does_not_fit_is_counted(packed):
    blank = packed.smiles.copy()
    blank[0] = ""
    examples = Examples(replace(packed, smiles=blank), "train", replace(OPTIONS, atoms=8))
    # quinolinone has 11 heavy atoms; the other eight have at most 8
    assert examples.flat.left_out == {"undetermined graph": 1, "too many atoms": 1}
    assert examples.flat.rows.tolist() == [1, 2, 3, 5, 6, 7, 8]
    few = Examples(packed, "train", Options("qm9", 40))
    assert few.flat.left_out == {"element outside the model": 1}
    charges = packed.charges.copy()
    charges[packed.offsets[5]] = 2
    assert Examples(replace(packed, charges=charges), "train", OPTIONS).flat.left_out == {"charge beyond one": 1}
    with pytest.raises(ValueError, match="no test molecule"):
        Examples(packed, "test", OPTIONS)
    with pytest.raises(ValueError, match="'gap' is none of energy"):
        Examples(packed, "train", replace(OPTIONS, properties=("gap",)))
    with pytest.raises(ValueError, match="'zinc' is none of qm9"):
        Examples(packed, "train", replace(OPTIONS, elements="zinc"))


def test_halves_share_nothing(packed):
    first, second = (rows_of(packed, "train", half) for half in ("first", "second"))
    assert sorted([*first, *second]) == rows_of(packed, "train").tolist() and len(first) == len(packed) // 2
    assert first.tolist() == sorted(np.random.RandomState(42).permutation(len(packed))[: len(packed) // 2])
