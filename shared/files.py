"""Files written whole or not at all, their fingerprints, and values in JSON's own types."""

import hashlib
import json
import math
import os
from pathlib import Path

import numpy as np


def write_atomic(path: Path, write) -> None:
    """write(temporary path), flushed to disk, then renamed to `path`: a crash leaves the old file or the new one."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write(temporary)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        mask = os.umask(0)  # some writers make private files; the rest of the project expects the user's own default
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """`text` as UTF-8, atomically."""
    write_atomic(path, lambda p: p.write_text(text, encoding="utf-8"))


def write_json(path: Path, value) -> None:
    """`value` as readable JSON, atomically."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Arrays by name as one compressed npz, atomically."""

    def write(temporary):
        with open(temporary, "wb") as file:  # given a name, numpy would append .npz to it
            np.savez_compressed(file, **arrays)

    write_atomic(path, write)


def sha256(path: Path) -> str:
    """Fingerprint of a file, hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def plain(value):
    """The value in JSON's own types: paths and objects as text, scalars of numpy and torch as numbers.

    A number that is not finite becomes None: JSON has none such, and a lost report is worse than a gap in it.
    """
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)
