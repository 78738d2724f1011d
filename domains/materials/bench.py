"""`difusa bench materials`: what is drawn and predicted beside what is real and substituted; speed, symmetry, wishes."""

from pathlib import Path

from difusa.domains.materials import (
    bench_conditional,
    bench_page,
    bench_prediction,
    bench_recipes,
    bench_sets,
    bench_speed,
    bench_symmetry,
)
from difusa.domains.materials.bench_setup import OURS, Setup
from difusa.shared.bench import Bench
from difusa.shared.benchmark import Asked, measured

TASKS = {  # in the order of what is known first
    "symmetry": bench_symmetry.symmetry,
    "speed": bench_speed.speed,
    "generation": bench_sets.generation,
    "prediction": bench_prediction.prediction,
    "evaluations": bench_sets.evaluations,
    "training": bench_sets.training,
    "conditional": bench_conditional.conditional,
    "recipes": bench_recipes.recipes,
}


def measure(store: Bench, asked: Asked) -> Path:
    """The rows of all tasks asked for, as benchmark.measured."""
    return measured(Setup(store, asked), TASKS, OURS, bench_page.write)
