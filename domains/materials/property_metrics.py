"""How often drawn crystals have what was asked for, by a judge trained on chemical systems that the guide never saw."""

from collections.abc import Sequence

import numpy as np

from difusa.domains.materials.crystal import Crystal
from difusa.domains.materials.readings import predict
from difusa.domains.materials.validity import overlap
from difusa.shared.conformal import curve
from difusa.shared.metrics import share


def judged(judge, crystals: Sequence[Crystal]) -> np.ndarray:
    """The judge's predictions [n, P]; not a number for a crystal that is structurally invalid."""
    found = np.full((len(crystals), len(judge.names)), np.nan)
    rows = [k for k, c in enumerate(crystals) if not overlap(c)]
    if rows:
        found[rows] = predict(judge, [crystals[k] for k in rows])[0]
    return found


def met(values: np.ndarray, names: Sequence[str], windows: dict[str, tuple[float, float]]) -> np.ndarray:
    """Whether each crystal lies in each window, bool [n, T]; values [n, P] of the properties `names`. What is not a number meets
    nothing."""
    columns = [list(names).index(name) for name in windows]
    low, high = np.array(list(windows.values()), float).T
    return (values[:, columns] >= low) & (values[:, columns] <= high)


def in_ranges(crystals: Sequence[Crystal], judge, windows: dict[str, tuple[float, float]]) -> dict:
    """Hit rate by the judge of each window and of all, beside the guide's probabilities in the tags p_NAME and p_all.

    Keys: `hit` and `told` by property and `all`, `curve` of told against judged (conformal.curve), `drawn`, `valid`."""
    values = judged(judge, crystals)
    hits = met(values, judge.names, windows)
    names, each = [*windows, "all"], [*hits.T, hits.all(1)]
    said = {name: np.array([c.tags.get(f"p_{name}", 0.0) for c in crystals], float) for name in names}
    return {
        "hit": {name: vars(share(hit.astype(float))) for name, hit in zip(names, each, strict=True)},
        "told": {name: float(value.mean()) for name, value in said.items()},
        "curve": curve(said["all"], hits.all(1)),
        "drawn": len(crystals),
        "valid": float(np.isfinite(values).all(1).mean()),
    }


def agreement(crystals: Sequence[Crystal], truth: np.ndarray, judge, windows: dict[str, tuple[float, float]]) -> dict:
    """Of held-out crystals with known properties [n, P] that lie in all windows: the share that the judge finds there too (no
    generator can be seen to do better); and the share of all that it puts there wrongly, and rightly or wrongly."""
    known = np.isfinite(truth[:, [judge.names.index(name) for name in windows]]).all(1)
    inside = met(truth, judge.names, windows).all(1)[known]
    said = met(judged(judge, [c for c, k in zip(crystals, known) if k]), judge.names, windows).all(1)
    nothing = {"value": None, "low": None, "high": None, "n": 0, "groups": 0}
    return {
        "found": vars(share(said[inside].astype(float))) if inside.any() else nothing,
        "false": vars(share(said[~inside].astype(float))) if (~inside).any() else nothing,
        "by_chance": vars(share(inside.astype(float))),
    }
