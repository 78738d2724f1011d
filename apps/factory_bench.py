"""`difusa bench factory`: the factory of data sets beside a bare loop, with a second worker, and a large set read back."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from difusa.apps import factory_page
from difusa.datasets.recipe import Recipe, read
from difusa.shared.bench import Bench
from difusa.shared.benchmark import Asked, missing, tell, usual

WORK = Path("runs/bench/factory")
# domain -> samples of its example recipe: whole batches of its factory
COUNTS = {"molecules": 250, "materials": 210, "medical": 32, "heritage": 16}
QUICK = {"medical": 8}
LONG = {
    "molecules": (1000, 250),
    "materials": (1260, 210),
    "medical": (240, 30),
    "heritage": (200, 25),
}  # and a shard, for workers
QUICK_LONG = {"medical": (8, 4)}
LARGE, QUICK_LARGE, SHARD = 10_000, 40, 500


def example(domain: str, count: int, **changed) -> Recipe:
    """The domain's example recipe with so many samples, without its quotas, which may ask for more than there are."""
    from difusa.datasets.batch import shipped

    return replace(read(shipped(domain)), count=count, quotas=(), **changed)


@contextmanager
def one_core() -> Iterator[None]:
    """This process on one core, with one thread, as a worker has it."""
    from difusa.datasets.work import one_thread

    before = os.sched_getaffinity(0)
    one_thread()
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def of_overhead(store: Bench, asked: Asked) -> None:
    """The whole factory, with index, metadata and sheets, against a loop that draws the same samples and writes their files."""
    repeats = usual(asked, asked.seeds, 4, 1)
    for domain, count in (QUICK if asked.quick else COUNTS).items():
        recipe = example(domain, count, shard=count, attempts=1)  # one draw each, so that both draw the same
        items = [f"run {n}" for n in range(repeats)]
        try:
            row = store.row(
                domain, "overhead", items, lambda part, recipe=recipe: [compared(recipe, i) for i in part],
                settings={"samples": count, "shard": recipe.shard},
            )  # fmt: skip
        except (FileNotFoundError, ModuleNotFoundError, ValueError) as why:
            missing(store, domain, "overhead", why)
            continue
        tell(row, ("overhead", "overhead_cpu", "seconds", "bare_seconds"))


def compared(recipe: Recipe, item: str) -> dict:
    """Seconds of the bare loop and of the factory, one after the other on one core, in every other run the factory first.

    Networks and libraries are loaded before: what a process loads once is no matter of the number of samples.
    """
    import mlcroissant  # noqa: F401
    from pyarrow import parquet  # noqa: F401

    from difusa.datasets.work import bench_of

    bench, loops = bench_of(recipe), [bare_loop, whole_factory]
    with one_core():
        if item == "run 0":
            timed(bare_loop, bench)
        order = loops[::-1] if int(item.split()[1]) % 2 else loops
        found = {loop: timed(loop, bench) for loop in order}
    bare, factory = (found[loop] for loop in loops)
    return {
        "overhead": factory[0] / bare[0] - 1, "overhead_cpu": factory[1] / bare[1] - 1,
        "seconds": factory[0], "bare_seconds": bare[0],
    }  # fmt: skip


def timed(function, bench) -> tuple[float, float]:
    """Seconds by the clock and of the processor that function(bench, empty folder) takes."""
    folder = WORK / function.__name__
    shutil.rmtree(folder, ignore_errors=True)
    clock, processor = time.perf_counter(), time.process_time()
    function(bench, folder)
    return time.perf_counter() - clock, time.process_time() - processor


def bare_loop(bench, folder: Path) -> None:
    """What a script without the factory does: draw, write the files."""
    from difusa.shared.passport.carriers import packed

    folder.mkdir(parents=True)
    count, step = bench.recipe.count, bench.factory.batch
    for first in range(0, count, step):
        rows = [bench.plan.row(i) for i in range(first, min(first + step, count))]
        for row, sample in zip(rows, bench.maker.make(rows), strict=True):
            for suffix, data in sample.files.items():
                name = folder / f"{bench.id_of(row.index)}.{suffix}"
                name.write_bytes(packed(data) if suffix.endswith(".gz") else data)


def whole_factory(bench, folder: Path) -> None:
    """The verb's own steps, its worker in this process."""
    from difusa.datasets.finishing import finish
    from difusa.datasets.manifest import manifest_of, settled
    from difusa.datasets.work import Task, produce

    folder.mkdir(parents=True)
    there = settled(folder, manifest_of(bench), False)
    shards = range(bench.recipe.shards)
    records = [produce(Task(str(folder), k, bench.recipe, bench.factory.batch, {})) for k in shards]
    finish(folder, there, bench, records, 12.0)


def of_workers(store: Bench, asked: Asked) -> None:
    """The whole command with one worker, pinned to one core, and with two on two."""
    cores = sorted(os.sched_getaffinity(0))[:2]
    repeats = usual(asked, asked.seeds, 2, 1)
    for domain, (count, shard) in (QUICK_LONG if asked.quick else LONG).items():
        if len(cores) < 2:
            missing(store, domain, "workers", "this machine lends one core")
            continue
        recipe = example(domain, count, shard=shard)
        items = [f"run {n}" for n in range(repeats)]
        try:
            row = store.row(
                domain, "workers", items, lambda part, recipe=recipe: [raced(recipe, cores) for _ in part],
                settings={"samples": count, "shard": shard},
            )  # fmt: skip
        except (FileNotFoundError, RuntimeError) as why:
            missing(store, domain, "workers", why)
            continue
        tell(row, ("speedup", "one", "seconds"))


