"""`difusa bench NAME`: measure, and write docs/results/NAME.json with a readable NAME.md beside it."""

import os
import time
from pathlib import Path

NAMES = ("heritage", "samplers")
QUICK_CROPS = {"heritage": 4, "samplers": 6}
FULL_CROPS = {"heritage": 100, "samplers": 24}


def bench(
    name: str,
    *,
    data: Path | None = None,
    n: int | None = None,
    minutes: float | None = None,
    quick: bool = False,
    resume: bool = True,
    tasks: str | None = None,
    methods: str = "ours,peers,deepinv",
    out: Path = Path("docs/results"),
    samples: int | None = None,
    steps: int | None = None,
    sampler: str = "dpmpp_2m",
    seed: int = 0,
    model: str = "restorer",
    device: str = "cpu",
    threads: int | None = None,
    batch: int = 4,
    report: Path | None = None,
) -> dict:
    """Measure on held-out data and write docs/results/NAME.json and NAME.md.

    A row is stored as soon as it is finished, and an interrupted one goes on where it stopped; only what changed is
    measured again.

    name: heritage (the restorer against its peers, task by task) or samplers (quality against network evaluations).
    data: the data folder; else the environment variable DIFUSA_DATA.
    n: crops; heritage 100, samplers 24.
    minutes: for the restorer's rows of the heritage bench, dealt evenly to the tasks; rows then say how far they got.
    quick: a small version in under two minutes, written to NAME-quick.json.
    resume: keep rows and items that are already measured.
    tasks: comma-separated; all when left out.
    methods: of the heritage bench, comma-separated from ours, peers, deepinv.
    out: where the results go.
    samples: versions a picture; 4, with --quick 2.
    steps: network evaluations a sample, at most (heritage); as the restore verb when left out.
    sampler: one of the core's samplers (heritage).
    seed: of the samples.
    model: shipped model or a folder written by `difusa train`.
    device: cpu or cuda.
    threads: number of CPU threads.
    batch: samples carried at once.
    report: JSON file for the seconds, memory and rows of this run.

    Returns the report. Raises ValueError for a bench that does not exist or when the data folder is missing.
    """
    from difusa.shared.bench import Bench
    from difusa.shared.run import Run, set_threads

    if name not in NAMES:
        raise ValueError(f"no bench is called {name!r}: there are {', '.join(NAMES)}")
    folder = data or (Path(os.environ["DIFUSA_DATA"]) if os.environ.get("DIFUSA_DATA") else None)
    if folder is None or not Path(folder).is_dir():
        raise ValueError(f"the bench needs the data folder (now {folder}): give --data FOLDER or set DIFUSA_DATA")
    set_threads(threads)
    store = Bench(name, Path(out), Path("runs/bench"), quick=quick, resume=resume)
    n = n or (QUICK_CROPS if quick else FULL_CROPS)[name]
    chosen = tuple(t.strip() for t in tasks.split(",")) if tasks else None
    began = time.perf_counter()
    with Run(f"bench {name}", seed=seed, device=device) as run:
        measure = {"heritage": _heritage, "samplers": _samplers}[name]
        wish = {
            "sampler": sampler,
            "seed": seed,
            "samples": samples or (2 if quick else 4),
            "batch": batch,
        } | ({} if steps is None else {"steps": steps})
        budget = float("inf") if minutes is None else 60 * minutes
        page = measure(store, Path(folder), n, chosen, quick, model, device, wish, methods, budget)
        print(f"{store.file} and {page} after {time.perf_counter() - began:.0f} s")
        rows = [{k: v for k, v in row.items() if k != "items"} for row in store.rows]
        return run.write(report, bench=name, quick=quick, rows=rows)


def _heritage(store, data, n, tasks, quick, model, device, wish, methods, budget) -> Path:
    from difusa.domains.heritage import bench, bench_page
    from difusa.domains.heritage.posterior import Plan
    from difusa.domains.models import find

    wanted = [m.strip() for m in methods.split(",")]
    if unknown := set(wanted) - {"ours", "peers", "deepinv"}:
        raise ValueError(f"--methods {','.join(sorted(unknown))}: choose from ours, peers, deepinv")
    setup = bench.prepare(store, data, n, tasks, quick)
    if "peers" in wanted:
        bench.run_peers(setup)
        bench_page.write(store)
    if set(wanted) & {"ours", "deepinv"}:
        found = find(model, domain="heritage")
        bounds = {k: found.meta[k] for k in ("sigma_min", "sigma_max") if k in found.meta}
        plan = Plan(**wish, micro=1 if device == "cpu" else 8, **bounds)
        if "ours" in wanted:
            bench.run_ours(setup, found, plan, device=device, seconds=budget)
            bench_page.write(store)
        if "deepinv" in wanted and not quick:
            bench.run_deepinv(setup, found, plan, count=12)
    return bench_page.write(store)


def _samplers(store, data, n, tasks, quick, model, device, wish, methods, budget) -> Path:
    from difusa.domains.heritage import bench_samplers
    from difusa.domains.models import find

    return bench_samplers.measure(store, data, n, tasks, quick, find(model, domain="heritage"), device, wish["seed"])
