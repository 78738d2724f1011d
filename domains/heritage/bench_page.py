"""docs/results/heritage.md: the rows of the heritage bench as tables a person can read."""

from pathlib import Path

from difusa.domains.heritage.bench import OURS, UNTOUCHED
from difusa.domains.heritage.cases import PROTOCOL
from difusa.shared.bench import Bench, shown, table

# task -> the method a goal compares with, goal on the PSNR difference (dB), goal on the relative perceptual distance
GOALS = {
    "losses": ("biharmonic", 1.0, -0.30),
    "scratches": ("biharmonic", 1.0, -0.30),
    "denoise": ("non-local means", 3.5, None),
    "sr2": (UNTOUCHED, 1.0, None),
    "jpeg": (UNTOUCHED, 1.0, None),
    "deblur": (UNTOUCHED, 1.0, None),
}
COVERAGE = (0.88, 0.92)
HEAD = """# Restoration of held-out pictures

`difusa bench heritage{flag}` writes this page and the JSON beside it.

Crops of 256 x 256 px from pictures whose artist, file or page was kept out of training (the split `test` of
`domains/heritage/corpus.py`): paintings, historic photographs, manuscript pages and old paper; how many of each is
below.
Every method gets the same damaged 8-bit picture. In brackets: 95 % interval, bootstrap over artists, photographs and
pages.

- **PSNR** (dB): inside the loss for losses, scratches and outpainting, else the whole crop. Difusa: the mean of its
samples.
- **SSIM**: the whole crop, the mean of the samples.
- **Perceptual**: 1 - cosine between the last-layer patch tokens of CLIP ViT-B/16 (int8, 224 px), mean over 196
tokens; smaller is nearer. Difusa: one single sample. The tower costs more than most peers, so theirs is read on the
first crops only (n in the table).
- **Coverage**: share of the truth inside the 90 % interval; **width**: its mean width in grey levels of 255.
- **Face**: mean shift of 468 landmarks against the truth, in units of the distance between the eyes, on photographs
in which a face is found. "{untouched}" tells what the damage itself does to the detector.
- What more training buys stands in the model's card, `domains/heritage/weights/restorer/card.md`: quality against time.
- "{untouched}" is the damaged picture as it is: grey in a loss; for sr2 and sr4 the bicubic enlargement.
- **s a crop**: wall time, which other work on the machine lengthens; **core s**: processor time of all cores together.
"""


def write(bench: Bench) -> Path:
    """The page of all rows there are, in the order of the tasks."""
    flag = " --quick" if bench.quick else ""
    parts = [HEAD.format(flag=flag, untouched=UNTOUCHED), _goals(bench)]
    for task, (_, damage) in PROTOCOL.items():
        rows = [r for r in bench.rows if r["task"] == task]
        if rows:
            parts.append(f"## {task}: {damage}\n\n{_task_table(rows)}")
            parts.append("\n".join(f"- {r['method']}: missing, {r['missing']}" for r in rows if "missing" in r))
    parts.append(_machines(bench))
    return bench.write_page("\n\n".join(p for p in parts if p) + "\n")


def _task_table(rows: list[dict]) -> str:
    order = sorted(
        (r for r in rows if "missing" not in r), key=lambda r: (r["method"] != UNTOUCHED, r["method"] == OURS)
    )
    head = ["method", "PSNR", "SSIM", "perceptual (n)", "face", "n", "s a crop", "core s", "MiB"]
    lines = []
    for row in order:
        m = row["metrics"]
        judged = f"{shown(m['perceptual'], 3)} ({m['perceptual']['n']})" if "perceptual" in m else "-"
        face = f"{m['face_shift']['value']:.3f} ({m['face_shift']['n']})" if "face_shift" in m else "-"
        name = f"**{row['method']}**" if row["method"] == OURS else row["method"]
        seconds = f"{m['seconds']['value']:.2f}"
        cores = f"{m['cpu_seconds']['value']:.2f}" if "cpu_seconds" in m else "-"
        figures = [shown(m["psnr"]), shown(m["ssim"], 3), judged, face]
        lines.append([name, *figures, row["n"], seconds, cores, row["peak_memory_mib"]])
    return table(head, lines)


def _goals(bench: Bench) -> str:
    """Ours against the method each goal names, on the crops both have; coverage; faces."""
    lines = []
    for task in PROTOCOL:
        ours = bench.find(OURS, task)
        if not ours:
            continue
        name, gain, nearer = GOALS.get(task, (UNTOUCHED, None, None))
        base = bench.find(name, task)
        better = base and bench.difference(ours, base, "psnr")
        distance = base and _relative(bench, ours, base)
        m = ours["metrics"]
        goal = [f">= {gain:.1f} dB" if gain else "", f"<= {nearer:+.0%}" if nearer else ""]
        psnr = f"{better['value']:+.2f} [{better['low']:+.2f}, {better['high']:+.2f}]" if better else "-"
        told = f"{distance:+.0%}" if distance is not None else "-"
        faces = [bench.find(who, task) for who in (OURS, UNTOUCHED)]
        face = " / ".join(
            f"{f['metrics']['face_shift']['value']:.3f}" for f in faces if f and "face_shift" in f["metrics"]
        )
        met = [better["value"] >= gain] if better and gain else []
        met += [distance <= nearer] if distance is not None and nearer else []
        verdict = ("yes" if all(met) else "no") if met else ""
        lines.append([
            task, name, psnr, told, ", ".join(g for g in goal if g), verdict, shown(m.get("coverage"), 3),
            f"{m['width']['value']:.0f}" if "width" in m else "-", face or "-",
        ])  # fmt: skip
    if not lines:
        return ""
    head = [
        "task",
        "against",
        "PSNR gained (dB)",
        "perceptual",
        "goal",
        "met",
        "coverage of the 90 % interval",
        "width",
        "face: ours / damaged",
    ]
    low, high = COVERAGE
    return f"## In short\n\n{table(head, lines)}\n\nThe coverage should lie between {low} and {high}."


def _relative(bench: Bench, ours: dict, base: dict) -> float | None:
    """How much nearer (negative) ours is in perceptual distance, as a share of the baseline's, on common crops."""
    gap = bench.difference(ours, base, "perceptual")
    if not gap:
        return None
    common = [f["perceptual"] for item, f in base["items"].items() if "perceptual" in f and item in ours["items"]]
    return gap["value"] / (sum(common) / len(common))


def _machines(bench: Bench) -> str:
    commits: dict[str, list[str]] = {}
    for row in bench.rows:
        if "missing" in row:
            continue
        m = row["machine"]
        line = f"{m['cpu']}, {m['cores']} cores, {m['threads']} threads, {row['date']}"
        if row["model"]:
            line += f"; weights {row['model'][:12]}; {row['settings']['plan']}"
        known = commits.setdefault(line, [])
        known += [] if row["commit"] in known else [row["commit"]]
    lines = [f"- {line}; commit {', '.join(names)}" for line, names in commits.items()]
    kinds: dict[str, int] = {}
    items = max((row["items"] for row in bench.rows if "items" in row), key=len, default={})
    for item in items:
        kind = bench.groups.get(item, "?:").split(":")[0]
        kinds[kind] = kinds.get(kind, 0) + 1
    crops = ", ".join(f"{count} of {kind}s" for kind, count in kinds.items() if kind != "?")
    independent = len({bench.groups.get(item, item) for item in items})
    return (
        f"## Crops and machines\n\n{crops or len(items)}; {independent} independent artists, photographs and pages.\n\n"
        + "\n".join(lines)
    )
