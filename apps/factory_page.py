"""docs/results/factory.md: what the factory costs, what a second worker gives, and how a large set is read back."""

from pathlib import Path

from difusa.shared.bench import Bench, percent, shown, table
from difusa.shared.bench_page import assembled, sections

HEAD = """# The factory of data sets

`difusa bench factory{flag}` writes this page and the JSON beside it. All sets are made by the example recipes
(`datasets/recipes`), with as many samples as is told."""

OVERHEAD = """The whole factory (shards with signed passports, index, metadata, data sheets) against a loop that draws the same
samples and writes their files, by turns on one core with one thread, each sample drawn once, shards of whole batches. Libraries
and networks are loaded before: once a process, 2 to 8 s. Below 0 the loop was the slower one, by chance. Shards that leave
places of a batch empty cost more: 240 molecules in shards of 120 took 43 % longer than in one."""

WORKERS = """The command from its start to its end: one worker pinned to one core, then two workers on two. Some 12 s of each run
are no worker's: the program and each worker are started and load their libraries, and the metadata are written. So sets of less
than three minutes gain less (128 scans, 60 s: 1.64 times as fast)."""

SIZE = (
    """Each reader gave every sample, whole and in the order of the index; mlcroissant read the rows by the metadata."""
)


def write(bench: Bench) -> Path:
    """The page of all rows there are."""
    head = HEAD.format(flag=" --quick" if bench.quick else "")
    writers = {"overhead": (OVERHEAD, _overhead), "workers": (WORKERS, _workers), "size": (SIZE, _size)}
    return assembled(bench, [head, *sections(bench, writers)])


def _overhead(rows: list[dict]) -> str:
    lines = []
    for r in rows:
        m = r["metrics"]
        seconds = [f"{m[k]['value']:.1f}" for k in ("bare_seconds", "seconds")]
        lines.append(
            [
                r["method"],
                r["settings"]["samples"],
                *seconds,
                percent(m["overhead"]),
                percent(m["overhead_cpu"]),
                r["n"],
            ]
        )
    head = ["domain", "samples", "loop (s)", "factory (s)", "overhead (%)", "of processor time (%)", "runs"]
    return table(head, lines)


def _workers(rows: list[dict]) -> str:
    lines = [
        [r["method"], r["settings"]["samples"], *(f"{r['metrics'][k]['value']:.1f}" for k in ("one", "seconds")),
         shown(r["metrics"]["speedup"]), r["n"]]
        for r in rows
    ]  # fmt: skip
    return table(["domain", "samples", "one worker (s)", "two (s)", "times as fast", "runs"], lines)


def _size(rows: list[dict]) -> str:
    lines = []
    for r in rows:
        m = {k: v["value"] for k, v in r["metrics"].items()}
        read = [f"{m[k]:.1f}" for k in ("torch", "webdataset", "datasets")]
        lines += [
            ["samples", r["settings"]["samples"]], ["valid (%)", percent(r["metrics"]["valid"])],
            ["drawn", f"{m['drawn']:.0f}"], ["seconds, two workers", f"{m['seconds']:.0f}"],
            ["MiB", f"{m['mib']:.0f}"], ["energy, estimated (Wh)", f"{m['energy']:.1f}"],
            ["read back", f"{m['read']:.0f}"], ["seconds by torch, webdataset, Hugging Face datasets", ", ".join(read)],
            ["faults and warnings by mlcroissant", f"{m['croissant_faults']:.0f} and {m['croissant_warnings']:.0f}"],
            ["rows by mlcroissant", f"{m['croissant_rows']:.0f}"], *([["note", r["note"]]] if r["note"] else []),
        ]  # fmt: skip
    return table(["figure", "value"], lines)
