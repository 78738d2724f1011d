"""docs/results/detection.md: the rows of the detection bench as tables a person can read."""

from pathlib import Path

from difusa.shared.bench import Bench, percent, shown, table
from difusa.shared.bench_page import machines

HEAD = """# Detection: is it generated?

`difusa bench detection{flag}` writes this page and the JSON beside it.

Each detector is tested on real items that it has not seen (other artists, pages, molecules, chemical systems, patients) and on
every family of generators; the family in its name was left out of its fit, so that row tells what happens when a generator is
met for the first time. In brackets: 95 % interval, by bootstrap over artists, prompts, patients, or Wilson's. Of pictures, a
fifth of the artists, pages and prompts is tested at a time, while the others, on which nothing was fitted either, calibrate.

- **AUROC**: chance that a generated item scores above a real one; 0.5 is a coin's toss.
- **Balanced accuracy**: by which side of one half the probability lies. **Of those decided**: where a verdict was given.
- **Unsure**: share on which no verdict was given, most of it because the item lies outside of what the detector knows
  (**outside**) or between the limits. **False alarms**: real items called generated; aimed at is 5 %. **Missed**: generated
  items of which "no sign" was seen.
- **Flips**: pictures of which some delivery (smaller, JPEG 40, cut, grey, screenshot) says the opposite of another, before
  abstention.
- **Calibration error**: of as many real as generated items, ten bins. **By chance**: what it would be on average if all
  probabilities were exact; so few items leave that much.
"""
COLUMNS = (
    ("AUROC", "auroc", 3, shown), ("balanced accuracy", "balanced_accuracy", 3, shown),
    ("of those decided", "decided_accuracy", 3, shown), ("unsure (%)", "abstained", 0, percent),
    ("outside (%)", "outside", 0, percent), ("false alarms (%)", "false_alarms", 0, percent),
    ("missed (%)", "missed", 0, percent), ("flips (%)", "flipped", 0, percent),
    ("calibration error", "calibration_error", 3, shown), ("by chance", "calibration_chance", 3, shown),
)  # fmt: skip
KINDS = {
    "pictures": (
        "Pictures",
        "Real: paintings, manuscript pages and old paper, of artists and pages that no model of ours has seen. Generated: Stable "
        "Diffusion pictures in the style of painters, GAN portraits, and our own (enlargements by four, samples from noise). All "
        "have a past of one law: the middle square, saved once as JPEG and once as WebP in random order, each of quality 40 to "
        "90 and 192 to 256 px wide, brought to 192 px. The detector that ships is fitted without GAN portraits, for there are no "
        "real portraits to hold against them.",
    ),
    "molecules": (
        "Molecules",
        "Real: relaxed by density functional theory (QM9, Open Force Field). Generated: draws of our model of QM9's kind, and "
        "RDKit's embedding with and without MMFF94 of other molecules of the same sets.",
    ),
    "crystals": (
        "Crystals",
        "Real: Materials Project. Generated: draws of our model with symmetry and without, and balanced compositions put into "
        "the places of real crystals.",
    ),
    "scans": (
        "Scans",
        "Stacks of six axial planes of T1, T2 and FLAIR. There are six real patients of one hospital, each held out in turn: the "
        "intervals are over six people, and say little of other scanners.",
    ),
    "videos": (
        "Videos",
        "One real talking face (`carphone`, four seconds of one man in a car) in windows of a second, as it is and in four "
        "manipulations of our own; every clip is cut, resized, and saved by MJPG or mp4v at a quality of one law for all. Each "
        "manipulation against the clips as they are, by the sign made for it and by each other one. Intervals are over "
        "deliveries: the speaker is one, so this proves little of other people, cameras or generators, and `difusa detect` "
        "draws no verdict from it.",
    ),
}
FEWEST = 5  # real items, for a row to be shown
CONFOUND = "GAN portraits against paintings of people"


def write(bench: Bench) -> Path:
    """The page of all rows there are."""
    parts = [HEAD.format(flag=" --quick" if bench.quick else "")]
    for kind, (title, words) in KINDS.items():
        rows = [r for r in bench.rows if r["task"] == kind or r["task"].startswith(f"{kind}: ")]
        done = [r for r in rows if "missing" not in r]
        parts.append(f"## {title}\n\n{words}")
        parts += [section(kind, done)] if done else []
        parts.append("\n".join(f"- missing: {r['missing']}" for r in rows if "missing" in r))
        parts += [] if rows else ["Not measured in this run."]
    parts.append(machines(bench))
    return bench.write_page("\n\n".join(p for p in parts if p) + "\n")


