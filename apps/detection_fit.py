"""From what was measured in pictures to a detector: for each family each part alone, then their mix; then all families together,
calibration and limits."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from difusa.apps.detection_data import REAL, Item
from difusa.shared.forensics.detector import PARTS, Detector, Judge, joint
from difusa.shared.forensics.fitting import Linear, balanced, best_ridge, folds, known, logistic, scaled, sigmoid
from difusa.shared.forensics.judging import limits
from difusa.shared.forensics.pictures import Measured
from difusa.shared.forensics.tables import AIMED

FOLDS = 5  # of fitting.folds
Rows = dict[Item, dict[str, np.ndarray]]


def fitted(found: dict[str, tuple[Judge, dict]], rows: Rows, views: Rows) -> tuple[Detector, dict[Item, Detector]]:
    """A detector of the families whose judges were found by judged(), calibrated on `views`; and for each picture of `views` the
    one that was calibrated without its fifth of the artists, prompts and pages, by which it is judged in a test."""
    judges, ridges = ({family: pair[k] for family, pair in found.items()} for k in (0, 1))
    kept = [i for i in rows if i.family == REAL or i.family in judges]
    seen = np.concatenate([rows[i]["tower"][:1] for i in kept])
    notes = {"ridges": ridges, "n": counts(kept)}
    fold, every = folds([i.group for i in views]), list(views)
    parts = [
        calibrated(judges, {i: views[i] for i, f in zip(every, fold) if f != k}, seen, notes) for k in range(FOLDS)
    ]
    return calibrated(judges, views, seen, notes), {i: parts[f] for i, f in zip(every, fold)}


def calibrated(judges: dict[str, Judge], views: Rows, seen: np.ndarray, notes: dict) -> Detector:
    """Probability and limits by the pictures of the judges' families, and what lies outside of `seen` [n, 768]."""
    held = [i for i in views if i.family == REAL or i.family in judges]
    logits = np.array([joint_logit(judges, views[i]) for i in held])
    y, weight, _ = labels(held)
    slope, offset = scaled(logits, y, weight)
    p = sigmoid(slope * logits + offset)
    return Detector(
        judges, slope, offset, limits(p[y == 0], p[y == 1], **AIMED),
        known(seen, np.stack([views[i]["tower"][0] for i in held])), fitted_on=tuple(judges),
        notes=notes | {"n_calibrate": counts(held)},
    )  # fmt: skip


def joint_logit(judges: dict[str, Judge], views: dict[str, np.ndarray]) -> float:
    """The joint logit of a picture, each family's being the mean over its deliveries."""
    return float(joint([judge(measured_of(views).figures).mean() for judge in judges.values()]))


def judged(rows: Rows, views: Rows, family: str) -> tuple[Judge, dict[str, float]]:
    """The judge of one family, fitted on `rows`, and the ridges of its parts; a part that would only undo the others is left out.

    views: the spread of a patch is taken from their real pictures. Raises ValueError where a class is missing.
    """
    kept, parts = [i for i in rows if i.family in (REAL, family)], list(PARTS)
    found = {part: one_part([rows[i][part] for i in kept], kept) for part in parts}
    y, weight, _ = labels(kept)
    while True:
        mix = logistic(np.stack([found[p][1] for p in parts], 1), y, weight, 0.01)
        against = [p for p, w in zip(parts, mix.weights) if w < 0]
        if not 0 < len(against) < len(parts):
            break
        parts = [p for p in parts if p not in against]
    judge = Judge({p: found[p][0] for p in parts}, mix)
    if "tower" in parts:
        shares = judge.where(np.concatenate([v["patches"] for i, v in views.items() if i.family == REAL]))
        judge = replace(judge, patch=float(shares.std()) or 1.0)
    return judge, {p: found[p][2] for p in parts}


def one_part(figures: list[np.ndarray], kept: list[Item]) -> tuple[Linear, np.ndarray, float]:
    """The judge of one part on all deliveries, the held-out logit of each picture's first delivery, and the ridge."""
    owner = np.repeat(np.arange(len(kept)), [len(f) for f in figures])
    spread = [kept[k] for k in owner]
    x = np.concatenate(figures)
    y, weight, groups = labels(spread)
    ridge, held_out = best_ridge(x, y, weight, groups)
    first = np.flatnonzero(np.diff(owner, prepend=-1))
    return logistic(x, y, weight, ridge), held_out[first], ridge


def labels(kept: list[Item]) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """1 for generated, weights that balance the families, and groups."""
    families = [i.family for i in kept]
    return np.array([float(f != REAL) for f in families]), balanced(families, REAL), [i.group for i in kept]


def measured_of(views: dict[str, np.ndarray]) -> Measured:
    """What was kept of a picture's deliveries."""
    seen = {k: v for k, v in views.items() if k not in ("reconstruction", "patches")}
    return Measured(seen, views["reconstruction"], views.get("patches"))


def counts(kept: Sequence[Item]) -> dict[str, int]:
    """How many pictures of each family."""
    return {f: sum(i.family == f for i in kept) for f in dict.fromkeys(i.family for i in kept)}
