"""The report: it says everything in two languages, asks nothing of any network, and the same audit gives the same bytes."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest

import difusa.ethics
from difusa.ethics.findings import FAIL, NOTED, PASS, SILENT, Finding, Report, as_json, judged, verdicts
from difusa.ethics.page import both, page
from difusa.ethics.pca_map import pca_map
from difusa.ethics.words import ENGLISH, PORTUGUESE
from difusa.shared.metrics import Interval
from difusa.shared.passport.saying import Said

HERE = Path(difusa.ethics.__file__).parent


def report() -> Report:
    found = (
        judged(
            "fidelity",
            "coverage",
            Interval(0.91, 0.88, 0.94, 200, 20),
            0.7,
            "high",
            Said("in the real set: {own}", own="0.97"),
        ),
        judged("privacy", "copies of training things", Interval(0.05, 0.03, 0.08, 200, 200), 0.0),
        judged("bias", "style: coverage, worst group", Interval(0.5, 0.4, 0.6, 30, 30), 0.4, "high"),
        judged("bias", "few", Interval(0.5, 0.4, 0.6, 9, 9), 0.4, "high"),
        Finding("origin", "share of <Louvre> & co", 0.5, None, None, 10, None, "", NOTED),
    )
    points = np.random.default_rng(0).standard_normal((50, 4))
    return Report(
        found,
        {"set": "a<b", "real_n": 400},
        {"real (grey) and synthetic (red), on the first two axes of the real set": pca_map(points, points)},
    )


def test_the_page_stands_alone():
    text = page(report()).decode()
    assert page(report()) == page(report())
    assert not re.search(r"(?:src|href|url\(|@import)\s*=?\s*[\"'(]?\s*(?:https?:)?//", text)
    assert set(re.findall(r"https?://[^\"'<> ]+", text)) == {"http://www.w3.org/2000/svg"}  # a name, not an address
    assert "a&lt;b" in text
    assert "&lt;Louvre&gt; &amp; co" in text
    assert "<svg" in text
    assert "@media print" in text


def test_both_languages_say_the_verdicts():
    text = page(report()).decode()
    for said in (
        "reprovado",
        "fail",
        "cobertura",
        "coverage",
        "no conjunto real: 0,97",
        "in the real set: 0.97",
        "0,91",
        "pior grupo",
    ):
        assert said in text
    assert both("Rembrandt") == "Rembrandt"


def test_a_verdict_needs_ten_things():
    assert [f.verdict for f in report().findings] == [PASS, FAIL, PASS, SILENT, NOTED]
    assert verdicts(report().findings) == {"fidelity": PASS, "privacy": FAIL, "bias": PASS, "origin": SILENT}
    assert as_json(report())["findings"][0]["note"] == "in the real set: 0.97"


def sentences() -> set[str]:
    """Every text that the audits may put into a report: what Said, judged, noted and not_done are called with."""
    found = set()
    for file in HERE.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("Said", "judged", "noted", "not_done"):
                texts = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
                found |= {t for t in texts if t not in ("low", "high", "safety")}
    return found


def test_every_sentence_has_its_portuguese():
    assert len(sentences()) > 30
    assert not {s for s in sentences() if s not in PORTUGUESE}
    for english, portuguese in PORTUGUESE.items():
        assert set(re.findall(r"{(\w+)}", english)) == set(re.findall(r"{(\w+)}", portuguese)), english
    assert set(ENGLISH) <= set(PORTUGUESE)


@pytest.mark.parametrize("kind", ["impact", "limits", "use", "model"])
def test_papers_have_the_same_fields_in_both_languages(kind):
    from string import Template

    fields = [
        sorted(Template((HERE / "templates" / f"{kind}.{side}.md").read_text()).get_identifiers())
        for side in ("en", "pt-BR")
    ]
    assert fields[0] == fields[1]
