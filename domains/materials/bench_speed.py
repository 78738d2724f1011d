"""The row of the bench for speed: the verb alone, in a process of its own."""

import os
import shutil
from pathlib import Path

from difusa.domains.materials.bench_setup import OURS, Setup
from difusa.shared.alone import alone


def verb(*, out: str, **options) -> dict:
    """The verb's own report."""
    from difusa.domains.materials.task import generate

    shutil.rmtree(out, ignore_errors=True)
    return generate(out=Path(out), progress=lambda done, total: None, watermark=False, **options)


def speed(setup: Setup) -> None:
    """Wall seconds from the verb's start to its last file, Python's start left out: 100 crystals at 50 evaluations."""
    model, count = setup.model(), min(setup.n, setup.usual(None, 100, 10))

    def score(items):
        for item in items:
            options = {
                "count": count, "steps": setup.steps, "seed": int(item.split()[1]), "threads": setup.threads,
                "model": str(model.folder.resolve()), "batch": setup.batch, "out": str(setup.work / "speed"),
            }  # fmt: skip
            load = os.getloadavg()[0]
            told = alone(__name__, "verb", options)
            yield {
                "seconds": told["seconds"], "seconds_per_1000": 1000 * told["seconds"] / count,
                "network_evaluations": told["network_evaluations"], "peak_memory_mib": told["peak_memory_mib"],
                "valid": told["structural_validity"]["value"], "load_before": load,
            }  # fmt: skip

    setup.work.mkdir(parents=True, exist_ok=True)
    settings = {"crystals": count, "steps": setup.steps, "threads": setup.threads}
    row = setup.store.row(
        OURS,
        "speed",
        [f"seed {s}" for s in setup.seeds],
        score,
        seeds=setup.seeds,
        model=model.sha256,
        settings=settings,
    )
    setup.tell(row, ("seconds", "seconds_per_1000", "peak_memory_mib"))
