"""Rows of the bench for properties asked for: how often they are met by an independent judge, and whether the odds told hold."""

import time

from difusa.domains.materials.bench_setup import GUIDE, JUDGE, OURS, Setup

RANGES = (  # asked for together
    ("band_gap=1..2",),
    ("band_gap=3..",),
    ("formation_energy=..-2",),
    ("band_gap=2..4", "formation_energy=..-1.5"),
)
DEAF, HELD = "without the wish", "the judge on held-out data"


def conditional(setup: Setup) -> None:
    """For each request: the draws, draws that were asked nothing, and what the judge makes of held-out crystals."""
    from difusa.domains.materials import guide as guides
    from difusa.domains.materials.bench_sets import drawn
    from difusa.domains.materials.metrics import load_rows
    from difusa.domains.materials.property_metrics import agreement, in_ranges
    from difusa.domains.materials.readings import heldout
    from difusa.domains.materials.templates import read

    judge, guide = setup.model(JUDGE, "regressor"), setup.model(GUIDE, "regressor")
    network, count = judge.load(setup.asked.device), min(setup.n, setup.usual(None, 300, 8))

    def windows(wanted, wishes):
        return guides.guide(wishes.parse(wanted), wishes, guide.folder, setup.asked.device)

    def held(wanted, wishes):
        def score(items):
            for _ in items:
                crystals, truth = heldout(setup.packed, "test", network.names, setup.usual(None, None, 100))
                yield agreement(crystals, truth, network, windows(wanted, wishes).windows)

        return score

    def ours(wanted, wishes, model, asked):
        def score(items):
            for item in items:
                began, teller = time.perf_counter(), windows(wanted, wishes)
                out, told = drawn(setup, model, count, int(item.split()[1]), setup.steps, **asked)
                crystals = [r.crystal for r in load_rows(out) if r.crystal is not None]
                found = in_ranges(guides.told(crystals, teller), network, teller.windows)
                hits = {f"hit_{k}": v for k, v in found["hit"].items()} | {
                    f"told_{k}": v for k, v in found["told"].items()
                }
                curve = {"curve_error": found["curve"]["error"], "curve": found["curve"]["rows"]}
                yield hits | curve | {"valid": found["valid"], "seconds": time.perf_counter() - began}

        return score

    model = setup.model()
    wishes = read(model.folder)[1]
    common = {"judge": judge.sha256, "guide": guide.sha256}
    drawing = {"crystals": count, "steps": setup.steps, "threads": setup.threads}
    for wanted in RANGES:
        if unheard := [w for w in wanted if w.split("=")[0] not in wishes.names]:
            setup.missing(", ".join(wanted), "conditional", f"model {model.name!r} does not hear {unheard[0]}")
            continue
        name, seeds = ", ".join(wanted), setup.seeds[:1]
        items = [f"seed {s}" for s in seeds]
        for method, asked in ((OURS, {"property": list(wanted)}), (DEAF, {})):
            row = setup.store.row(
                f"{name}: {method}", "conditional", items, ours(wanted, wishes, model, asked), seeds=seeds,
                model=model.sha256, settings=common | drawing,
            )  # fmt: skip
            setup.tell(row, ("hit_all", "told_all", "curve_error", "valid"))
        row = setup.store.row(f"{name}: {HELD}", "conditional", ["test split"], held(wanted, wishes), settings=common)
        setup.tell(row, ("found", "false", "by_chance"))
