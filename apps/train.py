"""The verb `difusa train`: a recipe, a data folder, a time budget."""

import json
import os
import sys
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import tyro


def train(
    recipe: Annotated[Path, tyro.conf.Positional],
    *,
    data: Path | None = None,
    out: Path | None = None,
    start: Annotated[str | None, tyro.conf.arg(name="from")] = None,
    minutes: float | None = None,
    steps: int | None = None,
    device: str | None = None,
    threads: int | None = None,
    profile: bool = False,
) -> Path:
    """Trains the network of a recipe; run again with the same folder, it goes on where it stopped.

    Args:
        recipe: a TOML file, or the name of a recipe that ships (heritage: restorer, ddpm-course).
        data: folder of training data; default: the environment variable DIFUSA_DATA.
        out: run folder; default runs/<recipe>. Holds log.jsonl, tensorboard/, the state to resume from and model/.
        start: weights to start from: a safetensors file, a folder or hf:owner/name (to fine-tune, or a prior to adopt).
        minutes: time budget; the state is saved and the model written when it is reached.
        steps: train to this step instead of the recipe's; the schedule of rates stays the recipe's.
        device: cpu or cuda; default: a GPU if there is one. Several: torchrun --nproc-per-node N -m difusa.apps.train.
        threads: CPU threads.
        profile: write a profile of the first 20 steps to the run folder.

    Returns: the model folder. Raises ValueError for a wrong recipe, Diverged when the loss is not a number.
    """
    import torch
    from accelerate import Accelerator, PartialState

    from difusa.domains import domain, models
    from difusa.shared.precision import native_bfloat16
    from difusa.shared.training.augment import Augment, Augmented
    from difusa.shared.training.logs import Log
    from difusa.shared.training.recipe import parse, read_recipe
    from difusa.shared.training.start import merged, start_from, with_low_rank
    from difusa.shared.training.trainer import Trainer
    from difusa.shared.training.watch import Watch

    plan = read_recipe(recipe_file(recipe))
    source = data_folder(data)
    folder = Path(out or Path("runs") / plan.name)
    if threads:
        torch.set_num_threads(threads)
    chip = PartialState(cpu=device == "cpu").device
    bf16 = plan.precision == "bf16" and native_bfloat16(chip)
    accelerator = Accelerator(mixed_precision="bf16" if bf16 else "no", cpu=device == "cpu")
    if plan.trains not in domain(plan.domain).models:
        raise ValueError(f"trains = {plan.trains!r}: {plan.domain} has {', '.join(domain(plan.domain).models)}")
    model = domain(plan.domain).models[plan.trains]
    torch.manual_seed(plan.seed)
    network = model.network(plan.network)
    log = Log(folder, accelerator.is_main_process)
    if plan.precision == "bf16" and not bf16:
        log.event(
            "precision", asked="bf16", used="fp32", cause=f"this {chip} only emulates bfloat16, which is far slower"
        )
    if start is not None:
        fresh = start_from(start, network, model.adopt)
        log.event("started_from", source=Path(str(start)).name, fresh=fresh)
    if plan.lora:
        network = with_low_rank(network, plan.lora)
    trainer = Trainer(plan, network, folder, accelerator, log)
    check_same_recipe(folder, plan)
    if trainer.resume():
        print(f"resumed at step {trainer.position.step}", file=sys.stderr)
    change = parse(Augment, plan.augment, "augment")

    def examples(options: dict):
        drawn = model.examples(source, "train", options, plan.seed)
        if balance := getattr(drawn, "balance", None):
            log.event("balance", groups=balance)
        return Augmented(drawn, change, plan.seed) if plan.augment else drawn  # not every example is a picture

    watch = Watch(plan, lambda options: model.examples(source, "calibrate", options, plan.seed + 1), model, profile)
    trainer.run(examples, minutes, watch, steps)
    watch.close(trainer)
    if accelerator.is_main_process:
        trained = merged(deepcopy(trainer.average.module)) if plan.lora else trainer.average.module
        place = trainer.position
        cuda = accelerator.device.type == "cuda"
        meta = {
            "name": plan.name,
            "domain": plan.domain,
            "trains": plan.trains,
            "network": plan.network,
            "objective": asdict(plan.objective),
            "recipe_sha256": plan.sha256(),
            "seed": plan.seed,
            "steps": place.step,
            "examples": place.seen,
            "examples_options": plan.stage(place.step - 1).examples,
            "minutes": round(place.seconds / 60, 1),
            "precision": "bf16" if bf16 else "fp32",
            "device": torch.cuda.get_device_name() if cuda else f"CPU, {torch.get_num_threads()} threads",
            "heldout": watch.latest,
        } | ({"draws": plan.draws} if plan.draws else {})
        beside = model.beside(source, plan.examples) if model.beside else None
        models.write(folder / "model", trained, meta, beside=beside)
    accelerator.wait_for_everyone()
    return folder / "model"


def data_folder(data: Path | None) -> Path:
    """The folder of training data: the argument, else DIFUSA_DATA. Raises ValueError naming both."""
    named = data or os.environ.get("DIFUSA_DATA")
    if not named:
        raise ValueError("no data: name a folder with --data or the environment variable DIFUSA_DATA")
    return Path(named)


def recipe_file(name: Path) -> Path:
    """The file of a recipe given as a path or by the name of one that ships. Raises FileNotFoundError with those there are."""
    if Path(name).is_file():
        return Path(name)
    shipped = {p.stem: p for p in sorted((Path(__file__).parents[1] / "domains").glob("*/recipes/*.toml"))}
    if str(name) in shipped:
        return shipped[str(name)]
    raise FileNotFoundError(f"no recipe {str(name)!r}: name a TOML file or one of {', '.join(shipped)}")


def check_same_recipe(folder: Path, plan) -> None:
    """Refuses to go on with a run whose steps so far another recipe would have made."""
    state = folder / "state.json"
    place = json.loads(state.read_text()) if state.exists() else None
    if place and place["past_sha256"] != plan.past(place["step"]):
        raise ValueError(f"{folder} was begun with another recipe: choose a new --out, or restore that recipe")


if __name__ == "__main__":
    tyro.cli(train)