def section(kind: str, rows: list[dict]) -> str:
    """The tables of one kind."""
    if kind == "videos":
        return videos(rows)
    main = [r for r in rows if "auroc" in r["metrics"] and r["metrics"]["false_alarms"]["n"] >= FEWEST]
    order = list(dict.fromkeys(r["method"] for r in main))
    main.sort(key=lambda r: order.index(r["method"]))
    used = [c for c in COLUMNS if any(c[1] in r["metrics"] for r in main)]
    lines = []
    for r in main:
        m = r["metrics"]
        cells = [say(m.get(key)) if say is percent else say(m.get(key), digits) for _, key, digits, say in used]
        lines.append(
            [r["method"], r["task"].removeprefix(f"{kind}: "), *cells, f"{m['false_alarms']['n']} + {m['found']['n']}"]
        )
    found = [table(["detector", "against", *(name for name, *_ in used), "n, real + generated"], lines)]
    if kind == "pictures":
        found += [confound(main), alone(main), jpeg(rows), codecs(rows), by_delivery(rows)]
    return "\n\n".join(found)


def videos(rows: list[dict]) -> str:
    """Areas by manipulation and sign."""
    names = [k for k in rows[0]["metrics"] if k.startswith("auroc, ")]
    lines = [
        [r["task"].removeprefix("videos: "), r["settings"]["sign"], value(r, "auroc"), *(value(r, k, 2) for k in names),
         r["settings"]["clips"]]
        for r in rows
    ]  # fmt: skip
    head = ["manipulation", "its own sign", "AUROC", *(k.removeprefix("auroc, ") for k in names), "clips of each"]
    return table(head, lines)


def value(row: dict, key: str, digits: int = 3) -> str:
    return shown(row["metrics"].get(key), digits)


def confound(rows: list[dict]) -> str:
    """What the GAN rows are worth."""
    return (
        "**The GAN family holds portraits alone**, and hardly any other real picture here is a close-up of a face: whatever "
        f"tells close-ups from other pictures helps in its rows. Rows “{CONFOUND}” compare with paintings whose title says "
        f"that they show a person; where fewer than {FEWEST} of those were tested there is no such row. They are no close-ups "
        "either, so the confound is weaker there, not gone."
    )


def alone(rows: list[dict]) -> str:
    """Each part by itself."""
    names = {
        "spectrum": "spectrum", "residues": "residues", "tower": "CLIP, means", "spread": "CLIP, spreads",
        "reconstruction": "reconstruction",
    }  # fmt: skip
    lines = []
    for r in [r for r in rows if any(k.startswith("auroc_") for k in r["metrics"])]:
        cells = [value(r, f"auroc_{k}") for k in names]
        lines.append([r["method"], r["task"].removeprefix("pictures: "), *cells])
    return "### Each part alone (AUROC)\n\n" + table(["detector", "against", *names.values()], lines)


def jpeg(rows: list[dict]) -> str:
    """What JPEG 50 changes."""
    chosen = [r for r in rows if "turned" in r["metrics"]]
    lines = [
        [r["method"], percent(r["metrics"]["turned"]), percent(r["metrics"]["changed"]), r["metrics"]["turned"]["n"]]
        for r in chosen
    ]
    head = ["detector", "turned round (%)", "moved to or from unsure (%)", "n"]
    words = (
        "The same pictures arrive once more as JPEG 50. A verdict turned round would be generated before and no sign after, or "
        "the reverse."
    )
    return f"### Sent on as JPEG 50\n\n{words}\n\n{table(head, lines)}"


def codecs(rows: list[dict]) -> str:
    """The leak test."""
    chosen = [r for r in rows if "codec_real" in r["metrics"]]
    keys = ("codec_real", "codec_generated", "auroc_as_found", "auroc_swapped", "shift")
    lines = [[r["method"], *(value(r, k) for k in keys), int(r["metrics"]["n_pictures"]["value"])] for r in chosen]
    head = [
        "detector",
        "JPEG against WebP, real",
        "JPEG against WebP, generated",
        "AUROC, real JPEG, generated WebP",
        "AUROC, swapped",
        "mean shift of probability",
        "n",
    ]
    words = (
        "Does a codec in the past move the score? Real pictures and Stable Diffusion's (as found here, the former are JPEG, "
        "the latter WebP), each once saved last as JPEG 80 and once as WebP 80. The first two figures should be 0.5, the "
        "next two equal."
    )
    return f"### Leak test: codecs swapped\n\n{words}\n\n{table(head, lines)}"


def by_delivery(rows: list[dict]) -> str:
    """Delivery by delivery."""
    chosen = [r for r in rows if any(k.startswith("auroc, ") for k in r["metrics"])]
    names = [k for k in (chosen[0]["metrics"] if chosen else {}) if k.startswith("auroc, ")]
    lines = [[r["method"], *(value(r, k) for k in names)] for r in chosen]
    return "### Delivery by delivery (AUROC, all families)\n\n" + table(
        ["detector", *(n.removeprefix("auroc, ") for n in names)], lines
    )
