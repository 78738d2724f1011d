"""The report on a folder of crystals: every file counts, and what is wrong with it is said by name."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("pymatgen")
pytest.importorskip("smact")

from difusa.domains.materials import judges, metrics, report
from difusa.domains.materials.crystal import Crystal
from difusa.domains.materials.packed import pack
from difusa.domains.materials.report import Row, measure
from difusa.domains.materials.symmetry import free_template

FCC = np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
SALT = np.array([[0.0, 0, 0], [0.5, 0.5, 0.5]])


def salt(a: float, one: int, other: int) -> Crystal:
    return Crystal(a * FCC, np.array([one, other], np.uint8), SALT)


KNOWN = [salt(5.64, 11, 17), salt(6.29, 19, 17), salt(4.21, 12, 8)]
HELD = [salt(4.03, 3, 9), salt(4.81, 20, 8)]


@pytest.fixture(scope="module")
def packed():
    every = [*KNOWN, *HELD, salt(5.1, 3, 17)]
    named = [replace(c, tags={"id": f"t-{i}", "formation_energy": -2.0}) for i, c in enumerate(every)]
    return pack(named, [free_template(c.frac) for c in every], np.zeros(6), [0, 0, 0, 2, 2, 1])


def value(found, name):
    return found[name]["value"]


def test_every_row_counts_and_has_its_reason(packed):
    close = replace(KNOWN[0], frac=np.array([[0.0, 0, 0], [0.02, 0, 0]]))
    odd = salt(5.0, 11, 11)
    rows = [Row(KNOWN[0]), Row(HELD[0]), Row(HELD[0]), Row(close), Row(None, "cut off", "x.cif"), Row(odd)]
    found = measure(rows, packed, costly=0)
    overlapping = [Row(None, "overlap", "y.cif", np.array(pair)) for pair in ((11, 17), (56, 17))]
    told = measure(rows + overlapping, packed, costly=0)
    assert value(told, "compositional_validity") == pytest.approx(6 / 8), "judged though its atoms overlap"
    assert value(told, "structural_validity") == pytest.approx(4 / 8)
    assert value(found, "structural_validity") == pytest.approx(4 / 6)
    assert value(found, "compositional_validity") == pytest.approx(5 / 6), "an element passes"
    assert value(found, "valid") == pytest.approx(4 / 6)
    assert (value(found, "uniqueness"), found["uniqueness"]["n"]) == (0.75, 4)
    assert value(found, "novelty") == pytest.approx(2 / 3) and value(found, "unique_novel") == 0.5
    assert [(f["row"], f["judge"]) for f in found["failures"]] == [(5, "read"), (4, "structure")]
    assert found["failures"][0]["name"] == "x.cif" and found["stable_share"]["n"] == 0
    json.dumps(found, allow_nan=False)


def test_stability_is_of_all_that_were_drawn(packed, monkeypatch):
    """CHGNet and the references put aside: what fails, and what is broken, is not stable."""
    monkeypatch.setattr(report, "each", asked_at_once)
    monkeypatch.setattr(judges, "relax", relaxed)
    monkeypatch.setattr(report.references, "load", lambda: SimpleNamespace(formation=lambda numbers, energy: energy))
    close = replace(KNOWN[0], frac=np.array([[0.0, 0, 0], [0.02, 0, 0]]))
    rows = [Row(KNOWN[0]), Row(HELD[0]), Row(close), Row(salt(6.0, 55, 53))]
    found = measure(rows, packed, costly=4)
    # -1.85 lies 0.15 above the salt of the training split, and 1.85 below the elements where there is none
    assert found["above_hull"] == {"1": 0.15, "2": -1.85} and found["relaxed"] == 2
    assert value(found, "stable_share") == 0.25 and value(found, "stable_share_whole") == 0
    assert value(found, "chgnet_rmsd_median") == pytest.approx(0.1) and value(found, "stable_unique_novel") == 0.25
    assert ("CHGNet", "too heavy") in [(f["judge"], f["reason"]) for f in found["failures"]]


def relaxed(crystal: Crystal) -> judges.Relaxation:
    if crystal.numbers.max() > 50:
        raise ValueError("too heavy")
    return judges.Relaxation(-1.85, 0.02, 0.1, 1.01, 3, crystal)


def asked_at_once(judge, items, chosen, workers, seconds, name):
    found, failed = {}, []
    for i in chosen:
        try:
            found[i] = judge(items[i])
        except ValueError as why:
            failed.append({"row": i + 1, "judge": name, "reason": str(why)})
    return found, failed, 0.0


def test_predictions_are_matched_in_their_order(packed):
    other = Crystal(2.5 * np.eye(3), HELD[0].numbers, SALT)  # as caesium chloride
    rows = [Row(other), Row(HELD[0]), Row(None, "broken"), Row(KNOWN[0])]
    (first, best), *others = metrics.matches(rows, packed)
    assert first is None and best == pytest.approx(0, abs=1e-6) and not others
    found = measure(rows, packed, costly=0, matches=[(first, best)])
    assert value(found, "match_rate_1") == 0 and value(found, "match_rate_20") == 1
    assert value(found, "rmse") == pytest.approx(0, abs=1e-6)


def test_a_folder_with_bad_files_is_judged_and_they_are_named(packed, tmp_path, monkeypatch, capsys):
    from difusa.domains.materials import data
    from difusa.domains.materials.crystal import to_pymatgen

    monkeypatch.setattr(data, "load", lambda given: packed)
    good = to_pymatgen(HELD[0]).to(fmt="cif")
    bad = {
        "partial": good.replace("  1\n", "  0.5\n"),
        "unknown": good.replace("Li", "Xx"),
        "code": good.replace("'P 1'", "__import__('os').system('false')"),
        "cut": good[: len(good) // 2],
        "overlap": good.replace("0.50000000", "0.00010000"),
    }
    for name, text in bad.items():
        assert text != good
        (tmp_path / f"{name}.cif").write_text(text)
    (tmp_path / "good.cif").write_text(good)
    found = metrics.evaluate(tmp_path, costly=0, report=tmp_path / "r.json")
    assert {f["name"] for f in found["failures"] if f["judge"] == "read"} == {f"{name}.cif" for name in bad}
    assert found["rows"] == 6 and value(found, "structural_validity") == pytest.approx(1 / 6)
    shown = capsys.readouterr().out
    assert all(f"{name}.cif" in shown for name in bad) and "structural_validity" in shown
    told = json.loads((tmp_path / "r.json").read_text())
    needed = {
        "structural_validity", "compositional_validity", "uniqueness", "novelty", "match_rate_1", "match_rate_20", "rmse",
        "chgnet_rmsd_median", "stable_share", "seconds_per_1000",
    }  # fmt: skip
    assert needed <= set(told) and needed - {"rmse"} <= set(told["protocols"]) | {"rmse"}
    with pytest.raises(ValueError, match="choose from mp"):
        metrics.evaluate(tmp_path, against="icsd")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no crystal"):
        metrics.evaluate(tmp_path / "empty")


@pytest.mark.slow  # CHGNet takes half a minute to import on a busy core
def test_relaxation_finds_the_same_end_and_sees_a_strain():
    pytest.importorskip("chgnet")
    first = judges.relax(salt(5.64, 11, 17))
    stretched = judges.relax(salt(6.2, 11, 17))
    assert 0 <= first.drop < stretched.drop and stretched.volume < 0.95
    assert first.rmsd < 1e-3 and stretched.rmsd < 1e-3, "symmetry leaves no atom free; a strain moves none"
    assert stretched.energy == pytest.approx(first.energy, abs=0.01)
    assert judges.rmsd(np.array([[0.1, 0, 0], [0, 0, 0.0]]), 10 * np.eye(3)) == pytest.approx(0.5)
