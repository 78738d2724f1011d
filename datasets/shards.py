"""Shards: WebDataset tar files whose bytes depend on their samples alone, each beside a record of its rows."""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from difusa.shared.files import sha256, write_atomic, write_json

SHARDS, RECORDS = "shards", "records"


@dataclass(frozen=True)
class Packed:
    """A sample as a shard stores it. files: name -> bytes, in order; row: what the index says of it, beside its place."""

    files: dict[str, bytes]
    row: dict


def shard_path(folder: Path, number: int) -> Path:
    """Where a shard lies."""
    return Path(folder) / SHARDS / f"shard-{number:05d}.tar"


def record_path(folder: Path, number: int) -> Path:
    """Where the record of a shard lies: {"recipe", "sha256", "bytes", "rows", "cost"}."""
    return Path(folder) / RECORDS / f"shard-{number:05d}.json"


def write_shard(folder: Path, number: int, samples: Iterable[Packed], recipe: str) -> dict:
    """Writes a shard, then its record, each whole or not at all; the record, without its cost.

    A sample without files has a row and no place. Raises OSError where the disk is full or may not be written.
    """
    path, rows = shard_path(folder, number), []

    def write(temporary: Path) -> None:
        with open(temporary, "wb") as file, tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            rows.extend(_placed(tar, sample, path.name) for sample in samples)

    write_atomic(path, write)
    flush(path.parent)
    return {"recipe": recipe, "sha256": sha256(path), "bytes": path.stat().st_size, "rows": rows}


def write_record(folder: Path, number: int, record: dict) -> None:
    """The record, after its shard: only with both is a shard done."""
    path = record_path(folder, number)
    write_json(path, record)
    flush(path.parent)


def _placed(tar: tarfile.TarFile, sample: Packed, shard: str) -> dict:
    """The row with the sample's place: the stretch of the tar that holds it, and its fingerprint."""
    if not sample.files:
        return {"shard": None, "offset": None, "size": None, "sha256": None} | sample.row
    first, held = tar.offset, hashlib.sha256()
    for name, data in sample.files.items():
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode, entry.mtime = len(data), 0o644, 0
        tar.addfile(entry, io.BytesIO(data))
        held.update(entry.tobuf(tarfile.USTAR_FORMAT) + data + b"\0" * (-len(data) % tarfile.BLOCKSIZE))
    return {"shard": shard, "offset": first, "size": tar.offset - first, "sha256": held.hexdigest()} | sample.row


def members(stretch: bytes) -> dict[str, bytes]:
    """The files, by name, in a sample's stretch of a shard."""
    with tarfile.open(fileobj=io.BytesIO(stretch), mode="r:") as tar:
        return {m.name: tar.extractfile(m).read() for m in tar.getmembers()}


def record_of(folder: Path, number: int, recipe: str) -> dict | None:
    """The record of a shard that is done: its final name exists, and its bytes are those that the record tells; else None."""
    try:
        found = json.loads(record_path(folder, number).read_text(encoding="utf-8"))
        whole = found["recipe"] == recipe and sha256(shard_path(folder, number)) == found["sha256"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    return found if whole else None


def flush(folder: Path) -> None:
    """A folder's own entries to disk, so that a rename in it survives a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def swept(folder: Path) -> None:
    """Takes away what a killed run left half written. Only under the folder's lock."""
    for inner in (SHARDS, RECORDS):
        for path in (Path(folder) / inner).glob(".*"):
            path.unlink(missing_ok=True)
