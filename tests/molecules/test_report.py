"""The report on a set of molecules, and the verb: every row counts, and what is broken shows."""

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("rdkit")

from difusa.domains.molecules import metrics, qm9, report
from difusa.domains.molecules.export import save
from difusa.domains.molecules.molecule import Molecule
from difusa.domains.molecules.packed import pack
from difusa.domains.molecules.report import Row, measure


@pytest.fixture(scope="module")
def packed(qm9_rows):
    """The first 240 rows of QM9 that have a graph: 160 to train on, 40 to calibrate, 40 held out."""
    molecules = [m for m, _ in map(qm9.molecule_of, qm9_rows[:300]) if m.smiles][:240]
    split = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [160, 40, 40]))
    return pack(molecules, range(240), split, np.zeros((240, 0)), ())


@pytest.fixture(scope="module")
def held(packed):
    return [packed.molecule(i) for i in packed.rows("test")]


def value(found, name):
    return found[name]["value"]


def test_training_molecules_are_valid_stable_and_known(packed):
    known = [packed.molecule(i) for i in packed.rows("train")[:30]]
    found = measure([Row(m) for m in known + known[:10]], packed, costly=0)
    assert [value(found, k) for k in ("validity", "valid_connected", "molecule_stability", "atom_stability")] == [1] * 4
    assert value(found, "uniqueness") == pytest.approx(len({m.smiles for m in known}) / 40)
    assert value(found, "novelty") == 0 and found["novelty"]["n"] == len({m.smiles for m in known})
    assert found["posebusters_valid"]["n"] == found["costly_rows"] == 0 and value(found, "xtb_rmsd_median") is None
    assert not found["failures"]


def test_every_broken_row_counts_and_has_its_reason(packed, held):
    m = next(m for m in held if m.smiles and (m.numbers == 6).sum() >= 3 and len(m) > 8)
    light = np.flatnonzero(m.numbers == 1)[0]
    carbon = int(m.bonds[(m.bonds[:, :2] == light).any(1)][0, :2].sum() - light)
    five = replace(m, bonds=np.where((m.bonds[:, :2] == light).any(1)[:, None], m.bonds + [0, 0, 1], m.bonds))
    apart = replace(m, bonds=m.bonds[~(m.bonds[:, :2] == light).any(1)])
    lost = Row(None, "the record is cut off")
    found = measure([Row(m), Row(five), Row(apart), lost], packed, costly=0)
    assert carbon != light and value(found, "validity") == 0.5  # whole, and without one bond: two radicals
    assert value(found, "valid_connected") == 0.25 and value(found, "molecule_stability") == 0.25
    assert found["atom_stability"]["n"] == 3 * len(m)
    assert value(found, "atom_stability") == pytest.approx(1 - 4 / (3 * len(m)))  # two atoms in each of two rows
    assert value(found, "validity_lookup") == 0.75  # by distances, three rows are one and the same molecule
    assert [(f["row"], f["judge"]) for f in found["failures"]] == [(4, "read"), (2, "validity")]
    assert found["failures"][0]["reason"] == "the record is cut off" and "valence" in found["failures"][1]["reason"]


def test_noise_lowers_what_it_must(packed, held):
    rng = np.random.default_rng(0)
    figures = []
    for noise in (0.0, 0.1, 0.3):
        rows = [Row(replace(m, positions=m.positions + noise * rng.normal(size=m.positions.shape))) for m in held]
        figures.append(measure(rows, packed, costly=0))
    for name in ("atom_stability_lookup", "molecule_stability_lookup", "validity_lookup"):
        values = [value(f, name) for f in figures]
        assert values[0] > values[1] > values[2], name
    for name in ("bond_lengths", "bond_angles"):
        values = [f["distributions"][name]["wasserstein"] for f in figures]
        assert values[0] == 0 < values[1] < values[2], name  # the first are the reference itself
        assert figures[1]["distributions"][name]["floor"]["wasserstein"] < values[2]
    assert value(figures[2], "molecule_stability") == 1  # its own bonds are as they were


