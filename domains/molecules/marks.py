"""The mark of drawn molecules: their starting noise is keyed (shared/watermark/issued.py), and read off what was drawn.

Heavy atoms lie, but for a turn, where the noise of their coordinates put them (correlation 0.86, median of 43 molecules of QM9's
kind), and their classes and bonds lean towards its largest numbers (0.2 to 0.3). So a molecule is compared with the noise of
every issued index as it is, without the network. The order of the atoms is that of the noise: who changes it takes all but a
trace of the evidence away, for that order is most of what the noise decides.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache

import numpy as np

from difusa.domains.molecules.chemistry import CHARGES, ELEMENTS
from difusa.domains.molecules.inputs import BONDS, CATEGORIES
from difusa.domains.molecules.inputs import CHARGES as CHARGE_CLASSES
from difusa.domains.molecules.inputs import HYDROGENS as HYDROGEN_CLASSES
from difusa.domains.molecules.molecule import Molecule, Skeleton, skeleton
from difusa.shared.seeds import stream
from difusa.shared.watermark.issued import SCHEME, both, either, keyed, sidak, tails
from difusa.shared.watermark.ledger import Issue, issues
from difusa.shared.watermark.turning import chances, fits, matched

VERB = "molecules generate"
WEIGHTS = {"elements": 0.25, "charges": 0.0, "hydrogens": 0.3, "bonds": 0.25}  # about the correlations with the noise
SURE = 1e-3  # p-value below which the order of the atoms is not doubted
LEAST = 5  # heavy atoms; fewer than nine free numbers fit any noise
MOST = 40  # heavy atoms; no model that keeps the mark draws so many, and their noise would fill the memory


@dataclass(frozen=True)
class Reading:
    """p_value: how often a key that has nothing to do with a molecule fits it as well; seed, index: of the issued noise that fits
    best; told: the file's own tags named it; ordered: whether the atoms stand in the order in which they were drawn."""

    p_value: float
    seed: int | None
    index: int | None
    told: bool
    ordered: bool


def read(molecule: Molecule, secret: bytes, issues: Sequence[Issue]) -> Reading:
    """What a key reads in a molecule; every issued index that was tried counts. Raises ValueError as skeleton(), and for a
    molecule that is too small or too large."""
    bare = skeleton(molecule)
    if len(bare) < LEAST:
        raise ValueError(f"{len(bare)} heavy atoms: a mark needs at least {LEAST}")
    if len(bare) > MOST:
        raise ValueError(f"{len(bare)} heavy atoms: marks are looked for in up to {MOST}")
    named = (molecule.tags.get("SEED"), molecule.tags.get("INDEX"))
    one = Reading(1.0, None, None, False, True)
    if all(isinstance(v, int) and v >= 0 for v in named):
        p = float(chances_of(bare, secret, named[0], named[1], named[1] + 1)[0])
        one = Reading(p, *named, True, True)
        if p > SURE:
            p = reordered(bare, secret, *named)
            one = Reading(either(one.p_value, p), *named, True, one.p_value < p)
    other = searched(bare, secret, issues)
    best = min((one, other), key=lambda r: r.p_value)
    p = either(one.p_value, other.p_value) if one.told and issues else best.p_value
    return Reading(p, best.seed, best.index, best.told, best.ordered)


def reading(records, secret: bytes, sure: float) -> dict:
    """What a key reads in the records of a file: each for itself, and the best of all; small molecules carry none."""
    known, rows = issues(VERB), []
    for record in records:
        try:
            if record.molecule is None:
                raise ValueError(record.reason)
            found = read(record.molecule, secret, known)
        except ValueError as why:
            rows.append({"number": record.number, "p_value": 1.0, "ordered": True, "reason": str(why)})
            continue
        rows.append({"number": record.number} | asdict(found))
    p = either(*[r["p_value"] for r in rows])  # records may be copies of one another: no product of theirs is exact
    return {"marked": p < sure, "p_value": p, "scheme": SCHEME, "records": rows}


