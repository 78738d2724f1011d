"""Real things of three domains, dealt into sets of known answer by `difusa bench audits`."""

import csv
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from difusa.ethics.controls import Real, replaced, split
from difusa.ethics.loading import kinds, of_things
from difusa.ethics.samples import Samples

NOISE = 0.15  # angstrom, of atoms in bad quality
GREY = 2.0  # px, standard deviation of the blur of pictures in bad quality


@dataclass(frozen=True)
class Pool:
    """Real things of which a seed deals sets; sizes: of the training set and the hold-out, the rest is clean.

    quality: the finding that has to tell them in bad quality; strict: no copy is allowed, whatever the policy says, for these
    pools are small draws out of large sets in which the same substance hardly comes twice.
    """

    samples: Samples
    sizes: tuple[int, int]
    worsened: Callable[[Samples], Samples]
    group: tuple[str, str]
    quality: str
    strict: bool = False

    def dealt(self, seed: int) -> Real:
        return split(self.samples, kinds()[self.samples.domain], self.worsened, self.group, self.sizes, seed)


TWINS = ("0365.jpg", "0377.jpg", "1915.jpg")  # by eye: drawings that are there in other colours too, the second square


@cache
def paintings(data: Path) -> Pool:
    """800 paintings; to be told is their style, where it is one of the three most frequent."""
    from difusa.ethics.pictures import KIND, load

    home = data / "heritage"
    every = sorted(p.name for p in (home / "paintings256").glob("*.jpg") if p.name not in TWINS)
    names = [every[i] for i in np.random.default_rng(0).permutation(len(every))[:800]]
    with (home / "paintings256.csv").open(newline="", encoding="utf-8") as rows:
        styles = {r["file"]: r["style"] for r in csv.DictReader(rows)}
    most = [s for s, _ in Counter(styles[n] for n in names).most_common(3)]
    found = of_things(load([home / "paintings256" / n for n in names])[0], KIND)
    style = np.array([styles[n] if styles[n] in most else "other" for n in found.ids])
    found = replace(found, attributes=found.attributes | {"style": style}, labels=style)
    return Pool(found, (300, 200), blurred, ("shape", "wide"), "blur")


def blurred(samples: Samples) -> Samples:
    from scipy.ndimage import gaussian_filter

    things = [gaussian_filter(samples.read(i), (GREY, GREY, 0)) for i in range(len(samples))]
    return replaced(samples, things, kinds()["heritage"])


@cache
def molecules(data: Path) -> Pool:
    """1,200 molecules of QM9; to be told is their HOMO-LUMO gap."""
    from difusa.domains.molecules import qm9
    from difusa.ethics.chemistry import MOLECULES

    packed = qm9.load(data)
    rows = [i for i in np.random.default_rng(0).permutation(len(packed))[:1300] if packed.smiles[i]][:1200]
    found = of_things({str(i): packed.molecule(i) for i in rows}, MOLECULES)
    gap = packed.properties[[int(i) for i in found.ids], packed.property_names.index("gap")].astype(float)
    return Pool(replace(found, labels=gap), (600, 300), shaken, ("aromatic rings", "one"), "alpha-precision", True)


@cache
def crystals(data: Path) -> Pool:
    """1,200 crystals of the Materials Project; to be told is their formation energy."""
    from difusa.domains.materials.data import load
    from difusa.ethics.chemistry import CRYSTALS

    packed = load(data)
    rows = np.random.default_rng(0).permutation(len(packed))[:1200]
    found = of_things({str(i): packed.crystal(i) for i in rows}, CRYSTALS)
    energy = packed.properties[[int(i) for i in found.ids], packed.property_names.index("formation_energy")].astype(
        float
    )
    return Pool(replace(found, labels=energy), (600, 300), shaken, ("class", "halide"), "alpha-precision", True)


def shaken(samples: Samples) -> Samples:
    """Every atom moved by NOISE."""
    rng, things = np.random.default_rng(0), []
    for thing in map(samples.read, range(len(samples))):
        if hasattr(thing, "frac"):
            moved = rng.normal(0, NOISE, thing.frac.shape) @ np.linalg.inv(thing.cell)
            things.append(replace(thing, frac=(thing.frac + moved) % 1.0))
        else:
            things.append(replace(thing, positions=thing.positions + rng.normal(0, NOISE, thing.positions.shape)))
    return replaced(samples, things, kinds()[samples.domain])


POOLS = {"paintings": paintings, "molecules": molecules, "crystals": crystals}
