"""When two crystals are the same, by pymatgen's StructureMatcher (Ong et al. 2013): unique, novel, predicted.

Uniqueness and novelty use its defaults (ltol 0.2, stol 0.3, angle_tol 5), prediction those of CDVAE's protocol (Xie et al. 2022:
ltol 0.3, stol 0.5, angle_tol 10). Both scale to one volume and compare primitive cells, so only equal compositions can match.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache

import numpy as np

from difusa.domains.materials.crystal import Crystal, to_pymatgen
from difusa.domains.materials.data import composition


@cache
def _matcher(predicted: bool):
    from pymatgen.analysis.structure_matcher import StructureMatcher

    return StructureMatcher(ltol=0.3, stol=0.5, angle_tol=10) if predicted else StructureMatcher()


def same(a: Crystal, b: Crystal) -> bool:
    """Whether the two are one structure; crystals of unequal composition never are."""
    return composition(a.numbers) == composition(b.numbers) and bool(
        _matcher(False).fit(to_pymatgen(a), to_pymatgen(b))
    )


def distance(truth: Crystal, guess: Crystal) -> float | None:
    """Root mean square displacement of a prediction from the truth in units of (volume / atoms)^(1/3); None without a match."""
    if composition(truth.numbers) != composition(guess.numbers):
        return None
    found = _matcher(True).get_rms_dist(to_pymatgen(guess), to_pymatgen(truth))
    return None if found is None else float(found[0])


def best(truth: Crystal, guesses: Iterable[Crystal]) -> float | None:
    """The smallest `distance` of any guess; None when none matches."""
    found = [d for guess in guesses if (d := distance(truth, guess)) is not None]
    return min(found, default=None)


def unique(crystals: Sequence[Crystal]) -> list[int]:
    """Indices of the first crystal of every structure, in their order."""
    kept: dict[tuple, list[int]] = defaultdict(list)
    for i, crystal in enumerate(crystals):
        alike = kept[composition(crystal.numbers)]
        if not any(same(crystals[k], crystal) for k in alike):
            alike.append(i)
    return sorted(i for alike in kept.values() for i in alike)


class Known:
    """The structures of a set, found by composition: `crystal in known` asks whether it holds the same structure."""

    def __init__(self, packed, rows: np.ndarray):
        self.packed, self.rows = packed, defaultdict(list)
        for row in rows:
            self.rows[composition(packed.crystal(int(row)).numbers)].append(int(row))

    def __contains__(self, crystal: Crystal) -> bool:
        return any(same(self.packed.crystal(row), crystal) for row in self.rows.get(composition(crystal.numbers), ()))


def match_figures(found: Sequence[float | None]):
    """Share of truths that were matched, and the mean distance of the matches (Interval each; the second of none: NOTHING)."""
    from difusa.shared.judging import NOTHING, proportion
    from difusa.shared.metrics import interval

    matched = [d for d in found if d is not None]
    return proportion([d is not None for d in found]), interval(matched) if matched else NOTHING
