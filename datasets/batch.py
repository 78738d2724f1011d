"""The verb of data sets: batch makes one from a recipe, shard by shard, and goes on where it was stopped."""

import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path

from difusa.datasets.engines import ENGINES, NEEDS, Engine
from difusa.datasets.finishing import INDEX, finish
from difusa.datasets.manifest import locked, manifest_of, settled
from difusa.datasets.recipe import Recipe, read
from difusa.datasets.shards import SHARDS, record_of
from difusa.datasets.work import Bench, Task, bench_of
from difusa.shared.factory import ATTEMPTS
from difusa.shared.run import Progress, Run
from difusa.shared.watermark.ledger import Issue, note

REPORT = "report.json"
SURROUNDINGS = ("DIFUSA_KEYS", "DIFUSA_DATA", "XDG_CONFIG_HOME", "HOME")


def batch(
    recipe: Path,
    *,
    out: Path,
    engine: str = "local",
    workers: int | None = None,
    resume: bool = False,
    batch: int | None = None,
    watts: float = 12.0,
    progress: Progress | None = None,
) -> dict:
    """Make a data set from a recipe, in a folder marked as unreleased: shards, an index, metadata, data sheets, passports.

    OUT holds shards/*.tar (WebDataset), index.parquet, croissant.json, datasheet and card in English and Portuguese,
    manifest.json and report.json. Ctrl-C keeps the shards that are finished; Ctrl-Z and `fg` pause. A killed run loses what its
    workers had in hand and nothing else: the same command with --resume makes the rest, and the bytes are those of an unbroken
    run.

    recipe: TOML file; those that ship are named heritage, medical, molecules and materials.
    out: folder of the data set; new, or with --resume one that was begun with the same recipe, models and keys.
    engine: local (processes of this machine), dask or ray; DASK_SCHEDULER_ADDRESS and RAY_ADDRESS name a cluster.
    workers: processes, each of one thread; by default one a core. A cluster has its own number.
    resume: go on in a folder that holds a part of this set; in a new one it starts.
    batch: samples in flight at once in a worker; bytes do not depend on it.
    watts: of one busy core, for the estimate of energy: 12 is the usual one of Green Algorithms (Lannelongue et al. 2021).
    progress: called with (done, total) samples.

    Returns the run's figures. Raises ValueError or OSError with the way out, before any work where that can be known.
    """
    if engine not in ENGINES:
        raise ValueError(f"--engine {engine}: there are {', '.join(ENGINES)}")
    if (workers is not None and workers < 1) or (batch is not None and batch < 1) or not watts > 0:
        raise ValueError(f"--workers {workers} --batch {batch} --watts {watts}: at least 1 each, watts above 0")
    for package in (NEEDS[engine], "pyarrow", "mlcroissant"):
        if find_spec(package) is None:
            raise ModuleNotFoundError(f"this needs {package}", name=package)
    chosen = read(shipped(recipe))
    bench, out = bench_of(chosen), Path(out).absolute()
    workers = workers or len(os.sched_getaffinity(0))
    with locked(out), Run("batch", seed=chosen.seed, progress=progress) as run, terminable():
        there = settled(out, manifest_of(bench), resume)
        before = finished(out, chosen)
        if before is not None:
            print(f"{out} is finished: nothing is left to do", file=sys.stderr)
            return before
        (out / REPORT).unlink(missing_ok=True)
        issued(bench, [0])
        records = fill(out, chosen, ENGINES[engine], workers, batch or bench.factory.batch, run)
        issued(bench, sorted({row["stream"] // ATTEMPTS for found in records for row in found["rows"]}))
        told = finish(out, there, bench, records, watts)
        told["models"] = bench.maker.models
        written = run.write(out / REPORT, out=out, engine=engine, workers=workers, **told)
    print(summary(out, told))
    return written


def summary(out: Path, told: dict) -> str:
    """What there is now, and what comes next."""
    valid = round(told["valid"]["value"] * told["count"])
    return (
        f"{out}: {told['count']} samples in {told['shards']} shards, {told['bytes'] / 1e6:.1f} MB, {valid} valid\n"
        f"next: difusa audit {out} --against REAL --report REPORT.html"
    )


def issued(bench: Bench, attempts: list[int]) -> None:
    """Tells the ledger beside the user's keys which starting noise a set is drawn of, at these attempts."""
    for attempt in attempts if bench.maker.issues else []:
        model, recipe = bench.maker.models[0]["sha256"], bench.recipe
        note(Issue(bench.maker.issues, model, recipe.seed, recipe.count, attempt * ATTEMPTS))


def finished(out: Path, recipe: Recipe) -> dict | None:
    """The report of a set that is whole, else None: the report is written last, and every shard is looked at."""
    if not all((out / name).exists() for name in (INDEX, REPORT)) or any(
        record_of(out, k, recipe.sha256) is None for k in range(recipe.shards)
    ):
        return None
    return json.loads((out / REPORT).read_text(encoding="utf-8"))


def shipped(recipe: Path | str) -> Path:
    """The recipe itself, or the one that ships under that name. Raises FileNotFoundError naming those there are."""
    path, home = Path(recipe), Path(__file__).parent / "recipes"
    if path.exists() or path.suffix:
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such file")
        return path
    if not (home / f"{path.name}.toml").exists() or path.name != str(recipe):
        names = ", ".join(sorted(p.stem for p in home.glob("*.toml")))
        raise FileNotFoundError(f"no recipe {str(recipe)!r}: name a .toml file, or one that ships ({names})")
    return home / f"{path.name}.toml"


def fill(out: Path, recipe: Recipe, engine: Engine, workers: int, batch: int, run: Run) -> list[dict]:
    """Makes the shards that are not done yet; the records of all. Raises OSError or ValueError where some cannot be made.

    A shard that fails does not stop the others; a full disk does, for they would fail as well.
    """
    records = {k: record_of(out, k, recipe.sha256) for k in range(recipe.shards)}
    known = {name: os.environ[name] for name in SURROUNDINGS if name in os.environ}
    tasks = [Task(str(out), k, recipe, batch, known) for k, found in records.items() if found is None]
    if not tasks:
        run.progress(recipe.count, recipe.count)
        return list(records.values())
    kept, failed = recipe.shards - len(tasks), {}
    if kept:
        print(f"{kept} of {recipe.shards} shards are finished already", file=sys.stderr)
    try:
        with watched(out, recipe, records, run), closing(engine(tasks, min(workers, len(tasks)))) as ended:
            for task, record, reason in ended:
                records[task.number] = record
                if record is None:
                    failed[task.number] = reason
                    if shutil.disk_usage(out).free < 2**20:
                        break
    except KeyboardInterrupt:
        done = sum(r is not None for r in records.values())
        print(f"\n{done} of {recipe.shards} shards are finished and stay in {out}; --resume goes on", file=sys.stderr)
        raise
    if failed:
        number, reason = next(iter(failed.items()))
        done = sum(r is not None for r in records.values())
        raise OSError(
            f"shard {number}: {reason}. {done} of {recipe.shards} shards are finished and whole; mend the cause, then go on "
            "with --resume"
        )
    run.progress(recipe.count, recipe.count)
    return list(records.values())


@contextmanager
def watched(out: Path, recipe: Recipe, records: dict, run: Run) -> Iterator[None]:
    """Tells the progress meanwhile: rows of finished shards, and those that workers say they have in hand."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.5):
            done = sum(len(recipe.rows_of(k)) for k, found in list(records.items()) if found)
            for path in (out / SHARDS).glob(".*.progress"):
                try:
                    done += path.stat().st_size
                except FileNotFoundError:
                    continue
            run.progress(min(done, recipe.count - 1), recipe.count)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM, by which schedulers stop a job, ends the run as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
