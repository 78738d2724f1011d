"""The crystals of a finished job as rows: their figures, and their part of each file."""

import csv
import io
import zipfile
from pathlib import Path

from difusa.apps.rows import value

FORMATS = {".zip": "application/zip", ".extxyz": "chemical/x-xyz", ".csv": "text/csv"}
FIGURES = (
    "above_hull", "predicted_formation_energy", "predicted_band_gap", "p_all", "spacegroup", "atoms", "elements", "density",
    "volume_per_atom", "shortest_distance", "prototype",
)  # fmt: skip
WORDS = ("formula", "spacegroup_loose", "charge_balanced", "lent", "index")  # tags of the CSV beside the figures
ENDS = ("_low", "_high")


def figures(rows: list[dict]) -> list[str]:
    """The names by which rows can be sorted and filtered, best known first, with the probability of each target, and
    of all where they are several."""
    each = dict.fromkeys(k for row in rows for k in row["tags"] if k.startswith("p_") and k != "p_all")
    names = [n for n in FIGURES if n != "p_all" or len(each) > 1]
    return [n for n in (*names, *each) if any(value(row, n) is not None for row in rows)]


def kind(row: dict) -> tuple:
    """What two rows of one kind share: formula and space group."""
    return row["tags"]["formula"], row["tags"]["spacegroup"]


def part(folder: Path, rows: list[dict], suffix: str) -> bytes:
    """The file of the job in one of FORMATS with these rows only, in their order; the CIFs are as the verb wrote them."""
    at = [row["row"] - 1 for row in rows]
    if suffix == ".csv":
        return table(rows).encode()
    if suffix == ".extxyz":
        from difusa.domains.materials.export import FRAMES, frames

        known = list(frames((folder / "crystals" / FRAMES).read_text()))
        return "".join("\n".join(known[k]) + "\n" for k in at).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for k in at:
            archive.write(folder / "crystals" / f"{k:05d}.cif", f"{k:05d}.cif")
        if (passport := folder / "crystals.passport.json").is_file():
            archive.write(passport, passport.name)
    return buffer.getvalue()


def table(rows: list[dict]) -> str:
    """All that is known of the rows as CSV; cif: the name of the file of each."""
    names = figures(rows)
    bounds = [n + end for n in names for end in ENDS if any(n + end in row["tags"] for row in rows)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["cif", "status", "reason", "symbol", *WORDS, *names, *bounds])
    for row in rows:
        said = [f"{row['row'] - 1:05d}.cif", row["status"], row["reason"], row["symbol"]]
        said += [row["tags"].get(k, "") for k in WORDS]
        figure = [value(row, n) for n in (*names, *bounds)]
        writer.writerow([*said, *("" if v is None else v for v in figure)])
    return text.getvalue()
