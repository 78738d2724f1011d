"""Rows of the bench whose items are whole sets of crystals, judged by report.py: drawn ones, held-out ones, substituted ones."""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from difusa.domains.materials import baseline
from difusa.domains.materials.bench_setup import HELD_OUT, OURS, RANDOM, Setup
from difusa.domains.materials.metrics import load_rows
from difusa.domains.materials.report import Row, measure

SHARES = (
    "structural_validity", "compositional_validity", "valid", "uniqueness", "novelty", "unique_novel", "stable_share",
    "stable_share_whole", "stable_unique_novel",
)  # fmt: skip
MEDIANS = ("chgnet_rmsd_median", "chgnet_drop_median", "chgnet_volume_median", "above_hull_median")
TOLD = ("valid", "unique_novel", "stable_share", "stable_share_whole", "chgnet_rmsd_median", "seconds_per_1000")
BUDGETS = (10, 20, 50)  # network evaluations


def drawn(setup: Setup, model, count: int, seed: int, steps: int, **options) -> tuple[Path, dict]:
    """A folder of raw draws and the verb's report; kept until the same is asked for again."""
    from difusa.domains.materials.task import generate

    told = [model.sha256, count, seed, steps, setup.threads, setup.asked.device, options]
    out = setup.work / hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]
    record = out.with_suffix(".json")
    if setup.store.resume and record.exists() and out.exists():
        return out, json.loads(record.read_text())
    record.unlink(missing_ok=True)
    shutil.rmtree(out, ignore_errors=True)
    return out, generate(
        out=out, count=count, seed=seed, steps=steps, model=str(model.folder), device=setup.asked.device,
        threads=setup.threads, batch=setup.batch, report=record, watermark=False, **options,
    )  # fmt: skip


def run_set(
    setup: Setup, task: str, method: str, make: Callable[[int], tuple[Sequence[Row], dict]], *, seeds: Sequence[int],
    costly: int, settings: dict, model: str | None = None, floor: bool = False,
) -> dict:  # fmt: skip
    """One row: a set for each seed, made by make(seed) -> rows, and figures of its making; floor as in `figures`."""

    def score(items):
        for item in items:
            rows, told = make(int(item.split()[1]))
            began = time.perf_counter()
            found = measure(rows, setup.packed, costly=costly, seed=setup.asked.seed, workers=setup.workers)
            yield figures(found, floor) | told | {"judge_seconds": time.perf_counter() - began}

    row = setup.store.row(
        method,
        task,
        [f"seed {s}" for s in seeds],
        score,
        seeds=seeds,
        model=model,
        settings=settings | {"costly": costly},
    )
    setup.tell(row, TOLD)
    return row


def run_drawn(
    setup: Setup, task: str, method: str, model, count: int, steps: int, seeds, costly: int, **options
) -> dict:
    """A row of the model's draws; options: of generate."""

    def make(seed: int):
        out, told = drawn(setup, model, count, seed, steps, **options)
        figures = {k: told[k] for k in ("seconds", "seconds_per_1000", "network_evaluations", "peak_memory_mib")}
        return load_rows(out), figures

    settings = {"crystals": count, "steps": steps, "threads": setup.threads, "device": setup.asked.device} | options
    return run_set(setup, task, method, make, seeds=seeds, costly=costly, settings=settings, model=model.sha256)


def run_held_out(setup: Setup, task: str, count: int, seeds, costly: int) -> dict:
    """Crystals that no model saw, one draw for each seed."""

    def make(seed: int):
        rows = np.random.default_rng(seed).permutation(setup.packed.rows("test"))[:count]
        return [Row(setup.packed.crystal(int(i))) for i in rows], {}

    settings = {"split": "test", "crystals": min(count, len(setup.packed.rows("test")))}
    return run_set(setup, task, HELD_OUT, make, seeds=seeds, costly=costly, settings=settings, floor=True)


def run_random(setup: Setup, task: str, count: int, seeds, costly: int, allowed: tuple[int, ...] | None = None) -> dict:
    """Random substitution into the training split's prototypes."""

    def make(seed: int):
        began = time.perf_counter()
        found = [Row(baseline.generate(setup.prototypes, seed, i, allowed)) for i in range(count)]
        return found, {"seconds_per_1000": 1000 * (time.perf_counter() - began) / count}

    return run_set(setup, task, RANDOM, make, seeds=seeds, costly=costly, settings={"crystals": count})


def figures(found: dict, floor: bool = False) -> dict[str, object]:
    """The report in flat form. floor: the distances are those that the report names floor, of the calibrate split, for the
    crystals judged are themselves part of the set that distances are measured from."""
    flat = {name: found[name] for name in (*SHARES, *MEDIANS)}
    for name, one in found["distributions"].items():
        told = one["floor"] if floor else one
        flat |= {f"{name}_{kind}": told.get(kind) for kind in ("wasserstein", "jensen_shannon")}
    failed = sum(f["judge"] == "CHGNet" for f in found["failures"])
    counts = {
        "costly_rows": found["costly_rows"],
        "chgnet_failed": failed,
        "seconds_a_crystal": found["seconds_a_crystal"],
    }
    return flat | (counts if found["costly_rows"] else {})


def generation(setup: Setup) -> None:
    """Sets beside held-out data and random substitution."""
    held = min(setup.n, 1000)
    run_held_out(setup, "generation", held, setup.seeds, setup.costly)
    run_random(setup, "generation", setup.n, setup.seeds, setup.costly)
    model = setup.model()
    run_drawn(setup, "generation", OURS, model, setup.n, setup.steps, setup.seeds, setup.costly)


def evaluations(setup: Setup) -> None:
    """Quality against network evaluations, one smaller set each."""
    model, count = setup.model(), min(setup.n, setup.usual(None, 300, 12))
    for steps in BUDGETS[:1] if setup.asked.quick else BUDGETS:
        costly = min(setup.costly, 50)
        run_drawn(setup, "evaluations", f"{steps} evaluations", model, count, steps, setup.seeds[:1], costly)


def training(setup: Setup) -> None:
    """Quality against training time: the models of --checkpoints, by minutes and examples seen."""
    from difusa.domains.models import find

    if setup.asked.checkpoints is None:
        raise FileNotFoundError("no --checkpoints FOLDER with models of one training was given")
    found = [find(p.parent, domain="materials") for p in sorted(Path(setup.asked.checkpoints).rglob("model.json"))]
    found = [m for m in found if m.meta["trains"] == "crystal" and {"minutes", "examples"} <= set(m.meta)]
    if not found:
        raise FileNotFoundError(
            f"--checkpoints {setup.asked.checkpoints} holds no crystal model that tells its minutes"
        )
    count = min(setup.n, setup.usual(None, 300, 12))
    for model in sorted(found, key=lambda m: m.meta["minutes"]):
        name = f"{model.meta['minutes']} min, {model.meta['examples']} examples"
        run_drawn(setup, "training", name, model, count, setup.steps, setup.seeds[:1], min(setup.costly, 50))
