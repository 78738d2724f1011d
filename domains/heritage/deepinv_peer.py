"""The same network under deepinv's solver, in a process of its own: deepinv needs torchvision, which difusa does not.

`make bench-peers-env` puts deepinv, torchvision and a few small packages, without their dependencies, into
.local/bench-peers; the process sees that folder after everything installed. torchvision's compiled part wants CUDA
libraries: where it cannot be loaded, the two operators that torchvision describes on import are declared first, by name
alone. deepinv's solvers use neither.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from difusa.domains.heritage.cases import Case


def lacking(folder: Path) -> str | None:
    """Why deepinv cannot be run from `folder`, or None."""
    if not (Path(folder) / "deepinv").is_dir():
        return f"deepinv is not in {folder}: run `make bench-peers-env`"
    done = subprocess.run(_command("check", str(folder)), capture_output=True, text=True)
    return (
        None
        if done.returncode == 0
        else f"deepinv cannot be imported: {(done.stderr.strip().splitlines() or ['?'])[-1]}"
    )


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "difusa.domains.heritage.deepinv_peer", *arguments]


def restore(cases: list[Case], model, plan, folder: Path) -> list[tuple[np.ndarray, np.ndarray, float]]:
    """For each case the mean of the samples and one sample, uint8 [H, W, 3], and its seconds (solver only, loading
    excluded).

    Raises RuntimeError with the process's last words.
    """
    with tempfile.TemporaryDirectory() as work:
        asked, answered = Path(work) / "asked.npz", Path(work) / "answered.npz"
        told = [case.condition() for case in cases]
        np.savez(asked, **{f"{key}{i}": value for i, t in enumerate(told) for key, value in t.items()})
        options = {
            "model": str(model.folder), "count": len(cases), "samples": plan.samples, "steps": plan.steps,
            "seed": plan.seed,
            "sigma_min": plan.sigma_min, "sigma_max": plan.sigma_max,
        }  # fmt: skip
        command = _command("run", str(folder), str(asked), str(answered), json.dumps(options))
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"deepinv stopped: {done.stderr.strip()[-500:]}")
        with np.load(answered) as found:
            return [(found[f"mean{i}"], found[f"one{i}"], float(found[f"seconds{i}"])) for i in range(len(cases))]


def _import_deepinv(folder: str):
    sys.path.append(folder)
    import torch

    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        for name in [n for n in sys.modules if n.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _import_deepinv.library = library  # the declarations end with the object
    import deepinv

    return deepinv


def _run(folder: str, asked: str, answered: str, options: str) -> None:
    deepinv = _import_deepinv(folder)
    import torch

    from difusa.domains.heritage.cases import levels
    from difusa.domains.heritage.posterior import sample_stream
    from difusa.domains.models import find
    from difusa.shared.levels import karras

    o = json.loads(options)
    network = find(o["model"], domain="heritage").load()
    # sigma(t) = t, no drift of the mean: Euler's steps in this time are DDIM's, the best case for deepinv's first-
    # order solver
    sigmas = karras(o["steps"], o["sigma_min"], o["sigma_max"])
    solver = deepinv.sampling.EulerSolver(timesteps=sigmas)
    results = {}
    with np.load(asked) as told, torch.no_grad():
        for i in range(o["count"]):
            observed, doubt, task = (torch.from_numpy(told[f"{k}{i}"])[None] for k in ("observed", "doubt", "task"))
            kind = torch.tensor([int(told[f"kind{i}"])])

            def denoise(x, sigma, *_, observed=observed, doubt=doubt, task=task, kind=kind, **__):
                return network(
                    x, sigma.reshape(-1)[:1].expand(len(x)), observed=observed, doubt=doubt, task=task, kind=kind
                )

            process = deepinv.sampling.EDMDiffusionSDE(
                sigma_t=lambda t: t, sigma_prime_t=torch.ones_like, variance_exploding=True, alpha=0.0,
                T=o["sigma_max"], denoiser=denoise, solver=solver, minus_one_one=False, dtype=torch.float32,
            )  # fmt: skip
            drawn, began = [], time.perf_counter()
            for k in range(o["samples"]):
                noise = sample_stream(o["seed"], k).standard_normal(observed.shape[1:], dtype=np.float32)
                drawn.append(
                    process.sample(observed + torch.from_numpy(noise)[None] * o["sigma_max"])
                )  # as the verb starts
            seconds = time.perf_counter() - began
            images = [levels(x[0].permute(1, 2, 0).numpy()) for x in (torch.stack(drawn).mean(0), drawn[0])]
            results |= {f"mean{i}": images[0], f"one{i}": images[1], f"seconds{i}": seconds}
    np.savez(answered, **results)


if __name__ == "__main__":
    if sys.argv[1] == "check":
        _import_deepinv(sys.argv[2])
    else:
        _run(*sys.argv[2:])
