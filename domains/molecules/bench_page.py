"""docs/results/molecules.md: the rows of the molecules bench as tables a person can read, each figure with its protocol."""

from pathlib import Path

from difusa.domains.molecules.bench_setup import HELD_OUT, OURS
from difusa.domains.molecules.bench_speed import GROUPED, PADDED
from difusa.domains.molecules.bench_wishes_page import alone, ranges
from difusa.domains.molecules.bench_words import CONFORMERS, DISTANCES, FIGURES, HEAD, INTRODUCED, UNMEASURED
from difusa.shared import bench_page
from difusa.shared.bench import Bench, percent, shown, table


def write(bench: Bench) -> Path:
    """The page of all rows there are, task by task, and what is missing."""
    return bench_page.write(bench, HEAD, INTRODUCED, _section, _told, UNMEASURED)


def _report(rows: list[dict]) -> str:
    """All figures of the report, one a line, beside those of held-out data; then the distances."""
    reference = rows[0]["settings"]["reference"]
    words = (
        f"Distances of the valid molecules from {reference} molecules of the test split (mean over the sets). In the "
        f"column of held-out data stands the floor: as many molecules of the split `calibrate` from the same reference."
    )
    return bench_page.report(sorted(rows, key=lambda r: r["method"] == HELD_OUT), FIGURES, DISTANCES, words)


def _section(task: str, rows: list[dict]) -> str:
    """The tables of a task; by default one row a set, the main figures."""
    return SECTIONS[task](rows) if task in SECTIONS else bench_page.wide(rows, FIGURES, MAIN, "molecules")


MAIN = (
    "molecule_stability", "molecule_stability_lookup", "validity", "valid_connected", "uniqueness", "novelty",
    "xtb_relaxation_kcal_median", "seconds_per_1000",
)  # fmt: skip


def _speed(rows: list[dict]) -> str:
    by = {r["method"]: r for r in rows}
    lines = []
    for method in (m for m in (OURS, PADDED, GROUPED) if m in by):
        m = by[method]["metrics"]
        ratio = m["seconds"]["value"] / by[OURS]["metrics"]["seconds"]["value"] if OURS in by else float("nan")
        each = ", ".join(f"{one['seconds']:.1f}" for one in by[method]["items"].values())
        lines.append([
            method, f"{m['seconds']['value']:.1f}", each, f"{m['seconds_per_1000']['value']:.1f}", f"{ratio:.2f}",
            f"{m['peak_memory_mib']['value']:.0f}", f"{100 * m['validity']['value']:.1f}",
            f"{m['load_before']['value']:.1f}", by[method]["settings"]["molecules"],
        ])  # fmt: skip
    head = ["method", "s", "s, run by run", "s per 1000", "ratio", "peak MiB", "valid (%)", "load before", "molecules"]
    return "\n\n".join([table(head, lines), _because(by)]).strip()


def _because(by: dict) -> str:
    """What the ratio is due to, read off the third row."""
    if not {OURS, PADDED, GROUPED} <= set(by):
        return ""
    ours, padded, grouped = (by[m]["metrics"]["seconds"]["value"] for m in (OURS, PADDED, GROUPED))
    return (
        f"The two plain loops differ in nothing but the batches: grouping by size (no padding, and a working set that fits "
        f"the caches) accounts for a factor of {padded / grouped:.2f}. What is left between the grouped loop and the verb, "
        f"{grouped / ours:.2f}, is the rest: the core's samplers against diffusers' schedulers, a random stream a molecule "
        f"against one for all, and in the verb the limit to heavy elements at each step."
    )


def _conformers(rows: list[dict]) -> str:
    lines = []
    for r in rows:
        m = r["metrics"]
        cells = [percent(m.get(k)) if k.startswith("coverage") else shown(m.get(k), 3) for k, _ in CONFORMERS]
        made = sum(one["conformers"] for one in r["items"].values())
        failed = sum("failed" in one for one in r["items"].values())
        lines.append([r["method"], *cells, r["n"], made, failed, f"{m['seconds']['value']:.2f}"])
    head = ["method", *(name for _, name in CONFORMERS), "molecules", "conformers", "failed", "s a molecule"]
    return table(head, lines)


def _symmetry(rows: list[dict]) -> str:
    from difusa.domains.molecules.equivariance import MOVES

    lines = [[r["method"], *(f"{r['metrics'][m]['value']:.1e}" for m in MOVES)] for r in rows]
    return table(["what, with which network, in which precision", *MOVES], lines)


def _told(rows: list[dict]) -> str:
    """n, seeds, memory and seconds of each row."""
    lines = []
    for r in rows:
        m = r["metrics"]
        seeds, costly = ", ".join(map(str, r["seeds"])), m.get("costly_rows")
        judged = f"; {costly['value']:.0f} of each judged by GFN2-xTB and PoseBusters" if costly else ""
        failed = [f"{m[k]['value']:.1f} without answer of {n}" for k, n in FAILED.items() if m.get(k, {}).get("value")]
        size = (
            f"{r['settings']['molecules']} molecules in each of {r['n']}"
            if "molecules" in r["settings"]
            else f"n {r['n']}"
        )
        words = [
            f"{size}, seeds {seeds}{judged}",
            *failed,
            f"mean {bench_page.spent(r)}",
            f"peak {r['peak_memory_mib']} MiB",
        ]
        lines.append(f"- {r['method']}: {'; '.join(words)}; commit {r['commit']}" + _weights(r))
    return "" if rows[0]["task"] == "equivariance" else "\n".join(lines)


FAILED = {"xtb_failed": "GFN2-xTB", "posebusters_failed": "PoseBusters"}


def _weights(row: dict) -> str:
    if not row["model"]:
        return ""
    placer = row["settings"].get("hydrogens")
    plan = row["settings"].get("plan")
    return f"; weights {row['model'][:12]}" + (f" and {placer[:12]}" if placer else "") + (f"; {plan}" if plan else "")


SECTIONS = {
    "qm9": _report, "drugs": _report, "speed": _speed, "conformers qm9": _conformers, "conformers drugs": _conformers,
    "equivariance": _symmetry, "conditional": alone, "ranges": ranges,
}  # fmt: skip
