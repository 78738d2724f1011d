"""Two worked recipes as verbs: cathodes for lithium or sodium, and crystals of common, safe elements; drawn, judged, ranked.

What is judged is what was drawn: crystals that fail keep their place at the end of the table, with the reason.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from difusa.domains.materials.crystal import Crystal
from difusa.domains.materials.elements import SYMBOLS

TABLE = "ranking.json"
VOLTAGE = (
    "average voltage by CHGNet (full and empty host relaxed, against the bcc metal): an estimate, not a measurement"
)
HULL = (
    "energy above the hull of the training crystals, by CHGNet: many known phases are not among them, so a figure far below 0 "
    "says that a competitor is missing, not that the crystal is stable"
)


def cathode(
    *,
    out: Path,
    ion: str = "Li",
    count: int = 50,
    atoms: str | None = None,
    seed: int = 0,
    steps: int = 50,
    model: str = "materials",
    data: Path | None = None,
    device: str = "cpu",
    threads: int | None = None,
    workers: int = 1,
    seconds: float = 600.0,
    report: Path | None = None,
) -> dict:
    """Draw hosts of an ion and rank them as cathodes: voltage, capacity, swelling, energy above hull, all estimates by CHGNet.

    Crystals hold the ion, a metal that changes its charge and O, F, S, P, Si or B. OUT is as of generate, with ranking.json: the
    useful first (2 to 5 V, at most 20 % change of volume), the most stable first among them.

    out: folder to write.
    ion: Li or Na.
    count: crystals to draw.
    atoms: how many in the primitive cell, such as 4..16.
    seed: the same seed gives the same crystals.
    steps: network evaluations a crystal.
    model: shipped model or a folder written by `difusa train`.
    data: folder of the data sets; by default DIFUSA_DATA, else built once in your cache.
    device: cpu or cuda, of the network.
    threads: number of CPU threads of the network.
    workers: processes for CHGNet; each uses one core.
    seconds: of a processor that a crystal may take.
    report: JSON file for the run's figures.

    Returns the figures and the table. Raises ValueError or OSError with the way out.
    """
    from difusa.domains.materials.cathode import FRAME, IONS, REDOX
    from difusa.domains.materials.task import generate

    if ion not in IONS:
        raise ValueError(f"--ion {ion}: choose from {', '.join(IONS)}")
    generate(
        out=out, count=count, elements=",".join((ion, *REDOX, *FRAME)), contains=ion, atoms=atoms, seed=seed, steps=steps,
        model=model, device=device, threads=threads,
    )  # fmt: skip
    told = judged_cathodes(written(out), ion, data, workers, seconds)
    return finished(told | {"ion": ion, "protocol": f"{VOLTAGE}; {HULL}"}, out, report)


def abundant(
    *,
    out: Path,
    count: int = 50,
    common: float = 50.0,
    concentrated: float = 5500.0,
    property: tuple[str, ...] = (),
    seed: int = 0,
    steps: int = 50,
    model: str = "materials",
    data: Path | None = None,
    device: str = "cpu",
    threads: int | None = None,
    workers: int = 1,
    seconds: float = 300.0,
    report: Path | None = None,
) -> dict:
    """Draw crystals of elements that are common, widely supplied, not toxic and not radioactive; rank them by stability.

    OUT is as of generate, with ranking.json: those at most 0.1 eV/atom above the hull first, by the mean supply index.

    out: folder to write.
    count: crystals to draw.
    common: least crustal abundance of an element, mg/kg.
    concentrated: largest Herfindahl-Hirschman index of its production and of its reserves (0 to 10,000).
    property: as of generate.
    seed: the same seed gives the same crystals.
    steps: network evaluations a crystal.
    model: shipped model or a folder written by `difusa train`.
    data: folder of the data sets; by default DIFUSA_DATA, else built once in your cache.
    device: cpu or cuda, of the network.
    threads: number of CPU threads of the network.
    workers: processes for CHGNet; each uses one core.
    seconds: of a processor that a crystal may take.
    report: JSON file for the run's figures.

    Returns the figures and the table. Raises ValueError or OSError with the way out.
    """
    from difusa.domains.materials import abundance
    from difusa.domains.materials.task import generate

    elements = abundance.abundant(common, concentrated)
    if all(SYMBOLS[n] in abundance.FREE for n in elements):
        raise ValueError(f"--common {common:g} --concentrated {concentrated:g} leave no metal: ask for less")
    names = ",".join(SYMBOLS[n] for n in elements)
    generate(
        out=out, count=count, elements=names, property=property, seed=seed, steps=steps, model=model, device=device,
        threads=threads,
    )  # fmt: skip
    told = judged_abundant(written(out), data, workers, seconds)
    return finished(told | {"elements": names, "protocol": HULL}, out, report)


def written(out: Path) -> list[Crystal]:
    """The crystals that generate wrote, by number, the broken ones too, which a reader of strangers' files would refuse."""
    from difusa.domains.materials.export import FRAMES
    from difusa.domains.materials.readers import xyz_parts

    return [part() for part in xyz_parts((Path(out) / FRAMES).read_text(encoding="utf-8"))]