def raced(recipe: Recipe, cores: list[int]) -> dict:
    """Seconds of the command from its start to its end with one worker and with two."""
    one, two = commanded(recipe, cores[:1]), commanded(recipe, cores)
    return {"speedup": one / two, "one": one, "seconds": two}


def commanded(recipe: Recipe, cores: list[int]) -> float:
    from difusa.datasets.repairing import toml
    from difusa.shared.files import write_text

    folder, path = WORK / "raced", WORK / f"{recipe.name}.toml"
    shutil.rmtree(folder, ignore_errors=True)
    write_text(path, toml(recipe))
    command = [sys.executable, "-P", "-m", "difusa.apps.cli", "batch", str(path), "--workers", str(len(cores))]
    before, began = os.sched_getaffinity(0), time.perf_counter()
    os.sched_setaffinity(0, set(cores))  # children inherit it
    try:
        done = subprocess.run([*command, "--out", str(folder)], capture_output=True, text=True)
    finally:
        os.sched_setaffinity(0, before)
    if done.returncode:
        raise RuntimeError(f"difusa batch {path}: {done.stderr[-300:]}")
    return time.perf_counter() - began


def of_size(store: Bench, asked: Asked) -> None:
    """A large set of molecules by the example recipe, made and read back by three readers."""
    count = usual(asked, asked.n, LARGE, QUICK_LARGE)
    recipe = example("molecules", count, shard=min(SHARD, -(-count // 2)), name="ten-thousand")
    try:
        row = store.row(
            "molecules",
            "size",
            ["one run"],
            lambda part: [large(recipe)],
            settings={"samples": count, "shard": recipe.shard},
        )
    except (FileNotFoundError, ModuleNotFoundError, ValueError) as why:
        return missing(store, "molecules", "size", why)
    tell(row, ("seconds", "valid", "mib", "torch", "webdataset", "datasets", "croissant_faults"))


def large(recipe: Recipe) -> dict:
    """The figures of the run, and seconds of each reader, which has to give every sample, whole and in order."""
    from difusa.datasets.batch import batch
    from difusa.datasets.reading import table
    from difusa.datasets.repairing import toml
    from difusa.shared.files import write_text

    path, folder = WORK / f"molecules-{recipe.count}.toml", WORK / f"molecules-{recipe.count}"
    write_text(path, toml(recipe))
    told = batch(path, out=folder, resume=True)
    ids = [r["id"] for r in table(folder).to_pylist() if r["shard"]]
    seconds = {}
    for name, reader in READERS.items():
        began = time.perf_counter()
        if reader(folder) != ids:
            raise RuntimeError(f"{folder}: {name} does not give the samples of the index")
        seconds[name] = time.perf_counter() - began
    return {
        "seconds": told["seconds"], "valid": told["valid"], "drawn": told["drawn"], "mib": told["bytes"] / 2**20,
        "cpu_seconds": told["cpu_seconds"], "energy": told["energy_watt_hours"], "read": len(ids), **seconds, **described(folder),
    }  # fmt: skip


def by_torch(folder: Path) -> list[str]:
    from torch.utils.data import DataLoader

    from difusa.datasets.reading import open as open_set

    loader = DataLoader(open_set(folder, valid=False), batch_size=None)
    return [s["json"]["id"] for s in loader if s["sdf"]]


def by_webdataset(folder: Path) -> list[str]:
    import webdataset

    from difusa.datasets.reading import urls

    found = webdataset.WebDataset(urls(folder), shardshuffle=False).decode()
    return [s["json"]["id"] for s in found if s["sdf"]]


def by_hugging_face(folder: Path) -> list[str]:
    import datasets
    from difusa.datasets.reading import urls

    cache = str(WORK / "datasets-cache")
    found = datasets.load_dataset("webdataset", data_files=urls(folder), split="train", cache_dir=cache)
    return [s["json"]["id"] for s in found if s["sdf"]]


READERS = {"torch": by_torch, "webdataset": by_webdataset, "datasets": by_hugging_face}


def described(folder: Path) -> dict:
    """What mlcroissant says of the metadata: faults, and rows that it reads by them."""
    import mlcroissant

    found = mlcroissant.Dataset(jsonld=str(folder / "croissant.json"))
    issues, rows = found.metadata.issues, sum(1 for _ in found.records("samples"))
    return {"croissant_faults": len(issues.errors), "croissant_warnings": len(issues.warnings), "croissant_rows": rows}


TASKS = {"overhead": of_overhead, "workers": of_workers, "size": of_size}


def measure(store: Bench, asked: Asked) -> Path:
    """The rows of the tasks asked for; the page's path. Raises ValueError for an unknown task."""
    WORK.mkdir(parents=True, exist_ok=True)
    for task in asked.chosen(TASKS):
        TASKS[task](store, asked)
        page = factory_page.write(store)
    return page
