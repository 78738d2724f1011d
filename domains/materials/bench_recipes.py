"""Rows of the bench for the two worked recipes: their draws beside random substitution of the same elements, judged alike."""

import tempfile
import time
from pathlib import Path

from difusa.domains.materials import abundance, baseline, cathode, worked
from difusa.domains.materials.bench_setup import OURS, RANDOM, Setup
from difusa.domains.materials.elements import NUMBERS

SECONDS = 600.0  # of a processor for a crystal
TRIES = 2000  # substitutions until enough hosts are found


def hosts(setup: Setup, ion: str, count: int, seed: int) -> list:
    """Random substitutions that are hosts of the ion, as the model's draws must be too."""
    allowed = tuple(NUMBERS[s] for s in (ion, *cathode.REDOX, *cathode.FRAME))
    found = []
    for index in range(TRIES):
        crystal = baseline.generate(setup.prototypes, seed, index, allowed)
        if NUMBERS[ion] in crystal.numbers:
            found.append(crystal)
        if len(found) == count:
            return found
    raise ValueError(f"{TRIES} substitutions gave {len(found)} crystals with {ion}, not {count}")


def recipes(setup: Setup) -> None:
    """Both recipes, one seed; of cathodes those of lithium and of sodium."""
    count = min(setup.n, setup.usual(None, 40, 2))
    seed, data = setup.seeds[0], setup.asked.data

    def cathodes(ion, make):
        return lambda: worked.judged_cathodes(make(), ion, data, setup.workers, SECONDS)

    def commons(make):
        return lambda: worked.judged_abundant(make(), data, setup.workers, SECONDS)

    elements = abundance.abundant()
    for ion in cathode.IONS:
        row(
            setup,
            f"cathode, {ion}: {RANDOM}",
            cathodes(ion, lambda ion=ion: hosts(setup, ion, count, seed)),
            count,
            None,
        )
    row(
        setup, f"earth-abundant: {RANDOM}",
        commons(lambda: [baseline.generate(setup.prototypes, seed, i, elements) for i in range(count)]), count, None,
    )  # fmt: skip
    model = setup.model()
    options = {
        "count": count, "seed": seed, "steps": setup.steps, "model": str(model.folder), "data": data, "threads": setup.threads,
        "workers": setup.workers, "seconds": SECONDS, "device": setup.asked.device,
    }  # fmt: skip

    def verb(function, **more):
        def call():
            with tempfile.TemporaryDirectory() as folder:
                return function(out=Path(folder) / "out", **options, **more)

        return call

    for ion in cathode.IONS:
        row(setup, f"cathode, {ion}: {OURS}", verb(worked.cathode, ion=ion), count, model)
    row(setup, f"earth-abundant: {OURS}", verb(worked.abundant), count, model)


def row(setup: Setup, method: str, make, count: int, model) -> None:
    """One row: shares of the marks, and the table itself."""

    def score(items):
        for _ in items:
            began = time.perf_counter()
            told = make()
            figures = {k: v for k, v in told.items() if k.endswith("_share")}
            yield figures | {"ranking": [plain(r) for r in told["rows"][:10]], "seconds": time.perf_counter() - began}

    settings = {"crystals": count} | ({"steps": setup.steps, "threads": setup.threads} if model else {})
    weights = model.sha256 if model else None
    try:
        found = setup.store.row(
            method, "recipes", ["one draw"], score, seeds=setup.seeds[:1], model=weights, settings=settings
        )
    except ValueError as why:  # a model that knows too few elements
        setup.missing(method, "recipes", why)
        return
    setup.tell(found, ("useful_share", "stable_share", "all_and_new_share"))


def plain(told: dict) -> str:
    """A line of the ranking as text, which the bench keeps as it is."""
    return ", ".join(f"{k} {v}" for k, v in told.items())
