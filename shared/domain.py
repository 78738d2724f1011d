"""What a domain gives the suite: one frozen value, the same fields for pictures, scans, molecules and crystals."""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from torch import nn

from difusa.shared.benchmark import Benchmark
from difusa.shared.factory import Factory


def late(package: str) -> Callable[[str, str], Callable]:
    """late(package)(module, name): the function `name` of a module of the package, imported at its first call."""

    def named(module: str, name: str) -> Callable:
        def call(*args, **options):
            return getattr(import_module(f"{package}.{module}"), name)(*args, **options)

        return call

    return named


@dataclass(frozen=True)
class Trainable:
    """One model of a domain, as the trainer needs it.

    network(options) -> nn.Module. examples(data folder, split, options, seed) -> numbered examples: dicts of arrays with a
    `clean` state and its condition. adopt(weights, network) -> names left fresh: starts from weights of another shape.
    sheet(rows, samples) -> picture, uint8 [H, W, 3], of held-out examples beside samples. features(states) -> [n, d] for
    the Frechet distance. beside(data folder, options) -> file name -> JSON value, or arrays by name for .npz: what the
    model needs from its data later.
    """

    network: Callable[[dict], nn.Module]
    examples: Callable[[Path, str, dict, int], object]
    adopt: Callable | None = None
    sheet: Callable | None = None
    features: Callable | None = None
    beside: Callable[[Path, dict], dict[str, object]] | None = None


@dataclass(frozen=True)
class Domain:
    """One application domain: its file formats, its models, its metrics, its verbs (documented Python functions), its benches.

    factory() -> how it makes data sets; None where it makes none.
    """

    name: str
    load: Callable
    save: Callable
    metrics: Callable
    models: dict[str, Trainable]
    verbs: dict[str, Callable] = field(default_factory=dict)
    benches: dict[str, Benchmark] = field(default_factory=dict)
    factory: Callable[[], Factory] | None = None
