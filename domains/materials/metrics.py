"""The verb that judges a folder of crystals; what its figures mean is said in report.py."""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from difusa.domains.materials.data import composition
from difusa.domains.materials.packed import Packed
from difusa.domains.materials.report import Row, measure

KEYS = (
    "structural_validity", "compositional_validity", "valid", "uniqueness", "novelty", "unique_novel", "match_rate_1",
    "match_rate_20", "rmse", "chgnet_rmsd_median", "chgnet_drop_median", "chgnet_volume_median", "above_hull_median",
    "stable_share", "stable_share_whole", "stable_unique_novel", "seconds_per_1000",
)  # fmt: skip
PLAIN = ("rmse", "chgnet", "above_hull", "seconds")  # beginnings of the figures that are no shares


def evaluate(
    folder: Path,
    *,
    against: str = "mp",
    data: Path | None = None,
    costly: int = 300,
    seed: int = 0,
    workers: int = 1,
    seconds: float = 300.0,
    report: Path | None = None,
) -> dict:
    """Judge the crystals of a folder: valid, new, stable under CHGNet, and like the data.

    folder: of .cif files, or a single .cif, .extxyz or POSCAR file; one that `predict` wrote is also matched with the held-out
        crystals of its composition.
    against: the data set that says what is known and usual: mp.
    data: folder of the data sets; by default DIFUSA_DATA, else built once in your cache.
    costly: how many crystals, drawn by the seed, CHGNet relaxes (0 for none).
    seed: of that draw.
    workers: processes for it; each uses one core.
    seconds: of a processor that a crystal may take.
    report: JSON file for the same figures, with the reason of every failure.

    A file that cannot be read counts as a failure and is named with the reason; the others go on. Returns the report of
    `measure`. Raises ValueError for another data set, and for a folder without crystals.
    """
    from difusa.domains.materials.data import load
    from difusa.shared.files import write_json

    if against != "mp":
        raise ValueError(f"--against {against}: choose from mp")
    if costly < 0 or workers < 1 or seconds <= 0:
        raise ValueError(f"--costly {costly} --workers {workers} --seconds {seconds:g}: at least 0, 1 and more than 0")
    rows, packed = load_rows(folder), load(data)
    told = ran(folder)
    found = {"folder": str(folder), "against": against} | measure(
        rows, packed, costly=costly, seed=seed, workers=workers, seconds=seconds,
        matches=matches(rows, packed) if told.get("verb") == "materials predict" else (),
        seconds_per_1000=told.get("seconds_per_1000"),
    )  # fmt: skip
    print(table(found))
    if report:
        write_json(Path(report), found)
    return found


def load_rows(path: Path | str) -> list[Row]:
    """The crystals of a folder's files by name, or of one file; what cannot be read keeps its place and its reason.

    Raises ValueError where there is none, FileNotFoundError."""
    from difusa.domains.materials.readers import load

    rows = [Row(r.crystal, r.reason, r.name, r.numbers) for r in load(path)]
    if not rows:
        raise ValueError(f"{path} holds no crystal")
    return rows


def ran(folder: Path) -> dict:
    """What the run that wrote the folder says of itself in its report.json; nothing where there is none."""
    path = Path(folder) / "report.json"
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except ValueError:
        return {}


def matches(rows: Sequence[Row], packed: Packed) -> list[tuple[float | None, float | None]]:
    """Of each held-out crystal whose composition is among the rows: the distance of its first, and the best of its first 20
    predictions, in the order of the rows; a prediction whose atoms overlap matches nothing and keeps its place."""
    from difusa.domains.materials.matching import best

    by = defaultdict(list)
    for row in rows:
        if row.composition is not None:
            by[composition(row.composition)].append(row.crystal)
    found = []
    for i in packed.rows("test"):
        truth = packed.crystal(int(i))
        if guesses := by.get(composition(truth.numbers)):
            first, every = ([g for g in guesses[:n] if g is not None] for n in (1, 20))
            found.append((best(truth, first), best(truth, every)))
    return found


def table(found: dict) -> str:
    """The report as text."""
    lines = [
        f"{found['rows']} crystals against {found.get('against', 'the data')}, {found['relaxed']} relaxed by CHGNet"
    ]
    for name in KEYS:
        one, by = found[name], 1 if name.startswith(PLAIN) else 100
        unit, text = "" if by == 1 else " %", "-"
        if one["value"] is not None:
            ends = "" if one["low"] is None else f" ({by * one['low']:.3g} to {by * one['high']:.3g})"
            text = f"{by * one['value']:.4g}{unit}{ends}"
        lines.append(f"  {name:<24} {text:<28} n={one['n']}")
    lines.append(f"  {'distance from held-out':<24} {'Wasserstein-1':>14} {'floor':>9} {'JS (bits)':>11} {'floor':>9}")
    for name, d in found["distributions"].items():
        cells = [d.get("wasserstein"), d["floor"]["wasserstein"], d.get("jensen_shannon"), d["floor"]["jensen_shannon"]]
        texts = ["-" if c is None else f"{c:.4f}" for c in cells]
        lines.append(f"  {name:<24} {texts[0]:>14} {texts[1]:>9} {texts[2]:>11} {texts[3]:>9}")
    for judge, count in Counter(f["judge"] for f in found["failures"]).items():
        told = [f for f in found["failures"] if f["judge"] == judge]
        shown = told if judge == "read" else told[:1]
        lines.append(f"  failed, {judge}: {count}")
        lines += [f"    {f.get('name') or 'row ' + str(f['row'])}: {f['reason']}" for f in shown]
    measured = [name for name in found["protocols"] if found[name]["n"]]
    return "\n".join([*lines, "protocols:", *(f"  {name}: {found['protocols'][name]}" for name in measured)])
