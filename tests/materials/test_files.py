"""Crystals on disk: CIF and extended XYZ agree and come back; what is no crystal is refused by its reason."""

import numpy as np
import pytest

from difusa.domains.materials.crystal import Crystal, to_pymatgen
from difusa.domains.materials.export import conventional, operation, plain, reduced_formula, save
from difusa.domains.materials.readers import load

pytest.importorskip("pymatgen.core")


def crystal(seed: int = 0, atoms: int = 4) -> Crystal:
    rng = np.random.default_rng(seed)
    cell = 5 * np.eye(3) + 0.6 * rng.normal(size=(3, 3))
    frac = (np.arange(atoms)[:, None] / atoms + 0.05 * rng.random((atoms, 3))) % 1
    tags = {"formula": "x y", "seed": seed, "shortest_distance": 1.234567, "charge_balanced": True, "id": "a'b"}
    return Crystal(cell, np.full(atoms, 14 + seed, np.uint8), frac, tags)


def test_cif_and_xyz_come_back_and_agree_to_the_last_digit(tmp_path):
    from ase.io import read
    from pymatgen.core import Structure

    made = [crystal(k) for k in range(3)]
    save(made, tmp_path)
    assert sorted(f.name for f in tmp_path.iterdir()) == ["00000.cif", "00001.cif", "00002.cif", "all.extxyz"]
    for k, (one, here, frame) in enumerate(zip(made, load(tmp_path), read(tmp_path / "all.extxyz", ":"))):
        assert here.reason == "" and here.name == f"{k:05d}.cif"
        assert np.abs(here.crystal.cell @ here.crystal.cell.T - one.cell @ one.cell.T).max() < 1e-6
        assert here.crystal.numbers.tolist() == one.numbers.tolist() == frame.numbers.tolist()
        assert np.abs(here.crystal.frac - one.frac).max() < 1e-8
        assert here.crystal.tags["seed"] == k and here.crystal.tags["charge_balanced"] is True
        printed = Structure.from_file(tmp_path / f"{k:05d}.cif")
        places = frame.get_scaled_positions()
        assert np.abs((places - printed.frac_coords + 0.5) % 1 - 0.5).max() < 1e-8
        assert np.abs(frame.cell.cellpar() - plain(one).parameters).max() < 1e-6
    xyz = load(tmp_path / "all.extxyz")
    assert [r.crystal.tags["seed"] for r in xyz] == [0, 1, 2]


def test_symmetrised_output_is_the_same_crystal_in_its_conventional_cell(tmp_path):
    from pymatgen.analysis.structure_matcher import StructureMatcher
    from pymatgen.core import Structure

    fcc = 2.82 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]])
    salt = Crystal(fcc, np.array([11, 17], np.uint8), np.array([[0, 0, 0], [0.5, 0.5, 0.5]]))
    listed = conventional(salt)
    assert listed.spacegroup == 225 and len(listed.numbers) == 8 and len(listed.unique) == 2
    save([salt], tmp_path, symmetrised=True)
    found = Structure.from_file(tmp_path / "00000.cif")
    assert len(found) == 8 and StructureMatcher().fit(found, to_pymatgen(salt))
    assert "_space_group_IT_number            225" in (tmp_path / "00000.cif").read_text()
    assert len(load(tmp_path / "all.extxyz")[0].crystal) == 8


def test_operations_are_written_as_cif_does():
    assert operation(np.eye(3, dtype=int), np.zeros(3)) == "x, y, z"
    assert operation(np.array([[0, -1, 0], [1, -1, 0], [0, 0, 1]]), np.array([0, 0.5, 1 / 3])) == "-y, x-y+1/2, z+1/3"


def test_formulas():
    assert reduced_formula(np.array([8, 8, 8, 8, 3, 26, 15])) == "LiFePO4"
    assert reduced_formula(np.array([6] * 4)) == "C"


