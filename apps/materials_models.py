"""The crystal models that the page can offer, and what each of them can be asked for."""

from difusa.apps.choices import Choice
from difusa.apps.choices import choices as choices_of
from difusa.apps.choices import own as named_by
from difusa.apps.form import plain

VARIABLE = "DIFUSA_MATERIALS"


def choices() -> list[Choice]:
    """The one that `difusa app --materials` named, then the shipped ones."""
    return choices_of("materials", "crystal", VARIABLE)


def own() -> str | None:
    """The model that `difusa app --materials` named."""
    return named_by(VARIABLE)


def elements(choice: Choice) -> list[str]:
    """Symbols of the elements that the model knows, by atomic number."""
    from difusa.domains.materials.elements import SYMBOLS
    from difusa.domains.materials.templates import read

    return [SYMBOLS[n] for n in read(choice.folder)[0].known]


def most(choice: Choice) -> int:
    """Atoms of the largest cell that the model draws."""
    from difusa.domains.materials.templates import read

    return int(read(choice.folder)[0].atoms.max())


def properties(choice: Choice) -> dict[str, tuple[float, float, str]]:
    """Property -> lowest and highest value in the training data, and its unit."""
    from difusa.domains.materials.templates import read
    from difusa.domains.materials.wishes import UNITS

    known = read(choice.folder)[1]
    rows = zip(known.names, known.low.tolist(), known.high.tolist(), strict=True)
    return {name: (low, high, UNITS.get(name, "")) for name, low, high in rows}


def systems() -> list[str]:
    """The crystal systems, as the verbs call them."""
    from difusa.domains.materials.asked import SYSTEMS

    return list(SYSTEMS)


def refusal(choice: Choice, limits: dict) -> tuple[str, str]:
    """Why no crystal can be as asked, with the way out, "" if it can; and what the visitor should know of it. limits: as of
    asked.ask."""
    from difusa.domains.materials.asked import ask
    from difusa.domains.materials.templates import read

    try:
        return "", plain(ask(*read(choice.folder), **limits).note)
    except ValueError as error:
        return plain(error), ""


def unpredictable(choice: Choice, formula: str, spacegroup: int | None, system: str | None) -> str:
    """Why the structure of a formula cannot be predicted, with the way out; empty if it can."""
    from difusa.domains.materials.asked import groups_of
    from difusa.domains.materials.predicting import parse_formula
    from difusa.domains.materials.templates import read

    try:
        parse_formula(formula, read(choice.folder)[0])
        groups_of(spacegroup, system)
    except ValueError as error:
        return plain(error)
    return ""
