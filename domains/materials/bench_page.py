"""docs/results/materials.md: the rows of the materials bench as tables a person can read, each figure with its protocol."""

from pathlib import Path

from difusa.domains.materials.bench_setup import HELD_OUT, OURS
from difusa.domains.materials.bench_symmetry import MOVES
from difusa.domains.materials.bench_words import DISTANCES, FIGURES, HEAD, INTRODUCED, UNMEASURED
from difusa.shared.bench import Bench, percent, shown, table


def write(bench: Bench) -> Path:
    """The page of all rows there are, task by task, and what is missing."""
    from difusa.domains.materials import references

    parts = [HEAD.format(flag=" --quick" if bench.quick else "")]
    for task, (title, words) in INTRODUCED.items():
        rows = [r for r in bench.rows if r["task"] == task]
        done = [r for r in rows if "missing" not in r]
        parts.append(f"## {title}\n\n{words}")
        parts += [SECTIONS.get(task, _wide)(done), _told(done)] if done else []
        parts.append("\n".join(f"- {r['method']}: missing. {r['missing']}" for r in rows if "missing" in r))
        parts += [] if rows else ["Not measured in this run."]
    about = references.load().about
    unmeasured = UNMEASURED.format(mae=1000 * about["heldout_mae"], n=about["heldout_n"])
    parts += [f"## Not measured\n\n{unmeasured}", _machines(bench)]
    return bench.write_page("\n\n".join(p for p in parts if p) + "\n")


def _figure(row: dict, key: str, kind: str) -> str:
    figure = row["metrics"].get(key)
    return percent(figure) if kind == "%" else shown(figure, 2 if kind == "s" else 3)


def _report(rows: list[dict]) -> str:
    """All figures of the report, one a line, beside those of held-out data and of substitution; then the distances."""
    rows = sorted(rows, key=lambda r: (r["method"] != OURS, r["method"] == HELD_OUT))
    lines = [
        [name, *(_figure(r, key, kind) for r in rows), kind, protocol]
        for key, name, kind, protocol in FIGURES
        if any(key in r["metrics"] for r in rows)
    ]
    first = table(["figure", *(r["method"] for r in rows), "unit", "protocol"], lines)
    lines = []
    for key, name, unit in DISTANCES:
        kinds = ("wasserstein", "jensen_shannon")
        cells = [_plain(r["metrics"].get(f"{key}_{kind}"), 4) for kind in kinds for r in rows]
        lines.append([name, *cells, unit])
    names = [f"{k}: {r['method']}" for k in ("Wasserstein-1", "Jensen-Shannon (bits)") for r in rows]
    words = (
        "Distances of the structurally valid from the test split (mean over the sets). In the column of held-out data stands the "
        "floor: as many crystals of the split `calibrate` from the same reference."
    )
    return f"{first}\n\n{words}\n\n{table(['distribution', *names, 'unit of Wasserstein-1'], lines)}"


def _plain(figure: dict | None, digits: int) -> str:
    return "-" if figure is None else f"{figure['value']:.{digits}f}"


def _wide(rows: list[dict]) -> str:
    """One row a set, the main figures."""
    chosen = [f for f in FIGURES if f[0] in MAIN and any(f[0] in r["metrics"] for r in rows)]
    head = ["set", *(f"{name} ({kind})" for _, name, kind, _ in chosen), "crystals"]
    return table(
        head,
        [[r["method"], *(_figure(r, k, kind) for k, _, kind, _ in chosen), r["settings"]["crystals"]] for r in rows],
    )


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
        seconds = ", ".join(
            f"{k.replace('_', ' ')} {m[k]['value']:.4g}" for k in ("seconds", "judge_seconds") if k in m
        )
        words = [f"n {r['n']}, seeds {', '.join(map(str, r['seeds']))}{judged}", *failed]
        words += [f"mean {seconds}"] if seconds else []
        weights = f"; weights {r['model'][:12]}" if r["model"] else ""
        lines.append(
            f"- {r['method']}: {'; '.join(words)}; peak {r['peak_memory_mib']} MiB; commit {r['commit']}{weights}"
        )
    return "\n".join(lines)


def _machines(bench: Bench) -> str:
    found = {}
    for row in (r for r in bench.rows if "missing" not in r):
        m = row["machine"]
        line = f"{m['cpu']}, {m['cores']} cores, {m['threads']} threads, {m['platform']}, {row['date']}"
        found.setdefault(line, []).append(row["task"])
    lines = [f"- {line}: {', '.join(dict.fromkeys(tasks))}" for line, tasks in found.items()]
    return "## Machines\n\n" + "\n".join(lines) if lines else ""


SECTIONS = {
    "generation": _report, "prediction": _prediction, "speed": _speed, "symmetry": _symmetry, "conditional": _conditional,
    "recipes": _recipes,
}  # fmt: skip
