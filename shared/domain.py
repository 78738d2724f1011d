"""What a domain gives the suite: one frozen value, the same fields for pictures, scans, molecules and crystals."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from torch import nn


@dataclass(frozen=True)
class Domain:
    """One application domain.

    load(path) -> item; save(item, path); examples(data folder, split, options) -> Dataset of dicts with a `clean` state and
    its condition (training); network(options) -> nn.Module answering (x, sigma, **condition) -> clean;
    verbs: name -> documented Python function; sheet(denoiser, examples) -> picture of samples for the training log.
    """

    name: str
    load: Callable
    save: Callable
    examples: Callable[[Path, str, dict], object]
    network: Callable[[dict], nn.Module]
    metrics: Callable
    verbs: dict[str, Callable] = field(default_factory=dict)
    adopt: Callable | None = None
    sheet: Callable | None = None
