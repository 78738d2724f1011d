"""Rows of the bench whose items are whole sets of molecules, judged by report.py: drawn ones and held-out ones."""

import hashlib
import json
import time
from pathlib import Path

import numpy as np

from difusa.domains.models import find
from difusa.domains.molecules.bench_setup import HELD_OUT, OURS, Setup
from difusa.domains.molecules.packed import Packed
from difusa.domains.molecules.plan import of_model
from difusa.domains.molecules.report import Row, measure
from difusa.shared.files import sha256

SHARES = (
    "validity", "valid_connected", "atom_stability", "molecule_stability", "uniqueness", "novelty",
    "atom_stability_legacy", "molecule_stability_legacy",
    "validity_lookup", "atom_stability_lookup", "molecule_stability_lookup", "posebusters_valid",
)  # fmt: skip
MEDIANS = ("xtb_relaxation_kcal_median", "xtb_rmsd_median")
TOLD = ("molecule_stability", "molecule_stability_lookup", "valid_connected", *MEDIANS, "seconds_per_1000")
BUDGETS = (10, 20, 50)  # network evaluations


def drawn(setup: Setup, models, count: int, seed: int, steps: int) -> tuple[Path, dict]:
    """A set of raw draws as an SDF file and the verb's report; kept until the same is asked for again."""
    from difusa.domains.molecules.task import generate

    skeletons, hydrogens = models
    asked = setup.asked
    plan = of_model(skeletons.meta, steps=steps, seed=seed)
    told = [skeletons.sha256, hydrogens.sha256, repr(plan), count, setup.threads, asked.device]
    name = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]
    out = setup.work / f"{name}.sdf"
    record = out.with_suffix(".json")
    if setup.store.resume and out.exists() and record.exists():
        return out, json.loads(record.read_text())
    record.unlink(missing_ok=True)
    return out, generate(
        out=out, count=count, seed=seed, steps=steps,
        model=str(skeletons.folder), hydrogens=str(hydrogens.folder),
        device=asked.device, threads=setup.threads, batch=asked.batch or 1000, report=record,
        watermark=False,
    )  # fmt: skip


def run_drawn(
    setup: Setup, data: str, task: str, method: str, models, count: int, seeds: tuple[int, ...], steps: int, costly: int
) -> dict:
    """One row: a set for each seed. Figures of the report, then what it took to draw."""
    from difusa.domains.molecules.metrics import load_rows

    def score(items):
        for item in items:
            out, told = drawn(setup, models, count, int(item.split()[1]), steps)
            began = time.perf_counter()
            found = measure(
                load_rows(out), setup.packed(data), costly=costly, seed=setup.asked.seed, workers=setup.workers,
                reference=setup.reference,
            )  # fmt: skip
            yield figures(found) | {
                **{k: told[k] for k in ("seconds", "seconds_per_1000", "network_evaluations", "peak_memory_mib")},
                "judge_seconds": time.perf_counter() - began,
                "sha256": sha256(out),
            }

    settings = {
        "plan": repr(of_model(models[0].meta, steps=steps, seed=seeds[0])),
        "molecules": count,
        "costly": costly,
    }
    settings |= {"hydrogens": models[1].sha256, "threads": setup.threads, "device": setup.asked.device, "against": data}
    row = setup.store.row(
        method, task, [f"seed {s}" for s in seeds], score, seeds=seeds, model=models[0].sha256,
        settings=settings | {"reference": setup.reference},
    )  # fmt: skip
    setup.tell(row, TOLD)
    return row


def run_held_out(setup: Setup, data: str, task: str, count: int, costly: int) -> dict:
    """The same figures of molecules that no model saw; their distances are those of the calibrate split, see `figures`."""
    packed = setup.packed(data)
    rows = np.random.default_rng(setup.asked.seed).permutation(packed.rows("test"))[:count]

    def score(items):
        for _ in items:
            began = time.perf_counter()
            found = measure(
                [real(packed, int(i)) for i in rows], packed, costly=costly, seed=setup.asked.seed,
                workers=setup.workers, reference=setup.reference,
            )  # fmt: skip
            yield figures(found, floor=True) | {"judge_seconds": time.perf_counter() - began}

    settings = {"split": "test", "molecules": len(rows), "costly": costly, "set": data, "reference": setup.reference}
    row = setup.store.row(HELD_OUT, task, ["one draw"], score, seeds=[setup.asked.seed], settings=settings)
    setup.tell(row, TOLD)
    return row


