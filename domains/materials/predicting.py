"""The verb that predicts structures: a composition, and where its atoms sit."""

import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from difusa.domains.materials.crystal import Crystal
from difusa.domains.materials.elements import NUMBERS, SYMBOLS
from difusa.domains.materials.sampling import Order, draw
from difusa.domains.materials.symmetry import free_template
from difusa.domains.materials.templates import Templates
from difusa.domains.materials.verbs import REPORT, ready, rescue, write
from difusa.shared.run import Progress, Run

__all__ = ["predict"]

# Of the calibration split's cells: 60 first proposals matched 23 times with it, 19 times with 1; of the 27 with the right
# prototype 18 against 15, and their volumes were off by 3.2 % in the median, against 5.3 %.
CALM = 0.2
TEMPLATES = 0.9  # share of the samples that are lent a template, where there are any


def predict(
    formula: str,
    *,
    out: Path,
    count: int = 20,
    spacegroup: int | None = None,
    crystal_system: str | None = None,
    free: bool = False,
    symmetrised: bool = False,
    steps: int = 50,
    seed: int = 0,
    sampler: str = "dpmpp_2m",
    report: Path | None = None,
    passport: bool = True,
    watermark: bool = True,
    model: str = "materials",
    device: str = "cpu",
    threads: int | None = None,
    batch: int = 200,
    progress: Progress | None = None,
    look: Callable[[Crystal], None] | None = None,
) -> dict:
    """Predict structures of a composition: COUNT proposals, the likeliest first.

    A proposal is lent the symmetry and the sites of a prototype in which near compositions crystallise; the cell and the places
    that the symmetry leaves free are the network's. A tenth of the proposals, and all where no prototype fits, impose no
    symmetry. Files and tags as in `difusa materials generate`; prototype tells which arrangement was lent (0: none).

    formula: such as LiFePO4; between 1 and 20 atoms, of which a cell may hold several.
    out: folder to write.
    count: proposals to write.
    spacegroup: international number; every proposal has it at 0.01 angstrom.
    crystal_system: the same for triclinic, monoclinic, orthorhombic, tetragonal, trigonal, hexagonal or cubic.
    free: impose no symmetry on any.
    symmetrised: write the conventional cell with the operations of its space group.
    steps: network evaluations a crystal, at most.
    seed: the same seed gives the same bytes.
    sampler: one of the core's samplers.
    report: another JSON file for the run's figures.
    passport: stamp each crystal, and write OUT.passport.json, by which `difusa verify` knows them. The stamps are part of the
        bytes and depend on your keys.
    watermark: draw the starting noise from your key, as in `difusa materials generate`. Here it moves free coordinates alone, so
        proposals without any carry no mark.
    model: shipped model or a folder written by `difusa train`.
    device: cpu or cuda.
    threads: number of CPU threads; bytes depend on it.
    batch: crystals in flight at once; bytes do not depend on it.
    progress: called with (done, total) crystals.
    look: called with the first proposal's estimate after each network evaluation, to show how it forms.

    Returns the run's figures. Raises ValueError or OSError with the way out.
    """
    from difusa.domains.materials.asked import groups_of
    from difusa.domains.materials.describe import described, figures
    from difusa.shared.watermark.issued import keyed_plan

    use = ready(out, count, batch, threads, model, steps=steps, seed=seed, sampler=sampler, calm=CALM)
    plan, mark = keyed_plan(use.plan, watermark)
    use = replace(use, plan=plan)
    wanted = parse_formula(formula, use.templates)
    groups = groups_of(spacegroup, crystal_system)
    if free and groups:
        raise ValueError("--free imposes no symmetry: leave out --spacegroup and --crystal-system, or --free")
    with Run("materials predict", seed=seed, model=use.model, device=device, progress=progress) as run:
        network, crystals, began, kept = use.model.load(device), [], run.seconds, 0
        orders = queue(use.templates, wanted, count, free, groups)
        if not orders:
            raise ValueError(f"{formula}: no prototype of that symmetry can hold it; leave the symmetry out")
        try:
            for first in range(0, len(orders), batch):
                part = orders[first : first + batch]
                indices = list(range(first, first + len(part)))
                made = draw(
                    network, [o for o, _ in part], use.plan, indices, watch=run.counted, look=None if first else look,
                    tell=None if groups else lambda n, first=first: run.progress(first + n, count),
                )  # fmt: skip
                for i, (order, name), one in zip(indices, part, made):
                    tags = use.tags(i) | {"lent": order.template.spacegroup, "prototype": name} | use.lent(order.row)
                    crystal = described(one.crystal, tags)
                    kept += (fits := not groups or crystal.tags["spacegroup"] in groups)
                    crystals += [crystal] if fits and len(crystals) < count else []
                run.progress(len(crystals), count)
                if len(crystals) == count:
                    break
        except BaseException:
            rescue(crystals, use.out, symmetrised)
            raise
        if not crystals:
            raise ValueError(f"{formula}: none of {len(orders)} proposals kept the symmetry asked for; leave it out")
        seconds = (run.seconds - began) / len(crystals)
        write(crystals, use.out, symmetrised)
        told = {
            "formula": formula, "count": len(crystals), "asked_for": count, "out": use.out, "plan": repr(use.plan),
            "symmetrised": symmetrised, "constraints": {"spacegroup": spacegroup, "crystal_system": crystal_system, "free": free},
            "watermark": mark, "prototypes": len({c.tags["prototype"] for c in crystals} - {0}), **figures(crystals, seconds),
        }  # fmt: skip
        if len(crystals) < count:
            print(f"{len(crystals)} of {count} proposals: no more keep the symmetry asked for", file=sys.stderr)
        run.write(use.out / REPORT, **told)
        if passport:
            use.sign(run.verb, len(crystals), mark)
        return run.write(report, **told)


