"""The folder of a data set: its manifest, which comes first and binds every later run, its lock, and its marker."""

import fcntl
import json
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import difusa
from difusa.datasets.recipe import Recipe, of_table
from difusa.datasets.shards import RECORDS, SHARDS, flush, swept
from difusa.datasets.work import Bench
from difusa.shared.files import plain, write_json, write_text

MANIFEST, MARKER, LOCK = "manifest.json", "UNRELEASED", ".lock"
FORMAT = 1
UNRELEASED = """This data set is not released.

It lies in a staging folder: its audits have not been passed, or nobody has said so yet. Do not pass it on.
`difusa audit` judges it; `difusa release` takes this file away when what the recipe asks for has been passed.

Este conjunto de dados não foi liberado.

Ele está numa pasta de preparação: as auditorias ainda não foram aprovadas. Não o repasse.
`difusa audit` o avalia; `difusa release` remove este arquivo quando o que a receita exige foi aprovado.
"""


def manifest_of(bench: Bench) -> dict:
    """What binds every run that writes into the folder, and beside it `created` and `cpu`, which only tell."""
    import numpy
    import torch

    from difusa.shared.machine import cpu_name

    recipe = bench.recipe
    return plain(
        {
            "format": FORMAT,
            "recipe": asdict(recipe),
            "recipe_sha256": recipe.sha256,
            "count": recipe.count,
            "shard": recipe.shard,
            "shards": recipe.shards,
            "seed": recipe.seed,
            "models": bench.maker.models,
            "sources": bench.maker.sources,
            "plan": bench.maker.plan,
            "keys": {"signing": bench.keys.id, "watermark": bench.keys.watermark_id},
            "versions": {"difusa": difusa.__version__, "torch": torch.__version__, "numpy": numpy.__version__},
            "threads_a_worker": 1,
            "created": now(),
            "made_on": {"cpu": cpu_name(), "python": platform.python_version()},
        }
    )


TELLS = ("created", "made_on")  # of the manifest: what may differ when a run goes on


def opened(folder: Path) -> tuple[dict, Recipe]:
    """The manifest of a folder and its recipe. Raises FileNotFoundError or ValueError where it holds no data set."""
    path = Path(folder) / MANIFEST
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{folder}: no {MANIFEST}, so no data set; `difusa batch` writes one") from error
    except ValueError as error:
        raise ValueError(f"{path} cannot be read ({error}); get a fresh copy") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ValueError(f"{path}: not a manifest of a kind that this version knows")
    return found, of_table(found["recipe"], str(path))


def settled(folder: Path, fresh: dict, resume: bool) -> dict:
    """The folder's manifest, written if there is none yet: the marker before it, so that nothing ever lacks the marker.

    Raises ValueError where the folder holds another data set, or this one and resume is False, with the way out.
    """
    folder = Path(folder)
    if not (folder / MANIFEST).exists():
        if strangers := sorted(p.name for p in folder.iterdir() if p.name not in (LOCK, MARKER, SHARDS, RECORDS)):
            raise ValueError(f"--out {folder} holds {strangers[0]} and no manifest: name a new folder")
        for inner in (SHARDS, RECORDS):
            (folder / inner).mkdir(exist_ok=True)
        write_text(folder / MARKER, UNRELEASED)
        flush(folder)
        write_json(folder / MANIFEST, fresh)
        flush(folder)
        return fresh
    there = opened(folder)[0]
    if wrong := [k for k in fresh if k not in TELLS and there.get(k) != fresh[k]]:
        name, before, after = differing(wrong[0], there.get(wrong[0]), fresh[wrong[0]])
        raise ValueError(
            f"--out {folder} was begun with another {name.replace('_', ' ')}: {_short(before)}, now {_short(after)}; go on with "
            "what it was begun with, or name a new folder"
        )
    if not resume:
        raise ValueError(f"--out {folder} holds this data set already, whole or in part: add --resume to go on")
    if there["made_on"]["cpu"] != fresh["made_on"]["cpu"]:
        print(
            f"begun on {there['made_on']['cpu']}, going on with {fresh['made_on']['cpu']}: last bits may differ",
            file=sys.stderr,
        )
    return there


def differing(name: str, before, after) -> tuple:
    """The innermost thing that differs: its dotted name, what it was, and what it is now."""
    if isinstance(before, dict) and isinstance(after, dict):
        key = next(k for k in (*before, *after) if before.get(k) != after.get(k))
        return differing(f"{name}.{key}", before.get(key), after.get(key))
    return name, before, after


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Nobody else writes to the folder meanwhile. The system lets the lock go when its process ends, however that ends.

    Takes away what a killed run left half written. Raises OSError, with the way out, where the folder cannot be written to or
    another run has the lock.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"--out {folder} is a file: name a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise OSError(
            f"--out {folder}: nothing can be written there ({error.strerror}); name another folder"
        ) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OSError(f"--out {folder}: another run is writing there; wait for it or stop it") from error
        swept(folder)
        yield
    finally:
        os.close(handle)


def now() -> str:
    """The time in UTC, to the second; SOURCE_DATE_EPOCH's, where somebody wants equal runs to write equal files."""
    fixed = os.environ.get("SOURCE_DATE_EPOCH")
    moment = datetime.fromtimestamp(int(fixed), UTC) if fixed else datetime.now(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _short(value) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else f"{text[:97]}..."
