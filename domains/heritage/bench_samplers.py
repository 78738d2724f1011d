"""`difusa bench samplers`: what the shipped restorer's answers are worth after so many evaluations, sampler by sampler.

All samplers start from the same noise and use the same levels (Karras et al. 2022, Eq. 5). Read are the distance to the
truth, and for deterministic samplers the distance to where the exact flow ends: the same noise with many Heun steps.
"""

import time
import zlib
from pathlib import Path

import numpy as np

from difusa.domains.heritage.cases import SIDE, Case, crops, make
from difusa.domains.heritage.metrics import scores
from difusa.domains.heritage.posterior import Plan
from difusa.shared.bench import Bench, shown, table
from difusa.shared.perceptual import token_distance, tokens

# name in the table -> (sampler of the core, network evaluations at most, follows the flow from its noise)
GRID = {
    "DDPM 1000":        ("ddpm", 1000, False),
    "DDIM 100":         ("ddim", 100, True),
    "DDIM 50":          ("ddim", 50, True),
    "PLMS 50":          ("plms", 50, True),
    "DPM-Solver 20":    ("dpm3", 20, True),
    "DPM-Solver++ 20":  ("dpmpp_2m", 20, True),
    "DPM-Solver++ 10":  ("dpmpp_2m", 10, True),
    "UniPC 10":         ("unipc", 10, True),
}  # fmt: skip
QUICK_GRID = ("DDIM 50", "DPM-Solver++ 20", "DPM-Solver++ 10", "UniPC 10")
TASKS = ("losses", "denoise")
PART = 64  # px of the middle of each crop: a thousand evaluations have to be affordable
FLOW = 99  # evaluations of Heun's method that stand for the exact flow
TEXT = """# Quality against network evaluations

`difusa bench samplers{flag}` writes this page and the JSON beside it.

The middle {part} x {part} px of held-out crops, one sample each, the same noise and noise levels for every sampler;
a sampler may use at most the evaluations named. In brackets: 95 % interval over artists, photographs and pages.

- **PSNR** (dB) against the truth, inside the loss for losses. **Perceptual**: as in the heritage bench.
- **To the flow**: root mean square distance, in grey levels, to the end of the same trajectory with {flow} evaluations
  of Heun's method. DDPM draws fresh noise on its way and has no such end."""
MICRO = 6  # crops given to the network at once


def measure(bench: Bench, data: Path, n: int, tasks, quick: bool, model, device: str, seed: int) -> Path:
    """Rows of every sampler on every task; returns the page's path. Raises ValueError for an unknown task."""
    if unknown := set(tasks or ()) - set(TASKS):
        raise ValueError(f"unknown tasks {', '.join(sorted(unknown))}: this bench has {', '.join(TASKS)}")
    chosen = {crop.name: crop for crop in crops(data, n)}
    bench.groups.update({name: crop.group for name, crop in chosen.items()})
    network = model.load(device)
    usual = Plan()
    bounds = {k: model.meta.get(k, getattr(usual, k)) for k in ("sigma_min", "sigma_max")}
    flows: dict[tuple[str, str], np.ndarray] = {}
    for task in tasks or TASKS[: 1 if quick else None]:
        for name in QUICK_GRID if quick else GRID:
            sampler, budget, follows = GRID[name]

            def answers(part, task=task, sampler=sampler, budget=budget, follows=follows):
                cases = [make(task, chosen[item]) for item in part]
                if follows and any((task, item) not in flows for item in part):
                    ends, _ = _sample(network, cases, "heun", FLOW, seed, device, **bounds)
                    flows.update({(task, item): end for item, end in zip(part, ends, strict=True)})
                images, seconds = _sample(network, cases, sampler, budget, seed, device, **bounds)
                for item, case, image in zip(part, cases, images, strict=True):
                    yield _score(case, image, flows[task, item] if follows else None) | {"seconds": seconds}

            settings = {"evaluations": budget, "part": PART, "device": device, **bounds}
            row = bench.row(
                name, task, list(chosen), answers, chunk=MICRO, seeds=[seed], model=model.sha256, settings=settings
            )
            print(
                f"{task:8} {name:16} " + "  ".join(f"{k} {v['value']:.4g}" for k, v in row["metrics"].items()),
                flush=True,
            )
            _page(bench)
    return _page(bench)


