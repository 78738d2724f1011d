"""The verb `difusa compare`: two models on the same held-out examples with the same noise."""

from pathlib import Path
from typing import Annotated

import tyro


def compare(
    first: Annotated[str, tyro.conf.Positional],
    second: Annotated[str, tyro.conf.Positional],
    *,
    data: Path | None = None,
    count: int = 48,
    seed: int = 1,
    device: str = "cpu",
    report: Path | None = None,
) -> dict:
    """Compares two checkpoints: error of the clean estimate by noise level, and Frechet distance of samples to the truth.

    Args:
        first: model name or folder.
        second: model name or folder, of the same kind.
        data: data folder; default: the environment variable DIFUSA_DATA.
        count: held-out examples.
        seed: seed of examples and noise.
        device: cpu or cuda.
        report: write the figures to this JSON file.

    Returns the table {model: {figure: value}}. Raises ValueError for models of different kinds.
    """
    from difusa.apps.train import data_folder
    from difusa.domains import domain, models
    from difusa.shared.files import write_json
    from difusa.shared.training import heldout
    from difusa.shared.training.objective import wrap
    from difusa.shared.training.recipe import Objective, parse

    pair = [models.find(first), models.find(second)]
    kinds = {(m.meta["domain"], m.meta["trains"]) for m in pair}
    if len(kinds) != 1:
        raise ValueError(f"{first} and {second} are models of different kinds: {sorted(kinds)}")
    place, trains = kinds.pop()
    trainable = domain(place).models[trains]
    batches = heldout.rows(trainable.examples(data_folder(data), "test", {}, seed), count, seed)
    table = {}
    for name, model in zip((first, second), pair, strict=True):
        denoise = wrap(model.load(device), parse(Objective, model.meta["objective"], "objective"))
        figures = heldout.error_by_level(denoise, batches, device)
        if trainable.features:
            drawn = heldout.samples(denoise, batches, device, seed)
            figures["frechet"] = heldout.frechet(trainable.features, drawn, batches)
        table[str(name)] = figures
    for figure in table[first]:
        print(f"{figure:12} " + "  ".join(f"{name}: {row[figure]:.5f}" for name, row in table.items()))
    if report:
        write_json(report, {"n": count, "seed": seed, "models": table})
    return table
