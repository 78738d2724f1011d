"""What held-out examples say of a network: error by noise level, samples, their Frechet distance to the truth."""

import numpy as np
import torch
from torch import Tensor

from difusa.shared import levels, metrics, samplers
from difusa.shared.seeds import stream, streams
from difusa.shared.spaces import Euclidean
from difusa.shared.training.examples import NOISE, stack

LEVELS = (0.1, 0.25, 0.5, 1.0, 3.0, 10.0)
STEPS = 10  # of DPM-Solver++ 2M, for samples
ROWS = 8  # a batch


def rows(examples, count: int, seed: int) -> list[dict[str, Tensor]]:
    """The first `count` examples in batches, each with one fixed noise, so that every look sees the same."""
    drawn = []
    for number in range(count):
        row = dict(examples[number])
        if "clean" in row:
            row["noise"] = stream(seed, number, NOISE).standard_normal(row["clean"].shape, dtype=np.float32)
        drawn.append(row)
    return [stack(drawn[i : i + ROWS]) for i in range(0, count, ROWS)]


@torch.no_grad()
def error_by_level(denoise, batches: list[dict[str, Tensor]], device) -> dict[str, float]:
    """Root mean square error of the clean estimate at each of LEVELS."""
    squares: dict[float, list[Tensor]] = {level: [] for level in LEVELS}
    for batch in batches:
        batch = {k: v.to(device) for k, v in batch.items()}
        clean, noise = batch.pop("clean"), batch.pop("noise")
        for level in LEVELS:
            guess = denoise(clean + level * noise, torch.full((len(clean),), level, device=device), **batch)
            squares[level].append(((guess.float() - clean) ** 2).flatten(1).mean(1))
    return {f"rms_at_{level:g}": round(float(torch.cat(v).mean().sqrt()), 5) for level, v in squares.items()}


@torch.no_grad()
def samples(denoise, batches: list[dict[str, Tensor]], device, seed: int) -> Tensor:
    """One sample for each held-out example, under its condition."""
    sigmas, drawn, first = levels.karras(STEPS, 0.02, 20.0), [], 0
    for batch in batches:
        batch = {k: v.to(device) for k, v in batch.items()}
        clean = batch.pop("clean")
        batch.pop("noise")
        start = sigmas[0].float() * Euclidean().noise(clean, streams(seed, range(first, first + len(clean))))
        first += len(clean)
        trajectory = samplers.SAMPLERS["dpmpp_2m"](
            lambda x, sigma, condition=batch: denoise(x, sigma.to(x), **condition), Euclidean(), start, sigmas, rng=None
        )
        drawn.append(samplers.last(trajectory).cpu())
    return torch.cat(drawn)


def frechet(features, drawn: Tensor, batches: list[dict[str, Tensor]]) -> float:
    """Frechet distance of samples to their truths in a domain's features."""
    truth = torch.cat([b["clean"] for b in batches])
    return round(metrics.frechet(features(drawn), features(truth)), 5)
