"""The molecules of a finished job as rows: which of them to show, in what order, and their part of each file."""

import json
import math
from pathlib import Path

FORMATS = {".sdf": "chemical/x-mdl-sdfile", ".extxyz": "chemical/x-xyz", ".parquet": "application/vnd.apache.parquet"}
OWN = (
    "qed",
    "logp",
    "sa",
    "weight",
    "atoms",
    "heavy_atoms",
    "radicals",
)  # figures of every valid molecule, best known first
SILENT = ("SEED", "INDEX", "ROW", "FRAGMENTS", "FRAGMENT", "UNSPECIFIED")  # numbers that say nothing of a molecule


def read(folder: Path) -> list[dict]:
    """The rows of a job: row (number from 1), status, reason, tags, and its figures."""
    return json.loads((folder / "rows.json").read_text())


def records(folder: Path) -> list[str]:
    """The SDF record of each row."""
    from difusa.domains.molecules.readers import cut_sdf

    return list(cut_sdf((folder / "molecules.sdf").read_text()))


def value(row: dict, name: str) -> float | None:
    """A figure or a numeric tag of a row; None where it has none."""
    found = row.get(name, row["tags"].get(name))
    return found if isinstance(found, int | float) and math.isfinite(found) else None


def figures(rows: list[dict]) -> list[str]:
    """The names by which rows can be sorted and filtered: their own figures, then the tags that are numbers.

    The ends of intervals and what the network was told (WISH_) are left out.
    """
    tags = dict.fromkeys(k for row in rows for k in row["tags"] if k.upper().lower() not in OWN)
    told = [k for k in tags if k not in SILENT and not k.endswith(("_LOW", "_HIGH")) and not k.startswith("WISH_")]
    return [n for n in [*OWN, *told] if any(value(row, n) is not None for row in rows)]


def shown(
    rows: list[dict], status: str, ranges: dict[str, tuple[float, float]], once: bool, order: str, falling: bool
) -> list[dict]:
    """The rows of a status ("all", valid, pieces or broken) inside the ranges, sorted by a figure ("row": as drawn).

    once: of rows with the same SMILES only the first. Rows that lack a figure fail its range and stand last.
    """
    found, seen = [], set()
    for row in rows:
        told = [(value(row, name), low, high) for name, (low, high) in ranges.items()]
        smiles = row["tags"].get("SMILES")
        if status not in ("all", row["status"]) or (once and smiles and smiles in seen):
            continue
        if all(v is not None and low <= v <= high for v, low, high in told):
            found.append(row)
            seen.add(smiles)
    have = sorted((r for r in found if value(r, order) is not None), key=lambda r: value(r, order), reverse=falling)
    return have + [r for r in found if value(r, order) is None]


def part(folder: Path, rows: list[dict], suffix: str) -> bytes:
    """The file of the job in one of FORMATS with these rows only, in their order."""
    at = [row["row"] - 1 for row in rows]
    if suffix == ".sdf":
        known = records(folder)
        return "".join(known[k] + "$$$$\n" for k in at).encode()
    # A row that could not be read is in the SDF file alone.
    readable = {r["row"] - 1: n for n, r in enumerate(r for r in read(folder) if "atoms" in r)}
    at = [readable[k] for k in at if k in readable]
    path = folder / f"molecules{suffix}"
    if suffix == ".extxyz":
        from difusa.domains.molecules.readers import cut_xyz

        frames = list(cut_xyz(path.read_text()))
        return "".join(frames[k] for k in at).encode()
    import io

    from pyarrow import parquet

    buffer = io.BytesIO()
    parquet.write_table(parquet.read_table(path).take(at), buffer)
    return buffer.getvalue()
