"""What a release asks for, and within which bounds: `policy.toml`, or an institution's own."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from difusa.ethics.fidelity import BETTER
from difusa.ethics.findings import FAIL, PASS, SILENT
from difusa.shared.files import sha256
from difusa.shared.training.recipe import parse

FILE = Path(__file__).parent / "policy.toml"
AUDITS = ("fidelity", "usefulness", "privacy", "bias", "origin", "safety")


@dataclass(frozen=True)
class Release:
    """sign_off: domains whose releases a named person must sign for."""

    sign_off: tuple[str, ...]


@dataclass(frozen=True)
class Artefacts:
    """allowed: share of pictures beyond what 98 of 100 real ones show; shift: of the mean, in standard deviations of the real."""

    allowed: float
    shift: float


@dataclass(frozen=True)
class Privacy:
    """control: planted copies that must be found; auc: of membership inference; risk: of attribute tables; by domain: chance, the
    p-value of the exact test below which it fails, and allowed, the share of copies."""

    control: float
    auc: float
    risk: float
    chance: dict
    allowed: dict


@dataclass(frozen=True)
class Bias:
    """Factors of what real against real reaches in the worst group, and of the target share."""

    coverage: float
    representation: float


@dataclass(frozen=True)
class Usefulness:
    """skill: share of the real-trained model's."""

    skill: float


@dataclass(frozen=True)
class Law:
    """licences: SPDX names of those that training data may have."""

    licences: tuple[str, ...]


@dataclass(frozen=True)
class Policy:
    """The file; required: domain or "all" -> audits; demands: audit -> findings without which it counts as not made."""

    version: int
    required: dict
    demands: dict
    release: Release
    fidelity: dict
    artefacts: Artefacts
    privacy: Privacy
    bias: Bias
    usefulness: Usefulness
    origin: Law

    def __post_init__(self):
        if self.version != 1:
            raise ValueError(f"policy version {self.version}: this program knows version 1")
        asked = [a for names in self.required.values() for a in names] + list(self.demands)
        if wrong := [a for a in asked if a not in AUDITS]:
            raise ValueError(f"policy: {wrong[0]!r} is no audit; there are {', '.join(AUDITS)}")
        if wrong := [m for m in self.fidelity if m not in BETTER]:
            raise ValueError(f"policy, [fidelity]: {wrong[0]!r} is none of {', '.join(BETTER)}")

    def asks(self, domain: str, recipe: tuple[str, ...] = ()) -> list[str]:
        """The audits that a data set of this domain must pass, those that its recipe names among them."""
        wanted = {*self.required.get("all", ()), *self.required.get(domain, ()), *recipe}
        return [a for a in AUDITS if a in wanted]


def read(path: Path | None = None) -> tuple[Policy, str]:
    """The policy and its file's SHA-256. Raises ValueError naming the wrong key."""
    path = Path(path or FILE)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as why:
        raise ValueError(f"{path} is no TOML file: {why}") from why
    return parse(Policy, table, str(path)), sha256(path)


def lacking(report: dict, asked: list[str], policy: Policy) -> list[str]:
    """Why a report (as findings.as_json gives it) does not suffice, one sentence for each audit that fails or is missing."""
    reasons = []
    for audit in asked:
        verdict = report["verdicts"].get(audit, SILENT)
        judged = {f["name"] for f in report["findings"] if f["audit"] == audit and f["verdict"] in (PASS, FAIL)}
        failed = [f["name"] for f in report["findings"] if f["audit"] == audit and f["verdict"] == FAIL]
        missing = [name for name in policy.demands.get(audit, ()) if name not in judged]
        if failed:
            reasons.append(f"{audit}: failed by {', '.join(failed)}")
        elif missing:
            reasons.append(f"{audit}: without {', '.join(missing)}")
        elif verdict != PASS:
            reasons.append(f"{audit}: nothing was judged")
    return reasons
