"""What closes a data set when all its shards are there: the index, its figures, the metadata and the data sheets."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from difusa.datasets.croissant import write_croissant
from difusa.datasets.reading import open as open_set
from difusa.datasets.sheets import write_sheets
from difusa.datasets.work import Bench
from difusa.shared.files import write_atomic
from difusa.shared.metrics import share

INDEX, CROISSANT = "index.parquet", "croissant.json"
GIGABYTE = 0.3725  # watts that one of memory takes (Lannelongue et al. 2021, doi:10.1002/advs.202100707)


def finish(out: Path, manifest: dict, bench: Bench, records: Sequence[dict], watts: float) -> dict:
    """Writes index, Croissant, datasheet and card; the run's figures. Raises ValueError where rows are missing or twice."""
    rows = [row for record in records for row in record["rows"]]
    if [r["index"] for r in rows] != list(range(manifest["count"])) or len({r["id"] for r in rows}) != len(rows):
        raise ValueError(f"{out}: rows are missing or there twice; take the folder {out}/records away, then --resume")
    table = table_of(rows)
    write_atomic(out / INDEX, lambda temporary: _write(table, temporary))
    told = figures(rows, records, bench, watts)
    write_croissant(out / CROISSANT, manifest, records, table.schema, bench)
    write_sheets(out, manifest, bench, told, open_set(out, valid=False).kinds)
    return told


def table_of(rows: Sequence[dict]):
    """The index as a table, one row a sample: its place, then what is known of it; empty where nothing is."""
    import pyarrow

    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {}
    for name in names:
        values = [row.get(name) for row in rows]
        values = ["; ".join(v) if isinstance(v, list) else v for v in values]
        column = pyarrow.array(values)
        columns[name] = column.cast(pyarrow.string()) if pyarrow.types.is_null(column.type) else column
    return pyarrow.table(columns)


def _write(table, path: Path) -> None:
    from pyarrow import parquet

    parquet.write_table(table, path)


def figures(rows: Sequence[dict], records: Sequence[dict], bench: Bench, watts: float) -> dict:
    """What the set is like, and what it cost: processor time as its workers counted it, those of killed shards left out.

    Energy is an estimate: processor time x watts of a core, and memory by GIGABYTE for the same time (Lannelongue et al. 2021,
    without their factor for cooling).
    """
    cpu = sum(r["cost"]["cpu_seconds"] for r in records)
    memory = max(r["cost"]["peak_memory_mib"] for r in records) / 1024
    reasons = Counter(_kind(r["reason"]) for r in rows if not r["valid"])
    refused = [_kind(reason) for r in rows for reason in r["refused"]]
    return {
        "recipe": {"name": bench.recipe.name, "sha256": bench.recipe.sha256},
        "count": len(rows),
        "stored": sum(r["shard"] is not None for r in rows),
        "shards": len(records),
        "bytes": sum(r["bytes"] for r in records),
        "valid": vars(share([float(r["valid"]) for r in rows])),
        "reasons": dict(reasons.most_common(20)),
        "drawn": len(rows) + len(refused),
        "refused": dict(Counter(refused).most_common(20)),
        "labels": dict(sorted(Counter(r["label"] for r in rows).items())),
        "cells": [{"conditions": cell, "count": n} for cell, n in bench.plan.counts()],
        "cpu_seconds": round(cpu, 1),
        "cpu_seconds_per_sample": round(cpu / len(rows), 4),
        "energy_watt_hours": round(cpu / 3600 * (watts + GIGABYTE * memory), 3),
        "energy_of": {"watts_a_core": watts, "watts_a_gigabyte": GIGABYTE, "gigabytes_a_worker": round(memory, 2)},
    }


def _kind(reason: str) -> str:
    """A reason without its numbers, so that equal ones count together."""
    return re.sub(r"\d+( \d+)*", "_", reason)
