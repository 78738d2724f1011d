"""`difusa bench molecules`: what is drawn beside what is real, quality against evaluations and training, speed, symmetry."""

from pathlib import Path

from difusa.domains.molecules import (
    bench_conditional,
    bench_conformers,
    bench_page,
    bench_sets,
    bench_speed,
    bench_symmetry,
)
from difusa.domains.molecules.bench_setup import OURS, Setup
from difusa.shared.bench import Bench
from difusa.shared.benchmark import Asked, measured

TASKS = {  # in the order of what is known first
    "equivariance": bench_symmetry.equivariance,
    "speed": bench_speed.speed,
    "qm9": bench_sets.qm9,
    "evaluations": bench_sets.evaluations,
    "training": bench_sets.training,
    "conformers qm9": bench_conformers.qm9,
    "conformers drugs": bench_conformers.drugs,
    "conditional": bench_conditional.conditional,
    "drugs": bench_sets.drugs,
}


def measure(store: Bench, asked: Asked) -> Path:
    """The rows of all tasks asked for, as benchmark.measured."""
    return measured(Setup(store, asked), TASKS, OURS, bench_page.write)
