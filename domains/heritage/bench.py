"""`difusa bench heritage`: the restorer and its peers on crops of held-out pictures, one row a method and task."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from difusa.domains.heritage import bench_peers, faces
from difusa.domains.heritage.cases import PROTOCOL, Case, Crop, crops, make
from difusa.domains.heritage.metrics import scores
from difusa.shared.bench import Bench
from difusa.shared.perceptual import token_distance, tokens

OURS, DEEPINV, UNTOUCHED = "Difusa", "same net, deepinv", "untouched"
QUICK = ("losses", "denoise", "sr2")
JUDGED = (
    30  # crops, the first ones, on which a peer's perceptual distance is read: the tower costs more than most peers
)
FACES = ("losses", "scratches", "denoise", "jpeg", "deblur", "sr2", "sr4")  # tasks that could change a face


@dataclass(frozen=True)
class Setup:
    """What a heritage bench is run with."""

    bench: Bench
    cases: dict[str, Crop]
    tasks: tuple[str, ...]
    quick: bool = False
    folder_of_peers: Path = field(default_factory=lambda: Path(".local/bench-peers"))

    def case(self, task: str, name: str) -> Case:
        return make(task, self.cases[name])

    def first(self, count: int) -> list[str]:
        return list(self.cases)[:count]


def prepare(bench: Bench, data: Path, n: int, tasks: tuple[str, ...] | None, quick: bool) -> Setup:
    """The crops of the bench; its intervals resample artists, photographs and pages."""
    unknown = set(tasks or ()) - set(PROTOCOL)
    if unknown:
        raise ValueError(f"unknown tasks {', '.join(sorted(unknown))}: the bench has {', '.join(PROTOCOL)}")
    chosen = {crop.name: crop for crop in crops(data, n)}
    bench.groups.update({name: crop.group for name, crop in chosen.items()})
    return Setup(bench, chosen, tasks or (QUICK if quick else tuple(PROTOCOL)), quick)


@lru_cache(maxsize=256)
def _truth_tokens(name: str, crop: Crop) -> np.ndarray:
    return tokens(crop.pixels())


def score(case: Case, image: np.ndarray, single: np.ndarray | None = None, judged: bool = True) -> dict[str, float]:
    """Figures of one answer: psnr (inside the loss where there is one), ssim of the crop, perceptual, face_shift on
    portraits.

    single: one sample; the perceptual distance and the shift of the face are then read from it, `perceptual_mean`
    from image.
    """
    figures = scores(case.truth, image, mask=case.scored)
    if case.scored is not None:
        figures = {"psnr": figures["psnr_mask"], "psnr_crop": figures["psnr"], "ssim": figures["ssim"]}
    if judged or single is not None:
        real = _truth_tokens(case.crop.name, case.crop)
        figures["perceptual"] = token_distance(real, tokens(image if single is None else single))
    if single is not None:
        alone = scores(case.truth, single, mask=case.scored)
        figures["psnr_sample"] = alone["psnr" if case.scored is None else "psnr_mask"]
        figures["perceptual_mean"] = token_distance(real, tokens(image))
    if case.task in FACES and case.crop.item.kind == "photograph":
        moved = faces.shift(case.truth, image)
        figures |= {} if moved is None else {"face_shift": moved}
    return figures


class Clock:
    """Seconds since it was made: on the wall, and of all processor cores together, which other work on the machine
    lengthens less.
    """

    def __init__(self):
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def read(self) -> dict[str, float]:
        return {"seconds": time.perf_counter() - self.wall, "cpu_seconds": time.process_time() - self.cpu}


def run_peers(setup: Setup) -> None:
    """Rows of the damaged picture itself and of every peer, task by task."""
    for task in setup.tasks:
        methods = {UNTOUCHED: bench_peers.untouched} | bench_peers.PEERS[task]
        for name, method in methods.items():
            costly = bench_peers.COSTLY.get(name)
            if setup.quick and costly:
                continue
            run_peer(setup, task, name, method, setup.first(costly or len(setup.cases)))


def run_peer(setup: Setup, task: str, name: str, method: Callable, items: list[str]) -> None:
    def answers(part):
        for item in part:
            case = setup.case(task, item)
            clock = Clock()
            image = method(case)
            yield clock.read() | score(case, image, judged=item in judged)

    judged = set(items[:JUDGED])
    try:
        setup.bench.row(name, task, items, answers, settings={"protocol": PROTOCOL[task][1]})
    except ModuleNotFoundError as error:
        setup.bench.missing(name, task, f"{error.name or error} is not installed")
        return
    _tell(setup, name, task)


def _tell(setup: Setup, method: str, task: str) -> None:
    row = setup.bench.find(method, task)
    figures = "  ".join(f"{k} {v['value']:.4g}" for k, v in row["metrics"].items())
    print(f"{task:10} {method:26} n {row['n']:3}  {figures}", flush=True)


def run_ours(setup: Setup, model, plan, *, device: str = "cpu", seconds: float = math.inf) -> None:
    """Rows of the restorer: PSNR and SSIM of the mean of the samples, perceptual distance of one, coverage of the
    interval. seconds: dealt evenly to the tasks; what a task has not reached when its share ends is left out.
    """
    from difusa.domains.heritage import recolouring
    from difusa.domains.heritage.intervals import load_calibration

    whole = recolouring.Tool(model.load(device), model, load_calibration(model.folder, model.sha256))
    colour_plan = replace(plan, steps=recolouring.STEPS)
    end = time.monotonic() + seconds
    for number, task in enumerate(setup.tasks):
        verb = PROTOCOL[task][0]
        tool, drawn_by = (recolouring.tool(device), colour_plan) if verb == "colour" else (whole, plan)
        share = (end - time.monotonic()) / (len(setup.tasks) - number)

        def answers(part, task=task, tool=tool, plan=drawn_by):
            for item in part:
                case = setup.case(task, item)
                clock = Clock()
                restored = restore(case, tool, plan, device)
                spent = clock.read()
                figures = score(case, restored.picture.pixels, restored.one.pixels)
                yield spent | figures | coverage(case, restored)

        settings = {"protocol": PROTOCOL[task][1], "plan": repr(drawn_by), "device": device}
        settings |= {"interval": tool.calibration.record(verb)}
        items = setup.first(len(setup.cases))
        setup.bench.row(
            OURS, task, items, answers, model=tool.model.sha256, seeds=[plan.seed], settings=settings, seconds=share
        )
        _tell(setup, OURS, task)


def restore(case: Case, tool, plan, device: str = "cpu"):
    """One case through the functions of the restore verb; the kind of picture is told, as `--kind` does.

    tool: `recolouring.Tool` of the restorer, or for the task colour of the colourist.
    """
    import torch

    from difusa.domains.heritage import recolouring
    from difusa.domains.heritage.data import Picture
    from difusa.domains.heritage.observation import Prepared
    from difusa.domains.heritage.restoring import restore_picture
    from difusa.domains.heritage.tiles import Observation

    told = case.condition()
    observed, doubt, task = (torch.from_numpy(told[k]) for k in ("observed", "doubt", "task"))
    seen = Observation(observed, doubt, task, int(told["kind"]), told["factor"], case.cells)
    lost = np.zeros(case.truth.shape[:2], bool) if case.mask is None else case.mask
    ready = Prepared(Picture(case.damaged), seen, lost, None)
    if case.verb_task == "colour":
        return recolouring.recolour(recolouring.untouched(ready), seen, tool, plan, device=device)
    return restore_picture(tool.network, ready, plan, (case.verb_task,), tool.calibration, device=device)


def coverage(case: Case, restored) -> dict[str, float]:
    """Share of the truth inside the 90 % interval (values where PSNR is read), and the interval's mean width in grey
    levels. The mean was rounded to a grey level, up as often as down, so no half level is added to the interval.
    """
    half = restored.half[..., None].astype(np.float64) / 65535 * 255
    error = np.abs(case.truth.astype(np.float64) - restored.picture.pixels)
    where = np.ones(half.shape[:2], bool) if case.scored is None else case.scored
    inside = error <= half
    return {"coverage": float(inside[where].mean()), "width": float(2 * half[where].mean())}


def run_deepinv(setup: Setup, model, plan, *, count: int) -> None:
    """Rows of the same network under deepinv's solver of the probability-flow ODE, at the same number of
    evaluations.
    """
    from difusa.domains.heritage import deepinv_peer

    for task in (t for t in setup.tasks if t in ("losses", "scratches", "denoise", "sr2")):
        cause = deepinv_peer.lacking(setup.folder_of_peers)
        if cause:
            setup.bench.missing(DEEPINV, task, cause)
            continue

        def answers(part, task=task):
            found = [setup.case(task, item) for item in part]
            for case, (mean, one, seconds) in zip(
                found, deepinv_peer.restore(found, model, plan, setup.folder_of_peers)
            ):
                yield score(case, mean, one) | {"seconds": seconds}

        settings = {
            "protocol": PROTOCOL[task][1],
            "plan": repr(plan),
            "solver": "EDMDiffusionSDE, EulerSolver, alpha 0",
        }
        setup.bench.row(
            DEEPINV, task, setup.first(min(count, len(setup.cases))), answers, chunk=8, model=model.sha256,
            seeds=[plan.seed], settings=settings,
        )  # fmt: skip
        _tell(setup, DEEPINV, task)
