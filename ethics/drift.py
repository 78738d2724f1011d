"""How the figures of a data set move from release to release: a line of JSON each, and what the newest audit says of it."""

import json
from math import hypot
from pathlib import Path

from difusa.ethics.findings import FAIL, PASS, Finding, judged, not_done
from difusa.ethics.words import sides
from difusa.shared.metrics import Interval
from difusa.shared.passport.saying import Said

AUDIT = "drift"
SAME = ("domain", "features", "against_sha256")  # of two audits that can be compared
KEPT = ("value", "low", "high", "n", "threshold", "verdict")
SHOWN, WIDTH, HEIGHT, ROOM = 8, 320, 92, 26  # panels; px of one, and of its heading


def line_of(told: dict) -> dict:
    """What is kept of a report (findings.as_json): what was audited, and each figure that was judged."""
    about = {k: told["about"].get(k) for k in (*SAME, "content_sha256", "policy_sha256", "seed")}
    paths = [told["about"].get("set", ""), *told["about"].get("also", "").split(", ")]
    about = {"set": " + ".join(Path(p).name for p in paths if p)} | about
    rows = [f for f in told["findings"] if f["verdict"] in (PASS, FAIL) and f["value"] is not None]
    return about | {"figures": {f"{f['audit']}: {f['name']}": {k: f[k] for k in KEPT} for f in rows}}


def history(path: Path) -> list[dict]:
    """The lines of a file, the oldest release first; none where there is no file. Raises ValueError naming a bad line."""
    if not Path(path).exists():
        return []
    found = []
    for number, text in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), start=1):
        try:
            row = json.loads(text)
            found.append(row | {"figures": dict(row["figures"])})
        except (ValueError, KeyError, TypeError) as why:
            raise ValueError(f"{path}, line {number} is no line of audits: take it out, or name another file") from why
    return found


def added(before: list[dict], row: dict) -> tuple[list[dict], list[dict]]:
    """The whole history with this release in it, and the releases up to it that can be compared with it, itself the last.

    A release that was audited before keeps its place: the newer audit stands there instead.
    """
    place = next((i for i, r in enumerate(before) if r["content_sha256"] == row["content_sha256"]), len(before))
    alike = [r for r in before[:place] if all(r.get(k) == row[k] for k in SAME)]
    return [*before[:place], row, *before[place + 1 :]], [*alike, row]


def drift(releases: list[dict]) -> list[Finding]:
    """How each judged figure moved since the release before, with the 95 % interval of the difference (MOVER, Zou and Donner
    2008, doi:10.1002/sim.3095); noted, never judged: the thresholds judge."""
    if len(releases) < 2:
        return [not_done(AUDIT, "the first release that is followed against this real set")]
    old, new = releases[-2:]
    rows = []
    for key, now in new["figures"].items():
        if (was := old["figures"].get(key)) is None:
            continue
        ends = difference(now, was)
        moved = ends.low > 0 or ends.high < 0
        words = "moved: {was} in {set}, {now} here" if moved else "within chance: {was} in {set}, {now} here"
        note = Said(words, was=f"{was['value']:.4g}", now=f"{now['value']:.4g}", set=old["set"])
        rows.append(judged(AUDIT, key.partition(": ")[2], ends, note=note))
    return rows or [not_done(AUDIT, "no figure was judged in both releases")]


def difference(now: dict, was: dict) -> Interval:
    """now - was with its interval, from the intervals of both; without those NaN."""
    apart, n = now["value"] - was["value"], min(now["n"], was["n"])
    if None in (now["low"], was["low"]):
        return Interval(apart, float("nan"), float("nan"), n, 2)
    below = hypot(now["value"] - now["low"], was["high"] - was["value"])
    above = hypot(now["high"] - now["value"], was["value"] - was["low"])
    return Interval(apart, apart - below, apart + above, n, 2)


def figure(releases: list[dict]) -> str:
    """The SHOWN figures that moved most over all releases, each with its intervals and its threshold, as one SVG."""
    names = list(releases[-1]["figures"])
    several = [n for n in names if sum(n in r["figures"] for r in releases) > 1]
    shown = sorted(several, key=lambda n: -_travel(releases, n))[:SHOWN]
    rows = -(-len(shown) // 2)
    panels = "".join(
        f'<g transform="translate({i % 2 * WIDTH} {i // 2 * (HEIGHT + ROOM)})">{_panel(releases, n)}</g>'
        for i, n in enumerate(shown)
    )
    return (
        f'<svg viewBox="0 0 {2 * WIDTH} {rows * (HEIGHT + ROOM)}" role="img" xmlns="http://www.w3.org/2000/svg" '
        f'font-family="system-ui,sans-serif" font-size="11">{panels}</svg>'
    )


def _values(releases: list[dict], name: str) -> list[tuple[int, dict]]:
    return [(i, r["figures"][name]) for i, r in enumerate(releases) if name in r["figures"]]


def _travel(releases: list[dict], name: str) -> float:
    """How far a figure went, in widths of its interval."""
    found = [f for _, f in _values(releases, name)]
    values = [f["value"] for f in found]
    wide = max(((f["high"] - f["low"]) for f in found if f["low"] is not None), default=0.0)
    return (max(values) - min(values)) / (wide or max(map(abs, values)) or 1.0)


def _panel(releases: list[dict], name: str) -> str:
    found = _values(releases, name)
    every = [v for _, f in found for v in (f["value"], f["low"], f["high"], f["threshold"]) if v is not None]
    low, high = min(every), max(every)
    room = (high - low) or 1.0

    def y(value: float) -> float:
        return ROOM + (HEIGHT - 16) * (1 - (value - low) / room) + 6

    def x(place: int) -> float:
        return 46 + (WIDTH - 70) * place / max(len(releases) - 1, 1)

    bound = found[-1][1]["threshold"]
    parts = [
        f'<text x="6" y="14" class="{side}" font-weight="600">{_safe(said)}</text>'
        for side, said in zip(("en", "pt"), sides(name.partition(": ")[2]))
    ]
    parts += [f'<text x="40" y="{y(v) + 4:.0f}" text-anchor="end" fill="#555">{v:.3g}</text>' for v in (low, high)]
    if bound is not None:
        line = f'y1="{y(bound):.1f}" y2="{y(bound):.1f}"'
        parts.append(f'<line x1="46" x2="{WIDTH - 24}" {line} stroke="#777" stroke-dasharray="4 3"/>')
    parts.append(
        '<polyline fill="none" stroke="#333" points="'
        + " ".join(f"{x(i):.1f},{y(f['value']):.1f}" for i, f in found)
        + '"/>'
    )
    for i, f in found:
        colour = "#b3261e" if f["verdict"] == FAIL else "#1b6e34"
        if f["low"] is not None:
            ends = f'x1="{x(i):.1f}" x2="{x(i):.1f}" y1="{y(f["low"]):.1f}" y2="{y(f["high"]):.1f}"'
            parts.append(f'<line {ends} stroke="{colour}" stroke-opacity=".5"/>')
        parts.append(f'<circle cx="{x(i):.1f}" cy="{y(f["value"]):.1f}" r="3" fill="{colour}"/>')
    return "".join(parts)


def _safe(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
