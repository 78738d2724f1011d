"""`difusa bench audits`: sets of known answer, models that leak or do not, neighbours by the million, groups evened out."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from difusa.apps import audits_page
from difusa.apps.audits_balance import of_balance
from difusa.apps.audits_pools import POOLS, Pool
from difusa.ethics.controls import CLEAN, controls
from difusa.shared.bench import Bench
from difusa.shared.benchmark import Asked, missing, tell, usual

REPEATS = 6  # draws that each figure of fidelity is taken over


def judged(pool: Pool, name: str, seed: int) -> dict:
    """What the audits say of one control: whether the findings made for it fail (of the clean set: none at all), and which do."""
    from difusa.ethics import policy as policies
    from difusa.ethics.audit import Beside, audit
    from difusa.ethics.findings import FAIL

    began = time.perf_counter()
    real, policy = pool.dealt(seed), policies.read()[0]
    if pool.strict:
        policy = replace(policy, privacy=replace(policy.privacy, allowed=dict.fromkeys(policy.privacy.allowed, 0.0)))
    control = controls(real, pool.quality)[name]
    other = control.made(real, np.random.default_rng([seed, 1]))
    found = audit(other, real.train, real.held, real.kind, policy, Beside(), seed=seed, repeats=REPEATS).findings
    failed = {f.name: f"{f.name} {f.value:.3g}" for f in found if f.verdict == FAIL}
    right = set(control.findings) <= set(failed) if control.findings else not failed
    told = {"made_for": [failed[n] for n in control.findings if n in failed]}
    told |= {"beside": [text for n, text in failed.items() if n not in control.findings]}
    return {"right": float(right), **told, "seconds": time.perf_counter() - began}


def of_controls(store: Bench, asked: Asked) -> None:
    """A row for each control of each pool; items are seeds."""
    count = usual(asked, asked.seeds, 5, 1)
    for task, load in list(POOLS.items())[: 1 if asked.quick else None]:
        try:
            pool = load(asked.folder())
        except (FileNotFoundError, ModuleNotFoundError, ValueError) as why:
            missing(store, CLEAN, task, why)
            continue
        for name in controls(pool.dealt(0), pool.quality):
            items = [f"seed {asked.seed + n}" for n in range(count)]
            row = store.row(
                name,
                task,
                items,
                lambda part, name=name, pool=pool: [judged(pool, name, int(item.split()[1])) for item in part],
                settings={"things": len(pool.samples), "parts": list(pool.sizes), "repeats": REPEATS},
            )
            tell(row, ("right", "seconds"))


ATTACKED = {"restorer": 4, "anytoany": 4, "materials": 48, "qm9": 48, "drugs": 8}  # noises and levels an example
QUICK_ATTACKED, MOST = {"qm9": 4}, 128
EXAMPLES, QUICK_EXAMPLES = 400, 40  # of each split
LEARNT, STEPS = 128, 5000  # molecules of the model that learns by heart, and its training


def of_membership(store: Bench, asked: Asked) -> None:
    """The attack by losses on models that ship, and on one that was trained to leak."""
    from difusa.domains.models import find

    count = usual(asked, asked.n, EXAMPLES, QUICK_EXAMPLES)
    for name, draws in (QUICK_ATTACKED if asked.quick else ATTACKED).items():
        try:
            _attack(store, name, find(name), asked.folder(), count, draws, asked.seed)
        except (FileNotFoundError, ModuleNotFoundError, ValueError) as why:
            missing(store, name, "membership", why)
    if not asked.quick:
        model, folder = leaking(asked.folder(), Path("runs/bench/audits"))
        _attack(store, f"qm9's recipe, {LEARNT} molecules", model, folder, LEARNT, MOST, asked.seed, find("qm9"))


def _attack(store: Bench, name: str, model, data: Path, count: int, draws: int, seed: int, reference=None) -> None:
    """A row; reference: a model that did not learn the members by heart, whose losses tell how hard each example is."""
    from difusa.ethics.membership import auc, hits, model_losses

    def told(network):
        return [model_losses(network, data, split, count, draws, seed) for split in ("train", "test")]

    def score(part):
        began = time.perf_counter()
        members, strangers = told(model)
        figures = {"auc": vars(auc(-members, -strangers)), "hits": vars(hits(-members, -strangers))}
        if reference:
            easy, hard = told(reference)
            figures |= {"beside": vars(auc(easy - members, hard - strangers))}
            figures |= {"reference": vars(auc(-easy, -hard))}
        return [figures | {"seconds": time.perf_counter() - began}]

    row = store.row(
        name, "membership", [f"{count} and {count}"], score, seeds=[seed], model=model.sha256,
        settings={"examples": count, "draws": draws},
    )  # fmt: skip
    tell(row, ("auc", "hits", "beside", "reference", "seconds"))


def leaking(data: Path, work: Path):
    """A model of qm9's recipe that saw LEARNT molecules only, again and again, and the data folder of those."""
    from difusa.apps.train import train
    from difusa.domains.models import find
    from difusa.domains.molecules import qm9
    from difusa.domains.molecules.packed import pack

    folder, out = work / "few", work / "leaking"
    if not (folder / "molecules/qm9.npz").exists():
        every = qm9.load(data)
        rows = np.concatenate([every.rows("train")[:LEARNT], every.rows("calibrate")[:500], every.rows("test")[:2000]])
        few = pack(
            [every.molecule(i) for i in rows], every.index[rows], every.split[rows], every.properties[rows],
            every.property_names, every.source_smiles[rows],
        )  # fmt: skip
        (folder / "molecules").mkdir(parents=True, exist_ok=True)
        few.save(folder / "molecules/qm9.npz")
    return find(train(Path("qm9"), data=folder, out=out, steps=STEPS, device="cpu")), folder


