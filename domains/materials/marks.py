"""The mark of drawn crystals: their starting noise is keyed (shared/watermark/issued.py), and so is the kind of their template
(keyed_kinds.py); both are read off what was drawn.

The tags tell seed and index. The kind is told by the template where the sites are still its own, else by the crystal's symmetry,
in any cell and order. Of the noise: free
coordinates end where it put them on their circle (mean cosine 0.68 to 0.99 of 12 crystals), and an orbit's element is one whose
noise was large (1.0 to 2.8 standard deviations). Reading it needs the template that was lent, and the sites as they were written:
the tags name the one, a primitive cell in the drawn order keeps the other.
Null: the key has nothing to do with the crystal. Keys of nobody are tried on both, p = (1 + those that fit as well) / (1 + all);
of the kind alone it is exact. Whether the noise can be read does not depend on the key.
"""

import re
from dataclasses import dataclass, replace

import numpy as np
from pymatgen.core import Lattice

from difusa.domains.materials import keyed_kinds
from difusa.domains.materials.cifs import difusa_tags, read_cif, sites
from difusa.domains.materials.crystal import Crystal
from difusa.domains.materials.elements import CLASSES
from difusa.domains.materials.examples import shaken
from difusa.domains.materials.network import PERIOD
from difusa.domains.materials.sampling import NOISE, Plan
from difusa.domains.materials.symmetry import Template, free_template
from difusa.domains.materials.templates import Templates
from difusa.shared.seeds import stream
from difusa.shared.watermark.issued import SCHEME, either, keyed

VERB = "materials generate"
STRANGERS = 40_000  # keys of nobody
PLACES, KINDS = 3.0, 2.0  # how tightly places and elements follow the noise, by maximum likelihood of 120 crystals
UNLENT = 40.0  # more does not speak against a key: what may be lent can be narrowed by wishes
APART = 0.4  # angstrom that a site may lie from where the template has it
CELL = (("length_a", "length_b", "length_c"), ("angle_alpha", "angle_beta", "angle_gamma"))
FREE = "free"  # the tag of a crystal that was lent none


def reading(text: str, secret: bytes, sure: float) -> dict:
    """What a key reads in the crystals of a CIF, each for itself, and the best of all; what cannot be read says why."""
    from difusa.domains.materials.templates import read as lent
    from difusa.domains.models import find

    templates, _ = lent(find("materials", domain="materials").folder)
    rows = []
    for number, block in enumerate(re.split(r"(?mi)^(?=data_)", text)[1:], start=1):
        try:
            seen = read(written(block), secret, templates)
            row = {"number": number, "p_value": seen.p_value, "ordered": not seen.reason}
            rows.append(row | ({"reason": seen.reason} if seen.reason else {}))
        except (ValueError, KeyError) as why:
            rows.append({"number": number, "p_value": 1.0, "ordered": True, "reason": str(why)})
    if not rows:
        raise ValueError("no data block in the CIF")
    p = either(*[r["p_value"] for r in rows])
    return {"marked": p < sure, "p_value": p, "scheme": SCHEME, "records": rows}


class Unreadable(ValueError):
    """Why the noise of a crystal cannot be read."""


@dataclass(frozen=True)
class Reading:
    """p_value: of noise and kind together, or of the kind alone, with the reason why the noise could not be read."""

    p_value: float
    reason: str = ""


def read(crystal: Crystal, secret: bytes, templates: Templates) -> Reading:
    """What a key reads in a crystal. Raises ValueError where no tags tell seed and index."""
    seed, index = (crystal.tags.get(k) for k in ("seed", "index"))
    if not all(isinstance(v, int) and v >= 0 for v in (seed, index)):
        raise ValueError("no tags tell seed and index")
    own = keyed(secret, seed)
    try:
        fits = Fits.of(crystal, template_of(crystal, templates), templates)
    except Unreadable as why:
        if "prototype" in crystal.tags:
            raise
        kinds = keyed_kinds.kinds_of(crystal)
        return Reading(keyed_kinds.chance(kinds, own, index), f"only its symmetry could be read: {why}")
    return Reading(fits.chance(own, index))


def written(block: str) -> Crystal:
    """The crystal of a CIF's block, its sites in their order where all are listed. Raises ValueError as cifs.read_cif()."""
    try:
        numbers, frac = sites(block)
    except ValueError:
        return read_cif(block)
    sizes, angles = ([float(re.search(rf"(?mi)^_cell_{k}\s+([-\d.]+)", block)[1]) for k in names] for names in CELL)
    return Crystal(Lattice.from_parameters(*sizes, *angles).matrix, numbers, frac, difusa_tags(block))


def template_of(crystal: Crystal, templates: Templates) -> Template:
    """The template that a marked crystal's tags name. Raises Unreadable where they do not."""
    row = crystal.tags.get("template")
    if row == FREE:
        return free_template(np.zeros((len(crystal), 3)))
    if not isinstance(row, int) or not 0 <= row < len(templates):
        raise Unreadable("no tag tells which template was lent")
    return templates.template(row)


