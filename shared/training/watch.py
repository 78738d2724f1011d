"""Looks on while a run trains: held-out figures, sample sheets, a profile of the first steps."""

from pathlib import Path

import torch

from difusa.shared.files import write_atomic, write_json
from difusa.shared.training import heldout
from difusa.shared.training.objective import OWN_LOSS, called, losses, wrap

PROFILED = 20  # steps


class Watch:
    """Called after each step; measures and draws when the recipe says so. latest: the newest held-out figures."""

    def __init__(self, recipe, examples, model, profile: bool = False):
        self.recipe, self.examples, self.model, self.profiler = recipe, examples, model, None
        self.latest: dict = {}
        self.batches: list | None = None
        if profile:
            self.profiler = torch.profiler.profile()
            self.profiler.__enter__()

    def __call__(self, trainer) -> None:
        step = trainer.position.step
        if self.profiler and step % PROFILED == 0:
            self._end_profile(trainer.folder)
        if step % self.recipe.heldout_every == 0:
            self.measure(trainer)
        if self.model.sheet and step % self.recipe.sheet_every == 0:
            self.draw(trainer)

    def close(self, trainer) -> None:
        """Last figures and sheet, and the end of a profile that is still open."""
        if self.profiler:
            self._end_profile(trainer.folder)
        self.measure(trainer)
        if self.model.sheet:
            self.draw(trainer)

    def heldout(self) -> list[dict]:
        """The held-out examples, drawn once."""
        if self.batches is None:
            examples = self.examples(self.recipe.stage(0).examples)
            self.batches = heldout.rows(examples, self.recipe.heldout_count, self.recipe.seed + 1)
        return self.batches

    @torch.no_grad()
    def measure(self, trainer) -> None:
        """Error of the averaged network by noise level, or its own loss where it has one."""
        a = trainer.accelerator
        if not a.is_main_process or not self.recipe.heldout_count:
            return
        network = trainer.average.module.eval()
        with a.autocast():
            if self.recipe.objective.target in OWN_LOSS and self.recipe.objective.target != "residual":
                own = called(network, self.recipe.objective)
                parts = [{k: v.to(a.device) for k, v in batch.items()} for batch in self.heldout()]
                scores = torch.cat([losses(self.recipe.objective, own, network, p).reshape(-1) for p in parts])
                figures = {"loss": round(float(scores.mean()), 5)}
            else:
                figures = heldout.error_by_level(wrap(network, self.recipe.objective), self.heldout(), a.device)
        self.latest = {"step": trainer.position.step, "n": self.recipe.heldout_count, **self.latest, **figures}
        self.latest["step"] = trainer.position.step
        trainer.log.heldout(**self.latest)

    def draw(self, trainer) -> None:
        """A sheet of samples beside the truth, and their Frechet distance."""
        from PIL import Image

        a, step = trainer.accelerator, trainer.position.step
        if not a.is_main_process or not self.recipe.heldout_count:
            return
        with a.autocast():
            denoise = wrap(trainer.average.module.eval(), self.recipe.objective)
            drawn = heldout.samples(denoise, self.heldout(), a.device, self.recipe.seed + 1)
        pixels = self.model.sheet({k: torch.cat([b[k] for b in self.heldout()]) for k in self.heldout()[0]}, drawn)
        write_atomic(
            Path(trainer.folder) / "sheets" / f"{step:07d}.png", lambda p: Image.fromarray(pixels).save(p, "PNG")
        )
        trainer.log.picture(step, "samples", pixels)
        if self.model.features:
            self.latest["frechet"] = heldout.frechet(self.model.features, drawn, self.heldout())
            trainer.log.event("frechet", step=step, frechet=self.latest["frechet"], n=len(drawn))

    def _end_profile(self, folder: Path) -> None:
        self.profiler.__exit__(None, None, None)
        rows = sorted(self.profiler.key_averages(), key=lambda r: -r.self_cpu_time_total)[:40]
        table = [{"name": r.key, "calls": r.count, "cpu_ms": round(r.self_cpu_time_total / 1000, 2)} for r in rows]
        write_json(Path(folder) / "profile.json", table)
        self.profiler = None
