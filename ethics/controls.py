"""Sets of known answer, made of real things: what is wrong with each is known, and which findings are made to tell it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from difusa.ethics.kind import Kind
from difusa.ethics.loading import of_things
from difusa.ethics.samples import Samples

KEPT = 10  # things that a collapsed set repeats
CLEAN = "real against real"


@dataclass(frozen=True)
class Real:
    """Real things in three parts: `train` stands for training data, `held` for what was never seen, `clean` for a perfect
    synthetic set. worsened(set): the same things in bad quality; group: attribute and its value that one control lacks."""

    clean: Samples
    train: Samples
    held: Samples
    kind: Kind
    worsened: Callable[[Samples], Samples]
    group: tuple[str, str]


@dataclass(frozen=True)
class Control:
    """made(real, rng) -> the set; findings: those that have to fail, none of the clean one."""

    made: Callable[[Real, np.random.Generator], Samples]
    findings: tuple[str, ...]


def split(pool: Samples, kind: Kind, worsened, group: tuple[str, str], sizes: tuple[int, int], seed: int) -> Real:
    """The pool dealt at random; sizes: of train and held, the rest is clean."""
    rows = np.random.default_rng([seed, 0]).permutation(len(pool))
    train, held, clean = (pool.take(r) for r in np.split(rows, np.cumsum(sizes)))
    return Real(clean, train, held, kind, worsened, group)


def controls(real: Real, quality: str) -> dict[str, Control]:
    """By name; quality: the finding that has to tell the worsened set."""
    attribute, value = real.group
    return {
        CLEAN: Control(lambda real, rng: real.clean, ()),
        "collapsed": Control(collapsed, ("recall", "duplicates in the set")),
        "blurred": Control(lambda real, rng: real.worsened(real.clean), (quality,)),
        **{
            f"copied {share:.0%}": Control(partial(copied, share=share), ("copies of training things",))
            for share in (0.01, 0.05, 0.2)
        },
        f"without {attribute} {value}": Control(lacking, (f"{attribute}: representation, worst group",)),
        "labels shuffled": Control(shuffled, ("skill kept",)),
    }


def collapsed(real: Real, rng) -> Samples:
    return real.clean.take(np.resize(rng.permutation(len(real.clean))[:KEPT], len(real.clean)))


def copied(real: Real, rng, share: float) -> Samples:
    """A share of the things replaced by disguised copies of training things."""
    rows = rng.permutation(len(real.train))[: max(1, round(share * len(real.clean)))]
    return replaced(real.clean, [real.kind.disguise(real.train.read(int(i)), rng) for i in rows], real.kind)


def lacking(real: Real, rng) -> Samples:
    attribute, value = real.group
    return real.clean.take(real.clean.attributes[attribute] != value)


def shuffled(real: Real, rng) -> Samples:
    return replace(real.clean, labels=rng.permutation(real.clean.labels))


def replaced(clean: Samples, things: Sequence[object], kind: Kind) -> Samples:
    """The set with its first things replaced; names, attributes and labels stay. Raises ValueError for one without features."""
    made = of_things({str(n): t for n, t in enumerate(things)}, kind)
    if len(made) != len(things):
        raise ValueError(f"{len(things) - len(made)} of {len(things)} things have no features: {made.refused[-1][1]}")
    features, count, read = clean.features.copy(), len(things), clean.read
    features[:count] = made.features
    return replace(clean, features=features, read=lambda i: made.read(i) if i < count else read(i))
