"""Pairs that differ in one attribute and in nothing else: what changes with it, pair by pair.

Both things of a pair are drawn from one random stream, so that whatever differs between them is the model's doing. A difference
is no verdict: some attributes ought to change some figures. What ought not to change is for people to say.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from difusa.ethics.findings import SILENT, Finding, judged, noted
from difusa.ethics.nearest import index, nearest
from difusa.ethics.words import Both, decimal, sides
from difusa.shared.metrics import interval
from difusa.shared.passport.saying import Said

AUDIT = "counterfactual pairs"
CHANCE = 0.05  # share of figures that move by chance alone, at 95 %
WIDTH, LINE, LEFT = 640, 22, 230  # px, of the figure
FARTHEST = 3.0  # spreads that the figure's axis reaches at most; what lies beyond stands at its end


@dataclass(frozen=True)
class Pairs:
    """n pairs. values: of the attribute, as text; valid [n, 2] bool; whole [m]: rows of which both things have features;
    features [m, 2, D] in equal units; figures: name -> [m, 2]; words: name -> what it is, in English and Portuguese."""

    attribute: str
    values: tuple[str, str]
    valid: np.ndarray
    whole: np.ndarray
    features: np.ndarray
    figures: Mapping[str, np.ndarray]
    words: Mapping[str, tuple[str, str]]


def differences(pairs: Pairs, real: np.ndarray | None = None) -> list[Finding]:
    """Mean of second less first over the pairs, with its 95 % interval, of validity, of every figure that varies, of the
    distance to the nearest real thing (real [N, D]), and how far pairs lie apart. Raises ValueError for no whole pair."""
    if not len(pairs.whole):
        raise ValueError("of no pair have both things features: nothing can be compared; draw more by --count")
    found = [_row(pairs, "valid", pairs.valid.astype(float), "")]
    rows = {name: v for name, v in pairs.figures.items() if np.ptp(v) > 0}
    if real is not None:
        known = index(real)
        rows["distance to the nearest real thing"] = np.stack(
            [nearest(known, pairs.features[:, side])[1][:, 0] for side in (0, 1)], axis=1
        )
    found += [_row(pairs, name, v, pairs.words.get(name, "")) for name, v in rows.items()]
    moved = [f.name for f in found if f.verdict != SILENT and f.low is not None and not f.low <= 0 <= f.high]
    note = Said("{moved} of {all} figures; chance alone moves about {chance}", moved=len(moved), all=len(found),
                chance=f"{CHANCE * len(found):.1f}")  # fmt: skip
    return [noted(AUDIT, "figures that move", len(moved), len(pairs.whole), note), apart(pairs.features), *found]


def _row(pairs: Pairs, name: str, both: np.ndarray, words) -> Finding:
    means = [f"{both[:, side].mean():.4g}" for side in (0, 1)]
    told = [f"{v}: {m}" for v, m in zip(pairs.values, means)]
    heads = [f"{w}; " for w in words] if words else ["", ""]
    portuguese = [f"{v}: {decimal(m)}" for v, m in zip(pairs.values, means)]
    note = Both(heads[0] + ", ".join(told), heads[1] + ", ".join(portuguese))
    return judged(AUDIT, name, interval(both[:, 1] - both[:, 0]), note=note)


def apart(features: np.ndarray) -> Finding:
    """Distance between the things of a pair over that between things of different pairs: 0: one and the same, 1: strangers."""
    first, second = features[:, 0], features[:, 1]
    own = np.linalg.norm(first - second, axis=1)
    turned = np.roll(second, max(1, len(second) // 2), axis=0)
    strange = float(np.linalg.norm(first - turned, axis=1).mean()) or 1.0
    note = "distance within a pair over that between pairs; 0: the attribute changes nothing, 1: nothing but chance is left"
    return judged(AUDIT, "how far pairs lie apart", interval(own / strange), note=note)


def figure(pairs: Pairs, found: list[Finding]) -> str:
    """The mean differences with their intervals, each over its own spread among the pairs, as an SVG; red: away from 0."""
    rows = []
    for f in found:
        both = pairs.valid.astype(float) if f.name == "valid" else pairs.figures.get(f.name)
        spread = 0.0 if both is None or f.low is None else float((both[:, 1] - both[:, 0]).std())
        if spread > 0:
            rows.append((f.name, f.value / spread, f.low / spread, f.high / spread))
    far = min(max([abs(v) for r in rows for v in r[2:]] + [0.1]), FARTHEST)

    def x(value: float) -> float:
        return LEFT + (WIDTH - LEFT - 20) * (float(np.clip(value / far, -1, 1)) + 1) / 2

    parts = [
        f'<line x1="{x(0):.1f}" x2="{x(0):.1f}" y1="4" y2="{LINE * len(rows) + 4}" stroke="#777" stroke-dasharray="4 3"/>'
    ]
    for i, (name, value, low, high) in enumerate(rows):
        y, colour = LINE * i + 16, "#333" if low <= 0 <= high else "#b3261e"
        for side, said in zip(("en", "pt"), sides(name)):
            parts.append(f'<text class="{side}" x="{LEFT - 10}" y="{y + 4}" text-anchor="end">{said}</text>')
        parts.append(f'<line x1="{x(low):.1f}" x2="{x(high):.1f}" y1="{y}" y2="{y}" stroke="{colour}"/>')
        parts.append(f'<circle cx="{x(value):.1f}" cy="{y}" r="3.5" fill="{colour}"/>')
    return (
        f'<svg viewBox="0 0 {WIDTH} {LINE * len(rows) + 10}" role="img" xmlns="http://www.w3.org/2000/svg" '
        f'font-family="system-ui,sans-serif" font-size="11">{"".join(parts)}</svg>'
    )
