"""Training the damage finder: exact resumption, atomic checkpoints, one log line every so often."""

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from difusa.domains.heritage.finder import Examples, Finder, Options


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the finder's weights."""

    channels: tuple[int, ...] = (24, 40, 64, 96)
    examples: Options = field(default_factory=Options)
    steps: int = 1500
    batch: int = 16
    rate: float = 3e-3  # of AdamW, after 50 steps of warm-up, then along half a cosine to 0
    seed: int = 0


def train(recipe: Recipe, data: Path | str, out: Path | str, every: int = 50) -> Path:
    """Train the finder; goes on from out/state.pt. Every `every` steps writes that file (atomically) and out/log.jsonl.

    A run that was cut off and resumed equals the unbroken one: example n belongs to step n // batch whatever happened.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    network = Finder(recipe.channels).to(memory_format=torch.channels_last).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=1e-2)
    done, seconds = 0, 0.0
    if (out / "state.pt").exists():
        state = torch.load(out / "state.pt", weights_only=True)
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        done, seconds = state["step"], state["seconds"]
    examples = Examples(data, "train", recipe.examples, recipe.seed)
    began, losses = time.monotonic() - seconds, []
    for step in range(done, recipe.steps):
        for group in optimiser.param_groups:
            group["lr"] = rate_at(step, recipe)
        rows = [examples[step * recipe.batch + k] for k in range(recipe.batch)]
        picture, mask = (torch.from_numpy(np.stack([row[name] for row in rows])) for name in ("picture", "mask"))
        with torch.autocast("cpu", torch.bfloat16):
            loss = network.loss(picture.to(memory_format=torch.channels_last), mask)
        if not torch.isfinite(loss):
            raise FloatingPointError(
                f"the loss is {loss.item()} at step {step}: lower `rate` ({recipe.rate}) in the recipe"
            )
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        losses.append(loss.item())
        if (step + 1) % every == 0 or step + 1 == recipe.steps:
            seconds = time.monotonic() - began
            state = {"network": network.state_dict(), "optimiser": optimiser.state_dict()}
            torch.save(state | {"step": step + 1, "seconds": seconds}, out / "state.tmp")
            os.replace(out / "state.tmp", out / "state.pt")
            with (out / "log.jsonl").open("a") as log:
                log.write(json.dumps({"step": step + 1, "loss": float(np.mean(losses)), "seconds": seconds}) + "\n")
            losses = []
    return out / "state.pt"


def rate_at(step: int, recipe: Recipe) -> float:
    """Learning rate of a step: linear warm-up over 50 steps, then half a cosine down to 0."""
    warm = min(1.0, (step + 1) / 50)
    return recipe.rate * warm * 0.5 * (1 + float(np.cos(np.pi * step / recipe.steps)))
