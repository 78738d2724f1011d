"""Releases that are followed: what moved is told, chance is not, and a release audited again keeps its place."""

import json
import xml.etree.ElementTree as tree

import numpy as np
import pytest

from difusa.ethics.drift import added, difference, drift, figure, history, line_of
from difusa.ethics.findings import NOTED, SILENT, Report, as_json, judged
from difusa.ethics.page import page
from difusa.shared.metrics import share

ABOUT = {"domain": "heritage", "features": "f", "against_sha256": "a"}


def line(name: str, hits: dict[str, float], n: int = 200, **about) -> dict:
    """The line of a release of which these shares were found."""
    rows = [judged("bias", k, share(np.arange(n) < round(v * n)), 0.4, "high") for k, v in hits.items()]
    return line_of(as_json(Report(tuple(rows), ABOUT | {"set": name, "content_sha256": name} | about)))


def test_what_moved_is_told_and_chance_is_not():
    first, second = line("v1", {"coverage": 0.8, "recall": 0.7}), line("v2", {"coverage": 0.5, "recall": 0.71})
    found = {f.name: f for f in drift([first, second])}
    moved, still = found["coverage"], found["recall"]
    assert moved.value == pytest.approx(-0.3) and moved.high < 0 and moved.note.words.startswith("moved")
    assert still.low < 0 < still.high and still.note.words.startswith("within chance")
    assert {f.verdict for f in found.values()} == {NOTED}
    assert [f.verdict for f in drift([first])] == [SILENT]


def test_the_interval_of_a_difference_holds_95_of_100():
    """Two shares of the same truth, 1000 times: the interval should hold 0 in 95 %; 93 allows for its own chance (s.e. 0.7)."""
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(1000):
        was, now = (vars(share(rng.random(150) < 0.7)) for _ in range(2))
        ends = difference(now, was)
        held += ends.low <= 0 <= ends.high
    assert 0.93 <= held / 1000 <= 0.98


def test_a_release_keeps_its_place_and_others_are_not_compared(tmp_path):
    path, rows = tmp_path / "h.jsonl", []
    for row in (line("v1", {"coverage": 0.8}), line("other", {"coverage": 0.1}, against_sha256="b")):
        rows, _ = added(rows, row)
    rows, alike = added(rows, line("v2", {"coverage": 0.6}))
    assert [r["set"] for r in alike] == ["v1", "v2"]
    again, alike = added(rows, line("v1", {"coverage": 0.9}))
    assert [r["set"] for r in again] == ["v1", "other", "v2"] and len(alike) == 1
    path.write_text("".join(json.dumps(r) + "\n" for r in again))
    assert history(path) == again and history(tmp_path / "none") == []
    path.write_text(path.read_text() + "{}\n")
    with pytest.raises(ValueError, match="line 4"):
        history(path)


def test_the_figure_shows_what_moved_most_in_both_languages():
    steady = {f"style{i}: coverage, worst group": 0.7 for i in range(9)}
    releases = [line(f"v{i}", steady | {"coverage": c, "<own>": 0.6}) for i, c in enumerate((0.9, 0.7, 0.3))]
    drawn = figure(releases)
    root = tree.fromstring(drawn)
    names = [t.text for t in root.iter() if t.get("font-weight")]
    assert names[:2] == ["coverage", "cobertura"] and len(names) == 16
    assert "style0: cobertura, pior grupo" in names
    assert len({float(c.get("cy")) for c in list(root)[0] if c.tag.endswith("circle")}) == 3
    caption = "judged figures from release to release, those first that moved most; dashed: threshold"
    text = page(Report(tuple(drift(releases)), {"releases": "1. v0"}, {caption: drawn})).decode()
    assert "mudou: 0,7 em v1, 0,3 aqui" in text and "deriva" in text
