"""Rows of the bench for structure prediction: held-out crystals found again from their composition, or not."""

import sys
import time
from collections.abc import Callable, Sequence

import numpy as np

from difusa.domains.materials import baseline, matching
from difusa.domains.materials.bench_setup import NEAR, OURS, RANDOM, Setup
from difusa.domains.materials.crystal import Crystal

TOLD = ("match_rate_1", "match_rate_20", "rmse")


def rate(truth: Crystal, guesses: Sequence[Crystal]) -> tuple[float | None, float | None]:
    """Distance of the first and of the best prediction to the truth (None: no match)."""
    found = [matching.distance(truth, guess) for guess in guesses]
    return (found[0] if found else None), min((d for d in found if d is not None), default=None)


def run(
    setup: Setup, method: str, make: Callable[[list[Crystal], list[int], int], list[list[Crystal]]], *, count: int,
    seeds: Sequence[int], settings: dict, model: str | None = None,
) -> dict:  # fmt: skip
    """One row: `count` predictions by make(truths, indices, seed) of every held-out crystal for each seed.

    Figures of an item: match_rate_1 (0 or 1) and rmse_1; with several predictions match_rate_20 and rmse. Intervals resample
    the crystals, whose seeds hang together.
    """
    rows = chosen(setup)
    items = [f"{row} seed {seed}" for seed in seeds for row in rows]
    setup.store.groups |= {item: item.split()[0] for item in items}

    def score(part):
        at = [int(item.split()[0]) for item in part]
        truths = [setup.packed.crystal(row) for row in at]
        began = time.perf_counter()
        guesses = make(truths, at, int(part[0].split()[2]))
        each = (time.perf_counter() - began) / len(part)
        for truth, made in zip(truths, guesses, strict=True):
            first, best = rate(truth, made[:count])
            found = {"match_rate_1": float(first is not None), "rmse_1": first}
            if count > 1:
                found |= {"match_rate_20": float(best is not None), "rmse": best}
            yield found | {"predictions": len(made[:count]), "seconds": each}

    row = setup.store.row(
        f"{method}, {count} prediction{'s' * (count > 1)}", "prediction", items, score, chunk=min(50, len(rows)),
        seeds=seeds, model=model, settings=settings | {"crystals": len(rows), "predictions": count},
    )  # fmt: skip
    setup.tell(row, TOLD)
    return row


def by_model(setup: Setup, model, count: int) -> Callable:
    """make(truths, rows, seed) for `run`: what the verb predicts of each reduced formula, told nothing else; all drawn together,
    which changes none of them."""
    from difusa.domains.materials.export import reduced_formula
    from difusa.domains.materials.predicting import CALM, parse_formula, queue
    from difusa.domains.materials.sampling import Plan, draw
    from difusa.domains.materials.templates import read
    from difusa.shared.run import set_threads

    set_threads(setup.threads)
    network, (templates, _) = model.load(setup.asked.device), read(model.folder)

    def make(truths, rows, seed):
        orders = []
        for truth in truths:
            formula = reduced_formula(truth.numbers)
            try:
                orders.append([order for order, _ in queue(templates, parse_formula(formula, templates), count)])
            except ValueError as why:  # the model does not know an element
                print(f"{formula}: {why}", file=sys.stderr)
                orders.append([])
        indices = [k for own in orders for k in range(len(own))]
        made = draw(network, [o for own in orders for o in own], Plan(setup.steps, seed=seed, calm=CALM), indices)
        drawn = iter(made)
        return [[next(drawn).crystal for _ in own] for own in orders]

    return make


def chosen(setup: Setup) -> list[int]:
    """Held-out crystals of different compositions, drawn by seed 0: a fixed draw, so that all methods see the same."""
    from difusa.domains.materials.data import composition

    found, seen = [], set()
    for row in np.random.default_rng(0).permutation(setup.packed.rows("test")):
        key = composition(setup.packed.crystal(int(row)).numbers)
        if key not in seen and len(found) < setup.predicted:
            seen.add(key)
            found.append(int(row))
    return found


def prediction(setup: Setup) -> None:
    """One prediction with all seeds and several with one, by substitution and by the model."""
    for method, near in ((RANDOM, False), (NEAR, True)):

        def make(truths, rows, seed, near=near):
            return [
                baseline.predict(setup.prototypes, truth.numbers, setup.guesses, seed, row, near)
                for truth, row in zip(truths, rows)
            ]

        seeds = setup.seeds[:1] if near else setup.seeds  # the order of the nearest knows no chance
        run(setup, method, make, count=1, seeds=seeds, settings={})
        run(setup, method, make, count=setup.guesses, seeds=setup.seeds[:1], settings={})
    model = setup.model()
    settings = {"steps": setup.steps, "threads": setup.threads, "device": setup.asked.device}
    for count, seeds in ((1, setup.seeds), (setup.guesses, setup.seeds[:1])):
        make = by_model(setup, model, count)
        run(setup, OURS, make, count=count, seeds=seeds, settings=settings, model=model.sha256)
