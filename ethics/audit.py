"""All audits of one synthetic set against the real one that its model learnt from: one report."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from difusa.ethics import artefacts, bias, copies, fidelity, inception, law, membership, tables, usefulness
from difusa.ethics.findings import Finding, Report, not_done
from difusa.ethics.kind import Kind, axes
from difusa.ethics.loading import planted, scaled
from difusa.ethics.pca_map import pca_map
from difusa.ethics.policy import Policy
from difusa.ethics.samples import Samples
from difusa.shared.passport.saying import Said
from difusa.shared.sources import Optout

PLANTED, LOOKED_AT = 20, 600  # copies in the control; pictures in which artefacts are looked for
LARGEST_TABLE = 2000  # rows of attribute tables that are attacked


@dataclass(frozen=True)
class Beside:
    """What is known beside the sets: sources of the training data, opt-outs, attribute -> target shares, and where those come
    from; style: the attribute (artist, say) by which the nearest sources are told; inception: its weights."""

    origins: tuple[law.Origin, ...] = ()
    out: Optout = Optout()
    targets: dict | None = None
    target_source: str = ""
    style: str | None = None
    inception: Path | None = None


def audit(
    other: Samples,
    real: Samples,
    held: Samples | None,
    kind: Kind,
    policy: Policy,
    beside: Beside,
    *,
    seed: int = 0,
    repeats: int = 20,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """The report on `other`; held: real things that the model never saw, None where there are none."""
    rng = np.random.default_rng(seed)
    copied = planted(real, kind, min(PLANTED, len(real)), rng)
    unit = kind.fit(real.features)
    turn = axes(unit(real.features))

    def fit(features):
        return turn(unit(features))

    other, real, held, copied = scaled(fit, (other, real, held, copied))
    asked = beside.origins or beside.style
    near = law.attributed(real, other, list(beside.origins), beside.style) if asked else []
    steps = [
        lambda: fidelity.fidelity(real.features, other.features, policy.fidelity, rng, repeats),
        lambda: inception.proper(real, other, kind.pixels, beside.inception, rng) if kind.pixels else [],
        lambda: _artefacts(other, real, kind, policy, rng),
        lambda: _copies(other, real, held, copied, kind, policy),
        lambda: _membership(other, real, held, policy, rng),
        lambda: _tables(other, real, held, policy),
        lambda: _bias(other, real, policy, beside, rng),
        lambda: _usefulness(other, real, held, kind, policy, rng),
        lambda: _law(other, real, policy, beside),
        lambda: law.leaning(real, near, list(beside.origins), beside.style),
        lambda: _safety(other, real, kind),
    ]
    found: list[Finding] = []
    for done, step in enumerate(steps):
        found += step()
        progress(done + 1, len(steps))
    order = ("fidelity", "privacy", "bias", "usefulness", "origin", "safety")
    found.sort(key=lambda f: order.index(f.audit))
    figure = {
        "real (grey) and synthetic (red), on the first two axes of the real set": pca_map(real.features, other.features)
    }
    about = {"domain": kind.domain, "features": kind.space, "n": len(other), "real_n": len(real)}
    about |= {"attribution": law.attribution(real, near, list(beside.origins))} if beside.origins else {}
    return Report(tuple(found), about, figure, tuple(near))


def _artefacts(other: Samples, real: Samples, kind: Kind, policy: Policy, rng) -> list[Finding]:
    if kind.pixels is None:
        return []

    def looked_at(s: Samples):
        rows = rng.permutation(len(s))[:LOOKED_AT]
        return artefacts.table(kind.pixels(s.read(int(i))) for i in rows)

    return artefacts.artefacts(looked_at(real), looked_at(other), policy.artefacts.allowed, policy.artefacts.shift)


def _copies(other: Samples, real: Samples, held, copied: Samples, kind: Kind, policy: Policy) -> list[Finding]:
    measure = copies.calibrated(real, held, kind.bits)
    bounds = policy.privacy.allowed[kind.domain], policy.privacy.chance[kind.domain]
    found, _ = copies.copies(other, real, measure, kind.same, *bounds)
    return [*found, copies.control(len(other), real, measure, copied, kind.same, policy.privacy.control)]


def _membership(other: Samples, real: Samples, held: Samples | None, policy: Policy, rng) -> list[Finding]:
    if held is None or len(held) < 40:
        return [
            not_done(
                membership.AUDIT,
                "membership from the set alone: needs 40 real things that the model never saw, by --holdout",
            )
        ]
    half = len(held) // 2
    rows = rng.permutation(len(held))
    strangers, reference = held.features[rows[:half]], held.features[rows[half:]]
    members = real.features[rng.permutation(len(real))[: 4 * half]]
    scores = membership.from_set(members, strangers, other.features, reference)
    return membership.membership("membership from the set alone", *scores, policy.privacy.auc)


def _tables(other: Samples, real: Samples, held: Samples | None, policy: Policy) -> list[Finding]:
    shared = set(other.attributes) & set(real.attributes) & set(held.attributes if held else ())
    if len(shared) < 2:
        return []
    cut = [s.take(np.arange(min(len(s), LARGEST_TABLE))).attributes for s in (other, real, held)]
    return tables.attribute_tables(*cut, policy.privacy.risk)


def _bias(other: Samples, real: Samples, policy: Policy, beside: Beside, rng) -> list[Finding]:
    found, targets = [], beside.targets or {}
    for attribute in real.attributes:
        groups = bias.classes(real.attributes[attribute])
        if 1 < len(np.unique(groups)) <= max(20, len(real) // bias.FEWEST):
            found += bias.subgroups(real, other, attribute, policy.bias.coverage, rng)
        if attribute in other.attributes and attribute not in targets and not bias.numbers(real, attribute):
            counts = {g: float((groups == g).mean()) for g in np.unique(groups).tolist()}
            found += bias.representation(other.attributes[attribute], counts, attribute, policy.bias.representation)
    for attribute, target in targets.items():
        if attribute not in other.attributes:
            raise ValueError(
                f"the target names {attribute!r}; the set has {', '.join(other.attributes) or 'no attributes'}"
            )
        found += bias.representation(
            other.attributes[attribute], target, attribute, policy.bias.representation, beside.target_source
        )
    return found or [not_done(bias.AUDIT, "no attribute has several groups: give a table of attributes")]


def _usefulness(other: Samples, real: Samples, held: Samples | None, kind: Kind, policy: Policy, rng) -> list[Finding]:
    if other.labels is None or real.labels is None:
        return [not_done(usefulness.AUDIT, "no labels in both sets: name a column by --label")]
    train, test = (real, held) if held is not None and held.labels is not None else _halves(real, rng)
    return usefulness.usefulness(other, train, test, policy.usefulness.skill, kind.linear)


def _halves(real: Samples, rng) -> tuple[Samples, Samples]:
    rows = rng.permutation(len(real))
    return real.take(rows[: len(real) // 2]), real.take(rows[len(real) // 2 :])


def _law(other: Samples, real: Samples, policy: Policy, beside: Beside) -> list[Finding]:
    if not beside.origins:
        return law.unknown_origin()
    return law.law(real, other, list(beside.origins), policy.origin.licences, beside.out)


def _safety(other: Samples, real: Samples, kind: Kind) -> list[Finding]:
    if kind.domain != "molecules":
        return [not_done("safety", Said("no screen is known for the domain {domain}", domain=kind.domain))]
    from difusa.ethics.dual_use import dual_use

    return dual_use(other, real)
