"""The verb of materials: generate draws new crystals, under hard constraints where they are given."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from difusa.domains.materials.crystal import Crystal
from difusa.domains.materials.verbs import REPORT, ready, rescue, write
from difusa.shared.run import Progress, Run

__all__ = ["generate"]

ATTEMPTS = 60  # draws of one sample whose symmetry is asked for


def generate(
    *,
    out: Path,
    count: int = 100,
    elements: str | None = None,
    contains: str | None = None,
    exclude: str | None = None,
    atoms: str | None = None,
    spacegroup: int | None = None,
    crystal_system: str | None = None,
    property: tuple[str, ...] = (),
    free: bool = False,
    balance: bool = True,
    symmetrised: bool = False,
    steps: int = 50,
    seed: int = 0,
    sampler: str = "dpmpp_2m",
    guidance: float = 1.0,
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
    """Draw new crystals: exactly COUNT of them, broken ones included and told apart by their tags.

    Each takes its space group, the kinds of its sites and which of them share an element from a training crystal, as often as
    they occur there; cell, places and elements are the network's. OUT holds NNNNN.cif for each, all.extxyz and report.json. Each
    carries formula, spacegroup (spglib at 0.01 angstrom), spacegroup_loose (at 0.1), shortest_distance (angstrom),
    charge_balanced (smact), seed, index (of its random stream), model (SHA-256 of the weights), lent (the space group it was
    drawn in; 0: none) and, if two atoms are nearer than 0.5 angstrom or the cell has collapsed, broken. With a property asked
    for: predicted_NAME with the ends of its 90 % interval (_low, _high) by the shipped guide, p_NAME and p_all, how probably
    it is met.

    out: folder to write.
    count: crystals to write.
    elements: the only elements that may occur, such as Li,P,O,F; always obeyed.
    contains: elements that every crystal has, such as Li,O; always obeyed.
    exclude: elements that none has, such as Pb,Cd; always obeyed.
    atoms: how many in the primitive cell, such as 4..16; always obeyed.
    spacegroup: international number that every crystal has at 0.01 angstrom; always obeyed.
    crystal_system: the same for triclinic, monoclinic, orthorhombic, tetragonal, trigonal, hexagonal or cubic.
    property: what crystals should have, such as band_gap=1..2 (eV), formation_energy=..-1 or e_above_hull=0 (eV/atom); said
        once for each of several. Likely, not certain.
    free: impose no symmetry at all; it is then rarely found.
    balance: draw elements again until smact calls the composition valid, as far as that can be; --no-balance leaves the
        network's first draw.
    symmetrised: write the conventional cell with the operations of its space group.
    steps: network evaluations a crystal, at most.
    seed: the same seed gives the same bytes.
    sampler: one of the core's samplers.
    guidance: how loudly the network hears the properties: 1 as it was trained; more goes beyond it, at two evaluations a step.
    report: another JSON file for the run's figures.
    passport: stamp each crystal, and write OUT.passport.json, by which `difusa verify` knows them. The stamps are part of the
        bytes and depend on your keys.
    watermark: draw the starting noise from your key, which changes nothing in what is likely, so that `difusa watermark read`
        knows the crystals with your key when the passport is gone; their tag `template` helps it. Then the crystals themselves
        depend on your keys.
    model: shipped model or a folder written by `difusa train`.
    device: cpu or cuda.
    threads: number of CPU threads; bytes depend on it.
    batch: crystals in flight at once; bytes do not depend on it. Small numbers are slow: those of about one size run together.
    progress: called with (done, total) crystals.
    look: called with the first crystal's estimate after each network evaluation, to show how it forms.

    Returns the run's figures. Raises ValueError or OSError with the way out.
    """
    from difusa.domains.materials.asked import ask
    from difusa.domains.materials.describe import figures
    from difusa.domains.materials.guide import attach
    from difusa.shared.watermark.issued import keyed_plan

    if guidance != 1 and not property:
        raise ValueError(f"--guidance {guidance}: nothing is guided without a property; leave it at 1")
    walk = {"steps": steps, "seed": seed, "sampler": sampler, "guidance": guidance, "balance": balance}
    use = ready(out, count, batch, threads, model, **walk)
    limits = {
        "elements": elements, "contains": contains, "exclude": exclude, "atoms": atoms, "spacegroup": spacegroup,
        "crystal_system": crystal_system, "property": property, "free": free,
    }  # fmt: skip
    asked = ask(use.templates, use.wishes, **limits)
    if asked.note:
        print(asked.note, file=sys.stderr)
    plan, mark = keyed_plan(use.plan, watermark)
    use = replace(use, plan=plan)
    with Run("materials generate", seed=seed, model=use.model, device=device, progress=progress) as run:
        network, crystals, began = use.model.load(device), [], run.seconds
        again = 0
        try:
            for first in range(0, count, batch):
                part = range(first, min(first + batch, count))
                made, redrawn = drawn(
                    network, asked, use, part, run, look, lambda n, first=first: run.progress(first + n, count)
                )
                crystals, again = crystals + made, again + redrawn
                run.progress(len(crystals), count)
        except BaseException:
            rescue(crystals, use.out, symmetrised)
            raise
        seconds, teller = (run.seconds - began) / count, None
        if asked.targets:
            crystals, teller = attach(crystals, asked.targets, asked.wishes, device)
        write(crystals, use.out, symmetrised)
        told = {
            "count": len(crystals), "out": use.out, "plan": repr(use.plan), "symmetrised": symmetrised,
            "constraints": limits, "note": asked.note, "templates": len(asked.rows), "drawn_again": again,
            "guide": teller, "watermark": mark,
            **figures(crystals, seconds),
        }  # fmt: skip
        run.write(use.out / REPORT, **told)
        if passport:
            use.sign(run.verb, len(crystals), mark)
        return run.write(report, **told)


def drawn(network, asked, use, indices: range, run: Run, look=None, tell=None) -> tuple[list, int]:
    """The crystals of these samples, told; and how many draws did not obey the symmetry asked for and were made again. tell(n):
    called when n of them are drawn, where none can disobey.

    Raises ValueError where ATTEMPTS draws of one sample do not.
    """
    from difusa.domains.materials.describe import described
    from difusa.domains.materials.sampling import draw

    found, left, again = {}, list(indices), 0
    for attempt in range(ATTEMPTS):
        orders = [asked.of(i).order(use.plan.seed, i, attempt, use.plan.noise) for i in left]

        def watch(denoise):
            return run.counted(denoise)

        made = draw(
            network, orders, use.plan, left, attempt=attempt, watch=watch, look=look if not attempt else None,
            tell=None if asked.groups else tell,
        )  # fmt: skip
        for i, order, one in zip(left, orders, made):
            crystal = described(one.crystal, use.tags(i) | {"lent": order.template.spacegroup} | use.lent(order.row))
            if asked.of(i).obeyed(crystal.tags["spacegroup"]):
                found[i] = crystal
        left = [i for i in left if i not in found]
        if not left:
            return [found[i] for i in indices], again
        again += len(left)
    raise ValueError(
        f"{len(left)} crystals had another symmetry than asked for in {ATTEMPTS} draws each; allow more elements or atoms"
    )
