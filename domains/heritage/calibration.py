"""How sure: the half-width of a pixel's 90 % interval, fitted so that it holds 90 % of the truth of held-out
pictures.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

LEVEL = 0.9
FLOOR = 0.01  # on the [-1, 1] scale: a spread of nothing is never believed
GUESS = 2.5  # factor without calibration, and the report says so
COUNTS = (2, 4)  # numbers of samples for which a factor is fitted


@dataclass(frozen=True)
class Calibration:
    """factors: task -> number of samples -> factor; half-width = factor * (spread + floor)."""

    factors: dict[str, dict[int, float]]
    floor: float = FLOOR
    level: float = LEVEL

    def factor(self, tasks: tuple[str, ...], samples: int) -> tuple[float, bool]:
        """The widest factor of these tasks, and whether every one of them was calibrated.

        For a number of samples between the fitted ones the next smaller one serves: fewer samples need a wider factor.
        """
        found = []
        for task in tasks:
            known = {n: f for n, f in self.factors.get(task, {}).items() if n <= samples}
            if not known:
                return max([GUESS, *found]), False
            found.append(known[max(known)])
        return max(found), True

    def half_width(self, spread: Tensor, tasks: tuple[str, ...], samples: int) -> tuple[Tensor, bool]:
        """Half-width of the interval on the [-1, 1] scale, of spread [H, W], and whether it is calibrated."""
        factor, calibrated = self.factor(tasks, samples)
        return factor * (spread + self.floor), calibrated


def load_calibration(folder, model: str) -> Calibration:
    """calibration.json of a model's folder; without one, or fitted to other weights than `model` (sha256), nothing is
    calibrated.
    """
    path = Path(folder) / "calibration.json"
    if not path.exists():
        return Calibration({})
    told = json.loads(path.read_text(encoding="utf-8"))
    if told["model"] != model:
        return Calibration({})
    factors = {task: {int(n): float(f) for n, f in row.items()} for task, row in told["factors"].items()}
    return Calibration(factors, told["floor"], told["level"])


def conformal(errors: np.ndarray, widths: np.ndarray, level: float = LEVEL) -> float:
    """Smallest factor for which at least `level` of the errors lie within factor * width.

    errors, widths: one number a held-out pixel. Split conformal quantile (Lei et al. 2018, Eq. 4), pixels pooled.
    """
    ratio = np.sort(errors / widths)
    rank = int(np.ceil(level * (len(ratio) + 1))) - 1
    if rank >= len(ratio):
        raise ValueError(f"{len(ratio)} held-out pixels are too few for an interval of {level:.0%}; take more pictures")
    return float(ratio[rank])


def fit(model, cases, plan, *, device="cpu", counts=COUNTS) -> dict[int, float]:
    """Factors for each number of samples in `counts`, from held-out cases of one task.

    cases: (clean [3, H, W], Observation) pairs; H and W multiples of the network's unit.
    """
    from dataclasses import replace

    from difusa.domains.heritage.posterior import samples, summary

    errors, widths = {n: [] for n in counts}, {n: [] for n in counts}
    for number, (clean, seen) in enumerate(cases):
        drawn = list(samples(model, seen, replace(plan, samples=max(counts)), part=number, device=device))
        where = seen.doubt[0] > 0
        for n in counts:
            made = summary(iter(drawn[:n]), seen)
            errors[n].append((clean - made.mean).abs()[:, where].flatten().numpy())
            widths[n].append((made.spread + FLOOR)[where].repeat(3).numpy())
    return {n: conformal(np.concatenate(errors[n]), np.concatenate(widths[n])) for n in counts}


def held_out(data, task: str, *, count: int, size: int):
    """Damaged crops for one verb task: (clean, Observation). The bench's own damage, on the calibration pictures.

    size: pixels of the middle of each 256 px crop that are used (a multiple of 8).
    """
    from difusa.domains.heritage import cases
    from difusa.domains.heritage.tiles import Observation

    kinds = [name for name, (verb, _) in cases.PROTOCOL.items() if verb == task and name != "outpaint"] or [task]
    edge = (cases.SIDE - size) // 2 if task != "outpaint" else 0  # the border to paint on lies at the crop's edge
    middle = (slice(None), slice(edge, cases.SIDE - edge), slice(edge, cases.SIDE - edge))
    for number, crop in enumerate(cases.crops(data, count, "calibrate")):
        case = cases.make(kinds[number % len(kinds)], crop)
        told = case.condition()
        clean = torch.from_numpy(case.truth.astype(np.float32) / 127.5 - 1).permute(2, 0, 1)[middle].contiguous()
        observed, doubt = (torch.from_numpy(told[k])[middle].contiguous() for k in ("observed", "doubt"))
        yield clean, Observation(observed, doubt, torch.from_numpy(told["task"]), int(told["kind"]), told["factor"])


def calibrate(
    model: str = "restorer",
    *,
    data: Path | None = None,
    task: str | None = None,
    crops: int = 24,
    size: int = 128,
    steps: int = 3,
    device: str = "cpu",
    threads: int | None = None,
) -> dict:
    """Fit the interval's width for each task on the calibration pictures; writes calibration.json into the model's
    folder.

    model: shipped model or a folder written by `difusa train`.
    data: folder of pictures; by default DIFUSA_DATA.
    task: comma-separated tasks to fit anew; all by default. Those left out keep their factors.
    crops: held-out crops a task.
    size: pixels of a crop's side that are used.
    steps: network evaluations a sample.
    device: cpu or cuda.
    threads: number of CPU threads.

    Returns the file's content. Raises ValueError without data.
    """
    from difusa.domains.heritage.observation import VERB_TASKS
    from difusa.domains.heritage.posterior import Plan
    from difusa.domains.models import find
    from difusa.shared.files import write_json
    from difusa.shared.run import set_threads

    data = data or os.environ.get("DIFUSA_DATA")
    if not data:
        raise ValueError("calibration needs held-out pictures: give --data FOLDER or set DIFUSA_DATA")
    names = [t.strip() for t in task.split(",")] if task else VERB_TASKS
    if unknown := [t for t in names if t not in VERB_TASKS]:
        raise ValueError(f"--task {unknown[0]}: there are {', '.join(VERB_TASKS)}")
    set_threads(threads)
    found = find(model, domain="heritage")
    network, plan = found.load(device), Plan(steps=steps)
    path = Path(found.folder) / "calibration.json"
    kept = (
        {
            t: {str(n): f for n, f in row.items()}
            for t, row in load_calibration(found.folder, found.sha256).factors.items()
        }
        if task
        else {}
    )
    told = {"level": LEVEL, "floor": FLOOR, "model": found.sha256, "crops": crops, "size": size, "plan": repr(plan)}
    told["factors"] = kept
    for name in names:
        factors = fit(network, held_out(data, name, count=crops, size=size), plan, device=device)
        told["factors"][name] = {str(n): round(f, 4) for n, f in factors.items()}
        write_json(path, told)
        print(
            f"{name}: half-width = factor x (spread + {FLOOR}); factor by samples {told['factors'][name]}", flush=True
        )
    return told
