"""What a worker does, in whatever engine: a shard as a pure function of the recipe and its number."""

import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from difusa.datasets.planning import Plan, planned
from difusa.datasets.recipe import Recipe, options_of
from difusa.datasets.shards import SHARDS, Packed, write_record, write_shard
from difusa.shared.factory import Factory, Maker, Row, Sample
from difusa.shared.files import plain
from difusa.shared.machine import cpu_name, peak_memory_mib
from difusa.shared.passport import Facts
from difusa.shared.passport import keys as keyring
from difusa.shared.passport.carriers import packed as gzipped
from difusa.shared.passport.samples import RECORD, enclosed, record
from difusa.shared.passport.signing import canonical


@dataclass(frozen=True)
class Task:
    """One shard to make. batch: samples in flight at once; surroundings: variables of the environment that a worker on another
    machine may lack."""

    folder: str
    number: int
    recipe: Recipe
    batch: int
    surroundings: dict


@dataclass(frozen=True)
class Bench:
    """All that a worker needs to make samples of one recipe."""

    recipe: Recipe
    factory: Factory
    plan: Plan
    maker: Maker
    keys: object

    def id_of(self, index: int) -> str:
        """Name of a sample, different in every recipe and without a dot, as WebDataset wants it."""
        return f"{self.recipe.sha256[:8]}-{index:08d}"


_benches: dict[str, Bench] = {}  # the last one: networks are loaded once a process


def bench_of(recipe: Recipe) -> Bench:
    """The bench of a recipe, kept until another one is asked for. Raises ValueError or OSError for what cannot be made."""
    keys = keyring.mine()
    name = f"{recipe.sha256} {keys.id}"
    if name not in _benches:
        plan, factory = planned(recipe), recipe.factory
        try:
            maker = factory.ready(options_of(recipe), plan.asked(), recipe.seed)
        except (ValueError, FileNotFoundError) as why:
            raise type(why)(as_key(recipe, str(why))) from why
        _benches.clear()
        _benches[name] = Bench(recipe, factory, plan, maker, keys)
    return _benches[name]


def as_key(recipe: Recipe, why: str) -> str:
    """A domain's refusal under the recipe's name; what its verb calls --atoms, the recipe calls atoms."""
    why = re.sub(r"--([a-z][a-z-]+)", lambda found: found[1].replace("-", "_"), why)
    return why if why.startswith(f"{recipe.name}: ") else f"{recipe.name}: {why}"


def produce(task: Task) -> dict:
    """Makes a shard and writes it with its record; the record. The same bytes in any process of one thread."""
    os.environ.update(task.surroundings)
    one_thread()
    bench, began, parent = bench_of(task.recipe), time.process_time(), os.getppid()
    ticks = Path(task.folder) / SHARDS / f".{task.number:05d}-{os.getpid()}.progress"

    def samples() -> Iterator[Packed]:
        with open(ticks, "wb", buffering=0) as told:
            indices = task.recipe.rows_of(task.number)
            for first in range(indices.start, indices.stop, task.batch):
                part = indices[first - indices.start : first - indices.start + task.batch]
                yield from finished(bench, part)
                told.write(b"." * len(part))  # its size tells the progress, on any file system that workers share
                if os.getppid() != parent:
                    raise SystemExit("whoever wanted this shard is gone")

    try:
        found = write_shard(Path(task.folder), task.number, samples(), task.recipe.sha256)
        found["cost"] = {
            "cpu_seconds": round(time.process_time() - began, 3),
            "peak_memory_mib": round(peak_memory_mib(), 1),
            "cpu": cpu_name(),
        }
        write_record(Path(task.folder), task.number, found)
    finally:
        ticks.unlink(missing_ok=True)
    return found


def one_thread() -> None:
    """One thread a worker, in every engine: the last bits of a result change with their number."""
    import torch

    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    if torch.get_num_threads() != 1:
        torch.set_num_threads(1)


def finished(bench: Bench, indices: Sequence[int]) -> Iterator[Packed]:
    """The samples of these rows, ready to be stored: of each the first valid draw, or the last that its recipe allows."""
    kept: dict[int, tuple[Row, Sample]] = {}
    refused: dict[int, list[str]] = {i: [] for i in indices}
    for attempt in range(bench.recipe.attempts):
        rows = [bench.plan.row(i, attempt) for i in indices if i not in kept]
        for row, sample in zip(rows, drawn(bench.maker, rows), strict=True):
            if sample.reason and attempt + 1 < bench.recipe.attempts:
                refused[row.index].append(sample.reason)
            else:
                kept[row.index] = row, sample
    for index in indices:
        yield packed(bench, *kept[index], refused[index])


def drawn(maker: Maker, rows: Sequence[Row]) -> list[Sample]:
    """What the domain makes of the rows; where it refuses them together, each half alone, so that none costs others theirs."""
    if not rows:
        return []
    try:
        return maker.make(rows)
    except ValueError as error:
        if len(rows) == 1:
            return [Sample({}, reason=str(error) or type(error).__name__)]
        half = len(rows) // 2
        return drawn(maker, rows[:half]) + drawn(maker, rows[half:])


def packed(bench: Bench, row: Row, sample: Sample, refused: list[str]) -> Packed:
    """The sample under its name, with its facts as JSON first and its passport last."""
    name, recipe = bench.id_of(row.index), bench.recipe
    said = {k: v for k, v in vars(row.conditions).items() if k in bench.plan.told}
    conditions = {k: "; ".join(v) if isinstance(v, tuple) else v for k, v in said.items()}
    about = {
        "id": name, "label": sample.label, "seed": recipe.seed, "index": row.index, "stream": row.stream,
        "valid": not sample.reason, "reason": sample.reason, "refused": "; ".join(refused),
    }  # fmt: skip
    row_told = about | {"refused": refused} | {f"condition_{k}": v for k, v in conditions.items()}
    facts = plain(sample.facts)
    row_told |= {f"fact_{k}": v for k, v in facts.items()}
    if not sample.files:
        return Packed({}, row_told)
    mark = next(({"key": m["key"], "scheme": m["scheme"]} for m in sample.marks.values()), None)
    made = Facts(
        "batch", bench.maker.models, bench.maker.plan, recipe.seed, (row.index, row.index + 1), recipe.sha256,
        audits={"valid": not sample.reason}, watermark=mark, source_type=bench.factory.source_type,
    )  # fmt: skip
    signed = made.as_json()
    files = {f"{name}.json": canonical(about | {"conditions": conditions, "facts": facts}) + b"\n"}
    for suffix, data in sample.files.items():
        file, own = f"{name}.{suffix}", signed | {"watermark": sample.marks.get(suffix, mark)}
        data = enclosed(data, file, own, bench.keys) if suffix in bench.factory.signed else data
        files[file] = gzipped(data) if suffix.endswith(".gz") else data
    files[f"{name}.{RECORD}"] = record(files, signed, bench.keys)
    return Packed(files, row_told)
