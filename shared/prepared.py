"""Prepared data sets: dataclasses of flat arrays in one compressed file that needs numpy alone, kept in the user's cache."""

import os
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TypeVar

import numpy as np

from difusa.shared.files import write_arrays

Prepared = TypeVar("Prepared")
SPLITS = ("train", "calibrate", "test")


def read_arrays(kind: type[Prepared], path: Path | str, what: str) -> Prepared:
    """A dataclass of arrays (tuples of text among them) out of what `keep_arrays` wrote.

    Raises ValueError naming the file and `what` it should hold if it is something else or cut off.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {f.name: file[f.name] for f in fields(kind)}
    except FileNotFoundError:
        raise
    except Exception as error:  # zipfile, zlib and numpy raise many types for a broken file
        raise ValueError(f"{path} is no file of {what} ({error}); delete it to have it built anew") from error
    texts = {f.name for f in fields(kind) if f.type == tuple[str, ...]}
    return kind(**{k: tuple(v.tolist()) if k in texts else v for k, v in arrays.items()})


def keep_arrays(value, path: Path | str) -> None:
    """Writes the fields of a dataclass of arrays as one compressed npz, whole or not at all."""
    arrays = {f.name: getattr(value, f.name) for f in fields(value)}
    write_arrays(Path(path), {k: np.array(v, np.str_) if isinstance(v, tuple) else v for k, v in arrays.items()})


def rows_of_split(split: np.ndarray, name: str) -> np.ndarray:
    """The rows of a split (places in SPLITS), in the order of the file. Raises ValueError for an unknown name."""
    if name not in SPLITS:
        raise ValueError(f"split {name!r} is none of {', '.join(SPLITS)}")
    return np.flatnonzero(split == SPLITS.index(name))


def cached(name: str, version: int) -> Path:
    """Where this user's prepared copy of a data set lies."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "difusa" / f"{name}-{version}.npz"


def given(domain: str, name: str, data: Path | str | None) -> Path | None:
    """The file of a prepared set in the data folder (by default DIFUSA_DATA), if it is there."""
    root = data or os.environ.get("DIFUSA_DATA")
    path = Path(root) / domain / f"{name}.npz" if root else None
    return path if path and path.exists() else None


def built_once(path: Path, load: Callable[[Path], Prepared], build: Callable[[], Prepared]) -> Prepared:
    """What `load` reads from path, built and kept there first where it is missing."""
    if not path.exists():
        keep_arrays(build(), path)
    return load(path)
