"""Rows of the bench for speed: the verb, and the same networks in a plain loop, each in a process of its own."""

import os
from pathlib import Path

from difusa.domains.molecules.bench_setup import OURS, Setup
from difusa.domains.molecules.plan import Plan
from difusa.shared.alone import alone

PADDED, GROUPED = "plain loop, diffusers, one padded batch", "plain loop, diffusers, grouped as the verb"
STEPS = 20


def verb(*, count: int, steps: int, seed: int, model: str, hydrogens: str, threads: int, out: str) -> dict:
    """The verb's own report."""
    from difusa.domains.molecules.task import generate

    return generate(
        out=Path(out), count=count, steps=steps, seed=seed, model=model, hydrogens=hydrogens, threads=threads,
        progress=lambda done, total: None, watermark=False,
    )  # fmt: skip


def plain(
    *, count: int, steps: int, seed: int, model: str, hydrogens: str, threads: int, out: str, grouped: bool = False
) -> dict:
    """The report of the plain loop: from the loading of the models to the file, molecules judged as the verb judges them."""
    from dataclasses import replace

    from difusa.domains.molecules import bench_peer
    from difusa.domains.molecules.report import Row, verdict
    from difusa.domains.molecules.verbs import ready, write
    from difusa.shared.run import Run

    use = ready(Path(out), count, count, threads, model, hydrogens, steps=steps, seed=seed)
    with Run("plain loop", seed=seed, model=use.model) as run:
        drawn = bench_peer.draw(use.networks("cpu"), use.sizes, use.plan, count, grouped)
        told = [verdict(Row(m)) for m in drawn]
        tags = use.tags()
        write([replace(m, smiles=v.smiles, tags=tags | {"REASON": v.reason}) for m, v in zip(drawn, told)], use.out)
        valid = sum(bool(v.smiles) for v in told)
        return run.write(None, validity={"value": valid / count}, count=count)


def grouped(**options) -> dict:
    return plain(**options, grouped=True)


def speed(setup: Setup) -> None:
    """Wall seconds for QM9-size molecules on the processor, and for the ratio the two plain loops in the same run."""
    models = setup.pair(setup.model, setup.asked.hydrogens)
    count = min(setup.n, setup.usual(None, 1000, 40))
    setup.work.mkdir(parents=True, exist_ok=True)
    for method, function in ((OURS, "verb"), (PADDED, "plain"), (GROUPED, "grouped")):
        if setup.asked.quick and function == "grouped":
            continue

        def score(items, function=function):
            for item in items:
                options = {
                    "count": count, "steps": STEPS, "seed": int(item.split()[1]), "threads": setup.threads,
                    "model": str(models[0].folder), "hydrogens": str(models[1].folder),
                    "out": str(setup.work / f"speed-{function}.sdf"),
                }  # fmt: skip
                load = os.getloadavg()[0]
                told = alone(__name__, function, options)
                per = 1000 * told["seconds"] / count
                yield {
                    "seconds": told["seconds"], "seconds_per_1000": per, "peak_memory_mib": told["peak_memory_mib"],
                    "validity": told["validity"]["value"], "load_before": load,
                }  # fmt: skip

        settings = {
            "plan": repr(Plan(steps=STEPS, seed=setup.seeds[0])),
            "molecules": count,
            "threads": setup.threads,
            "hydrogens": models[1].sha256,
        }
        row = setup.store.row(
            method, "speed", [f"seed {s}" for s in setup.seeds], score, seeds=setup.seeds, model=models[0].sha256,
            settings=settings,
        )  # fmt: skip
        setup.tell(row, ("seconds", "seconds_per_1000", "peak_memory_mib", "validity"))
