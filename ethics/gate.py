"""The release gate: a staged data set leaves only with the audits that recipe and policy demand, or with a name under it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from difusa.ethics.policy import Policy, lacking
from difusa.shared.passport.keys import Keys
from difusa.shared.passport.signing import Malformed, Trust, opened, sealed, standing

MARKER, MANIFEST, AUDIT, RELEASE = "UNRELEASED", "manifest.json", "audit.json", "RELEASE.json"
SHORTEST = 20  # letters of a reason for an override


@dataclass(frozen=True)
class Person:
    """Who answers for a release; office: what entitles them (for medicine their registration, such as CRM-SP 123456)."""

    name: str
    office: str


def sealed_audit(told: dict, keys: Keys) -> dict:
    """A report (findings.as_json) as it is kept in a data set: signed, so that nobody edits a verdict unseen."""
    return sealed(
        {"content": {"kind": "audit", "sha256": told["about"]["content_sha256"]}, "report": told}, keys
    ).as_json()


def audited(folder: Path, trust: Trust) -> dict:
    """The report kept in a data set. Raises ValueError where there is none, or its signature is not one of ours."""
    path = Path(folder) / AUDIT
    if not path.exists():
        raise ValueError(f"{folder} was never audited: difusa audit {folder} --against REAL --report REPORT.html")
    return ours(path, trust, "audit the set again")["report"]


def ours(path: Path, trust: Trust, advice: str) -> dict:
    """The record that a file of the set bears. Raises ValueError, with the advice, where it is malformed or another's."""
    try:
        found = opened(path.read_bytes())
    except Malformed as why:
        raise ValueError(f"{path}: {why}; {advice}") from why
    if (who := standing(found, trust)) != "ours":
        raise ValueError(f"{path} bears a signature that is {who}: {advice}, or name its signer in DIFUSA_TRUST")
    return found.record


def staged(folder: Path) -> dict:
    """The manifest of a data set that awaits its release. Raises ValueError where it is none, or was released already."""
    folder = Path(folder)
    if not (folder / MANIFEST).exists():
        raise ValueError(f"{folder} holds no {MANIFEST}: only data sets that `difusa batch` made are released")
    if not (folder / MARKER).exists():
        raise ValueError(
            f"{folder} bears no {MARKER}: it was released already, or taken out of its staging folder by hand"
        )
    return whole(folder)


def whole(folder: Path) -> dict:
    """The manifest of a data set whose shards are all there. Raises ValueError, with the way out, where some are missing."""
    found = json.loads((Path(folder) / MANIFEST).read_text(encoding="utf-8"))
    there, wanted = len(list(Path(folder).glob("shards/shard-*.tar"))), found.get("shards", 0)
    if there < wanted:
        raise ValueError(
            f"{folder} is not finished: {there} of {wanted} shards; difusa batch RECIPE --out {folder} --resume makes the rest"
        )
    return found


def objections(
    folder: Path, manifest: dict, policy: Policy, fingerprint: str, trust: Trust, content: str
) -> tuple[list[str], dict | None]:
    """Everything that stands against a release, one sentence each (none: it may go), and the report, if one can be believed."""
    asked = policy.asks(manifest["recipe"]["domain"], tuple(manifest["recipe"].get("audits", ())))
    try:
        report = audited(folder, trust)
    except ValueError as why:
        return [str(why)], None
    reasons = lacking(report, asked, policy)
    if report["about"].get("content_sha256") != content:
        reasons.insert(0, "the data were changed after the audit: audit them again")
    if report["about"].get("policy_sha256") != fingerprint:
        reasons.insert(0, "the audit was made under another policy: audit again under this one")
    return reasons, report


def decided(
    domain: str, reasons: list[str], policy: Policy, reviewer: Person | None, override: str | None, by: Person | None
) -> dict:
    """What the record says of the decision. Raises ValueError where the set may not go."""
    if domain in policy.release.sign_off and not complete(reviewer):
        raise ValueError(
            f"a release of {domain} data needs a named reviewer: --reviewer with first and last name, and --registration OFFICE "
            "(such as CRM-SP 123456)"
        )
    if reasons and override is None:
        raise ValueError(
            "not released: "
            + "; ".join(reasons)
            + ". Whoever answers for it all the same says why: --override REASON --by NAME --office OFFICE"
        )
    if override is not None and len(override.strip()) < SHORTEST:
        raise ValueError(f"--override {override!r}: a reason has at least {SHORTEST} letters")
    if override is not None and not complete(by):
        raise ValueError(
            "--override needs somebody who answers for it: --by with first and last name, --office with what entitles them"
        )
    return {
        "passed": not reasons,
        "objections": reasons,
        "reviewer": vars(reviewer) if complete(reviewer) else None,
        "override": {"reason": override.strip(), **vars(by)} if override is not None and reasons else None,
    }


def complete(person: Person | None) -> bool:
    """Whether somebody is named, with an office."""
    return person is not None and len(person.name.split()) > 1 and bool(person.office.strip())


def sealed_release(decision: dict, content: str, told: dict, keys: Keys) -> dict:
    """The signed record of a release."""
    return sealed({"content": {"kind": "release", "sha256": content}, "decision": decision, **told}, keys).as_json()


def released(folder: Path, trust: Trust, content: str) -> dict:
    """The manifest of a data set that was let go as it lies there. Raises ValueError where it was not, or is another one now."""
    path = Path(folder) / RELEASE
    if (Path(folder) / MARKER).exists() or not path.exists():
        raise ValueError(f"{folder} is not released: difusa release {folder}")
    if ours(path, trust, "get a fresh copy")["content"] != {"kind": "release", "sha256": content}:
        raise ValueError(f"{folder} was changed after its release: get a fresh copy, or audit and release it anew")
    return json.loads((Path(folder) / MANIFEST).read_text(encoding="utf-8"))


def let_go(folder: Path, record: dict, write: Callable[[Path, dict], None]) -> None:
    """The record first, then the marker away: a crash between the two leaves a set that is still unreleased."""
    write(Path(folder) / RELEASE, record)
    (Path(folder) / MARKER).unlink()
