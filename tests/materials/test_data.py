"""The prepared Materials Project crystals and the training examples made of them."""

from dataclasses import replace

import numpy as np
import pytest

from difusa.domains.materials.data import cell_from, composition, split_of, system
from difusa.domains.materials.examples import Examples, Noise, Options
from difusa.domains.materials.packed import Packed
from difusa.domains.materials.symmetry import strain_of
from difusa.domains.materials.templates import bare, of_packed


@pytest.fixture(scope="module")
def small(small_crystals) -> Packed:
    return Packed.load(small_crystals / "materials" / "mp.npz")


def test_a_packed_set_comes_back(small, tmp_path):
    small.save(tmp_path / "x.npz")
    again = Packed.load(tmp_path / "x.npz")
    for i in (0, 30):
        a, b = small.crystal(i), again.crystal(i)
        assert (a.cell == b.cell).all() and (a.frac == b.frac).all() and (a.numbers == b.numbers).all()
        assert a.tags == b.tags
    (tmp_path / "y.npz").write_bytes(b"no zip")
    with pytest.raises(ValueError, match="y.npz is no file of packed crystals"):
        Packed.load(tmp_path / "y.npz")
    with pytest.raises(ValueError, match="none of train, calibrate, test"):
        small.rows("validation")


def test_examples_are_pure_in_their_number_and_differ(small):
    one, two = (Examples(small, "train", Options(sizes=(4, 8), group=4), 7) for _ in range(2))
    two[5]  # the order of asking changes nothing
    for number in (0, 9):
        for k, v in one[number].items():
            assert (v == two[number][k]).all()
    assert any((one[0][k] != one[1][k]).any() for k in ("noise_frac", "noise_strain"))


def test_numbers_of_a_group_have_one_width(small):
    drawn = Examples(small, "train", Options(sizes=(2, 4), group=4), 0)
    widths = [len(drawn[k]["present"]) for k in range(40)]
    assert all(len(set(widths[k : k + 4])) == 1 for k in range(0, 40, 4)) and set(widths) == {2, 4}


def test_noise_keeps_the_symmetry_and_the_elements_of_an_orbit(small):
    noise = Noise(symmetric=1.0, given=0.0, fragment=0.0)
    drawn = Examples(small, "train", Options(sizes=(4,), noise=noise), 0)
    for number in range(20):
        row = drawn[number]
        assert (row["noise_elements"] == row["noise_elements"][row["orbit"]]).all()
        if row["spacegroup"] == 225:  # of a salt, nothing but the volume is free
            assert row["rank"] == 1 and not row["freedom"].any() and not row["noise_frac"].any()
            assert np.abs(row["noise_strain"] - row["noise_strain"][0, 0] * np.eye(3)).max() < 1e-6
            assert np.abs(row["strain"] - row["strain"][0, 0] * np.eye(3)).max() < 1e-6


def test_without_symmetry_the_noise_moves_no_centre(small):
    noise = Noise(symmetric=0.0, given=1.0)
    row = Examples(small, "train", Options(sizes=(4,), noise=noise), 0)[3]
    assert row["spacegroup"] == 0 and row["rank"] == 6 and (row["shape"] == np.eye(3)).all()
    assert np.abs(row["noise_frac"].sum(0)).max() < 1e-5
    assert row["given"][row["present"]].all()


def test_templates_hold_no_free_coordinate(small):
    rows = small.rows("train")
    lent = of_packed(small, rows, [0])
    for k, i in enumerate(rows):
        kept, template = small.template(int(i)), lent.template(k)
        parameters = np.einsum(
            "nij,nj->ni", np.linalg.pinv(kept.directions[kept.orbit].astype(float)), bare(kept)[kept.orbit]
        )
        assert np.abs(parameters - np.rint(parameters)).max() < 1e-6
        assert (template.orbit == kept.orbit).all() and template.spacegroup == kept.spacegroup


def test_systems_and_splits():
    assert system(np.array([8, 8, 26, 3])) == "Fe-Li-O"
    assert composition(np.array([8, 8, 26, 26])) == ((8, 1), (26, 1))
    splits = [split_of(np.array(pair)) for pair in np.ndindex(90, 90) if pair[0] < pair[1] and pair[0]]
    assert np.bincount(splits) / len(splits) == pytest.approx([0.8, 0.1, 0.1], abs=0.02)


def test_a_cell_has_the_lengths_and_angles_it_was_made_of():
    cell = cell_from(np.array([3.0, 4.0, 5.0, 80.0, 95.0, 110.0]))
    assert np.linalg.norm(cell, axis=1) == pytest.approx([3, 4, 5])
    assert np.degrees(np.arccos(cell[1] @ cell[2] / 20)) == pytest.approx(80)
    with pytest.raises(ValueError, match="no cell has"):
        cell_from(np.array([3.0, 4.0, 5.0, 10.0, 10.0, 170.0]))


@pytest.fixture(scope="module")
def mp(data) -> Packed:
    from difusa.domains.materials.data import load
    from difusa.domains.materials.packed import VERSION
    from difusa.shared.prepared import cached

    if not cached("mp", VERSION).exists():
        pytest.skip("needs the prepared Materials Project, a quarter of an hour's work")
    return load(data)


def test_no_chemical_system_is_in_two_splits(mp):
    splits: dict[str, set] = {}
    for i in range(len(mp)):
        numbers = mp.numbers[mp.offsets[i] : mp.offsets[i + 1]]
        splits.setdefault(system(numbers), set()).add(int(mp.split[i]))
    assert all(len(s) == 1 for s in splits.values())
    assert len(mp) > 10_900


def test_the_recipe_knows_the_volume_and_spread_of_the_training_crystals(mp):
    from pathlib import Path

    import difusa
    from difusa.shared.training.recipe import read_recipe

    told = read_recipe(Path(difusa.__file__).parent / "domains/materials/recipes/materials.toml").network
    rows, atoms = mp.rows("train"), np.diff(mp.offsets)
    volume = np.log(np.abs(np.linalg.det(mp.cells[rows])) / atoms[rows])
    assert told["volume"] == pytest.approx(np.exp(volume.mean()), rel=0.01)
    size = []
    for i in rows[:300]:
        kept = mp.template(int(i))
        off = strain_of(mp.cells[i], kept.shape) - np.eye(3) * np.log(atoms[i] * told["volume"]) / 3
        size.append((off**2).sum() / len(kept.strains))
    assert np.sqrt(np.mean(size)) / told["spread"] == pytest.approx(0.5, abs=0.1)


def test_stored_crystals_obey_their_space_group(mp):
    pytest.importorskip("spglib")
    from difusa.domains.materials.reducing import spacegroup

    for i in np.random.default_rng(0).choice(len(mp), 20, replace=False):
        crystal = mp.crystal(int(i))
        assert spacegroup(replace(crystal, tags={}), 1e-3) == mp.spacegroup[i]
