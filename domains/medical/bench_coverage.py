"""Rows of the bench for the 90 % intervals: how often voxels, volumes and means of people never seen lie inside."""

from dataclasses import replace

import numpy as np

from difusa.domains.medical.bench_cases import DIRECTIONS
from difusa.domains.medical.bench_setup import OURS, Setup
from difusa.domains.medical.scan import CONTRASTS
from difusa.shared.metrics import share

WHAT = ("voxels", "volumes", "means")
PEOPLE = 200


def coverage(setup: Setup) -> None:
    """Simulated people, by target; then each real patient."""
    from difusa.domains.medical import intervals
    from difusa.domains.medical.sampling import Plan

    model = setup.model()
    known = intervals.load(model.folder, model.sha256)
    if not known.voxels:
        why = "the model is not calibrated: what is measured is the guessed factor; run `difusa medical calibrate`"
        setup.missing("calibrated intervals", "coverage", why)
    plan = Plan(setup.samples, setup.steps, setup.asked.seed + 2)
    settings = {"plan": repr(plan), "calibrated": bool(known.voxels), "fitted on": known.people}
    simulated(setup, model, known, plan, settings)
    try:
        real(setup, known, plan)
    except FileNotFoundError as why:
        setup.missing("real patients", "coverage", why)


def hits(ratios: dict[str, np.ndarray], known, target: str, samples: int) -> dict[str, np.ndarray]:
    """Whether each |error| over spread is within the factor, for voxels, volumes and means."""
    return {w: ratios[w] <= known.factor(w, target, samples)[0] for w in WHAT}


def simulated(setup: Setup, model, known, plan, settings: dict) -> None:
    """One plane each of people on heads that no model saw, targets by chance; the interval resamples people."""
    from difusa.domains.medical.calibrating import errors
    from difusa.domains.medical.examples import Examples, Options

    people = setup.usual(setup.asked.n, PEOPLE, 6)
    examples = Examples(setup.asked.data, "test", Options(real=0.0, planes=1), setup.asked.seed + 7)
    denoise = model.load(setup.asked.device)

    def score(part):
        for item in part:
            number = int(item.split()[1])
            example = examples[number]
            target = CONTRASTS[int(example["target"])]
            ratios = errors(denoise, example, target, plan, number, setup.asked.device)
            found = {w: float(h.mean()) for w, h in hits(ratios, known, target, plan.samples).items()}
            yield found | {f"{w} to {target}": v for w, v in found.items()}

    items = [f"person {n}" for n in range(people)]
    row = setup.store.row(
        "simulated people", "coverage", items, score, model=model.sha256, settings=settings, seeds=[setup.asked.seed]
    )
    setup.tell(row, WHAT)


def real(setup: Setup, known, plan) -> None:
    """A row for each real patient, an item for each direction: shares with binomial intervals, planes held together."""
    from difusa.domains.medical.calibrating import errors

    cases = setup.measured()
    for patient in dict.fromkeys(c.group for c in cases):
        try:
            model = setup.model(OURS, patient)
        except FileNotFoundError as why:
            setup.missing(patient, "coverage", why)
            continue
        mine = [c for c in cases if c.group == patient]
        directions = [d for d in DIRECTIONS if any(c.has(d) for c in mine)]
        denoise = model.load(setup.asked.device)

        def score(part, mine=mine, denoise=denoise):
            for direction in part:
                given, wanted = DIRECTIONS[direction]
                found = []
                for number, case in enumerate(mine):
                    drawn = replace(plan, seed=plan.seed + 1)
                    ratios = errors(denoise, case.example(given, wanted), wanted, drawn, number, setup.asked.device)
                    found.append(hits(ratios, known, wanted, plan.samples))
                yield pooled(found)

        row = setup.store.row(
            patient, "coverage", directions, score, model=model.sha256, seeds=[setup.asked.seed],
            settings={"plan": repr(plan), "planes": len(mine), "calibrated": bool(known.voxels)},
        )  # fmt: skip
        setup.tell(row, WHAT)


def pooled(found: list[dict[str, np.ndarray]]) -> dict[str, dict]:
    """Shares over planes, as intervals."""
    return {w: vars(share([h[w].sum() for h in found], [len(h[w]) for h in found])) for w in WHAT}
