"""From what was measured in pictures to a detector: for each family each part alone, then their mix; then all families together,
calibration and limits."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from difusa.apps.detection_data import REAL, Item
from difusa.shared.forensics.detector import PARTS, Detector, Judge, joint
from difusa.shared.forensics.fitting import Linear, balanced, best_ridge, known, logistic, scaled, sigmoid
from difusa.shared.forensics.judging import limits
from difusa.shared.forensics.pictures import Measured
from difusa.shared.forensics.tables import AIMED

Rows = dict[Item, dict[str, np.ndarray]]


def fitted(rows: Rows, views: Rows, families: Sequence[str]) -> Detector:
    """A detector that has seen the real pictures and those of `families`: `rows` to fit on, `views` to calibrate on.

    Both hold every family; those not named are left out. Raises ValueError where a class is missing.
    """
    found = {family: judged(rows, views, family, PARTS) for family in families}
    judges, ridges = ({f: pair[k] for f, pair in found.items()} for k in (0, 1))
    kept, held = ([i for i in where if i.family == REAL or i.family in families] for where in (rows, views))
    logits = [judge_of_views(judges, views[i]) for i in held]
    y, weight, _ = labels(held)
    slope, offset = scaled(np.array(logits), y, weight)
    p = sigmoid(slope * np.array(logits) + offset)
    seen = known(np.concatenate([rows[i]["tower"][:1] for i in kept]), np.stack([views[i]["tower"][0] for i in held]))
    return Detector(
        judges, slope, offset, limits(p[y == 0], p[y == 1], **AIMED), seen, fitted_on=tuple(families),
        notes={"ridges": ridges, "n": counts(kept), "n_calibrate": counts(held)},
    )  # fmt: skip


def judge_of_views(judges: dict[str, Judge], views: dict[str, np.ndarray]) -> float:
    """The joint logit of a picture, each family's being the mean over its deliveries."""
    return float(joint([judge(measured_of(views).figures).mean() for judge in judges.values()]))


def judged(rows: Rows, views: Rows, family: str, parts: Sequence[str]) -> tuple[Judge, dict[str, float]]:
    """The judge of one family, and the ridges of its parts."""
    kept = [i for i in rows if i.family in (REAL, family)]
    found = {part: one_part([rows[i][part] for i in kept], kept) for part in parts}
    y, weight, _ = labels(kept)
    mix = logistic(np.stack([found[p][1] for p in parts], 1), y, weight, 0.01)
    if (against := [p for p, w in zip(parts, mix.weights) if w < 0]) and len(parts) > len(against):
        return judged(rows, views, family, [p for p in parts if p not in against])  # a part that only undoes others
    judge = Judge({p: found[p][0] for p in parts}, mix)
    if "tower" in parts:
        patches = np.concatenate([v["patches"] for i, v in views.items() if i.family == REAL])
        shares = judge.where(patches)
        judge = replace(judge, patch=float(shares.std()) or 1.0, patch_mean=float(shares.mean()))
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
