"""The verb `difusa repair`: top up what a data set lacks against wanted shares, and measure what that did."""

from collections.abc import Callable
from pathlib import Path


def repair(
    dir: Path,
    *,
    target: Path,
    against: Path,
    out: Path,
    report: Path,
    workers: int | None = None,
    resume: bool = False,
    holdout: Path | None = None,
    sources: Path | None = None,
    policy: Path | None = None,
    repeats: int = 20,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> dict:
    """Top up what a data set lacks: audit it, make the samples that are missing, audit both together, and tell the difference.

    The recipe of the top-up is the set's own, with other counts and another seed; it lies beside the report as
    REPORT.repair.toml. OUT is a data set of its own, unreleased: it needs its own audit before `difusa release`. The report is
    of both sets together, and says how each figure moved; the one before lies beside it as REPORT.before.html.

    dir: data set made by `difusa batch`.
    target: TOML file of wanted shares of its conditions: [shares.condition_NAME] value = share, and source = where from.
    against: the real set that the model was trained on.
    out: folder of the samples to add.
    report: HTML page of both sets together; its JSON lies beside it.
    workers: processes; by default one a core.
    resume: go on where the top-up was stopped.
    holdout: real things that the model never saw.
    sources: TOML list of the sources of the training data.
    policy: an institution's own policy; by default the one that ships.
    repeats: draws that each figure of fidelity is taken over.
    seed: of the audits' draws.
    progress: called with (done, total) samples.

    Returns {"recipe", "before", "after"}. Raises ValueError or OSError with the way out.
    """
    from difusa.apps.audit import audit
    from difusa.datasets.batch import batch

    report = Path(report)
    history = report.with_suffix(".repair.jsonl")
    history.unlink(missing_ok=True)
    asked = {
        "against": against,
        "holdout": holdout,
        "sources": sources,
        "policy": policy,
        "repeats": repeats,
        "seed": seed,
    }
    first = report.with_suffix(".before.html")
    before = audit(dir, target=target, report=first, follow=history, progress=progress, **asked)
    made = first.with_suffix(".repair.toml")
    if not made.exists():
        raise ValueError(before["about"].get("repair") or "nothing is missing: every share is as wanted")
    made = made.replace(report.with_suffix(".repair.toml"))
    batch(made, out=out, workers=workers, resume=resume, progress=progress)
    after = audit(dir, target=target, report=report, follow=history, also=(Path(out),), progress=progress, **asked)
    history.unlink()
    say(before, after)
    return {"recipe": made, "before": before, "after": after}


def say(before: dict, after: dict) -> None:
    """The judged figures of both audits, side by side."""
    was = {(f["audit"], f["name"]): f for f in before["findings"]}
    print(f"{'':52} {'before':>9} {'':5} {'after':>9}")
    for now in after["findings"]:
        then = was.get((now["audit"], now["name"]))
        if then is None or None in (then["value"], now["value"]) or now["audit"] == "drift":
            continue
        name = f"{now['audit']}: {now['name']}"
        print(f"{name:52} {then['value']:9.4g} {_short(then):5} {now['value']:9.4g} {_short(now)}")


def _short(finding: dict) -> str:
    return finding["verdict"] if finding["verdict"] in ("pass", "fail") else ""
