"""Molecules as the suite sees them; every part is imported when it is used."""

from importlib import import_module

from difusa.shared.domain import Domain, Trainable

HERE = "difusa.domains.molecules"


def late(module: str, name: str):
    """The function `name` of a module of this domain, imported at its first call."""

    def call(*args, **options):
        return getattr(import_module(f"{HERE}.{module}"), name)(*args, **options)

    return call


def examples(whole: bool):
    """Training examples of the prepared set that the options name: skeletons, or whole molecules; options as examples.Options."""

    def call(data, split: str, options: dict, seed: int = 0):
        from difusa.domains.molecules.chemistry import ELEMENTS
        from difusa.domains.molecules.examples import Examples, Options
        from difusa.domains.molecules.noising import Noised
        from difusa.shared.training.recipe import parse

        chosen = parse(Options, options, "examples")
        packed = import_module(f"{HERE}.{chosen.elements}").load(data)
        drawn = Examples(packed, split, chosen, seed, whole)
        return Noised(drawn, len(ELEMENTS[chosen.elements]), chosen.noise, seed)

    return call


def beside(whole: bool):
    """The sizes of the molecules that the options name, which drawing needs later; see sizes.table."""

    def call(data, options: dict) -> dict[str, object]:
        from difusa.domains.molecules import sizes
        from difusa.domains.molecules.examples import Options
        from difusa.shared.training.recipe import parse

        chosen = parse(Options, options, "examples")
        packed = import_module(f"{HERE}.{chosen.elements}").load(data)
        return {sizes.FILE: sizes.table(packed, chosen, whole)}

    return call


def network(options: dict):
    """The molecule network of a recipe's table."""
    return import_module(f"{HERE}.network").Molecules(**options)


# The recipes' `trains` are these names.
MODELS: dict[str, Trainable] = {
    "skeleton": Trainable(network, examples(whole=False), beside=beside(whole=False)),
    "hydrogens": Trainable(network, examples(whole=True), beside=beside(whole=True)),
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
    },
)
