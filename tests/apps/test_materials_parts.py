"""The parts of the materials page: rows and their files, the cell as it is drawn, powder patterns, estimates of stability."""

import csv
import io
import zipfile

import numpy as np
import pytest

from difusa.apps import materials_draw, materials_job, materials_rows, materials_words
from difusa.apps.rows import read, shown

pytest.importorskip("pymatgen.core")
pytest.importorskip("smact")

FCC = np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
CORNERS = np.array([[0.0, 0, 0], [0.5, 0.5, 0.5]])


def salt(cation=11, anion=17, a=5.64, places=CORNERS):
    """Rock salt in its primitive cell."""
    from difusa.domains.materials.crystal import Crystal

    return Crystal(a * FCC, np.array([cation, anion], np.uint8), places)


@pytest.fixture
def folder(tmp_path, small_crystal_models, monkeypatch):
    """A finished job's files: sodium chloride, the same swollen, BaCl of the wrong charges, and overlapping atoms."""
    from difusa.domains.materials import estimates, guide
    from difusa.domains.materials.describe import described
    from difusa.domains.materials.export import save

    own = guide.guide
    monkeypatch.setattr(estimates, "guide", lambda targets, wishes: own(targets, wishes, small_crystal_models["guide"]))
    near = CORNERS * 0.04
    crystals = [salt(), salt(a=6.0), salt(56, 17), salt(places=near)]
    save([described(c, {"index": k, "lent": 225}) for k, c in enumerate(crystals)], tmp_path / "crystals")
    materials_job.gather(tmp_path / "crystals", small_crystal_models["model"])
    return tmp_path


def test_rows_tell_status_figures_and_reason(folder):
    rows = read(folder)
    assert [r["status"] for r in rows] == ["valid", "valid", "unbalanced", "broken"]
    assert rows[0]["symbol"] == "Fm-3m" and abs(rows[0]["density"] - 2.16) < 0.01  # g/cm^3 of halite
    names = materials_rows.figures(rows)
    assert names[:4] == ["above_hull", "predicted_formation_energy", "predicted_band_gap", "spacegroup"]
    assert "density" not in rows[3] and "above_hull" not in rows[3]["tags"]
    said = materials_words.reason(rows[3], str)
    assert said.startswith("Two atoms are ") and materials_words.reason(rows[0], str) == ""
    order = [r["row"] for r in shown(rows, "all", {}, materials_rows.kind, "density", True)]
    assert order == [3, 1, 4]  # the swollen one is the same composition and space group


def test_the_way_to_the_hull_is_the_formation_energy_less_that_of_the_best_known_mixture(folder, small_crystal_models):
    from pathlib import Path

    from difusa.domains.materials.estimates import lenders

    tags = read(folder)[0]["tags"]
    ground = lenders(Path(small_crystal_models["model"])).ground(salt().numbers)
    assert ground < 0  # sodium chloride is among the lenders
    for end in ("", "_low", "_high"):
        assert tags[f"above_hull{end}"] == pytest.approx(tags[f"predicted_formation_energy{end}"] - ground, abs=1e-3)
    assert tags["above_hull_low"] < tags["above_hull"] < tags["above_hull_high"]


def test_files_hold_the_rows_that_are_left_in_their_order(folder, tmp_path):
    from difusa.domains.materials.readers import load

    rows = [read(folder)[k] for k in (2, 0)]
    with zipfile.ZipFile(io.BytesIO(materials_rows.part(folder, rows, ".zip"))) as archive:
        assert archive.namelist() == ["00002.cif", "00000.cif"]
        assert archive.read("00000.cif") == (folder / "crystals" / "00000.cif").read_bytes()
    path = tmp_path / "part.extxyz"
    path.write_bytes(materials_rows.part(folder, rows, ".extxyz"))
    assert [r.crystal.tags["index"] for r in load(path)] == [2, 0]
    table = list(csv.DictReader(io.StringIO(materials_rows.part(folder, rows, ".csv").decode())))
    assert [t["cif"] for t in table] == ["00002.cif", "00000.cif"] and table[1]["symbol"] == "Fm-3m"
    assert float(table[1]["above_hull_low"]) < float(table[1]["above_hull"])


def test_the_cell_is_drawn_with_the_atoms_on_its_faces():
    from difusa.domains.materials.crystal import Crystal

    cube = Crystal(4 * np.eye(3), np.array([11, 17], np.uint8), np.array([[0.0, 0, 0], [0.5, 0.5, 0]]))
    atoms = [line.split() for line in materials_draw.seen(cube).splitlines() if line.endswith(" 1")]
    assert [a[1] for a in atoms].count("Na") == 8 and [a[1] for a in atoms].count("Cl") == 2
    assert materials_draw.seen(Crystal(np.diag([4.0, 4, 0]), cube.numbers, cube.frac)) == ""
    assert materials_draw.seen(Crystal(np.full((3, 3), np.nan), cube.numbers, cube.frac)) == ""


def test_the_powder_pattern_is_that_of_halite():
    peaks = {p.planes: p for p in materials_draw.pattern(salt())}
    assert max(peaks.values(), key=lambda p: p.height).height == 100
    strong = max(peaks.values(), key=lambda p: p.height)
    assert strong.angle == pytest.approx(31.7, abs=0.1) and strong.spacing == pytest.approx(2.82, abs=0.01)  # (200)


def test_the_film_says_whether_its_last_frame_is_the_crystal(tmp_path, monkeypatch):
    import json

    monkeypatch.chdir(tmp_path)
    for made, row in ((salt(), 0), (salt(anion=35), None), (salt(places=CORNERS[::-1] * 0.9), None)):
        shown = materials_job.Forming()
        shown.look(salt(a=5.0))
        shown.look(salt())
        shown.end([made])
        told = json.loads((tmp_path / "frames.json").read_text())
        assert told["row"] == row and len(told["frames"]) == 2
