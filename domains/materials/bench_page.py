"""docs/results/materials.md: the rows of the materials bench as tables a person can read, each figure with its protocol."""

from pathlib import Path

from difusa.domains.materials.bench_setup import HELD_OUT, OURS
from difusa.domains.materials.bench_symmetry import MOVES
from difusa.domains.materials.bench_words import DISTANCES, FIGURES, HEAD, INTRODUCED, UNMEASURED
from difusa.shared import bench_page
from difusa.shared.bench import Bench, percent, shown, table


def write(bench: Bench) -> Path:
    """The page of all rows there are, task by task, and what is missing."""
    from difusa.domains.materials import references

    about = references.load().about
    unmeasured = UNMEASURED.format(mae=1000 * about["heldout_mae"], n=about["heldout_n"])
    return bench_page.write(bench, HEAD, INTRODUCED, _section, _told, unmeasured)


def _report(rows: list[dict]) -> str:
    """All figures of the report, one a line, beside those of held-out data and of substitution; then the distances."""
    words = (
        "Distances of the structurally valid from the test split (mean over the sets). In the column of held-out data stands the "
        "floor: as many crystals of the split `calibrate` from the same reference."
    )
    rows = sorted(rows, key=lambda r: (r["method"] != OURS, r["method"] == HELD_OUT))
    return bench_page.report(rows, FIGURES, DISTANCES, words)


def _section(task: str, rows: list[dict]) -> str:
    """The tables of a task; by default one row a set, the main figures."""
    return SECTIONS[task](rows) if task in SECTIONS else bench_page.wide(rows, FIGURES, MAIN, "crystals")


MAIN = ("valid", "unique_novel", "stable_share", "stable_share_whole", "chgnet_rmsd_median", "seconds_per_1000")


def _prediction(rows: list[dict]) -> str:
    lines = []
    for r in rows:
        m, many = r["metrics"], r["settings"]["predictions"] > 1
        rate, rms = (m.get("match_rate_20"), m.get("rmse")) if many else (m.get("match_rate_1"), m.get("rmse_1"))
        made = sum(one["predictions"] for one in r["items"].values()) / len(r["items"])
        lines.append([
            r["method"], percent(rate), shown(rms, 4), r["settings"]["crystals"], len(r["seeds"]), f"{made:.1f}",
            f"{m['seconds']['value']:.2f}",
        ])  # fmt: skip
    head = [
        "method",
        "match rate (%)",
        "rmse",
        "crystals",
        "seeds",
        "predictions looked at",
        "s a crystal",
    ]
    return table(head, lines)


def _speed(rows: list[dict]) -> str:
    names = ("seconds", "seconds_per_1000", "peak_memory_mib", "network_evaluations", "load_before")
    lines = [
        [
            r["method"],
            *(f"{r['metrics'][k]['value']:.1f}" for k in names),
            percent(r["metrics"]["valid"]),
            r["settings"]["crystals"],
        ]
        for r in rows
    ]
    return table(
        ["method", "s", "s per 1000", "peak MiB", "evaluations", "load before", "valid (%)", "crystals"], lines
    )


def _symmetry(rows: list[dict]) -> str:
    lines = [
        [r["method"], *(f"{r['metrics'][m]['value']:.1e}" for m in MOVES)] for r in rows if MOVES[0] in r["metrics"]
    ]
    parts = [table(["network, precision", *MOVES], lines)]
    for r in (r for r in rows if "found" in r["metrics"]):
        each = [[item, percent(one["found"]), one["found"]["n"]] for item, one in r["items"].items()]
        parts.append(
            table(
                ["space group asked for", "found (%)", "crystals"], [*each, ["all", percent(r["metrics"]["found"]), ""]]
            )
        )
    return "\n\n".join(parts)


def _conditional(rows: list[dict]) -> str:
    lines, held, curves = [], [], []
    for r in rows:
        m = r["metrics"]
        if "found" in m or "by_chance" in m:
            held.append([r["method"], *(percent(m.get(k)) for k in ("found", "false", "by_chance"))])
            continue
        each = ", ".join(f"{k[4:]} {percent(v)}" for k, v in m.items() if k.startswith("hit_") and k != "hit_all")
        told = [
            percent(m["hit_all"]),
            percent(m["told_all"]),
            each,
            f"{m['curve_error']['value']:.3f}",
            percent(m["valid"]),
        ]
        lines.append([r["method"], *told, r["settings"]["crystals"]])
        for bin in (b for one in r["items"].values() for b in one["curve"]):
            seen = f"{100 * bin['seen']:.1f} [{100 * bin['seen_low']:.1f}, {100 * bin['seen_high']:.1f}]"
            told = f"{100 * bin['told']:.1f}"
            curves.append([r["method"], f"{bin['low']:.1f} to {bin['high']:.1f}", told, seen, bin["n"]])
    head = [
        "asked for",
        "all met (%)",
        "probability told (%)",
        "each met (%)",
        "curve's error",
        "valid (%)",
        "crystals",
    ]
    parts = [table(head, lines)] if lines else []
    parts += [table(["held-out data", "found (%)", "wrongly put there (%)", "of all (%)"], held)] if held else []
    parts += [table(["asked for", "bin", "told (%)", "came true (%)", "crystals"], curves)] if curves else []
    return "\n\n".join(parts)


def _recipes(rows: list[dict]) -> str:
    names = ("useful_share", "stable_share", "all_and_new_share")
    lines = [[r["method"], *(percent(r["metrics"].get(k)) for k in names), r["settings"]["crystals"]] for r in rows]
    first = table(["recipe", "useful (%)", "stable (%)", "all of these and new (%)", "crystals"], lines)
    ranked = [f"- {r['method']}: {one['ranking'][0]}" for r in rows for one in r["items"].values() if one["ranking"]]
    return f"{first}\n\nThe first of each ranking:\n\n" + "\n".join(ranked)


def _told(rows: list[dict]) -> str:
    """n, seeds, memory and seconds of each row."""
    lines = []
    for r in rows:
        m = r["metrics"]
        costly, late = m.get("costly_rows"), m.get("chgnet_failed", {}).get("value")
        judged = f"; {costly['value']:.0f} of each relaxed by CHGNet" if costly else ""
        failed = [f"{late:.1f} of these without end"] if late else []
        words = [f"n {r['n']}, seeds {', '.join(map(str, r['seeds']))}{judged}", *failed]
        words += [f"mean {bench_page.spent(r)}"] if bench_page.spent(r) else []
        weights = f"; weights {r['model'][:12]}" if r["model"] else ""
        lines.append(
            f"- {r['method']}: {'; '.join(words)}; peak {r['peak_memory_mib']} MiB; commit {r['commit']}{weights}"
        )
    return "\n".join(lines)


SECTIONS = {
    "generation": _report, "prediction": _prediction, "speed": _speed, "symmetry": _symmetry, "conditional": _conditional,
    "recipes": _recipes,
}  # fmt: skip
