"""docs/results/audits.md: which controls are caught, which models leak, and what the search of neighbours costs."""

from functools import partial
from pathlib import Path

from difusa.shared.bench import Bench, percent, shown, table
from difusa.shared.bench_page import assembled, sections

HEAD = """# Audits of known answer

`difusa bench audits{flag}` writes this page and the JSON beside it."""

CONTROLS = """Real things are dealt into a training set, a hold-out and a set that is audited as if it were synthetic: 300, 200
and 300 paintings; 600, 300 and 300 molecules of QM9 and crystals of the Materials Project; anew for every seed. Unchanged, the
set has to pass every audit; changed in one known way, the finding made for that has to fail. Bad quality: pictures blurred
by 2 px, atoms moved by .15 angstrom. Copies of paintings are trimmed, rescaled, relit and saved as JPEG; those of molecules
and crystals are turned, and their atoms moved by .01 angstrom. Of those two the policy that ships allows a share of known
substances, for they are public; here it allowed none.

Findings are told with the number of seeds in which they failed; of those that have to fail, least and greatest value. Three
paintings are left out that are in the collection in other colours too (seen by eye; the audit finds them)."""

MEMBERSHIP = """The attack by losses: those of examples of the training split against those of the test split, each the mean of
some noises and levels. .5 is a coin's AUC. Hits: members found where one stranger in a hundred is taken for one. The model that
learnt by heart was trained by the recipe of qm9 on 128 molecules; there the attack beside a reference takes the losses of the
qm9 that ships from its own, so that hard molecules are not taken for strangers. The heads that anytoany is tested on are
others than the 14 that it learnt from, so it may know these heads, or find the others harder: both raise its figure."""

NEIGHBOURS = """Vectors of 48 numbers on a bent sheet of 8 dimensions, as features lie; 1,000 queries, half of them near copies of
known vectors; one thread. Up to 4,096 vectors all pairs are compared; beyond, a graph of small worlds is built (Malkov and
Yashunin 2018; faiss). Recall: of the ten nearest by brute force.
Growth: for ten times the vectors; 10 would be linear, comparing each with each has 100."""

BALANCE = """Two small restorers of one recipe (1,200 steps of 8 crops of 48 px), trained on 480 paintings and 24 pages of
manuscripts: drawn as they lie, and with `balance = "medium"`, so that both come equally often. Told is the mean
training loss on held-out pictures of each group, on the same 200 examples, noises and levels; lower is better."""


def write(bench: Bench) -> Path:
    """The page of all rows there are."""
    writers = {
        "membership": (MEMBERSHIP, _membership), "neighbours": (NEIGHBOURS, _neighbours),
        "balance": (BALANCE, partial(_balance, bench)),
    }  # fmt: skip
    parts = [HEAD.format(flag=" --quick" if bench.quick else "")]
    rows = [r for r in bench.rows if "missing" not in r and r["task"] not in writers]
    parts += ["## Controls", CONTROLS] if rows else []
    for pool in dict.fromkeys(r["task"] for r in rows):
        parts += [f"### {pool.capitalize()}", _controls([r for r in rows if r["task"] == pool])]
    return assembled(bench, parts + sections(bench, writers))


def _controls(rows: list[dict]) -> str:
    lines = []
    for row in rows:
        items = list(row["items"].values())
        right = round(sum(i["right"] for i in items))
        asked, beside = _told(items, "made_for"), _told(items, "beside", values=False)
        seconds = f"{row['metrics']['seconds']['value']:.0f}"
        lines.append(
            [row["method"], f"{right} of {len(items)}", "; ".join(asked) or "-", "; ".join(beside) or "-", seconds]
        )
    return table(["set", "right", "failed, as they have to", "failed beside", "s an audit"], lines)


def _told(items: list[dict], key: str, values: bool = True) -> list[str]:
    """Findings of all seeds: name, in how many seeds, least and greatest value."""
    found: dict[str, list[float]] = {}
    for item in items:
        for text in item[key]:
            name, value = text.rsplit(" ", 1)
            found.setdefault(name, []).append(float(value))
    ends = {n: " to ".join(dict.fromkeys(f"{x:.3g}" for x in (min(v), max(v)))) for n, v in found.items()}
    return [f"{n} ({len(v)}: {ends[n]})" if values else f"{n} ({len(v)})" for n, v in found.items()]


def _membership(rows: list[dict]) -> str:
    lines = []
    for r in rows:
        m = r["metrics"]
        figures = shown(m["auc"], 3), percent(m["hits"]), shown(m.get("beside"), 3), shown(m.get("reference"), 3)
        lines.append([r["method"], *figures, next(iter(r["items"])), r["settings"]["draws"]])
    head = ["AUC", "hits at 1 % false alarms (%)", "AUC beside a reference", "AUC of the reference"]
    return table(["model", *head, "members and strangers", "noises"], lines)


def _neighbours(rows: list[dict]) -> str:
    rows, lines = sorted(rows, key=lambda r: r["settings"]["size"]), []
    for row, before in zip(rows, [None, *rows]):
        now, was = (None if r is None else {k: v["value"] for k, v in r["metrics"].items()} for r in (row, before))
        grown = {k: _growth(now, was, k) for k in ("build", "query", "memory")}
        lines.append([
            row["method"], f"{now['build']:.2f}", grown["build"], f"{now['query']:.3f}", grown["query"], f"{now['brute']:.2f}",
            f"{now['memory']:.0f}", grown["memory"], f"{now['recall']:.4f}", f"{now['copies']:.3f}",
        ])  # fmt: skip
    cost = ["build (s)", "growth", "query (ms)", "growth", "brute force (ms)", "index (MiB)", "growth"]
    return table(["vectors", *cost, "recall", "near copies found"], lines)


def _growth(now: dict, was: dict | None, key: str) -> str:
    """How many times as much; - where the smaller one is too small to say."""
    return f"{now[key] / was[key]:.1f}" if was and was[key] > 1e-2 else "-"


def _balance(bench: Bench, rows: list[dict]) -> str:
    groups = [k for k in rows[0]["metrics"] if k != "seconds"]
    lines = [[r["method"], *(shown(r["metrics"][g], 4) for g in groups), r["n"]] for r in rows]
    if len(rows) == 2:
        apart = [bench.difference(rows[1], rows[0], g) for g in groups]
        lines.append(["difference", *(shown(d, 4) for d in apart), rows[0]["n"]])
    return table(["pictures", *(f"{g}s" for g in groups), "examples of each"], lines)