def _sample(network, cases: list[Case], sampler: str, budget: int, seed: int, device: str, *, sigma_min, sigma_max):
    """One sample [PART, PART, 3] on the [-1, 1] scale for each case, and the seconds a case. Noise: a stream a crop."""
    import torch

    from difusa.shared.batches import in_fixed_batches
    from difusa.shared.samplers import SAMPLERS, last, schedule
    from difusa.shared.seeds import streams
    from difusa.shared.spaces import Euclidean

    edge = (SIDE - PART) // 2
    middle = (slice(None), slice(edge, edge + PART), slice(edge, edge + PART))
    told = [case.condition() for case in cases]
    observed, doubt = (
        torch.from_numpy(np.stack([t[k][middle] for t in told])).to(device) for k in ("observed", "doubt")
    )
    task = torch.from_numpy(np.stack([t["task"] for t in told])).to(device)
    kind = torch.tensor([int(t["kind"]) for t in told], device=device)
    rng = streams(seed, [zlib.crc32(case.crop.name.encode()) for case in cases])

    def denoise(x, sigma):
        def run(x, observed, doubt, task, kind):
            return network(x, sigma, observed=observed, doubt=doubt, task=task, kind=kind)

        return in_fixed_batches(run, MICRO, x, observed, doubt, task, kind)

    sigmas = schedule(sampler, budget, sigma_min, sigma_max).to(device)
    began = time.perf_counter()
    with torch.no_grad():
        space = Euclidean()
        x = space.nudge(observed, space.noise(observed, rng), sigmas[0])  # where the restore verb starts too
        x = last(SAMPLERS[sampler](denoise, space, x, sigmas, rng=rng))
    seconds = (time.perf_counter() - began) / len(cases)
    return x.permute(0, 2, 3, 1).cpu().numpy(), seconds


def _score(case: Case, x: np.ndarray, end: np.ndarray | None) -> dict[str, float]:
    from difusa.domains.heritage.cases import levels

    edge = (SIDE - PART) // 2
    middle = (slice(edge, edge + PART), slice(edge, edge + PART))
    truth, image = case.truth[middle], levels(x)
    mask = None if case.mask is None else case.mask[middle]
    mask = mask if mask is not None and mask.any() else None
    figures = scores(truth, image, mask=mask)
    if case.mask is not None:
        figures = (
            {"psnr": figures["psnr_mask"], "ssim": figures["ssim"]} if mask is not None else {"ssim": figures["ssim"]}
        )
    figures["perceptual"] = token_distance(tokens(truth), tokens(image))
    if end is not None:
        gap = (x - end) ** 2 if mask is None else ((x - end) ** 2)[mask]
        figures["to_flow"] = float(np.sqrt(gap.mean()) * 127.5)
    return figures


def _page(bench: Bench) -> Path:
    parts = [TEXT.format(flag=" --quick" if bench.quick else "", part=PART, flow=FLOW)]
    for task in TASKS:
        rows = [r for r in bench.rows if r["task"] == task]
        if rows:
            head = ["sampler", "evaluations", "PSNR", "SSIM", "perceptual", "to the flow", "n", "s a crop", "MiB"]
            lines = [_line(r) for r in sorted(rows, key=lambda r: list(GRID).index(r["method"]))]
            parts.append(f"## {task}\n\n{table(head, lines)}")
    for row in bench.rows[:1]:
        m = row["machine"]
        parts.append(f"{m['cpu']}, {m['threads']} threads; commit {row['commit']}; weights {row['model'][:12]}.")
    return bench.write_page("\n\n".join(parts) + "\n")


def _line(row: dict) -> list:
    m = row["metrics"]
    figures = [shown(m.get("psnr")), shown(m["ssim"], 3), shown(m["perceptual"], 3), shown(m.get("to_flow"))]
    used, seconds = row["settings"]["evaluations"], f"{m['seconds']['value']:.2f}"
    return [row["method"], used, *figures, row["n"], seconds, row["peak_memory_mib"]]
