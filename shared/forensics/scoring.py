"""What a detector is worth on items that it has not seen: area under the curve, accuracy, abstention, flips, calibration."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from difusa.shared.conformal import curve
from difusa.shared.forensics.fitting import auroc
from difusa.shared.forensics.judging import GENERATED, NO_SIGN, UNSURE, Judged
from difusa.shared.metrics import Interval, interval, share

RESAMPLES, DRAWS = 1000, 100


@dataclass(frozen=True)
class Said:
    """What was said of the items of one kind, and their groups (what is independent: artist, prompt, patient)."""

    judged: tuple[Judged, ...]
    groups: tuple[str, ...]

    @property
    def probabilities(self) -> np.ndarray:
        return np.array([j.probability for j in self.judged])

    def verdicts(self, verdict: str) -> np.ndarray:
        """1 where that was said."""
        return np.array([float(j.verdict == verdict) for j in self.judged])


def figures(real: Said, generated: Said) -> dict[str, Interval | float]:
    """All figures of one detector on real items and on those of one family.

    balanced_accuracy: by which side of one half the probability lies, before abstention; decided_accuracy: of those that are not
    called unsure. flipped: items of which one delivery says the opposite of another, before abstention. calibration_error: of as
    many real as generated items (expected calibration error, ten bins; small samples raise it).
    """
    area = auroc(real.probabilities, generated.probabilities)
    low, high = resampled(real, generated)
    every = (*real.judged, *generated.judged)
    groups = [*real.groups, *generated.groups]
    found = {
        "auroc": Interval(area, low, high, len(every), len(set(groups))),
        "false_alarms": share(real.verdicts(GENERATED)),
        "missed": share(generated.verdicts(NO_SIGN)),
        "found": share(generated.verdicts(GENERATED)),
        "abstained": interval([float(j.verdict == UNSURE) for j in every], groups),
        "flipped": interval([float(j.flipped > 0) for j in every], groups),
        "outside": interval([float(bool(j.outside)) for j in every], groups),
    }
    right = [(real.probabilities < 0.5).mean(), (generated.probabilities >= 0.5).mean()]
    found["balanced_accuracy"] = float(np.mean(right))
    found["decided_accuracy"] = decided(real, generated)
    error, chance = calibration_error(real.probabilities, generated.probabilities)
    found |= {"calibration_error": error, "calibration_chance": chance}
    return {k: v for k, v in found.items() if isinstance(v, Interval) or np.isfinite(v)}


def decided(real: Said, generated: Said) -> float:
    """Balanced accuracy of those on which a verdict was given; not a number where one class has none."""
    shares = []
    for said, right in ((real, NO_SIGN), (generated, GENERATED)):
        sure = 1 - said.verdicts(UNSURE)
        shares.append(said.verdicts(right).sum() / sure.sum() if sure.sum() else np.nan)
    return float(np.mean(shares))


def calibration_error(real: np.ndarray, generated: np.ndarray) -> tuple[float, float]:
    """Of as many of one class as of the other (those left out are drawn once): the expected calibration error, and what it would
    be on average if the probabilities were exact, which is all that chance leaves of it in so few items."""
    count = min(len(real), len(generated))
    rng = np.random.default_rng(0)
    told = np.concatenate([rng.permutation(p)[:count] for p in (real, generated)])
    exact = [curve(told, rng.random(len(told)) < told)["error"] for _ in range(DRAWS)]
    return curve(told, np.repeat([0, 1], count))["error"], float(np.mean(exact))


def resampled(real: Said, generated: Said) -> tuple[float, float]:
    """95 % interval of the area by bootstrap over the groups of each class."""
    rng, areas = np.random.default_rng(0), []
    indexed = [by_group(s.groups) for s in (real, generated)]
    if min(map(len, indexed)) < 2:
        return float("nan"), float("nan")
    for _ in range(RESAMPLES):
        drawn = [np.concatenate([g[k] for k in rng.integers(len(g), size=len(g))]) for g in indexed]
        areas.append(auroc(real.probabilities[drawn[0]], generated.probabilities[drawn[1]]))
    return tuple(float(q) for q in np.quantile(areas, (0.025, 0.975)))


def by_group(groups: Sequence[str]) -> list[np.ndarray]:
    """The places of each group."""
    labels = np.unique(np.asarray(groups), return_inverse=True)[1]
    return [np.flatnonzero(labels == k) for k in range(labels.max() + 1)]