SIZES = (10**3, 10**4, 10**5, 10**6)
QUERIES, NEIGHBOURS, WIDE, INNER = 1000, 10, 48, 8


def of_neighbours(store: Bench, asked: Asked) -> None:
    """The search of copies in a process of its own for each size, so that its memory is its own."""
    from difusa.shared.limited import limited

    for size in SIZES[: 2 if asked.quick else None]:

        def score(part, size=size):
            outcome = next(limited(searched, [size], seconds=6 * 3600.0))[1]
            if outcome.value is None:
                raise RuntimeError(f"{size} vectors: {outcome.reason}")
            return [outcome.value]

        row = store.row(f"{size:,}", "neighbours", ["one run"], score, settings={"size": size, "queries": QUERIES})
        tell(row, ("build", "query", "brute", "memory", "recall"))


def curved(count: int, seed: int = 0) -> np.ndarray:
    """Vectors [count, WIDE] float32 on a bent sheet of INNER dimensions, as features of things lie: not a cloud that fills the
    space."""
    rng = np.random.default_rng(seed)
    inner = rng.standard_normal((count, INNER))
    first, second = np.random.default_rng(1).standard_normal((2, INNER, WIDE)) / INNER**0.5
    return np.float32(np.tanh(inner @ first) + inner @ second)


def searched(size: int) -> dict:
    """Seconds to build the index and milliseconds a query of one thread, MiB of the index, recall of the NEIGHBOURS
    nearest against brute force, and whether near copies are found."""
    import faiss

    from difusa.ethics.nearest import exact, index, nearest

    known, asked = curved(size), curved(QUERIES, seed=3)
    asked[: QUERIES // 2] = known[: QUERIES // 2] + 1e-3 * np.random.default_rng(0).standard_normal(
        (QUERIES // 2, WIDE)
    )
    began = time.perf_counter()
    ready = index(known)
    built = time.perf_counter()
    found = nearest(ready, asked, NEIGHBOURS)[0]
    asked_at = time.perf_counter()
    true = exact(known, asked, NEIGHBOURS, block=50)[0]
    brute = time.perf_counter() - asked_at
    return {
        "build": built - began, "query": (asked_at - built) / QUERIES * 1e3, "brute": brute / QUERIES * 1e3,
        "memory": len(faiss.serialize_index(ready.world)) / 2**20 if ready.world else known.nbytes / 2**20,
        "recall": float(np.mean([len(np.intersect1d(a, b)) / NEIGHBOURS for a, b in zip(found, true, strict=True)])),
        "copies": float((found[: QUERIES // 2, 0] == np.arange(QUERIES // 2)).mean()), "seconds": asked_at - began,
    }  # fmt: skip


TASKS = {"controls": of_controls, "membership": of_membership, "neighbours": of_neighbours, "balance": of_balance}


def measure(store: Bench, asked: Asked) -> Path:
    """The rows of the tasks asked for; the page's path. Raises ValueError for an unknown task."""
    for task in asked.chosen(TASKS):
        TASKS[task](store, asked)
        page = audits_page.write(store)
    return page