def searched(bare: Skeleton, secret: bytes, issues: Sequence[Issue]) -> Reading:
    """The best of all issued indices, told by how many there are."""
    best, total = Reading(1.0, None, None, False, True), sum(one.count for one in issues)
    for one in issues:
        end = one.first + one.count
        for first in range(one.first, end, 2000):
            found = chances_of(bare, secret, one.seed, first, min(first + 2000, end))
            if found.min() < best.p_value:
                best = Reading(float(found.min()), one.seed, first + int(found.argmin()), False, True)
    return Reading(sidak(best.p_value, total), best.seed, best.index, False, True) if total else best


def chances_of(bare: Skeleton, secret: bytes, seed: int, first: int, last: int) -> np.ndarray:
    """[last - first] p-values of the indices of a seed: places after the best turn, and what the atoms are."""
    places, classes = noise(keyed(secret, seed), first, last, len(bare))
    here = bare.positions - bare.positions.mean(0)
    where = chances(fits(here, places), here, 3 * len(bare) - 3)
    told = told_by(bare)
    cosines = classes @ told / (np.linalg.norm(told) * np.linalg.norm(classes, axis=1) + 1e-300)
    return both(where, tails(cosines, classes.shape[1]))


def reordered(bare: Skeleton, secret: bytes, seed: int, index: int) -> float:
    """p-value of one index where the atoms may stand in any order; all orders count."""
    places, _ = noise(keyed(secret, seed), index, index + 1, len(bare))
    here = bare.positions - bare.positions.mean(0)
    cosine, orders = matched(here, places[0])
    return sidak(float(chances(np.array([cosine]), here, 3 * len(bare) - 3)[0]), orders)


@lru_cache(16)
def noise(own: int, first: int, last: int, atoms: int) -> tuple[np.ndarray, np.ndarray]:
    """Starting noise of the indices of a keyed seed, as sampling.skeletons draws it: centred places [N, n, 3], classes [N, d]."""
    places, classes = [], []
    for index in range(first, last):
        rng = stream(own, index)
        place = rng.standard_normal((atoms, 3), dtype=np.float32).astype(float)
        drawn = [rng.standard_normal(shape, dtype=np.float32) for shape in shapes(atoms)]
        places.append(place - place.mean(0))
        classes.append(np.concatenate([d.ravel() for k, d in zip(CATEGORIES, drawn) if WEIGHTS[k]]))
    return np.stack(places), np.stack(classes).astype(float)


def shapes(atoms: int, elements: int = 5) -> list[tuple[int, int]]:
    """Of the noise of each of CATEGORIES; elements: classes of the model."""
    sizes = {"elements": elements, "charges": CHARGE_CLASSES, "hydrogens": HYDROGEN_CLASSES, "bonds": BONDS}
    return [(atoms * (atoms - 1) // 2 if k == "bonds" else atoms, sizes[k]) for k in CATEGORIES]


def told_by(bare: Skeleton) -> np.ndarray:
    """[d]: the classes of a skeleton as numbers to compare with their noise, each field weighed."""
    order = np.zeros((len(bare),) * 2, int)
    order[bare.bonds[:, 0], bare.bonds[:, 1]] = bare.bonds[:, 2]
    elements = list(ELEMENTS["qm9"])
    values = {
        "elements": [elements.index(int(n)) if n in elements else -1 for n in bare.numbers],
        "charges": [CHARGES.index(int(c)) if c in CHARGES else -1 for c in bare.charges],
        "hydrogens": bare.hydrogens.astype(int).tolist(),
        "bonds": order[np.triu_indices(len(bare), 1)].tolist(),
    }
    parts = []
    for name, (_, size) in zip(CATEGORIES, shapes(len(bare))):
        one = (np.array(values[name])[:, None] == np.arange(size)).astype(float)
        parts += [WEIGHTS[name] * (one - one.mean(1, keepdims=True)).ravel()] if WEIGHTS[name] else []
    return np.concatenate(parts)
