"""The trainings that `difusa bench medical` compares: each method as it ships, kept from the other patients, and by other seeds.

`make folds`, then `difusa bench medical --checkpoints runs/folds`. The first two of a method part where real people come in: what
precedes is trained once and copied. Run again, it goes on where it stopped.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import tyro

from difusa.domains.medical import data
from difusa.domains.medical.bench_setup import BASELINES, MODEL

RECIPES = Path(__file__).parent / "recipes"


def folds(
    out: Path = Path("runs/folds"),
    *,
    methods: tuple[str, ...] = (MODEL, *BASELINES),
    share: float = 1.0,
    seeds: tuple[int, ...] = (1, 2),
    threads: int | None = None,
) -> None:
    """Train all models that the bench of scans compares, one after another.

    Args:
        out: folder of the runs, one each.
        methods: names of recipes; several processes may take some each.
        share: of each recipe's steps: shorter trainings of all methods alike.
        seeds: other seeds of each method.
        threads: CPU threads of a training.
    """
    out.mkdir(parents=True, exist_ok=True)
    for method in methods:
        text = shortened((RECIPES / f"{method}.toml").read_text(encoding="utf-8"), share)
        parting = int(re.search(r"^until = (\d+)", text, re.M)[1])
        first, held = out / f"{method}-0", out / f"{method}-held"
        if not (held / "state.json").exists():
            if step_of(first) < parting:
                train(first, text, threads, "--steps", str(parting))
            shutil.copytree(first, held, dirs_exist_ok=True)
        train(first, text, threads)
        train(held, kept_from(text, trained_on()), threads)
        for seed in seeds:
            train(out / f"{method}-{seed}", re.sub(r"^seed = .*", f"seed = {seed}", text, flags=re.M), threads)


def trained_on() -> tuple[str, ...]:
    """The real patients that the models that ship have seen. Raises ValueError without the data."""
    folder = os.environ.get("DIFUSA_DATA")
    if not folder:
        raise ValueError("no data: name a folder by the environment variable DIFUSA_DATA")
    return tuple(p for p in data.patients(data.sets(folder)) if p not in data.CALIBRATE + data.TEST)


def shortened(text: str, share: float) -> str:
    """A recipe with a share of its steps, in each stage."""
    return re.sub(r"^(steps|until) = (\d+)", lambda m: f"{m[1]} = {round(int(m[2]) * share)}", text, flags=re.M)


def kept_from(text: str, patients: tuple[str, ...]) -> str:
    """A recipe whose last stage sees no plane of these patients; the stages before see no real plane at all."""
    steps, names = steps_of(text), ", ".join(f'"{p}"' for p in patients)
    return f"{text}\n[[curriculum]]\nuntil = {steps}\nexamples = {{ held = [{names}] }}\n"


def steps_of(text: str) -> int:
    """The steps of a recipe."""
    return int(re.search(r"^steps = (\d+)", text, re.M)[1])


def step_of(run: Path) -> int:
    """How far a run is."""
    state = run / "state.json"
    return json.loads(state.read_text())["step"] if state.exists() else 0


def train(run: Path, text: str, threads: int | None, *options: str) -> None:
    """`difusa train`, in a process of its own; a run that is done is left alone."""
    recipe = run.with_suffix(".toml")
    recipe.write_text(text, encoding="utf-8")
    if step_of(run) < steps_of(text):
        more = ["--threads", str(threads)] if threads else []
        subprocess.run([sys.executable, "-m", "difusa.apps.train", recipe, "--out", run, *more, *options], check=True)


if __name__ == "__main__":
    tyro.cli(folds)
