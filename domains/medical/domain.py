"""Scans as the suite sees them; every part is imported when it is used."""

from importlib import import_module

from difusa.shared.benchmark import Benchmark
from difusa.shared.domain import Domain, Trainable

HERE = "difusa.domains.medical"


def late(module: str, name: str):
    """The function `name` of a module of this domain, imported at its first call."""

    def call(*args, **options):
        return getattr(import_module(f"{HERE}.{module}"), name)(*args, **options)

    return call


def planes(folder, split: str, options: dict, seed: int = 0):
    """Training examples: contrasts given, another wanted; options as examples.Options."""
    from difusa.domains.medical.examples import Examples, Options
    from difusa.shared.training.recipe import parse

    return Examples(folder, split, parse(Options, options, "examples"), seed)


def network(name: str, module: str = "network"):
    """Builder of a network class from a recipe's table."""
    return lambda options: getattr(import_module(f"{HERE}.{module}"), name)(**options)


DOMAIN = Domain(
    "medical",
    load=late("readers", "load"),
    save=late("export", "save"),
    metrics=late("metrics", "evaluate"),
    models={
        "translator": Trainable(network("Translator"), planes, late("network", "adopt")),
        "regressor": Trainable(network("Regressor"), planes, late("network", "adopt")),
        "pix2pix": Trainable(network("Pix2pix", "rivals"), planes, late("network", "adopt")),
        "cyclegan": Trainable(network("Cyclegan", "rivals"), planes, late("network", "adopt")),
    },
    verbs={
        "translate": late("task", "translate"),
        "calibrate": late("calibrating", "calibrate"),
        "evaluate": late("metrics", "evaluate"),
        "gate": late("gate_training", "gate"),
        "progress": late("progress", "progress"),
        "simulate": late("synthesizing", "simulate"),
        "synthesize": late("synthesizing", "synthesize"),
    },
    benches={
        "medical": Benchmark(late("bench", "measure"), ("n", "model", "steps", "samples", "seeds", "checkpoints"))
    },
    factory=late("making", "factory"),
)
