"""Real and generated crystals that the detector of crystals is fitted, calibrated and tested on."""

from pathlib import Path

import numpy as np

from difusa.domains.materials.crystal import Crystal
from difusa.domains.materials.data import build, source, split_of
from difusa.domains.materials.forensics import Usual, figures, usual
from difusa.domains.materials.reducing import reduced
from difusa.shared.forensics.tables import REAL, Table

OURS, FREE, SWAPPED = "Difusa", "Difusa without symmetry", "elements put into known structures"
FAMILIES = (OURS, FREE, SWAPPED)
SPLITS = ("train", "calibrate", "test")
PROTOTYPES = 300  # real crystals of the training split whose places are filled anew


def tables(data: Path, work: Path, n: int, seed: int = 0) -> tuple[dict[str, Table], Usual]:
    """A table for each split, n real ones and n of each family, and what is usual of 6 n further real ones.

    Splits are by chemical system. work: folder for our own draws.
    """
    real = source(data)
    order = np.random.default_rng(seed).permutation(len(real))
    place = np.array([split_of(real[i].numbers) for i in order])
    rows = {split: order[place == k] for k, split in enumerate(SPLITS)}
    known = usual([reduced(real[i]) for i in rows["train"][n : 7 * n]])
    made = {
        OURS: ours(work, len(SPLITS) * n, seed, free=False),
        FREE: ours(work, len(SPLITS) * n, seed, free=True),
        SWAPPED: swapped([real[i] for i in rows["train"][7 * n : 7 * n + PROTOTYPES]], len(SPLITS) * n, seed),
    }
    found = {}
    for number, split in enumerate(SPLITS):
        chosen = [(real[i], REAL) for i in rows[split][:n]]
        for family, crystals in made.items():
            chosen += [(c, family) for c in crystals[number * n : (number + 1) * n]]
        found[split] = table_of(chosen, known)
    return found, known


def table_of(rows: list[tuple[Crystal, str]], known: Usual) -> Table:
    """The figures of the crystals that have any; the group is the composition."""
    kept = []
    for crystal, family in rows:
        try:
            kept.append((figures(crystal, known), family, "-".join(map(str, np.unique(crystal.numbers)))))
        except ValueError:  # atoms overlap: the readers refuse such a file
            continue
    x, families, groups = zip(*kept, strict=True)
    return Table(np.stack(x), tuple(families), tuple(groups))


def ours(work: Path, count: int, seed: int, *, free: bool) -> list[Crystal]:
    """Draws of the shipped model; kept in a folder."""
    from difusa.domains.materials.readers import load
    from difusa.domains.materials.task import generate

    folder = Path(work) / f"crystals-{'free-' if free else ''}{count}-{seed}"
    if not (folder / "all.extxyz").exists():
        generate(out=folder, count=count, seed=seed, free=free, passport=False, watermark=False, threads=1)
    return [r.crystal for r in load(folder / "all.extxyz") if r.crystal is not None]


def swapped(real: list[Crystal], count: int, seed: int) -> list[Crystal]:
    """Balanced compositions in the places of real crystals, the volume scaled to fit (baseline.py)."""
    from difusa.domains.materials import baseline

    known = baseline.prototypes(build(real))
    return [baseline.generate(known, seed, k) for k in range(count)]