def real(packed: Packed, i: int) -> Row:
    """A molecule of the data; one whose graph is undetermined is judged by its distances alone."""
    molecule = packed.molecule(i)
    return Row(molecule, bonded=bool(molecule.smiles))


def figures(found: dict, floor: bool = False) -> dict[str, object]:
    """The report in flat form: intervals by name, distances, counts.

    floor: the distances are those that the report names floor, of the calibrate split: the molecules judged are themselves
    part of the set that distances are measured from.
    """
    flat = {name: found[name] for name in (*SHARES, *MEDIANS)}
    for name, one in found["distributions"].items():
        told = one["floor"] if floor else one
        flat |= {f"{name}_{kind}": told.get(kind) for kind in ("wasserstein", "jensen_shannon")}
    counts = {k: found[k] for k in ("costly_rows", "xtb_failed", "posebusters_failed")}
    return flat | {k: v for k, v in counts.items() if found["costly_rows"]}


def qm9(setup: Setup) -> None:
    """The report on sets as large as the literature's, beside held-out data."""
    run_held_out(setup, "qm9", "qm9", setup.n, setup.costly)
    models = setup.pair(setup.model, setup.asked.hydrogens)
    run_drawn(setup, "qm9", "qm9", OURS, models, setup.n, setup.seeds, setup.steps, setup.costly)


def evaluations(setup: Setup) -> None:
    """Quality against network evaluations, on fewer samples."""
    models = setup.pair(setup.model, setup.asked.hydrogens)
    count, costly = fewer(setup)
    for steps in BUDGETS[:2] if setup.asked.quick else BUDGETS:
        name = f"{steps} evaluations"
        run_drawn(setup, "qm9", "evaluations", name, models, count, setup.seeds[:1], steps, costly)


def training(setup: Setup) -> None:
    """Quality against training time: the models of --checkpoints, and the model itself, by minutes and examples seen."""
    if setup.asked.checkpoints is None:
        raise FileNotFoundError("no --checkpoints FOLDER with models of one training was given")
    found = [find(p.parent, domain="molecules") for p in sorted(Path(setup.asked.checkpoints).rglob("model.json"))]
    found = [m for m in found if m.meta["trains"] == "skeleton" and {"minutes", "examples"} <= set(m.meta)]
    if not found:
        raise FileNotFoundError(
            f"--checkpoints {setup.asked.checkpoints} holds no skeleton model that tells its minutes"
        )
    placer = setup.pair(setup.model, setup.asked.hydrogens)[1]
    count, costly = fewer(setup)
    for meta, models in sorted(((m.meta, (m, placer)) for m in found), key=lambda one: one[0]["minutes"]):
        name = f"{meta['minutes']} min, {meta['examples']} examples"
        run_drawn(setup, "qm9", "training", name, models, count, setup.seeds[:1], setup.steps, costly)


def drugs(setup: Setup) -> None:
    """The same on drug-like molecules."""
    count, costly = min(setup.n, setup.usual(None, 1000, 6)), min(setup.costly, setup.usual(None, 1000, 1))
    run_held_out(setup, "drugs", "drugs", count, costly)
    models = setup.pair("drugs")
    run_drawn(setup, "drugs", "drugs", OURS, models, count, setup.seeds[:1], setup.steps, costly)


def fewer(setup: Setup) -> tuple[int, int]:
    """Molecules of a set, and those for the costly judges, where many sets are compared."""
    return min(setup.n, setup.usual(None, 2000, 16)), min(setup.costly, setup.usual(None, 200, 0))
