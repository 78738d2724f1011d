"""`difusa bench medical`: translated planes beside baselines, intervals, the gate, whole volumes, and data that helps."""

from pathlib import Path

from difusa.domains.medical import (
    bench_coverage,
    bench_gate,
    bench_page,
    bench_progress,
    bench_speed,
    bench_synthetic,
    bench_translation,
)
from difusa.domains.medical.bench_setup import OURS, Setup
from difusa.shared.bench import Bench
from difusa.shared.benchmark import Asked
from difusa.shared.run import set_threads

TASKS = {  # in the order of what is asked first
    "translation": bench_translation.translation,
    "coverage": bench_coverage.coverage,
    "gate": bench_gate.gates,
    "speed": bench_speed.speed,
    "diversity": bench_translation.diversity,
    "stability": bench_translation.stability,
    "training": bench_translation.training,
    "synthetic": bench_synthetic.helps,
    "progression": bench_progress.progression,
}


def measure(store: Bench, asked: Asked) -> Path:
    """The rows of all tasks asked for; the page's path. What is missing (a model, the data, a package) becomes a row that
    says so. Raises ValueError for an unknown task."""
    setup = Setup(store, asked)
    set_threads(asked.threads)
    for task in asked.chosen(TASKS):
        try:
            TASKS[task](setup)
        except (FileNotFoundError, ModuleNotFoundError) as why:
            setup.missing(OURS, task, why)
        page = bench_page.write(store)
    return page