@pytest.mark.slow  # 15 s: two children import all that the judges need
def test_the_costly_judges_see_a_seeded_draw(packed, held):
    pytest.importorskip("tblite")
    pytest.importorskip("posebusters")
    flat = replace(held[0], positions=held[0].positions * [1, 1, 0])
    rows = [Row(held[1]), Row(flat), Row(None, "cut off")]
    found = measure(rows, packed, costly=3)
    assert found["posebusters_valid"]["n"] == 3 and value(found, "posebusters_valid") == pytest.approx(1 / 3)
    assert found["xtb_relaxation_kcal_median"]["n"] + found["xtb_failed"] == 2
    assert found["seconds_a_molecule"]["xtb"] > 0
    assert found["posebusters_checks"]["sanitization"]["n"] == 2


def test_the_verb_on_files(packed, held, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(qm9, "load", lambda data=None: packed)
    save(held[:6], tmp_path / "whole.sdf")
    text = (tmp_path / "whole.sdf").read_text()
    (tmp_path / "cut.sdf").write_text(text + text[: text.index("M  V30 END ATOM")])
    found = metrics.evaluate(tmp_path / "cut.sdf", costly=0, report=tmp_path / "report.json")
    assert found["rows"] == 7 and value(found, "validity") == pytest.approx(6 / 7)
    assert json.loads((tmp_path / "report.json").read_text())["failures"][0]["row"] == 7
    assert "validity" in capsys.readouterr().out
    save(held[:6], tmp_path / "whole.extxyz")
    assert value(metrics.evaluate(tmp_path / "whole.extxyz", costly=0), "molecule_stability") == 1


def test_xyz_without_bonds_is_judged_by_distances_alone(packed, held, tmp_path, monkeypatch):
    monkeypatch.setattr(qm9, "load", lambda data=None: packed)
    rows = [f"{len(m)}\n\n" + "".join(f"{z} {x} {y} {w}\n" for z, (x, y, w) in _lines(m)) for m in held[:6]]
    (tmp_path / "bare.xyz").write_text("".join(rows) + "2\n\nC 0 0 0\nC 0 0\n" + "1\n\nC 0 0 nan\n")
    found = metrics.evaluate(tmp_path / "bare.xyz", costly=8)
    assert found["validity"] == {"value": None, "low": None, "high": None, "n": 0, "groups": 0}
    assert found["posebusters_valid"]["n"] == 0 and found["validity_lookup"]["n"] == 8
    assert value(found, "validity_lookup") == 0.75 and value(found, "molecule_stability_lookup") <= 0.75
    assert [f["row"] for f in found["failures"]] == [7, 8]


def _lines(m: Molecule):
    return zip(({1: "H", 6: "C", 7: "N", 8: "O", 9: "F"}[int(n)] for n in m.numbers), m.positions.tolist())


def test_what_cannot_be_judged_is_refused(tmp_path, packed):
    (tmp_path / "a.smi").write_text("CCO\n")
    (tmp_path / "empty.sdf").write_text("")
    with pytest.raises(ValueError, match="no coordinates"):
        metrics.evaluate(tmp_path / "a.smi")
    with pytest.raises(ValueError, match="holds no molecule"):
        metrics.evaluate(tmp_path / "empty.sdf")
    with pytest.raises(ValueError, match="choose from qm9, drugs"):
        metrics.evaluate(tmp_path / "empty.sdf", against="zinc")
    with pytest.raises(ValueError, match="at least 0 rows"):
        metrics.evaluate(tmp_path / "empty.sdf", costly=-1)
    with pytest.raises(ValueError, match="no molecules"):
        measure([], packed)


def test_all_keys_of_the_issue_are_there(packed, held):
    found = measure([Row(m) for m in held[:3]], packed, costly=0)
    keys = "validity valid_connected atom_stability molecule_stability atom_stability_lookup molecule_stability_lookup"
    keys += " uniqueness novelty xtb_relaxation_kcal_median xtb_rmsd_median posebusters_valid"
    assert set(keys.split()) <= set(found)
    assert report.verdict(Row(held[0])).smiles == held[0].smiles
