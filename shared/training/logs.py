"""What a run says: one JSON line an event, TensorBoard where installed, Weights & Biases where installed and asked for."""

import json
import os
import sys
import time
from pathlib import Path


class Log:
    """Appends to log.jsonl in the run's folder and echoes progress to stderr; silent on all but the main process."""

    def __init__(self, folder: Path, main: bool = True, every: int = 25):
        self.main, self.every, self.board, self.wandb = main, every, None, None
        self.last = time.monotonic()
        if not main:
            return
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.file = open(folder / "log.jsonl", "a", encoding="utf-8", buffering=1)  # noqa: SIM115 (open as long as the run)
        try:
            from torch.utils.tensorboard import SummaryWriter

            self.board = SummaryWriter(str(folder / "tensorboard"))
        except ImportError:
            pass
        if os.environ.get("WANDB_PROJECT"):
            import wandb

            self.wandb = wandb.init(dir=str(folder), resume="allow")

    def event(self, kind: str, **figures) -> None:
        """One line that is always written."""
        if self.main:
            self.file.write(json.dumps({"event": kind, **figures}) + "\n")

    def step(self, step: int, **figures) -> None:
        """Figures of one training step."""
        if not self.main:
            return
        self.event("step", step=step, **figures)
        self._send(step, figures)
        if step % self.every == 0:
            now = time.monotonic()
            pace = (now - self.last) / self.every
            self.last = now
            print(
                f"step {step}  loss {figures['loss']:.4f}  {pace:.2f} s/step  {figures['seconds'] / 60:.1f} min",
                file=sys.stderr,
            )

    def heldout(self, step: int, **figures) -> None:
        """Figures on held-out examples."""
        self.event("heldout", step=step, **figures)
        if self.main:
            flat = {f"heldout/{k}": v for k, v in figures.items() if isinstance(v, int | float)}
            self._send(step, flat)

    def picture(self, step: int, name: str, pixels) -> None:
        """A sample sheet, uint8 [H, W, 3]."""
        if self.main and self.board:
            self.board.add_image(name, pixels, step, dataformats="HWC")

    def _send(self, step: int, figures: dict) -> None:
        if self.board:
            for name, value in figures.items():
                self.board.add_scalar(name, value, step)
        if self.wandb:
            self.wandb.log(figures, step=step)
