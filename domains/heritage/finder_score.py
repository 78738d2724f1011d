"""How well damage is found on held-out pictures with held-out damage, beside a plain filter.

Every crop is reduced to a tally: histograms of the score over damaged and over intact pixels. From tallies come the
threshold (on the calibration split), and overlap, precision, recall and area under the ROC curve (on the test split).
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from difusa.domains.heritage.finder import Examples, Options
from difusa.domains.heritage.real_damage import FAMILIES
from difusa.shared.seeds import stream

LEVELS = 256
Scorer = Callable[[np.ndarray], np.ndarray]  # picture [3, H, W] in [-1, 1] -> score [H, W] in [0, 1]


def median_contrast(picture: np.ndarray, radius: int) -> np.ndarray:
    """The filter to beat: distance of a pixel from the median around it, largest channel, [H, W] in [0, 1]."""
    import cv2

    levels = np.uint8(np.clip(np.rint((picture.transpose(1, 2, 0) + 1) * 127.5), 0, 255))
    median = cv2.medianBlur(np.ascontiguousarray(levels), 2 * radius + 1)
    return np.abs(np.float32(levels) - median).max(2) / 255


def tally(score: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Counts [2, 256] of the score's levels over damaged (0) and intact (1) pixels."""
    level = np.minimum((score * LEVELS).astype(int), LEVELS - 1)
    return np.stack([np.bincount(level[chosen], minlength=LEVELS) for chosen in (mask, ~mask)])


def tallies(scorers: dict[str, Scorer], data: Path | str, split: str, n: int, size=256, seed=1) -> dict:
    """Tallies of n crops a family of damage, and of n intact crops: {family: {name of scorer: [n, 2, 256]}}."""
    found = {}
    for number, family in enumerate((*FAMILIES, "intact")):
        options = Options(size=size, intact=float(family == "intact"))
        options = options if family == "intact" else replace(options, family=family)
        examples = Examples(data, split, options, seed + number)
        rows = [examples[k] for k in range(n)]
        found[family] = {
            name: np.stack([tally(score(row["picture"]), row["mask"][0] > 0) for row in rows])
            for name, score in scorers.items()
        }
    return found


def counts(tallies: np.ndarray, threshold: float) -> tuple[float, float, float]:
    """Pixels rightly found, missed and wrongly found over all crops; scores of at least `threshold` are damage."""
    from_level = int(np.ceil(threshold * LEVELS - 1e-9))
    damaged, intact = tallies.sum(0)
    return damaged[from_level:].sum(), damaged[:from_level].sum(), intact[from_level:].sum()


def overlap(tallies: np.ndarray, threshold: float) -> float:
    """Intersection over union of found and true damage, all crops pooled."""
    hit, missed, wrong = counts(tallies, threshold)
    return float(hit / max(hit + missed + wrong, 1))


def area(tallies: np.ndarray) -> float:
    """Area under the ROC curve, pooled: chance that a damaged pixel scores above an intact one (ties count half)."""
    damaged, intact = tallies.sum(0).astype(float)
    below = np.cumsum(intact) - intact / 2
    return float((damaged * below).sum() / max(damaged.sum() * intact.sum(), 1))


def best_threshold(found: dict, name: str) -> float:
    """The threshold with the largest mean overlap over the families; read it off calibration crops only."""
    grid = np.arange(1, LEVELS) / LEVELS
    return float(max(grid, key=lambda t: np.mean([overlap(found[family][name], t) for family in FAMILIES])))


def figures(found: dict, name: str, threshold: float, draws: int = 500) -> dict:
    """Per family n, iou, precision, recall, auroc, each [value, low, high]: 95 % bootstrap over crops."""
    rows = {}
    for family in FAMILIES:
        t = found[family][name]
        rng = stream(0, len(rows))
        picks = [slice(None)] + [rng.integers(len(t), size=len(t)) for _ in range(draws)]
        values = np.array([_row(t[pick], threshold) for pick in picks])
        low, high = np.quantile(values[1:], [0.025, 0.975], axis=0)
        rows[family] = {"n": len(t)} | {
            key: [round(float(v), 4) for v in column]
            for key, column in zip(("iou", "precision", "recall", "auroc"), zip(values[0], low, high))
        }
    intact = found["intact"][name]
    rows["intact"] = {"n": len(intact), "false_alarm_share": round(counts(intact, threshold)[2] / intact.sum(), 5)}
    return rows


def _row(t: np.ndarray, threshold: float) -> tuple[float, float, float, float]:
    hit, missed, wrong = counts(t, threshold)
    return overlap(t, threshold), hit / max(hit + wrong, 1), hit / max(hit + missed, 1), area(t)


def judge(network, data: Path | str, n: int = 100, radii=(2, 4, 8, 16)) -> dict:
    """The finder and the median filter on held-out damage.

    Thresholds, and the filter's radius, come from the calibration split, figures from the test split. network: a Finder
    in evaluation mode; n: crops of 256 px a family and split.
    """
    import torch

    from difusa.domains.heritage.find import probability_map

    scorers = {"finder": lambda p: probability_map(network, torch.from_numpy(p)).numpy()}
    scorers |= {f"median{r}": lambda p, r=r: median_contrast(p, r) for r in radii}
    known = tallies(scorers, data, "calibrate", n)
    thresholds = {name: best_threshold(known, name) for name in scorers}

    def fit(name: str) -> float:
        return float(np.mean([overlap(known[family][name], thresholds[name]) for family in FAMILIES]))

    plain = max((name for name in scorers if name != "finder"), key=fit)
    unseen = tallies({name: scorers[name] for name in ("finder", plain)}, data, "test", n, seed=2)
    return {
        label: {"threshold": thresholds[name], **figures(unseen, name, thresholds[name])}
        for label, name in (("finder", "finder"), (f"median filter, radius {plain[6:]} px", plain))
    }
