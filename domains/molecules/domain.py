"""Molecules as the suite sees them; every part is imported when it is used."""

from functools import partial
from importlib import import_module

from difusa.shared.benchmark import Benchmark
from difusa.shared.domain import Domain, Trainable
from difusa.shared.domain import late as deferred

HERE = "difusa.domains.molecules"


late = deferred(HERE)


def examples(whole: bool, tell: bool = False):
    """Training examples of the prepared set that the options name: skeletons, or whole molecules; options as examples.Options.

    tell: their properties become a wish, of which the network is told a part; otherwise they stay what is to be predicted.
    """

    def call(data, split: str, options: dict, seed: int = 0):
        from difusa.domains.molecules.chemistry import ELEMENTS
        from difusa.domains.molecules.examples import Examples, Options
        from difusa.domains.molecules.noising import Noised
        from difusa.domains.molecules.wishes import told
        from difusa.shared.training.recipe import parse

        chosen = parse(Options, options, "examples")
        packed = import_module(f"{HERE}.{chosen.elements}").load(data)
        drawn = Examples(packed, split, chosen, seed, whole)
        known = partial(told, wishes_of(packed, chosen, whole)) if tell and chosen.properties else None
        return Noised(drawn, len(ELEMENTS[chosen.elements]), chosen.noise, seed, known)

    return call


def wishes_of(packed, chosen, whole: bool):
    """What the training molecules of the options (examples.Options) say of their properties; always the training split."""
    from difusa.domains.molecules.examples import flatten
    from difusa.domains.molecules.packed import counts
    from difusa.domains.molecules.wishes import of_rows

    rows = flatten(packed, "train", chosen, whole).rows
    columns = [packed.property_names.index(name) for name in chosen.properties]
    return of_rows(chosen.properties, packed.properties[rows][:, columns], counts(packed)[rows])


def beside(whole: bool, tell: bool = False):
    """What drawing needs later of the molecules that the options name: sizes.table, and with `tell` wishes.files."""

    def call(data, options: dict) -> dict[str, object]:
        from difusa.domains.molecules import sizes, wishes
        from difusa.domains.molecules.examples import Options
        from difusa.shared.training.recipe import parse

        chosen = parse(Options, options, "examples")
        packed = import_module(f"{HERE}.{chosen.elements}").load(data)
        said = wishes.files(wishes_of(packed, chosen, whole)) if tell and chosen.properties else {}
        return {sizes.FILE: sizes.table(packed, chosen, whole)} | said

    return call


def network(options: dict):
    """The molecule network of a recipe's table."""
    return import_module(f"{HERE}.network").Molecules(**options)


def regressor(options: dict):
    """The network that reads properties off a skeleton, of a recipe's table."""
    return import_module(f"{HERE}.regressor").Regressor(**options)


# The recipes' `trains` are these names.
MODELS: dict[str, Trainable] = {
    "skeleton": Trainable(
        network, examples(whole=False, tell=True), late("network", "adopt"), beside=beside(whole=False, tell=True)
    ),
    "hydrogens": Trainable(network, examples(whole=True), late("network", "adopt"), beside=beside(whole=True)),
    "regressor": Trainable(regressor, examples(whole=False), beside=beside(whole=False)),
}

DOMAIN = Domain(
    "molecules",
    load=late("readers", "load"),
    save=late("export", "save"),
    metrics=late("metrics", "evaluate"),
    models=MODELS,
    verbs={
        "generate": late("task", "generate"),
        "conformers": late("conformers", "conformers"),
        "grow": late("grow", "grow"),
        "evaluate": late("metrics", "evaluate"),
        "calibrate": late("calibrating", "calibrate"),
    },
    benches={
        "molecules": Benchmark(
            late("bench", "measure"),
            ("n", "model", "hydrogens", "steps", "batch", "seeds", "costly", "workers", "checkpoints"),
        ),
    },
    factory=late("making", "factory"),
)
