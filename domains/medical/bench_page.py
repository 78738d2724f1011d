"""docs/results/medical.md: the rows of the medical bench as tables a person can read, each figure with its protocol."""

from pathlib import Path

from difusa.domains.medical.bench_words import COLUMNS, HEAD, INTRODUCED, UNMEASURED
from difusa.shared.bench import Bench, percent, shown, table


def write(bench: Bench) -> Path:
    """The page of all rows there are, task by task, and what is missing."""
    bench.groups.update({i: i.split(":")[0] for r in bench.rows if "->" in r["task"] for i in r.get("items", {})})
    parts = [HEAD.format(flag=" --quick" if bench.quick else "")]
    for section, (title, words) in INTRODUCED.items():
        rows = [r for r in bench.rows if section_of(r["task"]) == section]
        parts.append(f"## {title}\n\n{words}")
        for task in dict.fromkeys(r["task"] for r in rows):
            mine = [r for r in rows if r["task"] == task]
            done = [r for r in mine if "missing" not in r]
            parts += [f"### {task}"] if task != section else []
            parts += [_table(section, done), _goals(section, done, bench)] if done else []
            parts.append("\n".join(f"- {r['method']}: missing. {r['missing']}" for r in mine if "missing" in r))
        parts += [] if rows else ["Not measured in this run."]
    parts += [f"## Not measured\n\n{UNMEASURED}", _told(bench)]
    return bench.write_page("\n\n".join(p for p in parts if p) + "\n")


def section_of(task: str) -> str:
    """The part of the page that a task belongs to."""
    return "translation" if "->" in task else task.split(",")[0]


def _figure(row: dict, key: str, kind: str) -> str:
    figure = row["metrics"].get(key)
    return percent(figure) if kind == "%" else shown(figure, int(kind))


def _table(section: str, rows: list[dict]) -> str:
    """One line a row; where the mean of several samples and one of them were scored, a line each."""
    columns = [c for c in COLUMNS[section] if any(c[0] in r["metrics"] for r in rows)]
    lines = []
    for row in rows:
        several = "psnr_sample" in row["metrics"]
        for suffix, words in (("", ", mean of the samples"), ("_sample", ", one sample")) if several else (("", ""),):
            cells = [
                _figure(row, key + (suffix if f"{key}_sample" in row["metrics"] else ""), kind)
                for key, _, kind in columns
            ]
            lines.append([row["method"] + words, *cells, _count(row)])
    first = table([FIRST.get(section, "method"), *(name for _, name, _ in columns), "n"], lines)
    return "\n\n".join([first, _each(rows)] if section == "coverage" else [first])


FIRST = {"coverage": "people", "gate": "stacks", "speed": "volume", "synthetic": "what the segmenter learned from"}


def _count(row: dict) -> str:
    """Items, and how many independent groups they fall into."""
    groups = {m["groups"] for m in row["metrics"].values() if m["groups"] <= row["n"]}
    found = max(groups, default=row["n"])
    partial = f"; {row['partial']}" if "partial" in row else ""
    return f"{row['n']}" + (f" ({found} groups)" if found != row["n"] else "") + partial


def _each(rows: list[dict]) -> str:
    """Coverage of each real patient by direction, with binomial intervals; of simulated people by target."""
    lines = []
    for row in rows:
        if row["method"] == "simulated people":
            targets = dict.fromkeys(k.split(" to ")[1] for k in row["metrics"] if " to " in k)
            for target in targets:
                lines.append(
                    [row["method"], f"to {target}", *(percent(row["metrics"].get(f"{w} to {target}")) for w in WHAT)]
                )
        else:
            lines += [[row["method"], item, *(percent(one[w]) for w in WHAT)] for item, one in row["items"].items()]
    return table(["people", "translation", *(f"{w} (%)" for w in WHAT)], lines)


WHAT = ("voxels", "volumes", "means")


def _goals(section: str, rows: list[dict], bench: Bench) -> str:
    """Paired differences that the goals speak of: ours less each baseline, on the same planes."""
    if section != "translation":
        return ""
    ours = next((r for r in rows if r["method"] == "Difusa"), None)
    if ours is None:
        return ""
    lines = []
    for other in (r for r in rows if r is not ours):
        mean = bench.difference(ours, other, "psnr")
        lines.append([other["method"], shown(mean, 2), _looks(ours, other)])
    return (
        table(["ours less", "PSNR of the mean (dB)", "perceptual distance of one sample over theirs"], lines)
        if lines
        else ""
    )


def _looks(ours: dict, other: dict) -> str:
    """Ratio of mean perceptual distances, on common planes."""
    mine, theirs = ({i: f for i, f in r["items"].items() if "perceptual" in f} for r in (ours, other))
    common = [i for i in mine if i in theirs]
    if not common:
        return "-"
    one = sum(mine[i].get("perceptual_sample", mine[i]["perceptual"]) for i in common)
    total = sum(theirs[i]["perceptual"] for i in common)
    return f"{one / total:.2f}" if total else "-"


def _told(bench: Bench) -> str:
    """Where each row was measured: machine, commit, weights."""
    found: dict[str, list[str]] = {}
    for row in (r for r in bench.rows if "missing" not in r):
        m = row["machine"]
        line = f"{m['cpu']}, {m['cores']} cores, {m['threads']} threads, commit {row['commit']}, {row['date']}"
        weights = f" (weights {row['model'][:12]})" if row["model"] else ""
        found.setdefault(line, []).append(f"{section_of(row['task'])}: {row['method']}{weights}")
    lines = [f"- {line}: {'; '.join(dict.fromkeys(rows))}" for line, rows in found.items()]
    return "## Machines\n\n" + "\n".join(lines) if lines else ""
