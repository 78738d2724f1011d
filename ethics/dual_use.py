"""The dual-use audit of molecules: the block list, which must find nothing, and alerts beside those of the real set."""

from difusa.domains.molecules.screening import alerts, blocked
from difusa.ethics.findings import Finding, judged, not_done, noted
from difusa.ethics.samples import Samples
from difusa.shared.judging import proportion
from difusa.shared.passport.saying import Said

AUDIT = "safety"


def dual_use(other: Samples, real: Samples | None = None, most: int = 1000) -> list[Finding]:
    """Findings; it fails closed: without a whole block list, or with a molecule that cannot be screened, nothing passes."""
    molecules = [other.read(i) for i in range(len(other))]
    try:
        known = blocked()
        hits = [known.holds(m) for m in molecules]
    except ValueError as why:
        return [closed(str(why), len(other))]
    found = [
        judged(
            AUDIT,
            "on the block list",
            proportion(hits),
            0.0,
            "low",
            "which ones is not told; ask whoever keeps the list",
        )
    ]
    if len(other) < 10:
        found = [closed_or(found[0], sum(hits))]
    ours = proportion([bool(alerts(m)) for m in molecules[:most]])
    theirs = proportion([bool(alerts(real.read(i))) for i in range(min(len(real), most))]) if real else None
    note = (
        Said("PAINS, BRENK, NIH and ChEMBL alerts; in the real set {theirs}", theirs=f"{theirs.value:.3f}")
        if theirs
        else ""
    )
    return [*found, judged(AUDIT, "structural alerts", ours, note=note)]


def closed(why: str, n: int) -> Finding:
    """The finding of a screen that could not be made."""
    return Finding(AUDIT, "on the block list", None, None, None, n, 0.0, "low", "fail", why)


def closed_or(found: Finding, hits: int) -> Finding:
    """Of fewer than ten molecules too a hit is a hit: nothing is estimated here, everything is looked at."""
    from dataclasses import replace

    return replace(found, verdict="fail" if hits else "pass")


__all__ = ["AUDIT", "dual_use", "not_done", "noted"]
