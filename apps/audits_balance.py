"""What `examples.balance` does to a model: two restorers of one recipe, one with groups drawn as they lie, one evenly."""

import csv
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from difusa.shared.bench import Bench
from difusa.shared.benchmark import Asked, tell, usual

COLUMN = "medium"
GROUPS = {"painting": 480, "page": 24}  # pictures of each in the training folder: one in twenty-one is a page
KINDS = {"painting": "painting", "page": "manuscript"}  # of the data folder
WATCHED = 12  # pictures of each by which the training is watched
STEPS, TESTED = 1200, 200  # training steps; held-out examples of each group
RECIPE = """name = "{name}"
domain = "heritage"
trains = "restorer"
seed = {seed}
steps = {steps}
batch = 8
ema = 0.99
save_every = 100

[network]
channels = [16, 32, 48]
layers = 1

[examples]
size = 48
balance = "{balance}"

[objective]
target = "own"
weighting = "own"
mean = -0.4
std = 1.6

[optimiser]
rate = 5e-4
warmup = 50
decay = "cosine"
"""


def of_balance(store: Bench, asked: Asked) -> None:
    """Rows as the pictures lie and evened out: mean loss on held-out pictures of each group, the same examples and noise."""
    from difusa.apps.train import train
    from difusa.domains.models import find

    seed, steps, count = asked.seed, usual(asked, None, STEPS, 20), usual(asked, None, TESTED, 20)
    work = Path("runs/bench/audits/balance")
    folders = laid_out(asked.folder(), work)
    for name, balance in (("as they lie", ""), ("evened out", COLUMN)):
        recipe = work / f"balance-{'even' if balance else 'plain'}-{seed}-{steps}.toml"
        recipe.write_text(RECIPE.format(name=recipe.stem, seed=seed, steps=steps, balance=balance), encoding="utf-8")
        model = find(train(recipe, data=folders["train"], out=work / recipe.stem, device="cpu", threads=asked.threads))

        def score(part, model=model):
            began = time.perf_counter()
            told = {group: losses(model, folders[group], count, seed) for group in GROUPS}
            for n in range(count):
                yield {group: told[group][n] for group in GROUPS} | {"seconds": (time.perf_counter() - began) / count}

        row = store.row(
            name, "balance", [f"example {n}" for n in range(count)], score, chunk=count, seeds=[seed],
            model=model.sha256, settings={"pictures": GROUPS, "steps": steps},
        )  # fmt: skip
        tell(row, tuple(GROUPS))


def losses(model, folder: Path, count: int, seed: int) -> np.ndarray:
    """Of `count` held-out examples, four noises and levels each; the same ones whatever the model was trained on."""
    from difusa.ethics.membership import model_losses

    options = {k: v for k, v in model.meta["examples_options"].items() if k != "balance"}
    return model_losses(
        replace(model, meta=model.meta | {"examples_options": options}), folder, "test", count, seed=seed
    )


def laid_out(data: Path, work: Path) -> dict[str, Path]:
    """Folders of pictures: "train" with a table of their groups, and of each group its held-out pictures alone."""
    from difusa.domains.heritage.corpus import items

    found = {"train": work / "train"} | {group: work / group for group in GROUPS}
    if all((folder / "groups.csv").exists() for folder in found.values()):
        return found
    held = {
        g: [(i, "test") for i in items(data, "test") + items(data, "calibrate") if i.kind == KINDS[g]] for g in GROUPS
    }
    train = [(i, "train") for g, n in GROUPS.items() for i in _some(items(data, "train"), KINDS[g], n)]
    watched = [(i, "calibrate") for g in GROUPS for i in _some(items(data, "calibrate"), KINDS[g], WATCHED)]
    for name, chosen in {"train": train + watched, **held}.items():
        folder = found[name]
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        rows = [("file", COLUMN)]
        for item, split in chosen:
            rows.append((_named(item.path, split), next(g for g in GROUPS if KINDS[g] == item.kind)))
            shutil.copyfile(item.path, folder / rows[-1][0])
        with (folder / "groups.csv").open("w", newline="", encoding="utf-8") as text:
            csv.writer(text, lineterminator="\n").writerows(rows)
    return found


def _some(rows: list, kind: str, count: int) -> list:
    """So many of a kind, spread over the list."""
    kept = [i for i in rows if i.kind == kind]
    return [kept[k] for k in np.linspace(0, len(kept) - 1, min(count, len(kept))).astype(int)]


def _named(path: Path, split: str) -> str:
    """A file name by which a folder's own split puts the picture where its artist or page puts it here."""
    from difusa.domains.heritage.corpus import split_of

    return next(f"{path.stem}-{n}{path.suffix}" for n in range(10_000) if split_of(f"{path.stem}-{n}") == split)
