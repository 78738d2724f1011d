"""The items of a finished job as rows: {row (from 1), status, reason, tags, and figures}; which to show, in what order."""

import json
import math
from collections.abc import Callable
from pathlib import Path

ROWS = "rows.json"


def read(folder: Path) -> list[dict]:
    """The rows of a job."""
    return json.loads((folder / ROWS).read_text())


def value(row: dict, name: str) -> float | None:
    """A figure or a numeric tag of a row; None where it has none."""
    found = row.get(name, row["tags"].get(name))
    return found if isinstance(found, int | float) and math.isfinite(found) else None


def shown(
    rows: list[dict],
    status: str,
    ranges: dict[str, tuple[float, float]],
    same: Callable[[dict], object] | None,
    order: str,
    falling: bool,
) -> list[dict]:
    """The rows of a status ("all" or one of theirs) inside the ranges, sorted by a figure ("row": as drawn).

    same: of rows with the same of it only the first (None is like no other); without it all. Rows that lack a figure fail
    its range and stand last.
    """
    found, seen = [], set()
    for row in rows:
        told = [(value(row, name), low, high) for name, (low, high) in ranges.items()]
        key = same(row) if same else None
        if status not in ("all", row["status"]) or (key and key in seen):
            continue
        if all(v is not None and low <= v <= high for v, low, high in told):
            found.append(row)
            seen.add(key)
    have = sorted((r for r in found if value(r, order) is not None), key=lambda r: value(r, order), reverse=falling)
    return have + [r for r in found if value(r, order) is None]
