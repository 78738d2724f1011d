"""Heritage as the suite sees it; every part is imported when it is used."""

from importlib import import_module

from difusa.shared.benchmark import Benchmark
from difusa.shared.domain import Domain, Trainable

HERE = "difusa.domains.heritage"


def late(module: str, name: str):
    """The function `name` of a module of this domain, imported at its first call."""

    def call(*args, **options):
        return getattr(import_module(f"{HERE}.{module}"), name)(*args, **options)

    return call


def pictures(data, split: str, options: dict, seed: int = 0):
    """Restoration examples; options as corpus.Options."""
    from difusa.domains.heritage.corpus import Examples, Options
    from difusa.shared.training.recipe import parse

    return Examples(data, split, parse(Options, options, "examples"), seed)


def damaged(data, split: str, options: dict, seed: int = 0):
    """Examples for the damage finder; options as finder.Options."""
    from difusa.domains.heritage.finder import Examples, Options
    from difusa.shared.training.recipe import parse

    return Examples(data, split, parse(Options, options, "examples"), seed)


def coloured(data, split: str, options: dict, seed: int = 0):
    """Examples for the colourist; options as colourist.Options."""
    from difusa.domains.heritage.colourist import Examples, Options
    from difusa.shared.training.recipe import parse

    return Examples(data, split, parse(Options, options, "examples"), seed)


def network(module: str, name: str):
    """Builder of a network class from a recipe's table."""
    return lambda options: getattr(import_module(f"{HERE}.{module}"), name)(**options)


sheet, features = late("sheet", "sheet"), late("sheet", "features")
DOMAIN = Domain(
    "heritage",
    load=late("data", "load"),
    save=late("export", "save"),
    metrics=late("metrics", "evaluate"),
    models={
        "restorer": Trainable(network("network", "Restorer"), pictures, late("network", "adopt"), sheet, features),
        "prior": Trainable(network("network", "Prior"), pictures, None, sheet, features),
        "finder": Trainable(network("finder", "Finder"), damaged, late("finder", "adopt")),
        "colourist": Trainable(network("colourist", "Colourist"), coloured),
    },
    verbs={"restore": late("task", "restore"), "undo": late("task", "undo"), "evaluate": late("metrics", "evaluate")},
    benches={
        "heritage": Benchmark(
            late("bench_run", "heritage"), ("n", "model", "steps", "batch", "methods", "minutes", "samples", "sampler")
        ),
        "samplers": Benchmark(late("bench_run", "samplers"), ("n", "model")),
    },
    factory=late("making", "factory"),
)
