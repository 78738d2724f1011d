"""What the materials page calls things: properties, crystal systems, figures, statuses, and why a crystal is broken."""

import re
from collections.abc import Callable

MARKS = {"valid": "good", "unbalanced": "middling", "broken": "bad"}


def properties(_: Callable[[str], str]) -> dict[str, str]:
    """The properties that the shipped models know."""
    return {
        "formation_energy": _("Formation energy"), "e_above_hull": _("Energy above the hull"), "band_gap": _("Band gap"),
    }  # fmt: skip


def systems(_: Callable[[str], str]) -> dict[str, str]:
    """The crystal systems."""
    return {
        "triclinic": _("triclinic"), "monoclinic": _("monoclinic"), "orthorhombic": _("orthorhombic"),
        "tetragonal": _("tetragonal"), "trigonal": _("trigonal"), "hexagonal": _("hexagonal"), "cubic": _("cubic"),
    }  # fmt: skip


def statuses(_: Callable[[str], str]) -> dict[str, str]:
    """Of one crystal."""
    return {"valid": _("sound"), "unbalanced": _("charges do not balance"), "broken": _("impossible")}


def named(name: str, _: Callable[[str], str]) -> str:
    """A figure as the visitor reads it, with its unit."""
    known = {
        "row": _("order of drawing"), "above_hull": _("above hull (eV/atom)"),
        "predicted_formation_energy": _("formation energy (eV/atom)"), "predicted_band_gap": _("band gap (eV)"),
        "spacegroup": _("space group, number"), "atoms": _("atoms"), "elements": _("elements"),
        "density": _("density (g/cm³)"), "volume_per_atom": _("volume an atom (Å³)"),
        "shortest_distance": _("shortest distance (Å)"), "p_all": _("probability of all targets"),
        "prototype": _("rank of the prototype"),
    }  # fmt: skip
    if name not in known and name.startswith("p_"):
        return _("probability: {name}").format(name=properties(_).get(name[2:], name[2:]).lower())
    return known.get(name, name)


def help_of(name: str, _: Callable[[str], str]) -> str | None:
    """What a figure means, where its name does not say."""
    return {
        "above_hull": _(
            "An estimate: the predicted formation energy less that of the best mixture of the crystals that the model was "
            "trained on. Nothing was relaxed, and known phases may be missing: a first sieve, no proof."
        ),
        "spacegroup": _("Found by spglib at 0.01 Å."),
        "prototype": _("1: the arrangement in which near compositions crystallise most; 0: no symmetry was lent."),
    }.get(name)


def reason(row: dict, _: Callable[[str], str]) -> str:
    """Why a row is not a sound crystal; empty if it is."""
    text = row["reason"]
    if found := re.fullmatch(r"two atoms are (\S+) angstrom apart", text):
        return _("Two atoms are {distance} Å apart").format(distance=found[1])
    if text.startswith("the cell has a volume"):
        return _("The cell has collapsed")
    if "not finite" in text:
        return _("The network gave a position that is not a number")
    if not text and row["status"] == "unbalanced":
        return _("No usual oxidation states add up to zero")
    return text
