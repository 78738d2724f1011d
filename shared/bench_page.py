"""The parts of a page of sets of drawn items: tasks in their order, all figures beside held-out data, and what measured them."""

from collections.abc import Callable, Sequence
from pathlib import Path

from difusa.shared.bench import Bench, percent, shown, table

SECONDS = ("seconds", "judge_seconds")


def write(
    bench: Bench, head: str, introduced: dict[str, tuple[str, str]], section: Callable[[str, list[dict]], str],
    told: Callable[[list[dict]], str], unmeasured: str,
) -> Path:  # fmt: skip
    """The page of all rows there are, task by task, and what is missing.

    introduced: task -> title and words; section(task, rows) and told(rows): the tables of finished rows, and what they cost.
    """
    parts = [head.format(flag=" --quick" if bench.quick else "")]
    for task, (title, words) in introduced.items():
        rows = [r for r in bench.rows if r["task"] == task]
        done = [r for r in rows if "missing" not in r]
        parts.append(f"## {title}\n\n{words}")
        parts += [section(task, done), told(done)] if done else []
        parts.append("\n".join(f"- {r['method']}: missing. {r['missing']}" for r in rows if "missing" in r))
        parts += [] if rows else ["Not measured in this run."]
    parts += [f"## Not measured\n\n{unmeasured}", machines(bench)]
    return bench.write_page("\n\n".join(p for p in parts if p) + "\n")


def sections(bench: Bench, writers: dict[str, tuple[str, Callable[[list[dict]], str]]]) -> list[str]:
    """Title, words and table of each task that has finished rows. writers: task -> its words, and rows -> table."""
    parts = []
    for task, (words, made) in writers.items():
        if rows := [r for r in bench.rows if r["task"] == task and "missing" not in r]:
            parts += [f"## {task.capitalize()}", words, made(rows)]
    return parts


def assembled(bench: Bench, parts: Sequence[str]) -> Path:
    """The page of these parts, then what could not be measured, and on what the rest was."""
    lost = [f"- {r['task']}, {r['method']}: missing. {r['missing']}" for r in bench.rows if "missing" in r]
    return bench.write_page("\n\n".join(p for p in [*parts, "\n".join(lost), machines(bench)] if p) + "\n")


def figure(row: dict, key: str, kind: str) -> str:
    """A figure of a row in its unit: two decimals of seconds and of kcal/mol, else three."""
    found = row["metrics"].get(key)
    return percent(found) if kind == "%" else shown(found, 2 if kind in ("kcal/mol", "s") else 3)


def report(rows: list[dict], figures: Sequence[tuple], distances: Sequence[tuple], words: str) -> str:
    """All `figures` (key, name, unit, protocol) of the rows, one a line; then words, and the `distances` (key, name, unit)."""
    lines = [
        [name, *(figure(r, key, kind) for r in rows), kind, protocol]
        for key, name, kind, protocol in figures
        if any(key in r["metrics"] for r in rows)
    ]
    first = table(["figure", *(r["method"] for r in rows), "unit", "protocol"], lines)
    lines, kinds = [], ("wasserstein", "jensen_shannon")
    for key, name, unit in distances:
        found = [r["metrics"].get(f"{key}_{kind}") for kind in kinds for r in rows]
        if any(found):
            lines.append([name, *("-" if one is None else f"{one['value']:.4f}" for one in found), unit])
    names = [f"{k}: {r['method']}" for k in ("Wasserstein-1", "Jensen-Shannon (bits)") for r in rows]
    return f"{first}\n\n{words}\n\n{table(['distribution', *names, 'unit of Wasserstein-1'], lines)}"


def wide(rows: list[dict], figures: Sequence[tuple], main: Sequence[str], items: str) -> str:
    """One row a set with the `main` figures; items: what the sets hold, as the settings call their number."""
    chosen = [f for f in figures if f[0] in main and any(f[0] in r["metrics"] for r in rows)]
    head = ["set", *(f"{name} ({kind})" for _, name, kind, _ in chosen), items]
    return table(
        head, [[r["method"], *(figure(r, k, kind) for k, _, kind, _ in chosen), r["settings"][items]] for r in rows]
    )


def spent(row: dict) -> str:
    """The mean seconds of a row's items, by what took them."""
    m = row["metrics"]
    return ", ".join(f"{k.replace('_', ' ')} {m[k]['value']:.4g}" for k in SECONDS if k in m)


def machines(bench: Bench) -> str:
    """Which machine measured which tasks."""
    found = {}
    for row in (r for r in bench.rows if "missing" not in r):
        m = row["machine"]
        line = f"{m['cpu']}, {m['cores']} cores, {m['threads']} threads, {m['platform']}, {row['date']}"
        found.setdefault(line, []).append(row["task"])
    lines = [f"- {line}: {', '.join(dict.fromkeys(tasks))}" for line, tasks in found.items()]
    return "## Machines\n\n" + "\n".join(lines) if lines else ""
