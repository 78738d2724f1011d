"""What a run of a verb cost and with what it was made: the report that every verb writes."""

import json
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import difusa
from difusa.shared.files import plain
from difusa.shared.machine import commit, cpu_name, forget_peak, peak_memory_mib, set_threads

__all__ = ["Counted", "Meter", "Progress", "Run", "plain", "set_threads"]

Progress = Callable[[int, int], None]  # (done, total), in the verb's own steps


@dataclass
class Counter:
    """Evaluations of the networks along one trajectory."""

    evaluations: int = 0


@dataclass(frozen=True)
class Counted:
    """A denoiser that adds one to its counter at each call; its repr is the denoiser's own, for the audit record."""

    denoise: Callable
    counter: Counter

    def __call__(self, *state, **condition):
        self.counter.evaluations += 1
        return self.denoise(*state, **condition)

    def __repr__(self) -> str:
        return repr(self.denoise)


class Meter:
    """Shows progress on a stream: done of total, the rate, the time left.

    A terminal's line is redrawn, a log gets a line each 10 s.
    """

    def __init__(self, stream=None):
        self.stream = sys.stderr if stream is None else stream
        self.live = self.stream.isatty()
        self.began = self.shown = time.monotonic()
        self.last = ""

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        finished = done >= total
        if not finished and now - self.shown < (0.2 if self.live else 10):
            return
        self.shown, spent = now, now - self.began
        rate = done / spent if spent else 0.0
        left = f"{(total - done) / rate:.0f} s left" if rate else "starting"
        text = f"{done}/{total}  {rate:.1f}/s  " + (f"done in {spent:.1f} s" if finished else left)
        end = "\n" if finished or not self.live else ""
        if text == self.last:  # nothing has moved
            return
        self.last = text
        self.stream.write((f"\r{text:<60}" if self.live else text) + end)
        self.stream.flush()


class Run:
    """One run of a verb, from its start to its last file.

    with Run("heritage restore", seed=seed, model=model) as run:
        denoise = run.counted(denoise)   # anew for each trajectory, beneath the guidance, so that guidance is counted
        run.progress(done, total)
        run.write("report.json", tiles=12)

    model: anything with .name and .sha256, or None. progress: called with (done, total); by default a line on stderr.
    A KeyboardInterrupt inside passes through: whoever writes files does so whole or not at all.
    """

    def __init__(self, verb: str, *, seed: int = 0, model=None, device: str = "cpu", progress: Progress | None = None):
        self.verb, self.seed, self.model, self.device = verb, seed, model, device
        self.progress = Meter() if progress is None else progress
        self.counters: list[Counter] = []

    def __enter__(self) -> "Run":
        self.began = time.perf_counter()
        self.fresh_peak = forget_peak()
        if self.on_gpu:
            torch.cuda.reset_peak_memory_stats(self.device)
        return self

    def __exit__(self, *error) -> None:
        return None

    @property
    def on_gpu(self) -> bool:
        return torch.device(self.device).type == "cuda"

    def counted(self, *denoisers: Callable):
        """The denoisers of one trajectory, counted together: one gives one back, several give a tuple."""
        self.counters.append(Counter())
        wrapped = tuple(Counted(d, self.counters[-1]) for d in denoisers)
        return wrapped[0] if len(wrapped) == 1 else wrapped

    @property
    def network_evaluations(self) -> int:
        """Evaluations that a sample took: the most along any one trajectory, the networks of its guidance added up."""
        return max((c.evaluations for c in self.counters), default=0)

    @property
    def seconds(self) -> float:
        """Wall time since the run began."""
        return time.perf_counter() - self.began

    def report(self, **figures) -> dict[str, Any]:
        """The figures of this run so far; `figures` are the verb's own and may not rename the common ones."""
        common = {
            "verb": self.verb,
            "seconds": round(self.seconds, 3),
            "network_evaluations": self.network_evaluations,
            "peak_memory_mib": round(peak_memory_mib(), 1),
            "peak_memory_since": "the run's start" if self.fresh_peak else "the process's start",
            "model": None if self.model is None else {"name": self.model.name, "sha256": self.model.sha256},
            "seed": self.seed,
            "device": self.device,
            "threads": torch.get_num_threads(),
            "cpu": cpu_name(),
            "versions": {"difusa": difusa.__version__, "torch": torch.__version__, "python": platform.python_version()},
            "commit": commit(),
        }
        if self.on_gpu:
            common["gpu"] = torch.cuda.get_device_name(self.device)
            common["peak_gpu_memory_mib"] = round(torch.cuda.max_memory_allocated(self.device) / 2**20, 1)
        if clash := sorted(set(common) & set(figures)):
            raise ValueError(f"a report's own figures need other names than the common {', '.join(clash)}")
        return common | figures

    def write(self, path: str | Path | None, **figures) -> dict[str, Any]:
        """Write the report as JSON, whole or not at all, and return it; None writes no file."""
        values = plain(self.report(**figures))
        if path is not None:
            path = Path(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = path.with_name(path.name + ".tmp")
            fresh.write_text(json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
            os.replace(fresh, path)
        return values
