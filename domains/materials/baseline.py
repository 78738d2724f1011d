"""The row to beat: elements put into the places of known structures, the volume scaled to fit them.

De novo: a training crystal, its elements replaced by others as frequent as they are in the training data, drawn again until
smact lets the composition pass. Prediction: a training crystal of the wanted stoichiometry with the wanted elements; drawn at
random, or in the order of how near its elements are in Pettifor's order (the stronger one).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from difusa.domains.materials.crystal import Crystal
from difusa.domains.materials.data import composition
from difusa.domains.materials.hull import ELEMENTS
from difusa.domains.materials.packed import Packed
from difusa.domains.materials.validity import balanced
from difusa.shared.seeds import stream

TRIES = 200  # of elements for one prototype


@dataclass(frozen=True, eq=False)
class Prototypes:
    """The training split as structures to fill: rows; volumes [ELEMENTS] that an atom takes, angstrom^3 (of an
    unknown element: the median); weights [ELEMENTS]:
    share of the crystals that hold the element; by_shape: sorted counts of the reduced composition -> rows."""

    packed: Packed
    rows: np.ndarray
    volumes: np.ndarray
    weights: np.ndarray
    by_shape: dict[tuple[int, ...], list[int]]


def prototypes(packed: Packed, rows: np.ndarray | None = None) -> Prototypes:
    """Of the training split; volumes by non-negative least squares on the cells."""
    from scipy.optimize import nnls

    rows = packed.rows("train") if rows is None else rows
    numbers = [packed.crystal(int(i)).numbers for i in rows]
    counts = np.array([np.bincount(n, minlength=ELEMENTS) for n in numbers], float)
    sizes = np.abs(np.linalg.det(packed.cells[rows]))
    volumes = nnls(counts / counts.sum(1, keepdims=True), sizes / counts.sum(1))[0]
    present = counts.any(0)
    usual = np.median(volumes[present])
    volumes = np.where(present, np.maximum(volumes, 0.2 * usual), usual)
    by_shape = defaultdict(list)
    for row, own in zip(rows, numbers):
        by_shape[shape(own)].append(int(row))
    return Prototypes(packed, rows, volumes, (counts > 0).mean(0), dict(by_shape))


def shape(numbers: np.ndarray) -> tuple[int, ...]:
    """Sorted counts of the reduced composition: (1, 1, 3) of any ABC3."""
    return tuple(sorted(count for _, count in composition(numbers)))


def filled(known: Prototypes, row: int, swap: dict[int, int]) -> Crystal:
    """Training crystal `row` with its elements swapped, its cell scaled by the cube root of the atoms' volumes."""
    crystal = known.packed.crystal(row)
    numbers = np.array([swap[int(n)] for n in crystal.numbers], np.uint8)
    by = known.volumes[numbers].sum() / known.volumes[crystal.numbers].sum()
    return Crystal(crystal.cell * by ** (1 / 3), numbers, crystal.frac, {"prototype": crystal.tags["id"]})


def generate(known: Prototypes, seed: int, index: int, allowed: Sequence[int] | None = None) -> Crystal:
    """Draw `index` de novo; allowed: atomic numbers to draw from.

    A prototype for which TRIES draws of elements find nothing balanced is given up for another."""
    rng = stream(seed, index)
    weights = known.weights if allowed is None else known.weights * np.isin(np.arange(ELEMENTS), list(allowed))
    if (weights > 0).sum() < 1:
        raise ValueError(f"no training crystal holds any of the elements {sorted(allowed)}")
    for _ in range(TRIES):
        row = int(rng.choice(known.rows))
        old = np.unique(known.packed.crystal(row).numbers)
        if len(old) > (weights > 0).sum():
            continue
        for _ in range(TRIES):
            new = rng.choice(ELEMENTS, len(old), replace=False, p=weights / weights.sum())
            if set(new) != set(old):
                crystal = filled(known, row, dict(zip(old.tolist(), new.tolist())))
                if balanced(crystal.numbers):
                    return crystal
    raise ValueError(f"{TRIES} prototypes with {TRIES} draws each gave no balanced composition")


def predict(
    known: Prototypes, numbers: np.ndarray, count: int, seed: int, index: int, near: bool = False
) -> list[Crystal]:
    """At most `count` different fillings for the composition of atoms `numbers`; none where no prototype has its shape.

    near: those with the nearest elements first, else in random order from stream (seed, index)."""
    wanted, rng = composition(numbers), stream(seed, index)
    rows = known.by_shape.get(shape(numbers), [])
    choices = [(row, swap) for row in rows for swap in swaps(composition(known.packed.crystal(row).numbers), wanted)]
    if near:
        order = np.argsort([sum(_far(a, b) for a, b in swap.items()) for _, swap in choices], kind="stable")
    else:
        order = rng.permutation(len(choices))
    return [filled(known, *choices[k]) for k in order[:count]]


def swaps(old: tuple, new: tuple) -> list[dict[int, int]]:
    """All ways to give the elements of composition `old` to those of `new` that keep the counts."""
    found = []
    for order in permutations(new):
        if all(a[1] == b[1] for a, b in zip(old, order)):
            found.append({a[0]: b[0] for a, b in zip(old, order)})
    return found


def _far(a: int, b: int) -> float:
    """Distance of two elements in Pettifor's order (Pettifor 1984)."""
    from pymatgen.core import Element

    return abs(Element.from_Z(a).mendeleev_no - Element.from_Z(b).mendeleev_no)
