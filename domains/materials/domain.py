"""Crystals as the suite sees them; every part is imported when it is used."""

from importlib import import_module

from difusa.shared.benchmark import Benchmark
from difusa.shared.domain import Domain, Trainable
from difusa.shared.domain import late as deferred

HERE = "difusa.domains.materials"


late = deferred(HERE)


def examples(data, split: str, options: dict, seed: int = 0):
    """Training examples of the crystals that the options name; options as examples.Options."""
    from difusa.domains.materials.examples import Examples

    packed, chosen = crystals(data, options)
    return Examples(packed, split, chosen, seed, wishes_of(packed, chosen).told if chosen.properties else None)


def crystals(data, options: dict):
    """The prepared set that the options name, and these as examples.Options."""
    from difusa.domains.materials.examples import Options
    from difusa.shared.training.recipe import parse

    chosen = parse(Options, options, "examples")
    home = {"mp": "data", "prototypes": "prototypes"}[chosen.source]
    return import_module(f"{HERE}.{home}").load(data), chosen


def wishes_of(packed, chosen):
    """What the training crystals of the options (examples.Options) say of their properties; always the training split."""
    from difusa.domains.materials.wishes import of_rows

    columns = [packed.property_names.index(name) for name in chosen.properties]
    return of_rows(chosen.properties, packed.properties[packed.rows("train")][:, columns])


def beside(data, options: dict) -> dict[str, object]:
    """What drawing needs later of the crystals that the options name: templates.files."""
    from difusa.domains.materials.templates import files

    packed, chosen = crystals(data, options)
    return files(packed, chosen, wishes_of(packed, chosen))


def network(options: dict):
    """The crystal network of a recipe's table."""
    return import_module(f"{HERE}.network").Materials(**options)


def readings(data, split: str, options: dict, seed: int = 0):
    """A regressor's examples of the Materials Project's crystals; options as readings.Options."""
    from difusa.domains.materials.data import load
    from difusa.domains.materials.readings import Options, Readings
    from difusa.shared.training.recipe import parse

    return Readings(load(data), split, parse(Options, options, "examples"), seed)


def regressor(options: dict):
    """The network that reads properties off a crystal, of a recipe's table."""
    return import_module(f"{HERE}.regressor").Regressor(**options)


# The recipes' `trains` are these names.
MODELS: dict[str, Trainable] = {
    "crystal": Trainable(network, examples, beside=beside),
    "regressor": Trainable(regressor, readings),
}

DOMAIN = Domain(
    "materials",
    load=late("readers", "load"),
    save=late("export", "save"),
    metrics=late("metrics", "evaluate"),
    models=MODELS,
    verbs={
        "generate": late("task", "generate"),
        "predict": late("predicting", "predict"),
        "evaluate": late("metrics", "evaluate"),
        "calibrate": late("calibrating", "calibrate"),
        "cathode": late("worked", "cathode"),
        "abundant": late("worked", "abundant"),
    },
    benches={
        "materials": Benchmark(
            late("bench", "measure"),
            ("n", "model", "steps", "batch", "seeds", "costly", "workers", "checkpoints", "samples"),
        ),
    },
    factory=late("making", "factory"),
)
