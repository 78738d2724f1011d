"""What is told of a crystal that was drawn: formula, space groups, shortest distance, charge balance, whether it is broken."""

from collections.abc import Sequence

from difusa.domains.materials.crystal import Crystal
from difusa.domains.materials.export import reduced_formula
from difusa.domains.materials.reducing import LOOSE, TIGHT, spacegroup
from difusa.domains.materials.validity import balanced, overlap, shortest


def described(crystal: Crystal, tags: dict) -> Crystal:
    """The crystal with its tags: formula, spacegroup (0.01 angstrom) and spacegroup_loose (0.1; 0 where none is found),
    shortest_distance (angstrom), charge_balanced, and `tags`; broken: why, if two atoms overlap or the cell has collapsed."""
    broken = overlap(crystal)
    found = {
        "formula": reduced_formula(crystal.numbers),
        "spacegroup": spacegroup(crystal, TIGHT),
        "spacegroup_loose": spacegroup(crystal, LOOSE),
        "shortest_distance": shortest(crystal) if crystal.volume > 0 else 0.0,
        "charge_balanced": balanced(crystal.numbers),
        **tags,
    }
    return Crystal(crystal.cell, crystal.numbers, crystal.frac, found | ({"broken": broken} if broken else {}))


def figures(crystals: Sequence[Crystal], seconds: float) -> dict:
    """What a run's crystals were like: shares with 95 % intervals, and how often each symmetry and size occurred."""
    from collections import Counter

    from difusa.domains.materials.asked import SYSTEMS
    from difusa.shared.metrics import share

    def of(hits) -> dict:
        return vars(share([float(h) for h in hits]))

    groups = [c.tags["spacegroup"] for c in crystals]
    systems = {name: sum(low <= g <= high for g in groups) for name, (low, high) in SYSTEMS.items()}
    return {
        "structural_validity": of("broken" not in c.tags for c in crystals),
        "charge_balanced": of(c.tags["charge_balanced"] for c in crystals),
        "broken": dict(Counter(c.tags["broken"].split(" are ")[0] for c in crystals if "broken" in c.tags)),
        "crystal_systems": {k: v for k, v in systems.items() if v},
        "spacegroups": dict(Counter(groups).most_common()),
        "atoms": dict(sorted(Counter(len(c) for c in crystals).items())),
        "seconds_per_1000": round(1000 * seconds, 3),
    }
