"""The parts of the molecules page: frames, rows and their files, flat pictures, and the 3D view's script."""

import base64
import json
from dataclasses import replace

import numpy as np
import pytest

from difusa.apps import molecules_draw, molecules_job, molecules_rows, molecules_words, viewer3d
from difusa.apps.rows import read, shown

pytest.importorskip("rdkit")


def broken(molecule):
    """The first of pyrrole's carbons with a second hydrogen's worth of bonds too many."""
    bonds = molecule.bonds.copy()
    bonds[:, 2] = 2
    return replace(molecule, bonds=bonds, smiles="", tags={"VALID": False, "FRAGMENTS": 1, "REASON": "too many bonds"})


@pytest.fixture
def folder(tmp_path, molecules):
    """A finished job's files: three valid molecules, the second twice, and a broken one."""
    from difusa.domains.molecules.export import save

    tags = {"VALID": True, "FRAGMENTS": 1, "REASON": "", "GAP_EV": 6.5, "GAP_EV_LOW": 6.0, "WISH_GAP_EV": 7.0}
    made = [replace(m, tags=tags | {"GAP_EV": 6.5 + k}) for k, m in enumerate([*molecules[:2], molecules[1]])]
    save([*made, broken(molecules[0])], tmp_path / "molecules.sdf")
    molecules_job.gather(tmp_path / "molecules.sdf")
    return tmp_path


def test_rows_tell_status_figures_and_reason(folder):
    rows = read(folder)
    assert [r["status"] for r in rows] == ["valid", "valid", "valid", "broken"]
    assert rows[3]["reason"] == "too many bonds" and not rows[0]["reason"]
    assert rows[0]["formula"] == "C4H5N" and 0 < rows[0]["qed"] < 1 and "qed" not in rows[3]
    names = molecules_rows.figures(rows)
    assert names[:4] == ["qed", "logp", "sa", "weight"] and names[-1] == "GAP_EV"


def test_order_ranges_and_repeats(folder):
    rows = read(folder)

    def numbers(status="all", ranges=None, once=False, order="row", falling=False):
        return [
            r["row"] for r in shown(rows, status, ranges or {}, molecules_rows.smiles if once else None, order, falling)
        ]

    assert numbers() == [1, 2, 3, 4]
    assert numbers("broken") == [4]
    assert numbers(once=True) == [1, 2, 4]
    assert numbers(order="GAP_EV", falling=True) == [3, 2, 1, 4]  # what lacks the figure stands last
    assert numbers(ranges={"GAP_EV": (7, 8)}) == [2]


def test_files_hold_the_rows_that_are_left_in_their_order(folder, tmp_path):
    import io

    from pyarrow import parquet

    from difusa.domains.molecules.readers import load

    rows = shown(read(folder), "all", {}, None, "GAP_EV", True)[:3:2]  # rows 3 and 1
    for suffix in (".sdf", ".extxyz"):
        path = tmp_path / f"part{suffix}"
        path.write_bytes(molecules_rows.part(folder, rows, suffix))
        assert [r.molecule.tags["GAP_EV"] for r in load(path)] == [8.5, 6.5]
    table = parquet.read_table(io.BytesIO(molecules_rows.part(folder, rows, ".parquet"))).to_pydict()
    assert table["GAP_EV"] == [8.5, 6.5] and all(0 < q < 1 for q in table["QED"])


def test_the_atoms_that_break_a_molecule_stand_out(folder):
    sound, bad = (
        base64.b64decode(molecules_draw.depict(r).partition(",")[2]).decode()
        for r in (molecules_rows.records(folder)[k] for k in (0, 3))
    )
    assert "ellipse" in bad and "ellipse" not in sound
    assert "http" not in sound.replace("http://www.w3.org", "").replace("http://www.rdkit.org", "")
    assert molecules_draw.depict("no molecule") == ""


def test_the_film_ends_with_the_molecule_that_came_of_it(tmp_path, molecules):
    from rdkit import Chem

    from difusa.domains.molecules.molecule import skeleton

    film = molecules_job.Film(tmp_path / "frames.json")
    bare = skeleton(molecules[5 - 3])  # glycine, a zwitterion
    for spread in (0.1, 0.6, 1.0):
        film.look(replace(bare, positions=bare.positions * spread))
    film.end([molecules[0], None, molecules[2]])
    told = json.loads((tmp_path / "frames.json").read_text())
    assert told["row"] == 2 and len(told["frames"]) == 4
    read = [Chem.MolFromMolBlock(block, removeHs=False) for block in told["frames"][-1:]]
    assert Chem.MolToSmiles(Chem.RemoveHs(read[0])) == Chem.CanonSmiles("[NH3+]CC(=O)[O-]")
    np.testing.assert_allclose(read[0].GetConformer().GetPositions(), molecules[2].positions, atol=1e-4)


def test_frames_of_a_run_gone_astray_can_still_be_drawn():
    block = molecules_job.mol_block(
        np.array([6, 8]), np.array([[np.nan, np.inf, 0], [1e9, 0, 0]]), np.zeros(2, int), np.array([[0, 1, 4]])
    )
    assert "nan" not in block and "inf" not in block and all(len(line) < 80 for line in block.splitlines())


def test_conformers_are_laid_over_one_another(molecules):
    from rdkit import Chem

    from difusa.domains.molecules.export import sdf

    turned = replace(molecules[3], positions=molecules[3].positions[:, [1, 2, 0]] + 5)
    blocks = molecules_draw.laid_over([sdf(molecules[3]), sdf(turned)])
    first, second = (Chem.MolFromMolBlock(b, removeHs=False).GetConformer().GetPositions() for b in blocks)
    np.testing.assert_allclose(first, second, atol=1e-3)  # angstrom; the file keeps four decimals


def test_reasons_in_words():
    same = lambda text: text  # noqa: E731
    row = {"status": "broken", "tags": {}}
    valence = row | {"reason": "Explicit valence for atom # 3 C, 5, is greater than permitted"}
    assert molecules_words.reason(valence, same) == "Atom 3 (C) has valence 5: too many bonds"
    assert molecules_words.reason(row | {"reason": "something new"}, same) == "something new"
    pieces = {"status": "pieces", "reason": "", "tags": {"FRAGMENTS": 3}}
    assert molecules_words.reason(pieces, same) == "3 separate pieces"
    carbene = {"status": "valid", "reason": "", "radicals": 2, "tags": {}}
    assert molecules_words.reason(carbene, same) == "Open valences: 2"


def test_a_radical_is_valid_but_told(molecules):
    sound = molecules[5]  # water
    radical = replace(sound, numbers=sound.numbers[:2], positions=sound.positions[:2], charges=sound.charges[:2],
                      bonds=sound.bonds[:1])  # fmt: skip
    assert molecules_job.scores(sound)["radicals"] == 0
    assert molecules_job.scores(radical)["radicals"] == 1  # hydroxyl


def test_the_view_refuses_what_it_cannot_draw():
    for models, format in ((["x"], "pdbqt"), ([], "sdf")):
        with pytest.raises(ValueError, match="at least one, of sdf, xyz, cif"):
            viewer3d.view(models, format, str, key="v", name="v")


def test_the_library_comes_with_its_licence_and_as_one_script():
    assert "BSD-3-Clause" in (viewer3d.STATIC / "3Dmol.LICENSE").read_text()
    script = viewer3d.parts()["js"]
    assert script.count("export default") == 1 and "import(" not in script and "\nimport " not in script
