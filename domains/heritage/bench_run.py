"""What `difusa bench heritage` and `difusa bench samplers` make of their options."""

from pathlib import Path

from difusa.domains.heritage import bench, bench_page, bench_samplers
from difusa.domains.heritage.posterior import Plan
from difusa.domains.models import find
from difusa.shared.bench import Bench
from difusa.shared.benchmark import Asked

METHODS = ("ours", "peers", "deepinv")


def heritage(store: Bench, asked: Asked) -> Path:
    """The rows of all methods asked for; the page's path. Raises ValueError for an unknown method or task."""
    wanted = [m.strip() for m in (asked.methods or ",".join(METHODS)).split(",")]
    if unknown := set(wanted) - set(METHODS):
        raise ValueError(f"--methods {','.join(sorted(unknown))}: choose from {', '.join(METHODS)}")
    tasks = asked.chosen(bench.PROTOCOL) if asked.tasks else None
    setup = bench.prepare(store, asked.folder(), asked.n or (4 if asked.quick else 100), tasks, asked.quick)
    if "peers" in wanted:
        bench.run_peers(setup)
        bench_page.write(store)
    if set(wanted) & {"ours", "deepinv"}:
        found = find(asked.model or "restorer", domain="heritage")
        bounds = {k: found.meta[k] for k in ("sigma_min", "sigma_max") if k in found.meta}
        samples = asked.samples or (2 if asked.quick else 4)
        told = {
            "sampler": asked.sampler or "dpmpp_2m",
            "seed": asked.seed,
            "samples": samples,
            "batch": asked.batch or 4,
        }
        told |= {} if asked.steps is None else {"steps": asked.steps}
        plan = Plan(**told, micro=1 if asked.device == "cpu" else 8, **bounds)
        if "ours" in wanted:
            seconds = float("inf") if asked.minutes is None else 60 * asked.minutes
            bench.run_ours(setup, found, plan, device=asked.device, seconds=seconds)
            bench_page.write(store)
        if "deepinv" in wanted and not asked.quick:
            bench.run_deepinv(setup, found, plan, count=12)
    return bench_page.write(store)


def samplers(store: Bench, asked: Asked) -> Path:
    """The rows of every sampler; the page's path. Raises ValueError for an unknown task."""
    tasks = asked.chosen(bench_samplers.TASKS) if asked.tasks else None
    n = asked.n or (6 if asked.quick else 24)
    model = find(asked.model or "restorer", domain="heritage")
    return bench_samplers.measure(store, asked.folder(), n, tasks, asked.quick, model, asked.device, asked.seed)
