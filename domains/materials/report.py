"""The one report on a set of crystals.

Of all rows; what cannot be read is neither valid nor stable, but a composition counts though its atoms overlap:
  structural_validity         no two atoms within 0.5 angstrom, own images included, volume above 0.1 angstrom^3 (validity.py)
  compositional_validity      oxidation states balance (smact, CDVAE's protocol)
  valid                       both
Of the structurally valid: uniqueness = different structures (matching.py); of these: novelty = not in the training split.
  unique_novel                both, of the structurally valid
Of a seeded draw of the rows (judges.py, hull.py), where what fails is not stable:
  stable_share                relaxed energy at most 0.1 eV/atom above the hull of the training crystals
  stable_share_whole          the same with the hull of all crystals of the data set, held-out ones among them: stricter, for the
                              training split knows no phase of a held-out chemical system
  stable_unique_novel         stable, and among the unique and novel
  chgnet_rmsd_median, chgnet_drop_median, chgnet_volume_median, above_hull_median
                              of those relaxed: angstrom, eV/atom, ratio, eV/atom
Of predictions alone, see matching.py: match_rate_1, match_rate_20, rmse. Of a run that says how long it took: seconds_per_1000.
`distributions` of the structurally valid against the held-out split, each beside its floor: as many of the calibrate split.
Shares have Wilson intervals, medians those of the order statistics.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from difusa.domains.materials import distributions, judges, references
from difusa.domains.materials.crystal import Crystal
from difusa.domains.materials.hull import Hull, hull
from difusa.domains.materials.matching import Known, match_figures, unique
from difusa.domains.materials.packed import Packed
from difusa.domains.materials.validity import balanced, overlap
from difusa.shared.judging import NOTHING, as_json, each, failure, proportion
from difusa.shared.metrics import Interval, median

STABLE = 0.1  # eV/atom above the hull
HULL = (
    "energy above hull: CHGNet's energy turned into a formation energy by one reference for each element, fitted by least "
    "squares on training crystals; hull of the training crystals' Materials Project formation energies, elements at 0"
)
PROTOCOLS = {
    "structural_validity": "all distances above 0.5 angstrom, own images included; volume above 0.1 angstrom^3",
    "compositional_validity": "smact: oxidation states balance and anions are the more electronegative; alloys pass (CDVAE)",
    "uniqueness": "pymatgen StructureMatcher, its defaults, of the structurally valid",
    "novelty": "the same matcher against the training split, of the unique",
    "match_rate_1": "pymatgen StructureMatcher, stol 0.5, ltol 0.3, angle_tol 10 (CDVAE), one prediction for each crystal",
    "match_rate_20": "the same, any of 20 predictions",
    "rmse": "mean over matches of the best distance in (volume / atoms)^(1/3)",
    "chgnet_rmsd_median": f"{judges.PROTOCOL}; shifts of atoms in the cell, without its strain",
    "stable_share": f"{HULL}; at most {STABLE} eV/atom after that relaxation; what fails is not stable",
    "stable_share_whole": "the same with the hull of all crystals of the data set, held-out ones among them",
    "seconds_per_1000": "wall time of the run that drew them",
}


@dataclass(frozen=True)
class Row:
    """One crystal to judge, or None and why. name: of its file; numbers: the atoms of one that is none for its geometry alone."""

    crystal: Crystal | None
    reason: str = ""
    name: str = ""
    numbers: np.ndarray | None = None

    @property
    def composition(self) -> np.ndarray | None:
        """Atomic numbers, as far as they are known."""
        return self.numbers if self.crystal is None else self.crystal.numbers


def measure(
    rows: Sequence[Row], packed: Packed, *, costly: int = 300, seed: int = 0, workers: int = 1,
    seconds: float = judges.SECONDS, matches: Sequence[tuple[float | None, float | None]] = (),
    seconds_per_1000: float | None = None,
) -> dict:  # fmt: skip
    """The report of rows against a data set, as described above: {figure: {value, low, high, n, groups}, ...}.

    costly: how many rows CHGNet relaxes; workers: its processes; seconds: its limit a crystal. matches: of each held-out
    crystal that was predicted, the distance of the first and of the best of 20 predictions (None: no match). Beside the
    figures: `failures`, one entry for each row and judge; `distributions`; `protocols`; `above_hull`, eV/atom by row.
    """
    if not rows:
        raise ValueError("no crystals to judge")
    crystals, whole = [r.crystal for r in rows], []
    failures = [failure(i, "read", r.reason) | {"name": r.name} for i, r in enumerate(rows) if r.crystal is None]
    for i, crystal in enumerate(crystals):
        if crystal is not None and (why := overlap(crystal)):
            failures.append(failure(i, "structure", why))
        elif crystal is not None:
            whole.append(i)
    charges = [r.composition is not None and balanced(r.composition) for r in rows]
    known = known_of(packed)
    single = [whole[k] for k in unique([crystals[i] for i in whole])]
    novel = {i for i in single if crystals[i] not in known}
    drawn = np.sort(np.random.default_rng(seed).permutation(len(rows))[:costly]).tolist()
    judged = relaxed(
        [crystals[i] if i in set(whole) else None for i in range(len(rows))], drawn, packed, workers, seconds
    )
    above = judged["above_hull"]
    figures = {
        "structural_validity": proportion([i in set(whole) for i in range(len(rows))]),
        "compositional_validity": proportion(charges),
        "valid": proportion([charges[i] and i in set(whole) for i in range(len(rows))]),
        "uniqueness": proportion([i in set(single) for i in whole]),
        "novelty": proportion([i in novel for i in single]),
        "unique_novel": proportion([i in novel for i in whole]),
        **judged.pop("figures"),
        "stable_unique_novel": proportion([above.get(i, np.inf) <= STABLE and i in novel for i in drawn]),
        **dict(zip(("match_rate_1", "rmse_1"), match_figures([first for first, _ in matches]))),
        **dict(zip(("match_rate_20", "rmse"), match_figures([best for _, best in matches]))),
    }
    spent = Interval(seconds_per_1000, np.nan, np.nan, 1, 1) if seconds_per_1000 else NOTHING
    return {
        "rows": len(rows),
        **{name: as_json(one) for name, one in (figures | {"seconds_per_1000": spent}).items()},
        "relaxed": judged["relaxed"],
        "costly_rows": len(drawn),
        "seconds_a_crystal": judged["seconds"],
        "above_hull": {str(i + 1): round(e, 4) for i, e in above.items()},
        "distributions": compare([crystals[i] for i in whole], packed),
        "protocols": PROTOCOLS,
        "failures": failures + judged["failures"],
    }


def relaxed(crystals: Sequence[Crystal | None], drawn: list[int], packed: Packed, workers: int, seconds: float) -> dict:
    """What CHGNet and the hull say of the crystals drawn; None is neither relaxed nor stable."""
    found, failed, spent = each(
        judges.relax, crystals, [i for i in drawn if crystals[i] is not None], workers, seconds, "CHGNet"
    )
    above, strict, known = {}, {}, references.load() if drawn else None
    for i, one in found.items():
        try:
            numbers = crystals[i].numbers
            formed = known.formation(numbers, one.energy)
            above[i] = hull_of(packed).above(numbers, formed)
            strict[i] = hull_of(packed, ("train", "calibrate", "test")).above(numbers, formed)
        except ValueError as why:
            failed.append(failure(i, "hull", str(why)))
    medians = {
        "chgnet_rmsd_median": [r.rmsd for r in found.values()],
        "chgnet_drop_median": [r.drop for r in found.values()],
        "chgnet_volume_median": [r.volume for r in found.values()],
        "above_hull_median": list(above.values()),
    }
    figures = {name: median(values) if values else NOTHING for name, values in medians.items()}
    for name, energies in (("stable_share", above), ("stable_share_whole", strict)):
        figures[name] = proportion([energies.get(i, np.inf) <= STABLE for i in drawn])
    return {
        "figures": figures,
        "above_hull": above,
        "relaxed": len(found),
        "seconds": spent,
        "failures": failed,
    }


@lru_cache(maxsize=2)
def known_of(packed: Packed) -> Known:
    """The training split's structures."""
    return Known(packed, packed.rows("train"))


@lru_cache(maxsize=4)
def hull_of(packed: Packed, splits: tuple[str, ...] = ("train",)) -> Hull:
    """Of the splits' Materials Project formation energies."""
    rows = np.concatenate([packed.rows(split) for split in splits])
    energies = packed.properties[rows, packed.property_names.index("formation_energy")]
    return hull([packed.crystal(int(i)).numbers for i in rows], energies.astype(float))


@lru_cache(maxsize=8)
def _usual(packed: Packed, split: str, count: int | None) -> dict[str, np.ndarray]:
    rows = np.random.default_rng(0).permutation(packed.rows(split))[:count]
    return distributions.profile([packed.crystal(int(i)) for i in rows])


def compare(crystals: list[Crystal], packed: Packed) -> dict[str, dict]:
    """Distances of structurally valid crystals from the held-out split, each with its floor."""
    if not crystals:
        return {}
    reference = _usual(packed, "test", None)
    found = distributions.distances(distributions.profile(crystals), reference)
    floor = distributions.distances(_usual(packed, "calibrate", len(crystals)), reference)
    keys = ("wasserstein", "jensen_shannon")
    return {name: row | {"floor": {k: floor[name].get(k) for k in keys}} for name, row in found.items()}
