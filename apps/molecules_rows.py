"""The molecules of a finished job as rows: their figures, and their part of each file."""

from pathlib import Path

from difusa.apps.rows import read, value

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


def records(folder: Path) -> list[str]:
    """The SDF record of each row."""
    from difusa.domains.molecules.readers import cut_sdf

    return list(cut_sdf((folder / "molecules.sdf").read_text()))


def figures(rows: list[dict]) -> list[str]:
    """The names by which rows can be sorted and filtered: their own figures, then the tags that are numbers.

    The ends of intervals and what the network was told (WISH_) are left out.
    """
    tags = dict.fromkeys(k for row in rows for k in row["tags"] if k.upper().lower() not in OWN)
    told = [k for k in tags if k not in SILENT and not k.endswith(("_LOW", "_HIGH")) and not k.startswith("WISH_")]
    return [n for n in [*OWN, *told] if any(value(row, n) is not None for row in rows)]


def smiles(row: dict) -> str | None:
    """What two rows of one molecule share."""
    return row["tags"].get("SMILES")


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
