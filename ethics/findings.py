"""What an audit finds: one row for each thing measured, judged against a threshold that stood before."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from difusa.shared.metrics import Interval

PASS, FAIL, NOTED, SILENT = "pass", "fail", "noted", "no claim"
FEWEST = 10  # things; of fewer nothing is claimed


@dataclass(frozen=True)
class Finding:
    """One thing measured on `n` things, with its 95 % interval (None where there is none).

    threshold and better ("low" or "high") decide the verdict; without a threshold the value is only noted. note: a sentence in
    English, a Said where it has another language.
    """

    audit: str
    name: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    threshold: float | None
    better: str
    verdict: str
    note: str = ""


def judged(
    audit: str, name: str, found: Interval, threshold: float | None = None, better: str = "low", note: str = ""
) -> Finding:
    """The value against the threshold: it fails beyond it, and of fewer than FEWEST things nothing is claimed."""
    low, high = (None if v != v else v for v in (found.low, found.high))
    if found.n < FEWEST or found.value != found.value:
        verdict = SILENT
    elif threshold is None:
        verdict = NOTED
    else:
        within = found.value <= threshold if better == "low" else found.value >= threshold
        verdict = PASS if within else FAIL
    value = None if found.value != found.value else found.value
    return Finding(audit, name, value, low, high, found.n, threshold, better, verdict, note)


def noted(audit: str, name: str, value: float, n: int, note: str = "") -> Finding:
    """A value that nothing is demanded of."""
    return Finding(audit, name, value, None, None, n, None, "", NOTED, note)


def not_done(audit: str, why: str) -> Finding:
    """An audit that could not be made, with the reason; it does not pass."""
    return Finding(audit, "not done", None, None, None, 0, None, "", SILENT, why)


@dataclass(frozen=True)
class Report:
    """Findings in the order of the audits, figures (caption -> SVG), and what was audited against what; nearest: of each
    synthetic thing the nearest training thing with its source, where sources or styles are asked for."""

    findings: tuple[Finding, ...]
    about: dict
    figures: dict[str, str] = field(default_factory=dict)
    nearest: tuple[dict, ...] = ()


def verdicts(findings: Sequence[Finding]) -> dict[str, str]:
    """Audit -> its verdict: FAIL if any of its findings fails, PASS if at least one passes, else SILENT."""
    found = {}
    for f in findings:
        found.setdefault(f.audit, set()).add(f.verdict)
    return {audit: FAIL if FAIL in seen else PASS if PASS in seen else SILENT for audit, seen in found.items()}


def as_json(report: Report) -> dict:
    """The report in JSON's own types, figures left out."""
    rows = [{k: str(v) if k == "note" else v for k, v in vars(f).items()} for f in report.findings]
    return {"about": report.about, "verdicts": verdicts(report.findings), "findings": rows}
