"""The intervention report to read: one HTML page in Portuguese and English, of which the reader sees one.

The page asks nothing of the internet and holds no time, so the same restoration gives the same bytes. It opens in the
language of the reader's browser; the whole record, as in report.json, stands at its end in English.
"""

import base64
import html

import numpy as np

from difusa.domains.heritage.report_words import COLUMNS, PORTUGUESE

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#2a2420}"
    "figure{display:inline-block;margin:0 1% 1rem 0;width:32%;vertical-align:top}img{width:100%}"
    "figcaption{color:#6b6158}table{border-collapse:collapse}h1{line-height:1.2}h2{margin-top:2rem}"
    "th,td{text-align:left;vertical-align:top;padding:.2rem .8rem .2rem 0;overflow-wrap:anywhere}"
    "th{font-weight:600;min-width:9rem}.number td,.number th{text-align:right;min-width:0}"
    "code,details{font-size:.85rem}details{margin-top:2rem}"
    "details table th{white-space:nowrap;min-width:0}.scroll{overflow-x:auto}"
    "#say-pt:checked~main .en,#say-en:checked~main .pt{display:none}input{accent-color:#9a3b26}"
    "@media(max-width:40rem){figure{width:100%}th{min-width:6rem}}@media print{input,label{display:none}}"
)
SCRIPT = (
    "if(/^pt/i.test(navigator.language)){document.documentElement.lang='pt-BR';"
    "document.getElementById('say-pt').checked=true}"
)


def both(english: str, **values) -> str:
    """A sentence of `PORTUGUESE` in both languages; numbers are (value, digits), written with each one's decimal sign."""
    parts = []
    for side, text in (("en", english), ("pt", PORTUGUESE[english])):
        told = {k: number(*v, side) if isinstance(v, tuple) else html.escape(str(v)) for k, v in values.items()}
        parts.append(f'<span class="{side}">{html.escape(text, quote=False).format(**told)}</span>')
    return "".join(parts)


def number(value: float, digits: int, side: str) -> str:
    """1.5 -> "1.5" or, in Portuguese, "1,5"."""
    text = f"{value:.{digits}f}"
    return text.replace(".", ",") if side == "pt" else text


def page(report: dict, pictures: dict[str, np.ndarray]) -> bytes:
    """The page; report: as `intervention` makes it; pictures: caption of `PORTUGUESE` -> uint8 rows, shown in it."""
    figures = "".join(
        f'<figure><img src="{_shown(rows)}" alt=""><figcaption>{both(caption)}</figcaption></figure>'
        for caption, rows in pictures.items()
    )
    name = html.escape(report["original"]["name"])
    rows = "".join(f"<tr><th>{both(label)}</th><td>{value}</td></tr>" for label, value in told(report))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Intervention report · Relatório de intervenção: {name}</title><style>{STYLE}</style>"
        '<input type="radio" name="say" id="say-en" checked><label for="say-en">English</label> '
        '<input type="radio" name="say" id="say-pt"><label for="say-pt">Português</label>'
        f"<main><h1>{both('Intervention report')}: {name}</h1><p>{summary(report)}</p>{figures}"
        f"<h2>{both('What was done')}</h2><table>{rows}</table>{regions(report)}"
        f"<details><summary>{both('The whole record')}</summary><div class=scroll>{record(report)}</div></details>"
        f"</main><script>{SCRIPT}</script></html>\n"
    ).encode()


def summary(report: dict) -> str:
    """What was restored and what that is worth, in both languages."""
    mask, plan = report["mask"], {"n": report["samples"], "model": report["model"]["name"]}
    parts = [both("{share} % of the pixels were restored.", share=(100 * mask["restored_share"], 2))]
    if mask["pixels_changed_outside"] == 0:
        parts.append(both("All others are the original's own, bit for bit."))
    chosen = {
        "mean": "The restored picture is the mean of {n} versions drawn by the model {model}.",
        "sample": "The restored picture is the first of {n} versions drawn by the model {model}.",
    }
    parts += [both(chosen[report["pick"]], **plan), both("What was restored is a proposal, not a finding.")]
    return " ".join(parts)


def told(report: dict) -> list[tuple[str, str]]:
    """The lines of "What was done": (label in English, value as HTML)."""
    mask, original, output = report["mask"], report["original"], report["output"]
    level = (100 * report["interval"]["level"], 0)
    lines = [
        ("Tasks", ", ".join(both(t) for t in report["tasks"])),
        ("Kind of object", both(report["kind"])),
        ("Where the mask came from", " + ".join(both(o) for o in mask["origin"])),
        ("Marked", both("{share} % of the pixels", share=(100 * mask["marked_share"], 2))),
    ]
    if mask["left_out"]:
        lines.append(("Left out", "<br>".join(spared(row) for row in mask["left_out"])))
    if report["noise_grey_levels"] is not None:
        lines.append(("Noise", both("{sigma} grey levels of 255", sigma=(report["noise_grey_levels"], 1))))
    sure = "calibrated on held-out pictures" if report["interval"]["calibrated"] else "not calibrated: a rough hint"
    lines += [
        ("Interval", both("{level} % of the true values should lie in it", level=level) + "; " + both(sure)),
        ("Original", both("{name}, {width} × {height} pixels, {bits} bits", **original)
                     + f"<br><code>sha256 {original['sha256']}</code>"),
        ("Result", both("{name}, {width} × {height} pixels", **output) + f"<br><code>sha256 {output['sha256']}</code>"),
        ("Model", f"{html.escape(report['model']['name'])}<br><code>sha256 {report['model']['sha256']}</code>"),
        ("Seed", str(report["seed"])),
    ]  # fmt: skip
    notes = "<br>".join(map(html.escape, report["departures"] + report["notes"]))
    return lines + [("Notes", notes)] * bool(notes)


def spared(row: dict) -> str:
    """One found mark that was left out of the mask."""
    where = both("{pixels} pixels at column {left}, row {top}", **row)
    return f"{both(row['why'])}: {both(row['what'])}, {where}"


def regions(report: dict) -> str:
    """The table of restored regions, the largest first."""
    if not report["regions"]:
        return ""
    head = "".join(f"<th>{both(label)}</th>" for label, _, _ in COLUMNS)
    body = "".join(
        "<tr>" + "".join(f"<td>{both('{v}', v=(row[key] * scale, int(scale > 1)))}</td>" for _, key, scale in COLUMNS)
        + "</tr>" for row in report["regions"]
    )  # fmt: skip
    rest = report["regions_in_all"] - len(report["regions"])
    more = f"<p>{both('and {n} smaller ones', n=rest)}</p>" if rest else ""
    return f"<h2>{both('Regions')}</h2><div class=scroll><table class=number><tr>{head}</tr>{body}</table></div>{more}"


def record(value) -> str:
    """Any part of report.json as nested tables."""
    if isinstance(value, dict):
        lines = (
            f"<tr><th>{html.escape(str(k)).replace('_', ' ')}</th><td>{record(v)}</td></tr>" for k, v in value.items()
        )
        return f"<table>{''.join(lines)}</table>"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "<br>".join(
            html.escape(", ".join(f"{k} {v}".replace("_", " ") for k, v in row.items())) for row in value
        )
    if isinstance(value, list):
        return "<br>".join(html.escape(str(v)) for v in value) or "none"
    return html.escape("none" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value))


def _shown(rows: np.ndarray) -> str:
    import imagecodecs

    data = imagecodecs.jpeg_encode(np.ascontiguousarray(rows), level=88)
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()
