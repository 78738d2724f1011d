"""The training loop: resumes exactly, keeps to a time budget, stops on NaN, halves the micro-batch when memory runs out."""

import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from difusa.shared.checkpoint import load_tensors, save_tensors
from difusa.shared.files import write_json
from difusa.shared.training import adversarial, optimisers
from difusa.shared.training.examples import Noised, Numbers, loader
from difusa.shared.training.objective import called, losses, wrap
from difusa.shared.training.recipe import Optimiser, Recipe


class Diverged(ValueError):
    """The loss or a gradient is not a number."""


def rate_at(step: int, optimiser: Optimiser, steps: int) -> float:
    """Learning rate at `step`: linear warm-up, then the recipe's decay to zero at `steps`."""
    warm = min(1.0, (step + 1) / max(1, optimiser.warmup))
    left = max(0.0, 1 - step / steps)
    shape = {"constant": 1.0, "linear": left, "cosine": 0.5 * (1 + math.cos(math.pi * (1 - left)))}[optimiser.decay]
    return optimiser.rate * warm * shape


@dataclass
class Position:
    """How far a run has come: steps done, examples seen, seconds spent, and the micro-batch memory allows."""

    step: int = 0
    seen: int = 0
    seconds: float = 0.0
    micro: int = 0


class Trainer:
    """One training run in a folder: state.safetensors and state.json to resume from, model files for use."""

    def __init__(self, recipe: Recipe, network: nn.Module, folder: Path, accelerator, log):
        self.recipe, self.folder, self.accelerator, self.log = recipe, Path(folder), accelerator, log
        self.network = network.to(accelerator.device)
        if recipe.activation_checkpointing:
            _checkpoint_activations(self.network)
        self.average = AveragedModel(self.network, multi_avg_fn=get_ema_multi_avg_fn(recipe.ema))
        self.adversarial = recipe.objective.target == "adversarial"
        make = adversarial.make_optimisers if self.adversarial else optimisers.make
        self.optimisers = make(self.network, recipe.optimiser)
        self.position = Position(micro=recipe.micro or recipe.batch)
        wrapped = accelerator.prepare_model(called(self.network, recipe.objective))
        self.forward = torch.compile(wrapped, dynamic=False) if recipe.compile else wrapped
        self.denoise = wrap(self.forward, recipe.objective)

    # one step -------------------------------------------------------------------------------------------------

    def step(self, batch: dict[str, torch.Tensor]) -> dict[str, float]:
        """One optimiser step on this rank's share of the batch; returns loss, gradient norm and rate."""
        rate = rate_at(self.position.step, self.recipe.optimiser, self.recipe.steps)
        if self.adversarial:
            figures = adversarial.step(self, batch, rate)
            self.average.update_parameters(self.network)
            return figures
        while True:
            try:
                loss = self._gradients(batch)
                break
            except (torch.OutOfMemoryError, RuntimeError) as error:
                self._shrink(error)
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.optimiser.clip or math.inf)
        loss = self.accelerator.reduce(loss, reduction="mean")
        if not (torch.isfinite(loss) and torch.isfinite(norm)):
            self.explain(batch, loss, norm)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.step()
        self.network.zero_grad(set_to_none=True)
        self.average.update_parameters(self.network)
        return {"loss": loss.item(), "gradient_norm": norm.item(), "rate": rate}

    def _gradients(self, batch) -> torch.Tensor:
        self.network.zero_grad(set_to_none=True)
        rows = len(next(iter(batch.values())))
        total = torch.zeros((), device=self.accelerator.device)
        micro = min(self.position.micro, rows)
        for start in range(0, rows, micro):
            part = {k: v[start : start + micro].to(self.accelerator.device) for k, v in batch.items()}
            last = start + micro >= rows
            with self.accelerator.no_sync(self.forward) if not last else _nothing(), self.accelerator.autocast():
                loss = losses(self.recipe.objective, self.denoise, self.network, part).sum() / rows
            self.accelerator.backward(loss)
            total += loss.detach()
        return total

    def _shrink(self, error: Exception) -> None:
        words = str(error).lower()
        memory = (
            isinstance(error, torch.OutOfMemoryError) or "out of memory" in words or "can't allocate memory" in words
        )
        if not memory or self.position.micro <= 1 or self.accelerator.num_processes > 1:
            raise error
        self.position.micro = max(1, self.position.micro // 2)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self.log.event("out_of_memory", step=self.position.step, micro=self.position.micro)

    def explain(self, batch, loss, norm) -> None:
        """Raises Diverged with what is known of its cause."""
        broken = [n for n, p in self.network.named_parameters() if p.grad is not None and not p.grad.isfinite().all()]
        inputs = [k for k, v in batch.items() if v.is_floating_point() and v.isnan().any()]
        cause = f"inputs {inputs}" if inputs else f"gradients of {broken[:3]}" if broken else "the loss itself"
        first = self.position.seen
        self.log.event("diverged", step=self.position.step, loss=loss.item(), gradient_norm=norm.item(), cause=cause)
        raise Diverged(
            f"not a number at step {self.position.step} (examples {first}..{first + self.recipe.batch}): {cause}; "
            "lower the rate, clip gradients or use fp32, and start again from the last checkpoint"
        )

    # the run --------------------------------------------------------------------------------------------------

    def run(self, examples, minutes: float | None, observe, steps: int | None = None) -> None:
        """Trains to the recipe's steps (or `steps`) or the time budget.

        examples(options) -> numbered examples; observe(trainer) looks on after each step.
        """
        began = time.monotonic() - self.position.seconds
        end = min(self.recipe.steps, steps or self.recipe.steps)
        while self.position.step < end:
            stage = self.recipe.stage(self.position.step)
            until = min(stage.until, end)
            a = self.accelerator
            stop = self.position.seen + (until - self.position.step) * stage.batch
            numbers = Numbers(self.position.seen, stop, stage.batch, a.process_index, a.num_processes)
            data = Noised(examples(stage.examples), self.recipe.objective, self.recipe.seed)
            for batch in loader(data, numbers, self.recipe.workers):
                figures = self.step(batch)
                self.position.step += 1
                self.position.seen += stage.batch
                self.position.seconds = time.monotonic() - began
                self.log.step(self.position.step, seconds=self.position.seconds, seen=self.position.seen, **figures)
                observe(self)
                late = minutes is not None and self.position.seconds > 60 * minutes
                if late or self.position.step % self.recipe.save_every == 0 or self.position.step == end:
                    self.save()
                if late:
                    self.log.event("time_budget_reached", step=self.position.step, minutes=minutes)
                    return

    # files ----------------------------------------------------------------------------------------------------

    def save(self) -> None:
        """Writes the state to resume from, one file, atomically (main process only)."""
        if not self.accelerator.is_main_process:
            return
        tensors = {f"network.{k}": v for k, v in self.network.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.module.state_dict().items()}
        names = {id(p): n for n, p in self.network.named_parameters()}
        for parameter, state in (pair for o in self.optimisers for pair in o.state.items()):
            tensors |= {f"optimiser.{names[id(parameter)]}.{k}": v for k, v in state.items()}
        place = vars(self.position) | {"averaged": int(self.average.n_averaged)}
        # the position travels inside the same file, so that a crash can never pair a position with other weights
        tensors |= {f"position.{k}": torch.tensor(v, dtype=torch.float64) for k, v in place.items()}
        save_tensors(self.folder / "state.safetensors", tensors)
        write_json(self.folder / "state.json", place | {"past_sha256": self.recipe.past(self.position.step)})

    def resume(self) -> bool:
        """Goes on from the folder's state, if there is one."""
        path = self.folder / "state.safetensors"
        if not path.exists():
            return False
        tensors = load_tensors(path)
        part = lambda head: {k[len(head) :]: v for k, v in tensors.items() if k.startswith(head)}  # noqa: E731
        self.network.load_state_dict(part("network."))
        self.average.module.load_state_dict(part("average."))
        names = {id(p): n for n, p in self.network.named_parameters()}
        for optimiser in self.optimisers:
            for parameter in (p for group in optimiser.param_groups for p in group["params"]):
                if state := part(f"optimiser.{names[id(parameter)]}."):
                    optimiser.state[parameter] = {k: v.to(parameter.device) for k, v in state.items()}
        place = {k: v.item() for k, v in part("position.").items()}
        self.average.n_averaged.fill_(int(place.pop("averaged")))
        self.position = Position(int(place["step"]), int(place["seen"]), place["seconds"], int(place["micro"]))
        return True


def _nothing():
    from contextlib import nullcontext

    return nullcontext()


def _checkpoint_activations(network: nn.Module) -> None:
    for module in network.modules():
        if hasattr(module, "enable_gradient_checkpointing"):
            module.enable_gradient_checkpointing()
            return
    raise ValueError("activation_checkpointing: this network offers none; remove the key from the recipe")