def parse_formula(text: str, templates: Templates) -> dict[int, int]:
    """`LiFePO4` or `Ca(OH)2` -> smallest whole counts by atomic number. Raises ValueError for what the model cannot place."""
    said = text.strip()
    counts = Counter(_parsed(said, text))
    strange = [n for n in counts if n not in templates.known]
    if strange:
        raise ValueError(f"{text}: this model knows no {SYMBOLS[strange[0]]}")
    by = int(np.gcd.reduce(list(counts.values())))
    smallest = {n: c // by for n, c in sorted(counts.items())}
    most = int(templates.atoms.max())
    if sum(smallest.values()) > most:
        raise ValueError(
            f"{text} has {sum(smallest.values())} atoms; this model places at most {most} in a primitive cell"
        )
    return smallest


def _parsed(said: str, text: str) -> dict[int, int]:
    """Counts by atomic number of a formula with at most one level of brackets."""
    if not said or len(said) > 200:
        raise ValueError(f"{text[:60]!r} is no formula: write symbols and counts, such as LiFePO4")
    found, at = Counter(), 0
    for part in re.finditer(r"\(([^()]*)\)(\d{0,4})|([A-Z][a-z]?)(\d{0,4})", said):
        if part.start() != at:
            break
        at = part.end()
        inside, times, symbol, many = part.groups()
        if (times or many) and int(times or many) == 0:
            raise ValueError(f"{text}: {part[0]} says there is none; leave it out")
        if symbol is None:
            for number, count in _parsed(inside, text).items():
                found[number] += count * int(times or 1)
        elif symbol not in NUMBERS:
            raise ValueError(f"{text}: {symbol!r} is no element")
        else:
            found[NUMBERS[symbol]] += int(many or 1)
    if at != len(said):
        raise ValueError(
            f"{text}: {said[at:][:20]!r} is not understood; write symbols and whole counts, such as LiFePO4"
        )
    return dict(found)


def queue(
    templates: Templates, formula: dict[int, int], count: int, free: bool = False, groups: Sequence[int] = ()
) -> list[tuple[Order, int]]:
    """The orders of `count` proposals with the number of their prototype, the likeliest first: nine in ten lent, the last free.

    With groups more of them, for some may come out with another symmetry; none where no prototype of theirs fits.
    """
    lent = proposals(templates, formula, 0 if free else count + 2 * count * bool(groups), groups)
    loose = [] if groups else [unsymmetric(formula, k) for k in range(count)]
    return mixed(lent, loose, count) if lent and loose else lent or loose


def proposals(
    templates: Templates, formula: dict[int, int], count: int, groups: Sequence[int] = ()
) -> list[tuple[Order, int]]:
    """`count` orders with the number of their prototype (from 1), the likeliest first; none where no template fits."""
    from difusa.domains.materials.lending import dealt, prototypes, shared_out

    rows = np.flatnonzero(np.isin(templates.spacegroup, groups)).tolist() if groups else None
    found = prototypes(templates, formula, rows) or dealt(templates, formula, rows)
    if not found or not count:
        return []
    rigid = [not templates.template(p.candidates[0].row).freedom.any() for p in found]
    taken: Counter[int] = Counter()
    orders = []
    for k in shared_out([p.weight for p in found], count, rigid):
        candidate = found[k].candidates[taken[k] % len(found[k].candidates)]
        taken[k] += 1
        template = templates.template(candidate.row)
        first, where = np.unique(template.orbit, return_inverse=True)
        orders.append((Order(template, np.array(candidate.kinds)[where], row=candidate.row), k + 1))
    return orders


def unsymmetric(formula: dict[int, int], index: int) -> tuple[Order, int]:
    """An order without symmetry; the cell holds one formula unit, or two or four, as far as 20 atoms go, by turns."""
    units = [z for z in (1, 2, 4) if z * sum(formula.values()) <= 20]
    times = units[index % len(units)]
    numbers = np.repeat(list(formula), [c * times for c in formula.values()])
    return Order(free_template(np.zeros((len(numbers), 3))), numbers), 0


def mixed(lent: list, free: list, count: int) -> list:
    """The first `count`: of every ten, the last is of the free ones."""
    every = round(1 / (1 - TEMPLATES))
    found, a, b = [], iter(lent), iter(free)
    for k in range(count):
        found.append(next(b if k % every == every - 1 else a))
    return found
