"""Molecules keep every atom, charge and bond on the way to RDKit, to a skeleton and to the packed file, and back."""

from dataclasses import replace

import numpy as np
import pytest

from difusa.domains.molecules.molecule import (
    Molecule,
    Skeleton,
    assemble,
    canonical,
    from_rdkit,
    hydrogens_of,
    named,
    skeleton,
    to_rdkit,
)
from difusa.domains.molecules.packed import Packed, load_or_build, pack, sizes


def same(a: Molecule, b: Molecule) -> bool:
    arrays = ("numbers", "positions", "charges", "bonds")
    return a.smiles == b.smiles and all(np.array_equal(getattr(a, k), getattr(b, k)) for k in arrays)


def made(numbers, bonds, charges=None) -> Molecule:
    n = len(numbers)
    places = np.arange(3 * n, dtype=float).reshape(n, 3)
    charges = np.zeros(n, np.int8) if charges is None else np.array(charges, np.int8)
    return Molecule(np.array(numbers, np.uint8), places, charges, np.array(bonds, np.int32).reshape(-1, 3))


def test_rdkit_and_back(molecules):
    from rdkit import Chem

    for m in molecules:
        assert m.smiles and Chem.CanonSmiles(m.smiles, useChiral=0) == m.smiles
        assert same(from_rdkit(to_rdkit(m)), m)


def test_smiles_do_not_depend_on_the_order_of_atoms(molecules):
    rng = np.random.default_rng(0)
    for m in molecules:
        to = rng.permutation(len(m))
        back = np.argsort(to)
        ends = np.sort(to[m.bonds[:, :2]], axis=1)
        bonds = np.column_stack([ends, m.bonds[:, 2]]).astype(np.int32)
        shuffled = Molecule(m.numbers[back], m.positions[back], m.charges[back], bonds)
        assert named(shuffled).smiles == m.smiles


def test_skeleton_and_hydrogens_make_the_molecule_again(molecules):
    for m in molecules:
        bare, (parents, places) = skeleton(m), hydrogens_of(m)
        assert len(bare) + len(places) == len(m) and bare.hydrogens.sum() == len(places)
        assert np.array_equal(np.bincount(parents, minlength=len(bare)), bare.hydrogens)
        again = named(assemble(bare, places))
        assert again.smiles == m.smiles
        assert np.allclose(np.sort(again.positions, axis=0), np.sort(m.positions, axis=0), atol=0)
        # each hydrogen comes back on its own parent: no X-H bond of these is longer than 1.15 angstrom
        ends = again.bonds[(again.numbers[again.bonds[:, :2]] == 1).any(1), :2]
        assert np.linalg.norm(again.positions[ends[:, 0]] - again.positions[ends[:, 1]], axis=1).max() < 1.15


@pytest.mark.parametrize(
    ("numbers", "bonds", "message"),
    [
        ([1, 1], [[0, 1, 1]], "no heavy atom"),
        ([6, 1, 6], [[0, 1, 1], [1, 2, 1]], "2 bonds"),
        ([6, 1], [], "0 bonds"),
        ([6, 1], [[0, 1, 2]], "order 2"),
    ],
)
def test_no_skeleton(numbers, bonds, message):
    with pytest.raises(ValueError, match=message):
        skeleton(made(numbers, bonds))


@pytest.mark.parametrize(
    ("numbers", "bonds", "message"),
    [
        ([6, 1, 1, 1, 1, 1], [[0, i, 1] for i in range(1, 6)], "valence"),
        ([6, 6], [[0, 1, 4]], "ring"),
        ([6, 6], [[0, 1, 7]], "order 7"),
        ([6, 6], [[0, 2, 1]], "bonds do not fit"),
        ([6, 6], [[0, 1, 1], [0, 1, 1]], "bonds do not fit"),
        # RDKit's clean-up would turn five-valent nitrogen into nitro; what is drawn is what is judged
        ([7, 8, 8, 6], [[0, 1, 2], [0, 2, 2], [0, 3, 1]], "valence"),
    ],
)
def test_what_cannot_be_sanitised_says_why(numbers, bonds, message):
    pytest.importorskip("rdkit")
    with pytest.raises(ValueError, match=message):
        to_rdkit(made(numbers, bonds))
    assert named(made(numbers, bonds)).smiles == ""


def test_a_lacking_hydrogen_shows(molecules):
    methyl = named(made([6, 1, 1, 1], [[0, 1, 1], [0, 2, 1], [0, 3, 1]]))
    assert methyl.smiles == "[CH3]"
    broken = replace(molecules[0], positions=molecules[0].positions * np.nan)
    with pytest.raises(ValueError, match="not finite"):
        to_rdkit(broken)


def test_implied_hydrogens_are_refused():
    chem = pytest.importorskip("rdkit.Chem")
    with pytest.raises(ValueError, match="implied"):
        from_rdkit(chem.MolFromSmiles("CC"))
    assert canonical(chem.MolFromSmiles("C[C@H](N)O")) == "CC(N)O"


def test_assemble_counts():
    bare = Skeleton(
        np.array([6], np.uint8), np.zeros((1, 3)), np.zeros(1, np.int8), np.array([4], np.uint8), np.zeros((0, 3))
    )
    with pytest.raises(ValueError, match="3 hydrogen positions"):
        assemble(bare, np.zeros((3, 3)))


@pytest.fixture
def packed(molecules) -> Packed:
    n = len(molecules)
    return pack(molecules, range(10, 10 + n), [0, 1, 2] * (n // 3), np.arange(n), ("energy",))


def test_packed_round_trip(packed, molecules, tmp_path):
    packed.save(tmp_path / "a.npz")
    again = Packed.load(tmp_path / "a.npz")
    assert len(again) == len(molecules) and again.property_names == ("energy",)
    for i, m in enumerate(molecules):
        found = again.molecule(i)
        # positions are kept to a thousandth of an angstrom
        assert np.abs(found.positions - m.positions).max() <= 0.0005 + 1e-9
        assert same(replace(found, positions=m.positions), m)
        assert found.tags["index"] == 10 + i and found.tags["energy"] == i
    assert again.rows("calibrate").tolist() == list(range(1, len(molecules), 3))
    with pytest.raises(ValueError, match="none of train"):
        again.rows("valid")
    with pytest.raises(IndexError):
        again.molecule(len(molecules))


def test_sizes_count_heavy_atoms_and_hydrogens(packed):
    found = sizes(packed)
    assert found[1, 2] == 1 and sum(found.values()) == len(packed)  # water
    assert sizes(packed, np.array([5])) == {(1, 2): 1}


def test_broken_file_is_named(tmp_path, packed):
    path = tmp_path / "a.npz"
    packed.save(path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match="a.npz"):
        Packed.load(path)


def test_prepared_once(tmp_path, monkeypatch, packed):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("DIFUSA_DATA", raising=False)
    built = []

    def build():
        built.append(1)
        return packed

    for _ in range(2):
        assert np.array_equal(load_or_build("few", None, build).numbers, packed.numbers)
    assert built == [1] and [p.name for p in (tmp_path / "difusa").iterdir()] == ["few-1.npz"]
    replace(packed, split=packed.split * 0).save(tmp_path / "data" / "molecules" / "few.npz")
    assert not load_or_build("few", tmp_path / "data", build).split.any()
