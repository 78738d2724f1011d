"""The molecule models that the page can offer, and what each of them can be asked for."""

import os
from pathlib import Path

from difusa.apps.choices import Choice
from difusa.apps.choices import choices as choices_of
from difusa.apps.choices import own as named_by
from difusa.apps.form import plain

VARIABLE = "DIFUSA_MOLECULES"


def choices() -> list[Choice]:
    """The one that `difusa app --molecules` named, then the shipped ones; those that only hear properties are left out."""
    from difusa.domains.molecules.aims import SISTER

    return choices_of("molecules", "skeleton", VARIABLE, SISTER)


def own() -> str | None:
    """The model that `difusa app --molecules` named."""
    return named_by(VARIABLE)


def hydrogens(choice: Choice) -> str | None:
    """The model of hydrogens that `difusa app --hydrogens` named, for the model named beside it; shipped ones have their own."""
    named = os.environ.get("DIFUSA_HYDROGENS") or None
    return named if own() in (None, choice.name) else None


def lacking(choice: Choice) -> str:
    """Why the model cannot draw whole molecules, with the way out; empty if it can."""
    from difusa.domains.molecules.verbs import pair

    try:
        pair(choice.name, hydrogens(choice))
    except (ValueError, OSError) as error:
        return plain(error)
    return ""


def elements(choice: Choice) -> list[str]:
    """Symbols of the elements that the model draws, hydrogen last."""
    from difusa.domains.molecules.chemistry import SYMBOLS
    from difusa.domains.molecules.sizes import read

    return [SYMBOLS[n] for n in read(choice.folder).elements]


def properties(choice: Choice) -> dict[str, tuple[float, float, str]]:
    """Property -> lowest and highest value in the training data, and its unit; empty where the model hears none."""
    from difusa.domains.models import find
    from difusa.domains.molecules import wishes
    from difusa.domains.molecules.aims import hearing

    try:
        known = wishes.read(find(hearing(choice.name), domain="molecules").folder)
    except (ValueError, OSError):
        return {}
    rows = zip(known.names, known.low.tolist(), known.high.tolist(), strict=True)
    return {name: (low, high, wishes.UNITS.get(name, "")) for name, low, high in rows}


def refusal(choice: Choice, formula: str | None, atoms: int | None, chosen: str | None, scaffold=None) -> str:
    """Why no molecule can be as asked, with the way out; empty if it can. scaffold: (file name, content)."""
    import tempfile

    from difusa.domains.molecules.asked import ask
    from difusa.domains.molecules.sizes import read

    try:
        asked = ask(read(choice.folder), formula, atoms, chosen)
        if scaffold:
            from difusa.domains.molecules.grow import scaffolded

            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / scaffold[0]
                path.write_bytes(scaffold[1])
                try:
                    scaffolded(path, asked)
                except (ValueError, OSError) as error:
                    raise ValueError(str(error).replace(f"{folder}/", "")) from error
    except ValueError as error:
        return plain(error)
    return ""


def readable(choice: Choice, lines: list[str]) -> tuple[list[str], list[tuple[int, str]]]:
    """The SMILES that the model can place, and of the others (line from 1, reason)."""
    from difusa.domains.molecules.graphs import graph_of
    from difusa.domains.molecules.readers import read_smiles
    from difusa.domains.molecules.verbs import pair

    good, refused = [], []
    sizes = pair(choice.name, hydrogens(choice))[2:]
    for number, line in enumerate(lines, start=1):
        try:
            read_smiles(line)  # before graph_of, for which some words are names of files
            graph_of(line, *sizes)
            good.append(line)
        except ValueError as why:
            refused.append((number, " ".join(plain(why).split())))
    return good, refused
