"""`difusa bench watermark`: the marks of every domain, under attack; the domains bring the rows, this brings the page."""

from importlib import import_module
from pathlib import Path

from difusa.shared.bench import Bench
from difusa.shared.benchmark import Asked, missing, usual
from difusa.shared.machine import set_threads

# task -> (module of a domain with rows(store, asked, n), what is counted: full, quick)
TASKS = {
    "pictures": ("heritage.mark_bench", 500, 20),
    "pictures null": ("heritage.mark_null", 500, 20),
    "molecules": ("molecules.mark_bench", 200, 10),
    "crystals": ("materials.mark_bench", 500, 8),
    "volumes": ("medical.mark_bench", 25, 2),
}


def measure(store: Bench, asked: Asked) -> Path:
    """The rows of all tasks asked for; the page's path. What is missing becomes a row that says so. Raises ValueError for an
    unknown task."""
    from difusa.apps import bench_watermark_page

    set_threads(asked.threads)
    for task in asked.chosen(TASKS):
        module, full, quick = TASKS[task]
        try:
            import_module(f"difusa.domains.{module}").rows(store, asked, usual(asked, asked.n, full, quick))
        except (FileNotFoundError, ModuleNotFoundError) as why:
            missing(store, "Difusa", task, why)
        page = bench_watermark_page.write(store)
    return page
