"""From a prepared picture, island by island, to a restored one with its maps; other pixels are never touched."""

import time
from dataclasses import dataclass, replace

import numpy as np
import torch

from difusa.domains.heritage.data import Picture, decode
from difusa.domains.heritage.intervals import Calibration
from difusa.domains.heritage.observation import Prepared
from difusa.domains.heritage.posterior import Plan, denoiser, samples, summary
from difusa.domains.heritage.tiles import Tiled, islands
from difusa.shared.samplers import evaluations


@dataclass(frozen=True)
class Restored:
    """picture: mean of the samples; one: a single sample; before: the input at the output's size; regions: figures of
    each island. Maps [H, W] uint16, 65535 = 1: share of the prior in a pixel; half its 90 % interval as a fraction of
    white."""

    picture: Picture
    one: Picture
    before: Picture
    share: np.ndarray
    half: np.ndarray
    regions: list[dict]
    calibrated: bool
    evaluations: int
    guidance: str
    tiles: int


def restore_picture(
    model,
    ready: Prepared,
    plan: Plan,
    tasks: tuple[str, ...],
    calibration: Calibration,
    *,
    device="cpu",
    progress=None,
    tell=None,
    watch=None,
) -> Restored:
    """Sample every island of a prepared picture and put the results in place; other pixels are not touched.

    progress(done, total) counts network runs; tell(text) gets a time estimate first; watch as in `denoiser`.
    """
    base, seen = ready.base, ready.seen
    grey, dtype = base.pixels.ndim == 2, base.pixels.dtype
    doubtful = (seen.doubt[0] > 0).numpy()
    boxes = islands(doubtful) if doubtful.any() else []
    unit = getattr(model, "unit", 8)
    parts = [seen.crop(box, max(unit, 8)) for box in boxes]
    runs = [Tiled(model, part, plan.micro) for part in parts]
    each = cost(plan)
    total = sum(t.runs(1) for t in runs) * each * plan.samples
    if tell and boxes:
        tell(_estimate(runs, each, plan))
    done = 0

    def ran() -> None:
        nonlocal done
        done += 1
        if progress:
            progress(min(done, total), total)

    mean, one = base.pixels.copy(), base.pixels.copy()
    share, half = (np.zeros(doubtful.shape, np.uint16) for _ in range(2))
    regions, calibrated = [], True
    for number, (box, part) in enumerate(zip(boxes, parts, strict=True)):
        made = summary(samples(model, part, plan, part=number, device=device, ran=ran, watch=watch), part)
        width, known = calibration.half_width(made.spread, part.doubt, tasks, plan.samples)
        calibrated &= known
        inside = doubtful[box]
        cut = tuple(slice(0, n) for n in inside.shape)
        for target, x in ((mean, made.mean), (one, made.one)):
            target[box][inside] = decode(x[:, *cut], dtype, grey)[inside]
        share[box][inside] = coded(made.share[cut])[inside]
        half[box][inside] = coded(width[cut] / 2)[inside]  # [-1, 1] is two whites wide
        regions.append(figures(box, inside, share[box], half[box]))
    record = repr(denoiser(model, parts[0], plan)) if parts else "nothing was restored"
    regions = sorted(regions, key=lambda r: -r["pixels"])
    return Restored(
        replace(base, pixels=mean), replace(base, pixels=one), base, share, half, regions, calibrated,
        each if parts else 0, record, sum(len(t.places) for t in runs),
    )  # fmt: skip


def coded(x) -> np.ndarray:
    """[0, 1] -> uint16, 1 = 65535."""
    return (x.clamp(0, 1) * 65535).round().numpy().astype(np.uint16)


def figures(box, inside: np.ndarray, share: np.ndarray, half: np.ndarray) -> dict:
    """One island's row in the report; inside, share and half are cut to its box."""
    return {
        "left": box[1].start, "top": box[0].start, "width": inside.shape[1], "height": inside.shape[0],
        "pixels": int(inside.sum()),
        "invented_share": round(float(share[inside].mean()) / 65535, 4),
        "half_width_mean": round(float(half[inside].mean()) / 65535, 4),
        "half_width_largest": round(float(half[inside].max()) / 65535, 4),
    }  # fmt: skip


def cost(plan: Plan) -> int:
    """Network evaluations a sample, guidance counted."""
    return evaluations(plan.sampler, len(plan.sigmas()) - 1) * (2 if plan.guided else 1)


def _estimate(runs: list[Tiled], each: int, plan: Plan) -> str:
    """How long it will take, from one timed run of the smallest part."""
    smallest = min(runs, key=lambda t: t.observation.doubt.numel())
    one = smallest.observation
    height, width = (min(smallest.tile, n) for n in one.doubt.shape[1:])
    top, left = smallest.places[0]
    cut = (slice(top, top + height), slice(left, left + width))
    probe = Tiled(smallest.model, replace(one, observed=one.observed[:, *cut], doubt=one.doubt[:, *cut]), plan.micro)
    started = time.perf_counter()
    with torch.no_grad():
        probe(torch.zeros_like(probe.observation.observed)[None], torch.tensor(1.0))
    pace = (time.perf_counter() - started) / (height * width)
    pixels = sum(
        len(t.places) * min(t.tile, t.observation.doubt.shape[1]) * min(t.tile, t.observation.doubt.shape[2])
        for t in runs
    )
    seconds = pace * pixels * each * plan.samples / plan.micro
    tiles = sum(len(t.places) for t in runs)
    return f"{tiles} tiles x {plan.samples} samples x {each} evaluations: about {seconds:.0f} s"
