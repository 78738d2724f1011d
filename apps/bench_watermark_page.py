"""docs/results/watermark.md: what is found after which attack, false alarms, and what marks cost."""

from pathlib import Path

from difusa.domains.heritage.attacks import WORDS
from difusa.shared.bench import Bench, percent, shown, table
from difusa.shared.bench_page import assembled

HEAD = """# Watermarks under attack

`difusa bench watermark{flag}` writes this page and the JSON beside it.

A share is of marked samples whose p-value lies below the false-alarm rate named; the p-values are exact, so no threshold was
fitted. In brackets: 95 % intervals. "Told whose": of those found at 1e-6, how many are told to be the very sample that the mark
was put in. n is the number of marked samples."""

PICTURES = """- **in generation**: keyed noise, searched for (`shared/watermark/issued.py`). Pictures of 64 px, drawn from
  noise by the shipped prior in 12 evaluations; read without the network. All n issued indices and all poses tried count in the
  p-value.
- **after the fact**: the grain (`shared/watermark/grain.py`) on crops of 256 px of real pictures, root mean square 3 grey levels.
- **DwtDct** (48 bits), **RivaGAN** (32 bits): `invisible-watermark` on the same crops; binomial p-value of the bits that agree.
  What an attack made smaller is enlarged to 256 px for them, as they ask."""

BESIDE = {
    "volumes": "Scans of six real patients, whole or as stacks of planes of 1 or 3 mm, and the MNI152 T1; intervals by bootstrap "
    "over people. The p-values without a mark are of 26 stacks of the six real patients and 36 of simulated people, each at its "
    "own place in the scanner.",
}  # what a reader of a kind's figures has to know
DISTORTED = tuple(WORDS)
OWN = {
    "averaging, taken out": "the mean of up to 100 marked pictures, less that of unmarked ones, is taken out of a marked one",
    "averaging, put in": "the same, at 10 grey levels, put into unmarked pictures: more than the false alarms would be forged",
    "forgery": "what is finer than a blur of 2 pixels, copied out of a marked picture into an unmarked one; the mark then tells "
    "which sample it was copied from, whose passport tells what that one looked like",
}  # fmt: skip


def write(bench: Bench) -> Path:
    """The page of all rows there are."""
    parts = [HEAD.format(flag=" --quick" if bench.quick else "")]
    pictures = [r for r in bench.rows if r["task"].startswith("pictures: ")]
    if pictures:
        parts += ["## Pictures", PICTURES, _pictures(pictures), _null(pictures)]
    for task in dict.fromkeys(r["task"].split(": ")[0] for r in bench.rows if not r["task"].startswith("pictures")):
        parts += [
            f"## {task.capitalize()}",
            BESIDE.get(task, ""),
            _plain([r for r in bench.rows if r["task"].split(": ")[0] == task]),
        ]
    return assembled(bench, parts)


def _pictures(rows: list[dict]) -> str:
    """Found at 1 % and at 1e-6, attack by attack, and the mean over the distortions."""
    methods = list(dict.fromkeys(r["method"] for r in rows))
    found = {(r["method"], r["task"].removeprefix("pictures: ")): r for r in rows if "missing" not in r}
    head = ["attack", *(f"{m}, {rate}" for m in methods for rate in ("1 %", "1e-6")), "n"]
    lines = []
    for task in ("clean", "unmarked", *DISTORTED, *OWN):
        cells = [percent(_of(found, m, task, key)) for m in methods for key in ("found_1", "found_6")]
        counts = {m["n"] for name in methods if (m := _of(found, name, task, "found_1"))}
        if counts:
            lines.append([task, *cells, "/".join(map(str, sorted(counts)))])
    lines.append(
        ["**mean of the distortions**", *(_mean(found, m, k) for m in methods for k in ("found_1", "found_6")), ""]
    )
    told = [f"- {m}: told whose, clean {percent(_of(found, m, 'clean', 'traced'))} %, after forgery by copying "
            f"{percent(_of(found, m, 'forgery', 'traced'))} %" for m in methods if _of(found, m, "clean", "traced")]  # fmt: skip
    cost = [
        f"- {m}: PSNR {shown(_of(found, m, 'clean', 'psnr'))} dB" for m in methods if _of(found, m, "clean", "psnr")
    ]
    said = [f"- {name}: {text}" for name, text in (WORDS | OWN).items()]
    return "\n\n".join([table(head, lines), "\n".join(told + cost), "\n".join(said)])


def _of(found: dict, method: str, task: str, key: str) -> dict | None:
    row = found.get((method, task))
    return row["metrics"].get(key) if row else None


def _mean(found: dict, method: str, key: str) -> str:
    """The mean over the distortions, only where all of them were measured."""
    values = [_of(found, method, task, key) for task in DISTORTED]
    return "-" if None in values else f"**{100 * sum(v['value'] for v in values) / len(values):.1f}**"


def _null(rows: list[dict]) -> str:
    """Uniform p-values and two samples."""
    chosen = [r for r in rows if r["task"].endswith(("p-values without a mark", "quality")) and "missing" not in r]
    return _plain(chosen) if chosen else ""


def _plain(rows: list[dict]) -> str:
    """All figures of rows, one a line."""
    lines = [
        [r["task"].split(": ")[-1], r["method"], name.replace("_", " "), shown(value, 4)]
        for r in rows if "missing" not in r for name, value in r["metrics"].items() if "seconds" not in name
    ]  # fmt: skip
    return table(["what", "method", "figure", "value"], lines) if lines else ""
