"""Detection by a few named figures: what scans, molecules and crystals are judged by."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from difusa.shared.forensics.detector import Detector, Judge
from difusa.shared.forensics.fitting import Linear, balanced, best_ridge, known, logistic, scaled, sigmoid
from difusa.shared.forensics.judging import Judged, limits

REAL = "real"
ALL, PART = "all families", "figures"
NAMED = 3  # figures that a verdict names
AIMED = {
    "false_alarms": 0.02,
    "misses": 0.05,
}  # shares aimed at: real items called generated, generated ones that show no sign


@dataclass(frozen=True)
class Table:
    """Figures x [n, d] of items, their families (REAL or a generator) and groups (what is independent)."""

    x: np.ndarray
    families: tuple[str, ...]
    groups: tuple[str, ...]

    def of(self, families: Sequence[str]) -> "Table":
        """The real items and those of the families named."""
        return self.where([f == REAL or f in families for f in self.families])

    def where(self, keep: Sequence[bool]) -> "Table":
        """Some of the rows."""
        at = np.flatnonzero(keep)
        return Table(self.x[at], tuple(self.families[k] for k in at), tuple(self.groups[k] for k in at))

    @property
    def generated(self) -> np.ndarray:
        """1 for generated, 0 for real, [n]."""
        return np.array([float(f != REAL) for f in self.families])


def fitted(names: Sequence[str], train: Table, held: Table, *, false_alarms: float, misses: float) -> Detector:
    """A detector fitted on `train`, with probability and limits from `held`, whose groups it has not seen.

    false_alarms, misses: shares aimed at, see judging.limits. Raises ValueError where a class is missing.
    """
    weight = balanced(train.families, REAL)
    ridge, _ = best_ridge(train.x, train.generated, weight, train.groups)
    part = logistic(train.x, train.generated, weight, ridge)
    logits, y = part(held.x), held.generated
    slope, offset = scaled(logits, y, balanced(held.families, REAL))
    p = sigmoid(slope * logits + offset)
    same = Linear(np.zeros(1), np.ones(1), np.ones(1), 0.0)
    z = part.standardised(held.x)
    seen = known(part.standardised(train.x), z, keep=min(24, train.x.shape[1]))
    families = tuple(f for f in dict.fromkeys(train.families) if f != REAL)
    sizes = {f: train.families.count(f) for f in dict.fromkeys(train.families)}
    judges = {ALL: Judge({PART: part}, same)}
    return Detector(
        judges, slope, offset, limits(p[y == 0], p[y == 1], false_alarms=false_alarms, misses=misses), seen,
        fitted_on=families, notes={"figures": list(names), "ridge": ridge, "n": sizes},
    )  # fmt: skip


def weigh(x: np.ndarray, detector: Detector, kind: str, outside: str = "") -> Judged:
    """The verdict on the figures [d] of one item; outside: why it is none that the detector can know, "" if it may be.

    low, high: what the probability becomes when any one figure is taken for an ordinary one.
    """
    part, names = detector.judges[ALL].parts[PART], detector.notes["figures"]
    z = part.standardised(x)
    logit = float(z @ part.weights + part.bias)
    p = float(sigmoid(detector.calibrated({ALL: logit})))
    each = sigmoid(detector.calibrated({ALL: logit - z * part.weights}))
    distance = float(detector.seen.distance(z))
    if not outside and distance > 1:
        outside = f"unlike what it was fitted on: {distance:.2f} times as far from the mean as 99 % of that"
    first = np.argsort(-np.abs(z * part.weights))[:NAMED]
    reasons = tuple(f"{names[k]}: {x[k]:.3g}, {z[k]:+.1f} standard deviations" for k in first)
    return Judged(
        kind, detector.limits.verdict(p, bool(outside)), p, float(min(p, each.min())), float(max(p, each.max())), outside,
        reasons=reasons, figures=dict(zip(names, np.round(x, 5).tolist(), strict=True)),
        tested_on=detector.tested_on, false_alarms=detector.false_alarms,
    )  # fmt: skip


def in_turn(
    names: Sequence[str], found: Table, families: Sequence[str], kind: str
) -> tuple[list[Detector], list[Judged]]:
    """A verdict on each row by a detector that saw nothing of its group: the groups of real items are held out in turn, the one
    after each calibrates; groups of generated ones alone are dealt among them in turn. Only `families` are fitted on."""
    real = sorted({g for g, f in zip(found.groups, found.families) if f == REAL})
    alone = sorted(set(found.groups) - set(real), key=lambda g: zlib.crc32(g.encode()))
    fold = np.array([real.index(g) if g in real else alone.index(g) % len(real) for g in found.groups])
    detectors, judged = [], [None] * len(found.groups)
    for k in range(len(real)):
        after = (k + 1) % len(real)
        train, held = found.where((fold != k) & (fold != after)).of(families), found.where(fold == after).of(families)
        detectors.append(fitted(names, train, held, **AIMED))
        for row in np.flatnonzero(fold == k):
            judged[row] = weigh(found.x[row], detectors[-1], kind)
    return detectors, judged
