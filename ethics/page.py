"""The report to read: one HTML page in Portuguese and English, of which the reader sees one; it asks nothing of the internet.

Figures are SVG, so that it prints as it is shown. The page holds no time: the same audit gives the same bytes.
"""

import html

from difusa.ethics.findings import FAIL, NOTED, PASS, SILENT, Finding, Report, verdicts
from difusa.ethics.words import decimal, sides

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:76rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "h1{line-height:1.2}h2{margin-top:2rem}table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;vertical-align:top;padding:.25rem .8rem .25rem 0;border-bottom:1px solid #ddd}"
    "td.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}td.say{color:#555;font-size:.9rem}"
    ".v{font-weight:600;white-space:nowrap}.pass{color:#1b6e34}.fail{color:#b3261e}.none{color:#777}"
    "td.as{white-space:pre-wrap;overflow-wrap:anywhere}svg{max-width:100%;height:auto}figcaption{color:#555}.scroll{overflow-x:auto}"
    "#say-pt:checked~main .en,#say-en:checked~main .pt{display:none}input{accent-color:#9a3b26}"
    "@media print{input,label{display:none}body{max-width:none;margin:0;font-size:10pt}"
    "tr,figure{break-inside:avoid}h2{break-after:avoid}.scroll{overflow:visible}}"
)
SCRIPT = (
    "if(/^pt/i.test(navigator.language)){document.documentElement.lang='pt-BR';"
    "document.getElementById('say-pt').checked=true}"
)
LOOKS = {PASS: "pass", FAIL: "fail", NOTED: "none", SILENT: "none"}


def both(text: str) -> str:
    """A sentence or a finding's name in both languages; what is the same in both stands once."""
    said = sides(text)
    if said[0] == said[1]:
        return html.escape(said[0], quote=False)
    return "".join(f'<span class="{c}">{html.escape(t, quote=False)}</span>' for c, t in zip(("en", "pt"), said))


def number(value: float | None) -> str:
    """Four digits in both languages, nothing for None."""
    if value is None:
        return ""
    text = f"{0.0 if abs(value) < 1e-9 else value:.4g}"
    if "." not in text:
        return text
    return f'<span class="en">{text}</span><span class="pt">{decimal(text)}</span>'


def row(finding: Finding) -> str:
    """One line of a table."""
    sign = {"low": "≤ ", "high": "≥ "}.get(finding.better, "")
    ends = f"{number(finding.low)} … {number(finding.high)}" if finding.low is not None else ""
    bound = sign + number(finding.threshold) if finding.threshold is not None else ""
    return (
        f"<tr><td>{both(finding.name)}</td><td class=n>{number(finding.value)}</td><td class=n>{ends}</td>"
        f"<td class=n>{finding.n or ''}</td><td class=n>{bound}</td>"
        f'<td class="v {LOOKS[finding.verdict]}">{both(finding.verdict)}</td><td class=say>{both(finding.note)}</td></tr>'
    )


def table(findings: list[Finding]) -> str:
    """The findings of one audit."""
    heads = ("finding", "value", "95 % interval", "n", "threshold", "verdict", "what it says")
    head = "".join(f"<th>{both(h)}</th>" for h in heads)
    return f"<div class=scroll><table><tr>{head}</tr>{''.join(map(row, findings))}</table></div>"


def page(report: Report) -> bytes:
    """The whole page."""
    told = verdicts(report.findings)
    summary = "".join(
        f'<tr><th>{both(audit)}</th><td class="v {LOOKS[v]}">{both(v)}</td><td>{both(f"about {audit}")}</td></tr>'
        for audit, v in told.items()
    )
    parts = "".join(f"<h2>{both(a)}</h2>{table([f for f in report.findings if f.audit == a])}" for a in told)
    figures = "".join(f"<figure>{svg}<figcaption>{both(c)}</figcaption></figure>" for c, svg in report.figures.items())
    about = "".join(
        f"<tr><th>{both(k)}</th><td class=as>{html.escape(str(v))}</td></tr>" for k, v in report.about.items() if v
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Audit · Auditoria: {html.escape(str(report.about.get('set', '')))}</title><style>{STYLE}</style>"
        '<input type="radio" name="say" id="say-en" checked><label for="say-en">English</label> '
        '<input type="radio" name="say" id="say-pt"><label for="say-pt">Português</label>'
        f"<main><h1>{both('Audit of a synthetic data set')}</h1><p>{both('What the verdicts mean')}</p>"
        f"<table>{summary}</table><h2>{both('What was audited')}</h2><table>{about}</table>{parts}{figures}"
        f"</main><script>{SCRIPT}</script></html>\n"
    ).encode()
