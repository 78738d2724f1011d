"""`difusa heritage calibrate`: fits the 90 % intervals of `intervals.Calibration` on held-out pictures."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from difusa.domains.heritage import posterior, recolouring
from difusa.domains.heritage.intervals import FLOOR, LEVEL, Calibration, Factors, Held, distance_to_known, fitted
from difusa.domains.heritage.intervals import load_calibration as load
from difusa.domains.heritage.tiles import Observation, islands

COUNTS = (2, 4)  # numbers of samples for which factors are fitted


def fit(
    model, cases: Iterable[tuple[Tensor, Observation]], plan, *, draw=posterior.samples, device="cpu", counts=COUNTS
) -> dict[int, Factors]:
    """Factors for each number of samples in `counts`, from held-out cases of one task.

    cases: (clean [3, H, W], Observation) pairs; H and W multiples of the network's unit. draw: how the model makes
    samples, `posterior.samples` or `recolouring.samples`. The first n of the same samples serve for each count.

    What it promises: over many new crops like these the mean share of the truth inside is `LEVEL`. Pixels of one crop
    depend on each other, so it is the number of crops K that counts, not that of pixels: were there one bin and the
    crops exchangeable, the share would be at least LEVEL * K / (K + 1) (Lee, Barber and Willett 2023, hierarchical
    conformal prediction, of which the mass at infinity is left out here because too wide is wrong too); bins and
    several crops of one artist make this an approximation. It promises nothing for a single picture. ValueError: too
    few crops.
    """
    held = {n: [] for n in counts}
    for number, (clean, seen) in enumerate(cases):
        where = seen.doubt[0] > 0
        if not bool(where.any()):
            continue
        drawn = list(draw(model, seen, replace(plan, samples=max(counts)), part=number, device=device))
        distance = distance_to_known(seen.doubt)[where].numpy()
        for n in counts:
            made = posterior.summary(iter(drawn[:n]), seen)
            held[n].append(Held((clean - made.mean).abs()[:, where].numpy(), made.spread[where].numpy(), distance))
    if not held[counts[0]]:
        raise ValueError("no held-out crop with damage: take more crops")
    return {n: fitted(parts) for n, parts in held.items()}


def kinds(task: str) -> list[str]:
    """The bench's tasks whose damage calibrates a task of the restore verb; outpainting has factors of its own."""
    from difusa.domains.heritage import cases

    return [name for name, (verb, _) in cases.PROTOCOL.items() if verb == task]


def held_out(data, task: str, *, count: int, size: int) -> Iterator[tuple[Tensor, Observation]]:
    """Damaged crops for one verb task: (clean, Observation). The bench's own damage, on the calibration pictures.

    count: crops, each with every kind of damage of the task; size: pixels of the middle of each 256 px crop that are
    used (a multiple of 8); of outpainting the strip with its surroundings, as the restore verb cuts it.
    """
    from difusa.domains.heritage import cases

    edge = (cases.SIDE - size) // 2
    for crop in cases.crops(data, count, "calibrate"):
        for kind in kinds(task):
            case = cases.make(kind, crop)
            told = case.condition()
            box = (slice(edge, cases.SIDE - edge),) * 2 if kind != "outpaint" else islands(told["doubt"][0] > 0)[0]
            clean = torch.from_numpy(case.truth.astype(np.float32) / 127.5 - 1).permute(2, 0, 1)
            observed, doubt, planes = (torch.from_numpy(told[k]) for k in ("observed", "doubt", "task"))
            seen = Observation(observed, doubt, planes, int(told["kind"]), told["factor"], case.cells)
            yield clean[:, *box].contiguous(), seen.crop(box)


def calibrate(
    model: str = "restorer",
    *,
    data: Path | None = None,
    task: str | None = None,
    crops: int = 80,
    size: int = 128,
    steps: int | None = None,
    device: str = "cpu",
    threads: int | None = None,
) -> Calibration:
    """Fit the intervals of each task on the calibration pictures; writes calibration.json into the model's folder.

    Each finished task is stored at once; one already fitted to these weights with these settings is left as it is.

    model: shipped model or a folder written by `difusa train`.
    data: folder of pictures; by default DIFUSA_DATA.
    task: comma-separated tasks to fit; all of the model's by default. Those left out keep their factors.
    crops: held-out crops a task; more of them tell more than larger ones.
    size: pixels of a crop's side that are used.
    steps: network evaluations a sample; by default as the restore verb.
    device: cpu or cuda.
    threads: number of CPU threads.

    Returns what was written. Raises ValueError without data, for an unknown task or a size that does not fit.
    """
    from difusa.domains.heritage import cases
    from difusa.domains.heritage.observation import VERB_TASKS
    from difusa.domains.models import find
    from difusa.shared.run import set_threads

    data = data or os.environ.get("DIFUSA_DATA")
    if not data:
        raise ValueError("calibration needs held-out pictures: give --data FOLDER or set DIFUSA_DATA")
    found = find(model, domain="heritage")
    draw, answers, usual = {
        "restorer": (posterior.samples, tuple(t for t in VERB_TASKS if t != "colour"), posterior.Plan()),
        "colourist": (recolouring.samples, ("colour",), posterior.Plan(steps=recolouring.STEPS)),
    }[found.meta["trains"]]
    plan = usual if steps is None else replace(usual, steps=steps)
    names = [t.strip() for t in task.split(",")] if task else answers
    if unknown := [t for t in names if t not in answers]:
        raise ValueError(f"--task {unknown[0]}: {found.name} answers for {', '.join(answers)}")
    if size % 16 or not 16 <= size <= cases.SIDE:
        raise ValueError(f"--size {size}: give a multiple of 16 up to {cases.SIDE}")
    set_threads(threads)
    known, network = load(found.folder, found.sha256), None
    for name in names:
        settings = {"crops": crops, "size": size, "plan": repr(plan)}
        settings["damage"] = {kind: cases.PROTOCOL[kind][1] for kind in kinds(name)}
        if known.settings.get(name) == settings:
            print(f"{name}: fitted before with these settings; to fit anew delete {found.folder}/calibration.json")
            continue
        network = network or found.load(device)
        factors = fit(network, held_out(data, name, count=crops, size=size), plan, draw=draw, device=device)
        known = Calibration(
            known.factors | {name: factors}, FLOOR, LEVEL, known.settings | {name: settings}
        )  # of an older floor or level nothing may stay
        known.save(found.folder, found.sha256)
        for n, f in factors.items():
            print(f"{name}, {n} samples: half-width = factor x (spread + {FLOOR}); factors {f.table}", flush=True)
    return known
