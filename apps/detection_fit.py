"""From what was measured in pictures to a detector: each part alone, then their mix, then calibration and limits."""

from collections.abc import Sequence

import numpy as np

from difusa.apps.detection_data import REAL, Item
from difusa.shared.forensics.detector import PARTS, Detector
from difusa.shared.forensics.fitting import Linear, balanced, best_ridge, known, logistic, scaled, sigmoid
from difusa.shared.forensics.judging import limits
from difusa.shared.forensics.pictures import Measured
from difusa.shared.forensics.tables import AIMED

Rows = dict[Item, dict[str, np.ndarray]]


def fitted(rows: Rows, views: Rows, families: Sequence[str], parts: Sequence[str] = PARTS) -> Detector:
    """A detector that has seen the real pictures and those of `families`: `rows` to fit on, `views` to calibrate on.

    Both hold every family; those not named are left out. Raises ValueError where a class is missing.
    """
    kept = [i for i in rows if i.family == REAL or i.family in families]
    judges, out, ridges = {}, {}, {}
    for part in parts:
        judges[part], out[part], ridges[part] = one_part([rows[i][part] for i in kept], kept)
    y, weight, groups = labels(kept)
    stacked = np.stack([out[p] for p in parts], 1)
    mix = logistic(stacked, y, weight, 0.01)
    if (against := [p for p, w in zip(parts, mix.weights) if w < 0]) and len(parts) > len(against):
        return fitted(rows, views, families, [p for p in parts if p not in against])  # a part that only undoes others
    draft = Detector(judges, mix, 1.0, 0.0, limits(np.zeros(9), np.ones(9), false_alarms=0.5, misses=0.5), None)
    return calibrated(draft, kept, rows, views, families, ridges)


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


def calibrated(draft: Detector, kept, rows: Rows, views: Rows, families, ridges) -> Detector:
    """The draft with a probability, limits, and what it has seen."""
    held = [i for i in views if i.family == REAL or i.family in families]
    logits = np.array([draft.mixed(draft.parts_of(measured_of(views[i]))).mean() for i in held])
    y, weight, _ = labels(held)
    slope, offset = scaled(logits, y, weight)
    p = sigmoid(slope * logits + offset)
    seen = known(np.concatenate([rows[i]["tower"][:1] for i in kept]), np.stack([views[i]["tower"][0] for i in held]))
    tower, shares = draft.parts.get("tower"), np.zeros(2)
    if tower is not None:
        patches = np.concatenate([views[i]["patches"] for i in held if i.family == REAL])
        shares = (patches - tower.mean) / tower.scale @ tower.weights
    return Detector(
        draft.parts, draft.mix, slope, offset,
        limits(p[y == 0], p[y == 1], **AIMED), seen,
        patch=float(shares.std()) or 1.0, patch_mean=float(shares.mean()), fitted_on=tuple(families),
        notes={"ridges": ridges, "n": counts(kept), "n_calibrate": counts(held)},
    )  # fmt: skip


def counts(kept: Sequence[Item]) -> dict[str, int]:
    """How many pictures of each family."""
    return {f: sum(i.family == f for i in kept) for f in dict.fromkeys(i.family for i in kept)}
