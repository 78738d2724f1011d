"""Rows of the bench for wishes: how near the properties of drawn molecules come to those asked for, by an independent judge."""

import time

import numpy as np

from difusa.domains.molecules.bench_setup import OURS, Setup

PROPERTY, GUIDE, JUDGE = "qm9-property", "qm9-guide", "qm9-judge"
STEERING = 1.0  # as the verb does where nothing is said
HALF = "second"  # of the training split, which the generator and its guide have seen; the judge has seen the other
BOUNDS = {
    "floor": "the judge on held-out data (floor)",
    "by_atoms": "number of atoms alone",
    "shuffled": "shuffled truths",
}
RANGES = (  # asked for together; open ends are infinite
    (("gap", 6.0, 8.0), ("mu", -np.inf, 1.5)),
    (("alpha", 70.0, 80.0), ("homo", -6.5, -5.5)),
    (("cv", 28.0, 34.0), ("lumo", -1.0, 1.0)),
)


def conditional(setup: Setup) -> None:
    """The shipped models of QM9. Raises FileNotFoundError for what is missing."""
    from difusa.domains.models import find

    found = [find(name, domain="molecules") for name in (PROPERTY, GUIDE, JUDGE)]
    rows(setup, *found, setup.pair(PROPERTY, setup.asked.hydrogens)[1])


def rows(setup: Setup, generator, guide, judge, placer) -> None:
    """EDM's protocol with its bounds, then the ranges with the curve of told probabilities."""
    from difusa.domains.molecules import property_metrics as metrics
    from difusa.domains.molecules.sizes import read

    elements, network = read(generator.folder).elements, judge.load(setup.asked.device)
    count = min(setup.n, setup.usual(None, 2000, 20))
    heldout = setup.usual(None, None, 300)
    usual = {"judge": judge.sha256}

    def bounds(items):
        told = metrics.bounds(setup.packed("qm9"), network, elements, HALF, heldout)
        for item in items:
            yield {name: one[item] for name, one in told.items()}

    for key, method in BOUNDS.items():
        settings = usual | {"heldout": heldout, "half": HALF}
        row = setup.store.row(method, "conditional", [key], bounds, seeds=[0], settings=settings)
        setup.tell(row, tuple(row["metrics"]))

    def draw(exact: bool):
        return metrics.drawer(
            str(generator.folder), count=count, steps=setup.steps, seed=setup.asked.seed, exact=exact, steering=STEERING,
            guide=str(guide.folder), hydrogens=str(placer.folder), device=setup.asked.device,
            batch=setup.asked.batch or 1000,
        )  # fmt: skip

    def alone(items):
        for _ in items:
            began = time.perf_counter()
            found = metrics.asked_alone(draw(exact=True), network, elements)
            told = {name: {k: one[k] for k in ("value", "low", "high", "n", "groups")} for name, one in found.items()}
            shares = {f"valid_{name}": one["valid"] for name, one in found.items()}
            yield told | shares | {"seconds": time.perf_counter() - began}

    settings = usual | {
        "molecules": count,
        "steps": setup.steps,
        "steering": STEERING,
        "hydrogens": placer.sha256,
        "threads": setup.threads,
    }
    common = {"seeds": [setup.asked.seed], "model": generator.sha256}
    row = setup.store.row(OURS, "conditional", ["each alone"], alone, settings=settings, **common)
    setup.tell(row, tuple(network.names))
    for wanted in RANGES:
        if all(name in network.names for name, _, _ in wanted):
            in_range(setup, wanted, draw, network, elements, generator, settings | {"guide": guide.sha256}, common)


def in_range(setup: Setup, wanted, draw, network, elements, generator, settings: dict, common: dict) -> None:
    """One row: the ranges asked for together."""
    from difusa.domains.molecules import property_metrics as metrics
    from difusa.domains.molecules.aims import aims
    from difusa.shared.targets import Target

    targets = tuple(Target(*one) for one in wanted)

    def score(items):
        for _ in items:
            began = time.perf_counter()
            spread = aims(generator.folder, ()).spread()
            found = metrics.in_ranges(draw(exact=False), network, elements, targets, spread)
            hits = {f"hit_{name}": one for name, one in found["hit"].items()}
            told = {f"told_{name}": one for name, one in found["told"].items()}
            curve = {"curve_error": found["curve"]["error"], "curve": found["curve"]["rows"]}
            yield hits | told | curve | {"valid": found["valid"], "seconds": time.perf_counter() - began}

    row = setup.store.row(
        ", ".join(t.text for t in targets), "ranges", ["together"], score, settings=settings, **common
    )  # fmt: skip
    setup.tell(row, ("hit_all", "told_all", "curve_error", "valid"))
