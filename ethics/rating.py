"""What people's blind choices between two things say: who paid attention, which set is preferred, and whether raters agree."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from difusa.ethics.findings import Finding, judged
from difusa.shared.metrics import Interval, share
from difusa.shared.passport.saying import Said

AUDIT = "rating"
LEFT, RIGHT, TIE = "left", "right", "tie"
ATTENTIVE = 0.8  # of the attention checks: of whom fewer were answered rightly is left out
RATERS = 5  # from so many on raters too are drawn anew
RESAMPLES = 1000
PRIOR = 0.5  # of a win to either of each two sets: a set that never lost would be infinitely better otherwise


@dataclass(frozen=True)
class Vote:
    """One rater's answer. left, right: the sets shown; right_answer: LEFT or RIGHT of an attention check, else ""."""

    rater: str
    comparison: str
    left: str
    right: str
    choice: str
    right_answer: str = ""

    @property
    def won(self) -> str:
        """The set that was chosen, "" for a tie."""
        return {LEFT: self.left, RIGHT: self.right}.get(self.choice, "")


def attention(votes: Sequence[Vote]) -> dict[str, Interval]:
    """Rater -> share of attention checks answered rightly, of whoever met one."""
    raters = dict.fromkeys(v.rater for v in votes if v.right_answer)
    return {r: share([v.choice == v.right_answer for v in votes if v.right_answer and v.rater == r]) for r in raters}


def attentive(votes: Sequence[Vote]) -> list[Vote]:
    """The votes that count: of raters who passed the checks they met, checks themselves left out."""
    out = {r for r, found in attention(votes).items() if found.value < ATTENTIVE}
    return [v for v in votes if v.rater not in out and not v.right_answer]


def wins(votes: Sequence[Vote], sets: Sequence[str]) -> np.ndarray:
    """How often each set was preferred to each other one [K, K]; a tie is half a win to both."""
    place, found = {s: i for i, s in enumerate(sets)}, np.zeros((len(sets), len(sets)))
    for v in votes:
        i, j = place[v.left], place[v.right]
        first = {LEFT: 1.0, RIGHT: 0.0}.get(v.choice, 0.5)
        found[i, j] += first
        found[j, i] += 1 - first
    return found


def strengths(won: np.ndarray, prior: float = PRIOR) -> np.ndarray:
    """Bradley and Terry's log strengths [K], of mean 0: P(i beats j) = 1 / (1 + exp(b_j - b_i)).

    By the minorising steps of Hunter (2004, doi:10.1214/aos/1079120141, eq. 3), on wins with `prior` added to each pair.
    """
    won = won + prior * (1 - np.eye(len(won)))
    games, total = won + won.T, won.sum(1)
    p = np.ones(len(won))
    for _ in range(10_000):
        fresh = total / (games / (p[:, None] + p)).sum(1)
        fresh /= np.exp(np.log(fresh).mean())
        if np.abs(np.log(fresh / p)).max() < 1e-10:
            break
        p = fresh
    return np.log(fresh)


def alpha(units: Sequence[Sequence[str]]) -> float:
    """Krippendorff's alpha of nominal values: units hold the values given to one comparison; 1: all agree, 0: as by chance.

    Krippendorff 2011, "Computing Krippendorff's alpha-reliability", section C; units of one value say nothing. NaN where none
    has two, or all values are one and the same.
    """
    units = [u for u in units if len(u) > 1]
    values = sorted({v for u in units for v in u})
    if len(values) < 2:
        return float("nan")
    counts = np.array([[list(u).count(v) for v in values] for u in units], float)
    size = counts.sum(1)
    seen = ((size**2 - (counts**2).sum(1)) / (size - 1)).sum()
    every = counts.sum(0)
    chance = (every.sum() ** 2 - (every**2).sum()) / (every.sum() - 1)
    return float(1 - seen / chance)


def resampled(votes: Sequence[Vote], sets: Sequence[str], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the 95 % percentile intervals of the strengths: the wider of comparisons drawn anew and, from RATERS on, raters.

    Votes of one rater, or on one comparison, resemble each other; which of the two does more is not known before.
    """
    rng, ends = np.random.default_rng(seed), []
    for key in ("comparison", "rater"):
        groups: dict[str, list[Vote]] = {}
        for v in votes:
            groups.setdefault(getattr(v, key), []).append(v)
        if key == "rater" and len(groups) < RATERS:
            continue
        won = np.stack([wins(part, sets) for part in groups.values()])
        drawn = rng.multinomial(len(won), np.full(len(won), 1 / len(won)), RESAMPLES)
        values = [strengths(w) for w in np.tensordot(drawn, won, 1)]
        ends.append(np.quantile(values, [0.025, 0.975], axis=0))
    return np.min([e[0] for e in ends], axis=0), np.max([e[1] for e in ends], axis=0)


def rating(votes: Sequence[Vote], sets: Sequence[str]) -> list[Finding]:
    """The findings on all votes; nothing is judged, and of fewer than ten votes nothing claimed. Raises ValueError for none."""
    if not votes:
        raise ValueError("nobody has rated anything yet")
    counted = attentive(votes)
    checks = attention(votes)
    lost = [r for r, found in checks.items() if found.value < ATTENTIVE]
    note = Said("answered rightly; left out: {lost} of {all} raters", lost=len(lost), all=len({v.rater for v in votes}))
    answers = [v.choice == v.right_answer for v in votes if v.right_answer]
    found = [judged(AUDIT, "attention checks", share(answers), note=note)] if answers else []
    if not counted:
        return found
    best, won = strengths(wins(counted, sets)), wins(counted, sets)
    low, high = resampled(counted, sets)
    for i in np.argsort(-best):
        games = won[i].sum() + won[:, i].sum()
        note = Said("log strength by Bradley and Terry; preferred in {share} of {games}",
                    share=f"{won[i].sum() / max(games, 1):.3f}", games=int(games))  # fmt: skip
        found.append(judged(AUDIT, sets[i], Interval(best[i], low[i], high[i], int(games), len(sets)), note=note))
    note = "Krippendorff's alpha of which set was preferred: 1: raters agree, 0: as by chance"
    agree = alpha(chosen(counted))
    n = sum(len(u) > 1 for u in chosen(counted))
    low, high = resampled_units(counted)
    return [*found, judged(AUDIT, "agreement of raters", Interval(agree, low, high, n, n), note=note)]


def chosen(votes: Sequence[Vote]) -> list[list[str]]:
    """For each comparison which side each rater preferred."""
    units: dict[str, list[str]] = {}
    for v in votes:
        units.setdefault(v.comparison, []).append(v.choice)
    return list(units.values())


def resampled_units(votes: Sequence[Vote], seed: int = 0) -> tuple[float, float]:
    """The 95 % interval of alpha, comparisons drawn anew; NaN where there is no alpha."""
    units, rng = chosen(votes), np.random.default_rng(seed)
    values = [alpha([units[k] for k in rng.integers(len(units), size=len(units))]) for _ in range(RESAMPLES // 4)]
    values = [v for v in values if v == v] or [float("nan")]
    return float(np.quantile(values, 0.025)), float(np.quantile(values, 0.975))
