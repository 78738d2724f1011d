"""Which kind of template a marked crystal is lent: drawn by the key, as often as without it, and told by the crystal's symmetry.

A kind is a space group with the sizes of its orbits, element by element. Each kind that may be lent gets an exponential number
from (key, index); the least of number over frequency is lent. So each is lent as often as it occurs (Gumbel 1954; as a mark:
Kirchenbauer et al. 2024 name it after Aaronson), and what was lent has a small number: about its frequency.
Null: under another key the number of a crystal's kind is exponential, whatever the crystal.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from difusa.domains.materials.crystal import Crystal
from difusa.domains.materials.reducing import LOOSE, TIGHT, dataset
from difusa.domains.materials.symmetry import Template
from difusa.domains.materials.templates import Templates
from difusa.shared.watermark.issued import either

TOLERANCES = (TIGHT, LOOSE, 0.3)  # angstrom at which the symmetry of a crystal is looked for


def kind(spacegroup: int, elements: Iterable[int], orbits: Iterable[int]) -> str:
    """Of sites of a primitive cell: `225: 1+1 | 2`, the sizes of the orbits of each element."""
    sizes: dict[int, dict[int, int]] = {}
    for element, orbit in zip(elements, orbits, strict=True):
        own = sizes.setdefault(int(element), {})
        own[int(orbit)] = own.get(int(orbit), 0) + 1
    parts = sorted("+".join(map(str, sorted(own.values()))) for own in sizes.values())
    return f"{spacegroup}: {' | '.join(parts)}"


@lru_cache(4)
def kinds(templates: Templates) -> tuple[str, ...]:
    """The kind of each template, its elements those of its lender."""
    parts = zip(templates.spacegroup, templates.offsets, templates.offsets[1:])
    return tuple(kind(int(g), templates.numbers[a:b], templates.orbit[a:b]) for g, a, b in parts)


def kinds_of(crystal: Crystal) -> tuple[str, ...]:
    """The kinds that a crystal may be of, by spglib at TOLERANCES, without repetition; none where there is no symmetry."""
    import spglib

    found = {}
    for tolerance in TOLERANCES:
        cell = (crystal.cell, crystal.frac, crystal.numbers)
        try:
            small = spglib.standardize_cell(cell, to_primitive=True, no_idealize=True, symprec=tolerance)
            seen = dataset(*small, tolerance) if small is not None else None
        except Exception:  # spglib's own errors differ between its versions
            continue
        if seen is not None and seen.number > 1:
            found[kind(int(seen.number), small[2], seen.crystallographic_orbits)] = None
    return tuple(found)


def number(noise: int, index: int, attempt: int, kind: str) -> float:
    """Exponential of mean 1, always the same for these; noise: the key's seed (issued.keyed)."""
    digest = hashlib.sha256(f"difusa-kind/1\n{noise}\n{index}\n{attempt}\n{kind}".encode()).digest()
    return -math.log((int.from_bytes(digest[:8], "big") + 0.5) / 2**64)


def lent(templates: Templates, rows: np.ndarray, noise: int, index: int, attempt: int) -> np.ndarray:
    """Those of `rows` that are of the kind that the key lends to this sample."""
    grouped: dict[str, list[int]] = {}
    known = kinds(templates)
    for row in rows:
        grouped.setdefault(known[row], []).append(int(row))
    return np.array(min(grouped.values(), key=lambda g: number(noise, index, attempt, known[g[0]]) / len(g)))


def of_template(template: Template) -> str:
    """The kind of a template."""
    return kind(template.spacegroup, template.even, template.orbit)


@lru_cache(4)
def shares(templates: Templates) -> dict[str, float]:
    """Which part of the templates each kind is."""
    return {name: count / len(templates) for name, count in Counter(kinds(templates)).items()}


def chance(kinds: tuple[str, ...], noise: int, index: int) -> float:
    """p-value of what a crystal may be of: how often another key's number of one is as small; 1 where it may be of none."""
    return either(*[-math.expm1(-number(noise, index, 0, k)) for k in kinds]) if kinds else 1.0