def judged_cathodes(crystals: Sequence[Crystal], ion: str, data, workers: int, seconds: float) -> dict:
    """The table of cathodes and its shares; what fails is not useful."""
    from difusa.domains.materials.cathode import judged

    def row(crystal: Crystal, one) -> dict:
        kept = {k: round(getattr(one, k), 4) for k in ("voltage", "capacity", "swelling")}
        return kept | {"energy": one.energy, "useful": one.useful}

    rows, failures = table(crystals, judged, [(c, ion) for c in crystals], row, data, workers, seconds)
    rows.sort(key=lambda r: (not r.get("useful"), not r.get("stable"), r.get("above_hull", 1e9)))
    return shares(rows, ("useful", "stable"), len(crystals)) | {"rows": rows, "failures": failures}


def judged_abundant(crystals: Sequence[Crystal], data, workers: int, seconds: float) -> dict:
    """The table of crystals of common elements and its shares; what fails is not stable."""
    from difusa.domains.materials.abundance import scored
    from difusa.domains.materials.judges import relax

    def row(crystal: Crystal, one) -> dict:
        return {k: round(v, 3) for k, v in scored(crystal).items()} | {"energy": one.energy, "rmsd": round(one.rmsd, 4)}

    rows, failures = table(crystals, relax, list(crystals), row, data, workers, seconds)
    rows.sort(key=lambda r: (not r.get("stable"), r.get("hhi_production", 1e9)))
    return shares(rows, ("stable",), len(crystals)) | {"rows": rows, "failures": failures}


def table(crystals: Sequence[Crystal], judge: Callable, items: list, row: Callable, data, workers: int, seconds: float):
    """A row for each crystal, from what the judge says of its item; with its energy above hull, whether that is stable, and
    whether it is new; and the failures."""
    from difusa.domains.materials import references
    from difusa.domains.materials.data import load
    from difusa.domains.materials.export import reduced_formula
    from difusa.domains.materials.report import STABLE, hull_of, known_of
    from difusa.domains.materials.validity import overlap
    from difusa.shared.judging import each, failure

    packed, rows, failures = load(data), [], []
    broken = {i: why for i, c in enumerate(crystals) if (why := overlap(c))}
    found, failed, _ = each(judge, items, [i for i in range(len(items)) if i not in broken], workers, seconds, "CHGNet")
    reasons = broken | {f["row"] - 1: f["reason"] for f in failed}
    for i, crystal in enumerate(crystals):
        told = {"index": i, "formula": reduced_formula(crystal.numbers)}
        if i in found:
            told |= row(crystal, found[i])
            try:
                formed = references.load().formation(crystal.numbers, told.pop("energy"))
                told["above_hull"] = round(hull_of(packed).above(crystal.numbers, formed), 4)
                told["stable"] = told["above_hull"] <= STABLE
            except ValueError as why:
                reasons[i] = str(why)
            told["new"] = crystal not in known_of(packed)
        if i in reasons:
            told["failed"] = reasons[i]
            failures.append(failure(i, "structure" if i in broken else "CHGNet", reasons[i]))
        rows.append(told)
    return rows, failures


def shares(rows: list[dict], names: Sequence[str], count: int) -> dict:
    """Share of all crystals with each of the marks, and with all of them and new, with intervals."""
    from difusa.shared.judging import as_json, proportion

    found = {f"{name}_share": as_json(proportion([r.get(name) for r in rows])) for name in names}
    every = [all(r.get(name) for name in (*names, "new")) for r in rows]
    return {"count": count} | found | {"all_and_new_share": as_json(proportion(every))}


def finished(told: dict, out: Path, report: Path | None) -> dict:
    """Writes ranking.json, prints the head of the table, returns what was told."""
    from difusa.shared.files import write_json
    from difusa.shared.run import plain

    told = plain(told)
    write_json(Path(out) / TABLE, told)
    if report:
        write_json(Path(report), told)
    shown = [k for k in told if k.endswith("_share")]
    print("  ".join(f"{k} {100 * told[k]['value']:.1f} %" for k in shown), f"of {told['count']}")
    for row in told["rows"][:10]:
        print("  " + "  ".join(f"{k} {v}" for k, v in row.items()))
    print(told["protocol"])
    return told
