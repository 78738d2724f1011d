"""Looks on while a run trains: held-out loss by noise level, sample sheets, a profile of the first steps."""

from pathlib import Path

import numpy as np
import torch

from difusa.shared.checkpoint import write_json
from difusa.shared.seeds import stream
from difusa.shared.training.examples import stack
from difusa.shared.training.objective import wrap

LEVELS = (0.1, 0.25, 0.5, 1.0, 3.0, 10.0)
PROFILED = 20  # steps


class Watch:
    """Called after each step; measures and draws when the recipe says so. latest: the newest held-out figures."""

    def __init__(self, recipe, examples, domain, profile: bool = False):
        self.recipe, self.examples, self.domain = recipe, examples, domain
        self.latest: dict = {}
        self.rows: list[dict] | None = None
        self.profiler = torch.profiler.profile() if profile else None
        if self.profiler:
            self.profiler.__enter__()

    def __call__(self, trainer) -> None:
        step = trainer.position.step
        if self.profiler and step % PROFILED == 0:
            self._end_profile(trainer.folder)
        if step % self.recipe.heldout_every == 0:
            self.measure(trainer)
        if self.domain.sheet and step % self.recipe.sheet_every == 0 and trainer.accelerator.is_main_process:
            self._draw(trainer, step)

    def close(self, trainer) -> None:
        """Last figures, and the end of a profile that is still open."""
        if self.profiler:
            self._end_profile(trainer.folder)
        self.measure(trainer)

    def heldout(self) -> list[dict]:
        """The held-out examples, each with one fixed noise; drawn once."""
        if self.rows is None:
            examples = self.examples(self.recipe.stage(0).examples)
            self.rows = []
            for number in range(self.recipe.heldout_count):
                row = dict(examples[number])
                row["noise"] = stream(self.recipe.seed + 1, number, 1).standard_normal(row["clean"].shape, dtype=np.float32)
                self.rows.append(row)
        return self.rows

    @torch.no_grad()
    def measure(self, trainer) -> None:
        """Root mean square error of the averaged network's clean estimate, by noise level."""
        if not trainer.accelerator.is_main_process:
            return
        network = trainer.average.module
        denoise = wrap(network, self.recipe.objective)
        device = trainer.accelerator.device
        squares = {level: [] for level in LEVELS}
        with trainer.accelerator.autocast():
            for start in range(0, self.recipe.heldout_count, 8):
                batch = {k: v.to(device) for k, v in stack(self.heldout()[start : start + 8]).items()}
                clean, noise = batch.pop("clean"), batch.pop("noise")
                for level in LEVELS:
                    guess = denoise(clean + level * noise, torch.full((len(clean),), level, device=device), **batch)
                    squares[level].append(((guess.float() - clean) ** 2).flatten(1).mean(1))
        rms = {f"rms_at_{level:g}": round(float(torch.cat(v).mean().sqrt()), 5) for level, v in squares.items()}
        self.latest = {"step": trainer.position.step, "n": self.recipe.heldout_count, **rms}
        trainer.log.heldout(**self.latest)

    def _draw(self, trainer, step: int) -> None:
        from PIL import Image

        with torch.no_grad():
            pixels = self.domain.sheet(wrap(trainer.average.module, self.recipe.objective), self.heldout())
        folder = Path(trainer.folder) / "sheets"
        folder.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(folder / f"{step:07d}.png")
        trainer.log.picture(step, "samples", pixels)

    def _end_profile(self, folder: Path) -> None:
        self.profiler.__exit__(None, None, None)
        rows = sorted(self.profiler.key_averages(), key=lambda r: -r.self_cpu_time_total)[:40]
        table = [{"name": r.key, "calls": r.count, "cpu_ms": round(r.self_cpu_time_total / 1000, 2)} for r in rows]
        write_json(Path(folder) / "profile.json", table)
        self.profiler = None
