"""The mark of drawn crystals: their starting noise is keyed (shared/watermark/issued.py), and read off what was drawn.

Free coordinates end where the noise put them on their circle (mean cosine 0.68 to 0.99 of 12 crystals), and an orbit's element
is one whose noise was large (1.0 to 2.8 standard deviations). Reading needs the template that was lent, and the sites as they
were written: the tags name the one, a primitive cell in the drawn order keeps the other. A crystal has few free numbers: many
carry too little to be sure of.
Null: the key has nothing to do with the crystal; keys of nobody are tried, p = (1 + those that fit as well) / (1 + all).
"""

import re

import numpy as np

from difusa.domains.materials.cifs import difusa_tags, sites
from difusa.domains.materials.crystal import Crystal
from difusa.domains.materials.examples import shaken
from difusa.domains.materials.network import PERIOD
from difusa.domains.materials.sampling import NOISE, Plan
from difusa.domains.materials.symmetry import Template, free_template
from difusa.shared.seeds import stream
from difusa.shared.watermark.issued import SCHEME, either, keyed

VERB = "materials generate"
STRANGERS = 4000  # keys of nobody
PLACES, KINDS = 3.0, 1.4  # weights: how tightly places and elements follow the noise
FREE = "free"  # the tag of a crystal that was lent none


def reading(text: str, secret: bytes, sure: float) -> dict:
    """What a key reads in the crystals of a CIF, each for itself, and the best of all; what cannot be read says why."""
    from difusa.domains.materials.templates import read as lent
    from difusa.domains.models import find

    templates, _ = lent(find("materials", domain="materials").folder)
    rows = []
    for number, block in enumerate(re.split(r"(?mi)^(?=data_)", text)[1:], start=1):
        try:
            crystal = written(block)
            p = read(crystal, secret, template_of(crystal, templates))
            rows.append({"number": number, "p_value": p, "ordered": True})
        except (ValueError, KeyError) as why:
            rows.append({"number": number, "p_value": 1.0, "ordered": True, "reason": str(why)})
    if not rows:
        raise ValueError("no data block in the CIF")
    p = either(*[r["p_value"] for r in rows])
    return {"marked": p < sure, "p_value": p, "scheme": SCHEME, "records": rows}


def written(block: str) -> Crystal:
    """The sites of a CIF's block in their order; the cell is not looked at."""
    numbers, frac = sites(block)
    return Crystal(np.eye(3), numbers, frac, difusa_tags(block))


def template_of(crystal: Crystal, templates) -> Template:
    """The template that a marked crystal's tags name. Raises ValueError where they do not."""
    row = crystal.tags.get("template")
    if row == FREE:
        return free_template(np.zeros((len(crystal), 3)))
    if not isinstance(row, int) or not 0 <= row < len(templates):
        raise ValueError("no tag tells which template was lent")
    return templates.template(row)


def read(crystal: Crystal, secret: bytes, template: Template) -> float:
    """p-value of the key in a crystal whose tags tell seed and index. Raises ValueError for sites that are not the template's."""
    seed, index = (crystal.tags.get(k) for k in ("seed", "index"))
    if not all(isinstance(v, int) and v >= 0 for v in (seed, index)):
        raise ValueError("no tags tell seed and index")
    if len(crystal) != len(template):
        raise ValueError(
            f"{len(crystal)} sites, {len(template)} were drawn: only the primitive cell as written can be read"
        )
    if (crystal.numbers != crystal.numbers[template.orbit]).any():
        raise ValueError("the sites stand in another order than they were drawn in")
    free, ends = parameters(crystal, template)
    first = np.unique(template.even)
    kinds = crystal.numbers[first].astype(int) - 1

    def fit(own: int, index: int) -> float:
        noise = shaken(template, len(template), stream(own, index, NOISE))
        moves, starts = np.einsum("nij,nj->ni", template.gather, noise["noise_frac"]), np.zeros((len(template), 3))
        np.add.at(starts, template.orbit, moves)
        off = 2 * np.pi * (ends - Plan.sigma_max * starts[free] / PERIOD)
        return float(PLACES * np.cos(off).sum() + KINDS * noise["noise_elements"][first, kinds].sum())

    own, nobody = fit(keyed(secret, seed), index), keyed(b"strangers' noise, known to all", 0)
    return (1 + sum(fit(nobody, k) >= own for k in range(STRANGERS))) / (1 + STRANGERS)


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
