"""The worked recipes: which elements, what a host is, voltages by the formula, the order of the table."""

import json

import numpy as np
import pytest

pytest.importorskip("smact")
pytest.importorskip("pymatgen")

from difusa.domains.materials import abundance, cathode, judges, references, report, worked
from difusa.domains.materials.crystal import Crystal
from difusa.domains.materials.elements import NUMBERS

PLACES = np.array([[0.0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5]])


def crystal(*symbols: str, side: float = 4.0, **tags) -> Crystal:
    numbers = np.array([NUMBERS[s] for s in symbols], np.uint8)
    return Crystal(side * np.eye(3), numbers, PLACES[: len(symbols)], tags)


def test_common_elements_are_neither_poisonous_nor_rare():
    found = set(abundance.abundant())
    assert {NUMBERS[s] for s in ("Fe", "Al", "Si", "O", "Ca", "S", "Zn", "Mg")} <= found
    assert not found & {NUMBERS[s] for s in ("Pb", "As", "Cd", "Hg", "U", "Au", "Ir", "Te", "Nd", "Pt")}
    assert set(abundance.abundant(common=1e4)) < found
    iron, gold = (abundance.scored(crystal(s)) for s in ("Fe", "Au"))
    assert iron["log_abundance"] == pytest.approx(np.log10(56300)) and iron["hhi_production"] == 2400
    assert gold["log_abundance"] < iron["log_abundance"] - 6
    both = abundance.scored(crystal("Fe", "Al"))
    assert both["hhi_production"] == pytest.approx((55.845 * 2400 + 26.982 * 1600) / (55.845 + 26.982), rel=1e-4)


def test_a_host_needs_ion_metal_and_frame():
    assert cathode.hosted(crystal("Li", "Co", "O", "O"), "Li") == ""
    assert cathode.hosted(crystal("Li", "Co", "O", "O"), "Na") == "no Na"
    assert "changes its charge" in cathode.hosted(crystal("Li", "Al", "O", "O"), "Li")
    assert "hold them together" in cathode.hosted(crystal("Li", "Co"), "Li")
    empty = cathode.emptied(crystal("Li", "Co", "O", "O"), "Li")
    assert empty.numbers.tolist() == [27, 8, 8] and np.array_equal(empty.frac, PLACES[1:])
    with pytest.raises(ValueError, match="nothing is left"):
        cathode.emptied(crystal("Li"), "Li")


def energies(one: Crystal) -> judges.Relaxation:
    """-5 eV for Co, -4 for O, -2 for Li in the metal and -6 in a host, which shrinks by a tenth without it."""
    own = {27: -5.0, 8: -4.0, 3: -2.0 if len(one) == 1 else -6.0}
    total = sum(own[int(n)] for n in one.numbers)
    side = 4.0 if 3 in one.numbers else 4.0 * 0.9 ** (1 / 3)
    return judges.Relaxation(total / len(one), 0.0, 0.0, 1.0, 1, Crystal(side * np.eye(3), one.numbers, one.frac))


def test_voltage_is_energy_over_ions(monkeypatch):
    monkeypatch.setattr(judges, "relax", energies)
    cathode.metal.cache_clear()
    found = cathode.judged((crystal("Li", "Co", "O", "O"), "Li"))
    cathode.metal.cache_clear()
    assert found.voltage == pytest.approx(4.0) and found.swelling == pytest.approx(-0.1)
    assert found.capacity == pytest.approx(273.8, abs=0.3)  # LiCoO2
    assert (
        found.useful and not cathode.Cathode(5.5, 100, 0.0, -1).useful and not cathode.Cathode(3, 100, 0.3, -1).useful
    )


def test_the_table_keeps_failures_and_puts_the_useful_first(monkeypatch, tmp_path, small_crystals, capsys):
    monkeypatch.setattr(judges, "relax", energies)
    monkeypatch.setattr(references, "load", lambda: references.References(np.full(119, -5.0), {}))
    monkeypatch.setattr("difusa.shared.judging.each", at_once)
    cathode.metal.cache_clear()
    report.hull_of.cache_clear()
    close = Crystal(
        4 * np.eye(3), np.array([3, 27, 8], np.uint8), np.array([[0.0, 0, 0], [0.01, 0, 0], [0.5, 0.5, 0.5]])
    )
    drawn = [close, crystal("Li", "O", "O"), crystal("Li", "Co", "O", "O")]
    told = worked.judged_cathodes(drawn, "Li", small_crystals, 1, 60.0)
    cathode.metal.cache_clear()
    assert [r["index"] for r in told["rows"]] == [2, 0, 1] and told["rows"][0]["voltage"] == 4
    assert {r["index"]: r.get("failed", "")[:9] for r in told["rows"]} == {2: "", 0: "two atoms", 1: "no metal "}
    assert told["useful_share"]["value"] == pytest.approx(1 / 3) and told["useful_share"]["n"] == 3
    worked.finished(told | {"protocol": worked.VOLTAGE}, tmp_path, None)
    assert json.loads((tmp_path / "ranking.json").read_text())["rows"][0]["useful"] is True
    assert "an estimate, not a measurement" in capsys.readouterr().out


def at_once(judge, items, chosen, workers, seconds, name):
    found, failed = {}, []
    for i in chosen:
        try:
            found[i] = judge(items[i])
        except ValueError as why:
            failed.append({"row": i + 1, "judge": name, "reason": str(why)})
    return found, failed, 0.0


def test_other_ions_are_refused(tmp_path):
    with pytest.raises(ValueError, match="--ion K: choose from Li, Na"):
        worked.cathode(out=tmp_path / "x", ion="K")
    with pytest.raises(ValueError, match="leave no metal"):
        worked.abundant(out=tmp_path / "x", common=1e9, concentrated=-1)


def test_a_broken_draw_is_a_row_that_failed_and_ends_nothing(monkeypatch, tmp_path, small_crystals):
    from difusa.domains.materials.export import save

    one = Crystal(4 * np.eye(3), np.array([26, 8], np.uint8), PLACES[:2])
    broken = Crystal(4 * np.eye(3), np.array([26, 8], np.uint8), np.array([[0.0, 0, 0], [0.004, 0, 0]]))
    save([broken, one], tmp_path / "drawn")
    monkeypatch.setattr("difusa.shared.judging.each", at_once)
    monkeypatch.setattr(judges, "relax", lambda c: judges.Relaxation(-5.0, 0.0, 0.0, 1.0, 1, c))
    found = worked.judged_abundant(worked.written(tmp_path / "drawn"), small_crystals, 1, 60.0)
    assert [f["row"] for f in found["failures"]] == [1] and found["count"] == 2
    assert {r["index"]: "failed" in r for r in found["rows"]} == {0: True, 1: False}
