"""`difusa medical calibrate`: the intervals' factors on people never trained on."""

import os
from pathlib import Path

import numpy as np
import torch

from difusa.domains.medical import gate, intervals
from difusa.domains.medical.examples import Examples, Options
from difusa.domains.medical.scan import CONTRASTS
from difusa.shared.run import Progress, Run
from difusa.shared.seeds import stream

VOXELS = 500  # of a person: they depend on each other, so more of them tell little more


def calibrate(
    model: str = "anytoany",
    *,
    data: Path | None = None,
    people: int = 60,
    samples: int = 4,
    steps: int = 5,
    seed: int = 1,
    device: str = "cpu",
    threads: int | None = None,
    progress: Progress | None = None,
) -> intervals.Calibration:
    """Fit the 90 % intervals on simulated people of the calibration heads; writes calibration.json into the model's folder.

    The promise is that of split conformal prediction over people like these: a new voxel, volume or mean lies inside nine times
    of ten on the average of people; it says nothing of a single one, and nothing of real people, whom the bench measures.

    model: shipped model or a folder written by `difusa train`.
    data: folder of data; by default DIFUSA_DATA.
    people: for each target contrast.
    samples: for which the factors are fitted.
    steps: network evaluations a sample.
    seed: of the people.
    device: cpu or cuda.
    threads: number of CPU threads.
    progress: called with (done, total) people.

    Returns what was written. Raises ValueError for too few people.
    """
    from difusa.domains.medical.sampling import Plan
    from difusa.domains.models import find
    from difusa.shared.run import set_threads

    folder = data or os.environ.get("DIFUSA_DATA")
    set_threads(threads)
    found, plan = find(model, domain="medical"), Plan(samples=samples, steps=steps, seed=seed)
    examples = Examples(folder, "calibrate", Options(real=0.0, planes=1), seed)
    ratios = {what: {c: [] for c in CONTRASTS} for what in ("voxels", "volumes", "means")}
    with Run("medical calibrate", seed=seed, model=found, device=device, progress=progress) as run:
        denoise = found.load(device)
        number, total = 0, people * len(CONTRASTS)
        while min(len(v) for v in ratios["voxels"].values()) < people:
            example = examples[number]
            target = CONTRASTS[int(example["target"])]
            number += 1
            if len(ratios["voxels"][target]) < people:
                for what, value in errors(denoise, example, target, plan, number, device).items():
                    ratios[what][target].append(value)
            run.progress(sum(len(v) for v in ratios["voxels"].values()), total)
        factors = {
            w: {c: round(intervals.quantile(np.concatenate(v)), 4) for c, v in r.items()} for w, r in ratios.items()
        }
        known = intervals.Calibration(**factors, samples=samples, people=people)
        known.save(found.folder, found.sha256)
    return known


def errors(denoise, example: dict, target: str, plan, index: int, device: str) -> dict[str, np.ndarray]:
    """|error| over spread of one person's plane: of VOXELS voxels in the head, of the classes' volumes and of their means."""
    drawn, truth = many(denoise, example, plan, index, device), example["clean"][0]
    head = gate.head_of(truth, target)
    if head.sum() < 2 * VOXELS:
        head = np.ones_like(head)
    ratio = np.abs(np.mean(drawn, 0) - truth) / (np.std(drawn, axis=0, ddof=1) + intervals.FLOOR)
    picked = stream(plan.seed, index, 9).permutation(int(head.sum()))[:VOXELS]
    made = intervals.structures(list(drawn), head, 0.001)
    true = intervals.structures([truth], head, 0.001)
    off = {
        what: np.array([
            abs(np.mean(made[c][what]) - true[c][what][0]) / max(np.std(made[c][what], ddof=1), 1e-6) for c in intervals.CLASSES
        ])
        for what in ("volumes", "means")
    }  # fmt: skip
    return {"voxels": ratio[head][picked], **off}


@torch.no_grad()
def many(denoise, example: dict, plan, index: int, device: str) -> np.ndarray:
    """The plan's samples of one example, together in a batch [samples, rows, columns]."""
    from difusa.domains.medical.sampling import HIGHEST, LOWEST
    from difusa.shared import samplers
    from difusa.shared.spaces import Euclidean

    n, parts = plan.samples, ("given", "present", "target")
    condition = {k: torch.as_tensor(example[k])[None].expand(n, *np.shape(example[k])).to(device) for k in parts}
    sigmas = samplers.schedule(plan.sampler, plan.steps, LOWEST, HIGHEST).float()
    rng = [stream(plan.seed, index, 10 + k) for k in range(n)]
    like = torch.zeros(n, *example["clean"].shape, device=device)
    own = [plan.noise(k) for k in range(n)]
    start = samplers.start(Euclidean(), like, sigmas[0], [stream(plan.seed, index, 10 + k) for k, _ in own])
    start = start * torch.tensor([float(sign) for _, sign in own], device=device).reshape(-1, *[1] * (like.ndim - 1))
    if hasattr(denoise, "expected"):
        condition["guess"] = denoise.expected(**{k: v[:1] for k, v in condition.items()}).expand(n, -1, -1, -1)
        start = start + condition["guess"]
    steps = samplers.SAMPLERS[plan.sampler](
        lambda x, s: denoise(x, s.to(x), **condition), Euclidean(), start, sigmas, rng=rng
    )
    return samplers.last(steps)[:, 0].float().cpu().numpy()
