"""All audits on real paintings of known answer: what is wrong is caught by the audit made for it, real against real passes.

Slow: features of some 150 pictures a seed through the CLIP tower (0.05 to 0.2 s each); those of the files are kept in the cache.
"""

import csv
from collections import Counter

import numpy as np
import pytest

from difusa.ethics.audit import Beside, audit
from difusa.ethics.findings import FAIL
from difusa.ethics.loading import of_things
from difusa.ethics.pictures import KIND, disguise, load
from difusa.ethics.policy import read
from difusa.ethics.samples import Samples

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
TRAIN, HELD, DRAWN, POOL = 200, 100, 100, 400


@pytest.fixture(scope="module")
def paintings(data) -> Samples:
    """POOL paintings with their style where it is one of the four most frequent, the same ones each time."""
    pytest.importorskip("onnxruntime")
    home = data / "heritage"
    every = sorted(p.name for p in (home / "paintings256").glob("*.jpg"))
    names = [every[i] for i in np.random.default_rng(0).permutation(len(every))[:POOL]]
    with (home / "paintings256.csv").open(newline="", encoding="utf-8") as rows:
        styles = {r["file"]: r["style"] for r in csv.DictReader(rows)}
    most = [s for s, _ in Counter(styles[n] for n in names).most_common(3)]
    things, _ = load([home / "paintings256" / n for n in names])
    found = of_things(things, KIND)
    style = np.array([styles[n] if styles[n] in most else "other" for n in found.ids])
    return Samples(found.domain, found.ids, found.features, found.read, found.attributes | {"style": style}, style)


def blurred(samples: Samples) -> Samples:
    from scipy.ndimage import gaussian_filter

    images = {i: gaussian_filter(samples.read(k), (2, 2, 0)) for k, i in enumerate(samples.ids)}
    made = of_things(images, KIND)
    return Samples(made.domain, made.ids, made.features, made.read, samples.attributes, samples.labels)


def copied(samples: Samples, train: Samples, share: float, rng) -> Samples:
    """A share of the pictures replaced by disguised training pictures."""
    count = round(share * len(samples))
    made = of_things({f"copy {i}": disguise(train.read(i), rng) for i in range(count)}, KIND)
    features, read = samples.features.copy(), samples.read
    features[:count] = made.features
    return Samples(
        samples.domain, samples.ids, features, lambda i: made.read(i) if i < count else read(i), samples.attributes,
        samples.labels,
    )  # fmt: skip


def relabelled(samples: Samples, rng) -> Samples:
    labels = rng.permutation(samples.labels)
    return Samples(samples.domain, samples.ids, samples.features, samples.read, samples.attributes, labels)


@pytest.mark.parametrize("seed", range(5))
def test_controls(paintings, seed):
    rng = np.random.default_rng(100 + seed)
    rows = rng.permutation(POOL)
    train, held, clean = (paintings.take(r) for r in np.split(rows, [TRAIN, TRAIN + HELD]))
    sets = {
        "real": clean,
        "collapsed": clean.take(np.repeat(np.arange(10), 10)),
        "blurred": blurred(clean),
        **{f"copied {s:.0%}": copied(clean, train, s, rng) for s in (0.01, 0.05, 0.2)},
        "subgroup removed": clean.take(clean.attributes["shape"] != "wide"),
        "shuffled": relabelled(clean, rng),
    }
    made_for = {
        "collapsed": {"recall", "duplicates in the set"},
        "blurred": {"blur"},
        "copied 1%": {"copies of training things"},
        "copied 5%": {"copies of training things"},
        "copied 20%": {"copies of training things"},
        "subgroup removed": {"shape: representation, worst group"},
        "shuffled": {"skill kept"},
    }
    policy, wrong = read()[0], {}
    for name, other in sets.items():
        report = audit(other, train, held, KIND, policy, Beside(), seed=seed, repeats=6)
        failed = {f.name: f.value for f in report.findings if f.verdict == FAIL}
        print(seed, name, {k: round(v, 3) for k, v in failed.items()}, flush=True)
        if name == "real" and failed:
            wrong[name] = failed
        if missed := made_for.get(name, set()) - set(failed):
            wrong[name] = missed
    assert not wrong
