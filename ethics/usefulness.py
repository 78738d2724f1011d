"""Whether a model trained on synthetic things works on real ones: against one trained on as many real things (TSTR, TRTR).

Esteban et al. 2017. The model works on the audit's features: of classes where labels are text, of values where they are numbers.
It is a forest on descriptors, and linear (ridge) on a network's features: of 100 paintings a forest tells three styles and the
rest no better than a guess (balanced accuracy .25 to .43 of 400 paintings, five splits), ridge with .67 to .82.
"""

import numpy as np

from difusa.ethics.findings import PASS, SILENT, Finding, judged, noted
from difusa.ethics.samples import Samples
from difusa.ethics.tables import is_number
from difusa.shared.metrics import interval
from difusa.shared.passport.saying import Said

AUDIT = "usefulness"
TREES = 100


def fitted(features: np.ndarray, labels: np.ndarray, linear: bool, seed: int):
    """The model of these labels; linear: ridge, else a forest."""
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
    from sklearn.linear_model import Ridge, RidgeClassifier

    if linear:
        return (Ridge() if is_number(labels) else RidgeClassifier(class_weight="balanced")).fit(features, labels)
    if is_number(labels):
        return ExtraTreesRegressor(TREES, random_state=seed, n_jobs=1).fit(features, labels)
    return ExtraTreesClassifier(TREES, random_state=seed, n_jobs=1, class_weight="balanced").fit(features, labels)


def right(model, features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How right the model is on each thing [n]: of classes 1 or 0, weighted so that each class counts alike; of values one less
    its squared error over the variance of the labels. The mean is the balanced accuracy, or R^2."""
    told = model.predict(features)
    if is_number(labels):
        return 1 - (told - labels) ** 2 / max(labels.var(), 1e-12)
    _, place, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return (told == labels) * (len(labels) / (len(counts) * counts))[place]


def usefulness(
    other: Samples, train: Samples, test: Samples, share_of_real: float, linear: bool = False, seed: int = 0
) -> list[Finding]:
    """Findings on labelled sets; share_of_real: of the real-trained model's skill, that passes; linear: as in `fitted`.

    Skill is what exceeds a guess (1 / classes, or 0). The real model is trained on as many things as the synthetic one. The
    interval is that of the difference on the same test things, added to the real model's skill; the value fails only where the
    whole interval lies below, and where it reaches to both sides of the share nothing is claimed of a value below.
    """
    size = min(len(other), len(train))
    rng = np.random.default_rng(seed)
    scores = []
    for part in (other, train):
        rows = rng.permutation(len(part))[:size]
        scores.append(right(fitted(part.features[rows], part.labels[rows], linear, seed), test.features, test.labels))
    ours, theirs = scores
    guess = 0.0 if is_number(test.labels) else 1 / len(np.unique(test.labels))
    skill = max(float(theirs.mean()) - guess, 1e-9)
    apart = interval(ours - theirs)
    kept = [1 + v / skill for v in (apart.value, apart.low, apart.high)]
    what = "R^2" if is_number(test.labels) else "balanced accuracy"
    note = Said("{what}: {ours} against {theirs}", what=what, ours=f"{ours.mean():.3f}", theirs=f"{theirs.mean():.3f}")
    from dataclasses import replace

    if theirs.mean() - guess < 0.05:
        return [noted(AUDIT, "skill kept", kept[0], len(test), "the labels cannot be told even by the real model")]
    found = judged(
        AUDIT, "skill kept", replace(apart, value=kept[2], low=kept[1], high=kept[2]), share_of_real, "high", note
    )
    unsure = kept[0] < share_of_real and found.verdict == PASS
    return [replace(found, value=kept[0], verdict=SILENT if unsure else found.verdict)]