@dataclass(frozen=True, eq=False)
class Fits:
    """A crystal whose sites are those of the template: what its noise may be compared by, and how well nobody's keys fit
    [STRANGERS]."""

    template: Template
    free: tuple[np.ndarray, np.ndarray]
    ends: np.ndarray
    elements: np.ndarray
    strangers: np.ndarray
    share: float | None = None

    @classmethod
    def of(cls, crystal: Crystal, template: Template, templates: Templates) -> "Fits":
        """Raises Unreadable for sites that are not the template's."""
        if len(crystal) != len(template):
            raise Unreadable(
                f"{len(crystal)} sites, {len(template)} were drawn: only the primitive cell as written can be read"
            )
        if (crystal.numbers != crystal.numbers[template.orbit]).any():
            raise Unreadable("the sites stand in another order than they were drawn in")
        free, ends = parameters(crystal, template)
        if (apart := misplaced(crystal, template, free, ends)) > APART:
            raise Unreadable(f"sites lie {apart:.2g} angstrom from where they were drawn: another origin or order")
        elements, share = crystal.numbers[np.unique(template.even)].astype(int) - 1, None
        if "prototype" in crystal.tags:  # elements and template were the composition's, not the key's
            elements = elements[:0]
        elif template.spacegroup:
            share = keyed_kinds.shares(templates)[keyed_kinds.of_template(template)]
        made = cls(template, free, ends, elements, np.zeros(0), share)
        rng = stream(keyed(b"strangers' noise, known to all", 0), 0)
        shifts = template.sites(rng.standard_normal((STRANGERS, len(template), 3), dtype=np.float32))
        kinds = rng.standard_normal((STRANGERS, len(elements), CLASSES), dtype=np.float32)
        return replace(made, strangers=made.fit(shifts, kinds) - made.lent(rng.exponential(size=STRANGERS)))

    def fit(self, shifts: np.ndarray, kinds: np.ndarray) -> np.ndarray:
        """[S]: how well the crystal follows noise, of its sites [S, n, 3] and of the elements of those that share none
        [S, k, CLASSES]: the likelihood of its places over that of any, and likewise of its elements."""
        moves = np.einsum("nij,snj->sni", self.template.gather, shifts)
        starts = np.zeros_like(moves)
        for site, orbit in enumerate(self.template.orbit):
            starts[:, orbit] += moves[:, site]
        off = 2 * np.pi * (self.ends - Plan.sigma_max * starts[:, *self.free] / PERIOD)
        own = kinds[:, np.arange(len(self.elements)), self.elements]
        said = KINDS * own - np.log(np.exp(KINDS * kinds[:, : own.shape[1]]).mean(-1))
        return PLACES * np.cos(off).sum(-1) + said.sum(-1)

    def lent(self, number):
        """How little numbers of the template's kind look like that of a kind that was lent: their likelihoods' logarithm."""
        return 0.0 if self.share is None else np.minimum(number / self.share, UNLENT)

    def chance(self, own: int, index: int) -> float:
        """p-value of a key's noise (the seed of its streams) and of the number that it gives the template's kind."""
        noise = shaken(self.template, len(self.template), stream(own, index, NOISE))
        first = np.unique(self.template.even)
        fit = self.fit(noise["noise_frac"][None], noise["noise_elements"][None, first])[0]
        fit -= self.lent(keyed_kinds.number(own, index, 0, keyed_kinds.of_template(self.template)))
        return float((1 + (self.strangers >= fit).sum()) / (1 + STRANGERS))


def misplaced(crystal: Crystal, template: Template, free: tuple, ends: np.ndarray) -> float:
    """How far a site is at most from the template's, moved as its orbit is, in angstrom; orbits that are not wholly told apart
    on the circle are left out."""
    moved = np.zeros((len(template), 3))
    moved[free] = ends
    known = np.zeros((len(template), 3), bool)
    known[free] = True
    whole = (known | ~(template.directions != 0).any(1))[template.orbit].all(1)
    off = crystal.frac - template.frac - np.einsum("nij,nj->ni", template.directions, moved[template.orbit])
    return float(np.linalg.norm((off - np.rint(off)) @ crystal.cell, axis=1)[whole].max(initial=0.0))


def parameters(crystal: Crystal, template: Template) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Which (sites, axes) are free, and where they are, between 0 and 1."""
    off, sites, axes, ends = crystal.frac - template.frac, [], [], []
    for k in np.unique(template.orbit):
        way = template.directions[k].astype(int)
        for axis in np.flatnonzero((way != 0).any(0)):
            alone = [r for r in range(3) if abs(way[r, axis]) == 1 and not np.delete(way[r], axis).any()]
            if alone:  # others are tied to this one, or cannot be told apart on the circle
                sites, axes, ends = [*sites, k], [*axes, axis], [*ends, way[alone[0], axis] * off[k, alone[0]] % 1]
    return (np.array(sites, int), np.array(axes, int)), np.array(ends)