CELL = "".join(f"_cell_length_{k} 5\n" for k in "abc") + "".join(
    f"_cell_angle_{k} 90\n" for k in ("alpha", "beta", "gamma")
)
COLUMNS = ("label", "type_symbol", "fract_x", "fract_y", "fract_z", "occupancy")
SITES = "loop_\n" + "".join(f"_atom_site_{k}\n" for k in COLUMNS)
GOOD = "Na1 Na 0 0 0 1\nCl1 Cl 0.5 0.5 0.5 1\n"
BAD = {
    "occupied in part": CELL + SITES + "Na1 Na 0 0 0 0.5\nK1 K 0 0 0 0.5\nCl1 Cl 0.5 0.5 0.5 1\n",
    "overlap": CELL + SITES + "Na1 Na 0 0 0 1\nCl1 Cl 0.005 0 0 1\n",
    "no element": CELL + SITES + "Xx1 Xx 0 0 0 1\n",
    "magnetic": CELL + "_space_group_magn.transform_BNS_Pp_abc  'a,b,[d for d in ().__class__]'\n" + SITES + GOOD,
    "code": CELL + "_note ().__class__.__mro__\n" + SITES + GOOD,
    "no symmetry operation": CELL + "loop_\n_symmetry_equiv_pos_as_xyz\n'x, y, open(z)'\n" + SITES + GOOD,
    "no data block": CELL,
    "no cell": CELL.replace("_length_a 5", "_length_a 1e9") + SITES + GOOD,
}


@pytest.mark.parametrize("reason", BAD)
def test_what_is_no_crystal_is_refused_by_its_reason_and_the_rest_goes_on(reason, tmp_path):
    (tmp_path / "a.cif").write_text("data_a\n" + BAD[reason])
    (tmp_path / "b.cif").write_text("data_b\n" + CELL + SITES + GOOD)
    bad, good = load(tmp_path)
    assert bad.crystal is None and reason in bad.reason
    assert good.crystal is not None and len(good.crystal) == 2


WHOLE = CELL + "loop_\n _space_group_symop_operation_xyz\n 'x, y, z'\n" + SITES


@pytest.mark.parametrize("end", ["", "Na1 Na 0 0", "Na1 Na 0 0 0 1\nCl1 Cl 0.5"])
def test_a_file_that_is_cut_off_is_called_so(end, tmp_path):
    (tmp_path / "a.cif").write_text("data_a\n" + WHOLE + end)
    found = load(tmp_path / "a.cif")[0]
    assert "cut off" in found.reason and found.numbers is None


@pytest.mark.parametrize(
    "cell, places, reason",
    [
        (4 * np.eye(3), [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0.5]], "overlap"),
        (4 * np.eye(3), [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0.51]], "overlap"),
        (np.diag([4, 4, 1e-6]), [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.1, 0.51]], "no crystal"),
    ],
)
def test_what_was_drawn_broken_is_refused_with_its_atoms(cell, places, reason, tmp_path):
    save([Crystal(cell, np.array([3, 8, 8], np.uint8), np.array(places, float))], tmp_path)
    for name in ("00000.cif", "all.extxyz"):
        found = load(tmp_path / name)[0]
        assert found.crystal is None and found.numbers.tolist() == [3, 8, 8]
        assert reason in found.reason or "flat" in found.reason


def test_a_file_of_absurd_size_is_not_read(tmp_path):
    (tmp_path / "a.cif").write_text("data_a\n" + "#" * 3_000_000)
    assert "bytes" in load(tmp_path / "a.cif")[0].reason


def test_frames_and_poscars_that_do_not_fit_are_named(tmp_path):
    (tmp_path / "a.xyz").write_text('2\nLattice="5 0 0 0 5 0 0 0 5"\nNa 0 0 0\n')
    (tmp_path / "b.xyz").write_text("1\nno cell\nNa 0 0 0\n")
    (tmp_path / "POSCAR").write_text("x\n1\n5 0 0\n0 5 0\n0 0 5\nQq\n1\nDirect\n0 0 0\n")
    reasons = {r.name: r.reason for r in load(tmp_path)}
    assert "has 1" in reasons["a.xyz"] and "no Lattice" in reasons["b.xyz"] and "'Qq' is none" in reasons["POSCAR"]
    with pytest.raises(ValueError, match="unknown format"):
        (tmp_path / "x.pdb").write_text("")
        load(tmp_path / "x.pdb")


def test_a_broken_draw_does_not_cost_the_others_their_file(tmp_path):
    flat = crystal(1)
    flat.cell[2] = flat.cell[0] + flat.cell[1] + [0, 0, 1e-9]  # rounded angles leave no room for a cell
    save([crystal(0), flat, crystal(2)], tmp_path)
    found = load(tmp_path)
    assert [bool(row.reason) for row in found] == [False, True, False]
    assert (tmp_path / "all.extxyz").read_text().count("Lattice") == 3
