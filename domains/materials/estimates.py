"""Quick estimates of crystals that nobody relaxed: the guide's properties, and from its formation energy the way to the hull.

The hull is of the crystals that lent the model its templates (their compositions and formation energies are in its folder);
many known phases are missing from it: a figure below 0 says that a competitor is missing, not that the crystal is stable.
Rough beside CHGNet (report.py), but it takes no time and asks for no data.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from difusa.domains.materials.crystal import Crystal
from difusa.domains.materials.guide import guide
from difusa.domains.materials.hull import Hull, hull
from difusa.domains.materials.templates import read

ENDS = ("", "_low", "_high")  # of a tag: the value and the ends of its 90 % interval


@lru_cache(maxsize=2)
def lenders(folder: Path) -> Hull:
    """The hull of the crystals that lent a model folder its templates, by their formation energies where these are known."""
    templates, wishes = read(folder)
    energies = templates.properties[:, wishes.names.index("formation_energy")].astype(float)
    known = np.flatnonzero(np.isfinite(energies))
    sites = zip(templates.offsets[known], templates.offsets[known + 1])
    return hull([templates.numbers[a:b] for a, b in sites], energies[known])


def estimated(crystals: Sequence[Crystal], model: str = "materials") -> tuple[list[dict], str]:
    """For each crystal predicted_NAME of the guide's properties and above_hull (eV/atom), with _low and _high, 90 % intervals;
    nothing of a broken crystal (tag `broken`). And why there are none, "" if there are.

    model: the generator whose lenders make the hull.
    """
    from difusa.domains.models import find

    folder = find(model, domain="materials").folder
    wishes = read(folder)[1]
    try:
        found = guide((), wishes).tags(crystals)
    except (FileNotFoundError, ValueError) as why:
        return [{} for _ in crystals], str(why)
    for crystal, tags in zip(crystals, found):
        if "predicted_formation_energy" in tags and "formation_energy" in wishes.names:
            ground = lenders(folder).ground(crystal.numbers)
            tags |= {f"above_hull{e}": round(tags[f"predicted_formation_energy{e}"] - ground, 4) for e in ENDS}
    return found, ""
