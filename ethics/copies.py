"""Whether a synthetic set holds copies of what its model was trained on, calibrated on real things the model never saw.

Three findings and a control. *Copies*: things that lie nearer to a training thing than nearness by chance allows, or that the
domain's own comparison says are the same. *Near the training data*: an exact test that synthetic things do not crowd nearer to
the training set than a real hold-out does (Meehan et al. 2020 ask the same of ranks). *Duplicates*: copies inside the set itself.
*Control*: disguised copies of training things are planted, and an audit that misses them fails.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from difusa.ethics.findings import Finding, judged
from difusa.ethics.nearest import Index, among, index, nearest, nearest_bits
from difusa.ethics.samples import Samples
from difusa.shared.metrics import Interval, share
from difusa.shared.passport.saying import Said

AUDIT = "privacy"
TAIL = 0.1  # of the real distances, from which the law of the smallest is fitted
EXPECTED = 0.01  # copies that chance may produce in the whole set, by that law
COMPARED = 0.5  # quantile of the real distances below which two things are compared themselves
REACH = 14  # of 64 bits: hashes that differ in no more are of things that are compared themselves
NEAR = 0.05  # quantile of the real distances that the exact test counts


@dataclass(frozen=True)
class Law:
    """How near real things come to each other: P(distance < d) = share (d / edge)^dimension for d below edge.

    On a set of local dimension m the smallest distances follow d^m; m is fitted as Levina and Bickel 2005 do (Hill 1975).
    """

    edge: float
    share: float
    dimension: float
    near: float  # distance below which things are compared themselves

    def limit(self, count: int) -> float:
        """The distance that at most EXPECTED of `count` things undercut by chance."""
        return self.edge * min(1.0, EXPECTED / (count * self.share)) ** (1 / self.dimension)


def law(distances: np.ndarray) -> Law:
    """The law of the distances [n] from real things to the nearest training thing; those of 0 are twins and left out.

    Raises ValueError for fewer than 20 of them.
    """
    known = np.sort(distances[distances > 0])
    if len(known) < 20:
        raise ValueError(
            f"{len(known)} real distances are too few to say what is near: at least 20 real things are needed"
        )
    k = max(int(TAIL * len(known)), 5)
    edge = known[k]
    # unbiased Hill estimate; its standard error is dimension / sqrt(k)
    dimension = (k - 1) / np.log(edge / known[:k]).sum()
    return Law(float(edge), k / len(known), float(max(dimension, 0.5)), float(np.quantile(known, COMPARED)))


@dataclass(frozen=True)
class Measure:
    """The training things ready to be searched, and how near real things [n] come to them; held: whether those were held out.
    bits: as in kind.Kind, and hashes of the training things by it [N, turns]."""

    known: Index
    real: np.ndarray
    law: Law
    held: bool
    bits: Callable[[object], tuple[int, ...]] | None = None
    hashes: np.ndarray | None = None


def calibrated(train: Samples, held: Samples | None, bits=None) -> Measure:
    """The measure of a training set. held: real things that were not trained on; None: the training things among themselves."""
    known = index(train.features)
    real = (nearest(known, held.features) if held is not None else among(known))[1][:, 0]
    return Measure(known, real, law(real), held is not None, bits, hashes(train, bits))


def copies(
    other: Samples,
    train: Samples,
    measure: Measure,
    same: Callable[[object, object], bool],
    allowed: float,
    chance: float,
) -> tuple[list[Finding], np.ndarray]:
    """Findings on `other`, and which of its rows are copies [n]; features in equal units.

    same: the domain's comparison of two things; allowed: share of copies that passes; chance: p of the exact test that passes.
    """
    hits, distances = which(other, train, measure, len(other), same)
    said = Said(
        "nearer than {limit} to a training thing, or the same by the domain's own comparison; chance allows {expected}",
        limit=f"{measure.law.limit(len(other)):.3g}", expected=f"{EXPECTED:g}",
    )  # fmt: skip
    found = [judged(AUDIT, "copies of training things", share(hits), allowed, "low", said)]
    found.append(crowding(distances, measure, chance))
    twins = share(within(other, measure.law, same, hashes(other, measure.bits)))
    own = share(within(train, measure.law, same, measure.hashes)).value
    note = Said("in the real set: {own}", own=f"{own:.3g}")
    limit = max(allowed, own + 4 * (own * (1 - own) / len(other)) ** 0.5)
    found.append(judged(AUDIT, "duplicates in the set", twins, limit, "low", note))
    return found, hits


def which(other: Samples, train: Samples, measure: Measure, count: int, same) -> tuple[np.ndarray, np.ndarray]:
    """Which rows of `other` are copies [n] bool, chance counted for a set of `count`; distance to the nearest training thing."""
    places, distances = nearest(measure.known, other.features)
    places, distances = places[:, 0], distances[:, 0]
    hits = distances < measure.law.limit(count)
    for i in np.flatnonzero(~hits & (distances <= measure.law.near)):
        hits[i] = same(other.read(int(i)), train.read(int(places[i])))
    if measure.bits:
        for i, place in alike(measure.hashes[:, 0], hashes(other, measure.bits)):
            hits[i] = hits[i] or same(other.read(i), train.read(place))
    return hits, distances


def hashes(samples: Samples, bits) -> np.ndarray | None:
    """[N, turns] uint64; None without bits."""
    return bits and np.array([bits(samples.read(i)) for i in range(len(samples))], np.uint64)


def alike(known: np.ndarray, asked: np.ndarray, others: bool = False) -> list[tuple[int, int]]:
    """(row of asked [Q, turns], place in known [N]) of nearest hashes that differ in at most REACH bits; others: not itself."""
    found = []
    for turn in asked.T:
        places, differ = nearest_bits(known, turn, 1 + others)
        for i, (row, off) in enumerate(zip(places, differ)):
            found += [(i, int(p)) for p, d in zip(row, off) if d <= REACH and not (others and p == i)]
    return found


def within(samples: Samples, chance: Law, same, every: np.ndarray | None = None) -> np.ndarray:
    """Which rows repeat an earlier one of the set [n] bool; every: their hashes."""
    if len(samples) < 2:
        return np.zeros(len(samples), bool)
    places, distances = among(index(samples.features))
    later = places[:, 0] < np.arange(len(samples))
    found = later & (distances[:, 0] < chance.limit(len(samples)))
    for i in np.flatnonzero(later & ~found & (distances[:, 0] <= chance.near)):
        found[i] = same(samples.read(int(i)), samples.read(int(places[i, 0])))
    if every is not None:
        for i, place in alike(every[:, 0], every, others=True):
            found[i] = found[i] or (place < i and same(samples.read(i), samples.read(place)))
    return found


def crowding(distances: np.ndarray, measure: Measure, chance: float) -> Finding:
    """Fisher's exact test that no more synthetic than real things lie within the real distances' NEAR quantile."""
    from scipy.stats import fisher_exact

    real = measure.real
    edge = np.quantile(real, NEAR)
    ours, theirs = int((distances <= edge).sum()), int((real <= edge).sum())
    table = [[ours, len(distances) - ours], [theirs, len(real) - theirs]]
    p = float(fisher_exact(table, alternative="greater").pvalue)
    words = (
        "p of Fisher's exact test; {ours} of {n} lie as near as {theirs} of {m} real hold-outs"
        if measure.held
        else "p of Fisher's exact test; {ours} of {n} lie as near as {theirs} of {m} training things to each other"
    )
    note = Said(words, ours=ours, n=len(distances), theirs=theirs, m=len(real))
    value = Interval(p, float("nan"), float("nan"), len(distances), len(distances))
    return judged(AUDIT, "near the training data", value, chance, "high", note)


def control(count: int, train: Samples, measure: Measure, planted: Samples, same, least: float) -> Finding:
    """The share of `planted` (disguised copies of training things, beside a set of `count`) that is found, against `least`."""
    hits, _ = which(planted, train, measure, count, same)
    note = "disguised copies planted on purpose: an audit that misses them proves nothing, and fails"
    return judged(AUDIT, "control: planted copies found", share(hits), least, "high", note)
