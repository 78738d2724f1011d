"""What a materials job does in its own process: the verb, the frames of its first crystal, and the table of all.

It leaves in its folder crystals/ (the verb's, with all.extxyz and a CIF for each), rows.json for the page, and frames.json.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from difusa.apps.film import Film
from difusa.apps.jobs import write_whole
from difusa.apps.rows import ROWS

FOLDER = Path("crystals")
SAME = 0.05  # angstrom: the last frame is the crystal whose atoms all lie that near


def generate(progress: Callable[[int, int], None], **arguments) -> None:
    """Draws new crystals; the frames tell how the first one forms."""
    from difusa.domains.materials.task import generate

    shown = Forming()
    generate(progress=progress, look=shown.look, out=FOLDER, **arguments)
    shown.end(gather(FOLDER, arguments["model"]))


def predict(progress: Callable[[int, int], None], formula: str, **arguments) -> None:
    """Predicts structures of a composition; the frames tell how the first proposal forms."""
    from difusa.domains.materials.predicting import predict

    shown = Forming()
    predict(formula, progress=progress, look=shown.look, out=FOLDER, **arguments)
    shown.end(gather(FOLDER, arguments["model"]))


class Forming:
    """The estimates of the first crystal, as CIFs with the atoms on the faces of the cell."""

    def __init__(self):
        self.film, self.last = Film(), None

    def look(self, crystal) -> None:
        """One more frame; what has no cell that can be drawn is left out."""
        from difusa.apps.materials_draw import seen

        if text := seen(crystal):
            self.last = crystal
            self.film.add(text)

    def end(self, crystals: list) -> None:
        """`crystals` are those of the file: if the last frame became the first of them, it says so."""
        first, last = crystals[0], self.last
        became = last is not None and len(first) == len(last) and bool((first.numbers == last.numbers).all())
        if became:
            apart = first.frac - last.frac
            became = bool((np.linalg.norm((apart - np.rint(apart)) @ first.cell, axis=1) < SAME).all())
        self.film.write(0 if became else None)


def gather(folder: Path, model: str) -> list:
    """Reads what the verb wrote, estimates what can be, and writes the rows; the crystals in their order."""
    from difusa.domains.materials.distributions import density
    from difusa.domains.materials.estimates import estimated
    from difusa.domains.materials.worked import written

    crystals = written(folder)
    found, missing = estimated(crystals, model)
    rows = []
    for k, (crystal, told) in enumerate(zip(crystals, found, strict=True), start=1):
        tags = told | crystal.tags
        reason = str(tags.get("broken", ""))
        whole = {} if reason else {"density": round(density(crystal), 4)}
        whole |= {} if reason else {"volume_per_atom": round(crystal.volume / len(crystal), 4)}
        kept = {"row": k, "status": status(reason, tags), "reason": reason, "symbol": symbol(tags["spacegroup"])}
        counts = {"atoms": len(crystal), "elements": len(np.unique(crystal.numbers))}
        rows.append(kept | counts | whole | {"tags": tags})
    write_whole(folder.parent / ROWS, rows)
    if missing:
        print(missing)
    return crystals


def status(reason: str, tags: dict) -> str:
    """valid, unbalanced (no oxidation states add up to zero) or broken."""
    return "broken" if reason else "valid" if tags["charge_balanced"] else "unbalanced"


def symbol(spacegroup: int) -> str:
    """Hermann and Mauguin's symbol of a space group, such as Fm-3m; "" for 0."""
    from pymatgen.symmetry.groups import sg_symbol_from_int_number

    return sg_symbol_from_int_number(spacegroup) if spacegroup else ""
