"""Whether a file is ours and as it was: reads the file, its sidecar and the passport inside; needs only public certificates."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from difusa.shared.passport.attaching import sidecar
from difusa.shared.passport.changes import Changes, compared, prints
from difusa.shared.passport.content import SIDECAR, Opened, described_folder, file_digest, read
from difusa.shared.passport.credentials import credentials
from difusa.shared.passport.saying import Said
from difusa.shared.passport.signing import Envelope, Malformed, Trust, digest, issuer, off_the_clock, opened, standing
from difusa.shared.passport.stamps import judged, run_of

INTACT, CHANGED, STRANGER, UNKNOWN = 0, 1, 2, 3
WORDS = {
    INTACT: "intact and ours",
    CHANGED: "ours, but changed",
    STRANGER: "not ours",
    UNKNOWN: "cannot tell",
}

DAMAGED = {"sidecar": "the sidecar is damaged: {why}", "inside": "the passport inside the file is damaged: {why}"}
STRANGE = {
    "sidecar": "the sidecar is signed by a key that you do not know, which calls itself {name}",
    "inside": "the passport inside the file is signed by a key that you do not know, which calls itself {name}",
}
FORGED = {
    "sidecar": "the sidecar is forged, or was altered after signing: its signature does not fit",
    "inside": "the passport inside the file is forged, or was altered after signing: its signature does not fit",
}
CREDENTIALS = {
    "ours": (INTACT, "by its Content Credentials (C2PA)"),
    "changed": (
        CHANGED,
        "its Content Credentials (C2PA) are ours, but the file is not as it was when they were written",
    ),
    "stranger": (STRANGER, "its Content Credentials (C2PA) are of a key that you do not know, or are damaged"),
}
ROWS = {
    "changed": "record {n} was changed",
    "forged": "record {n} has a stamp that does not fit",
    "none": "record {n} is not ours: it has no stamp",
    "stranger": "record {n} is stamped by a key that you do not know",
}


@dataclass(frozen=True)
class Verdict:
    """What was found of one file: status 0 to 3 as in WORDS, why in sentences, where it was changed, what the passport says."""

    path: str
    status: int
    reasons: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    issuer: str = ""
    made: str = ""
    record: dict | None = None

    @property
    def sentence(self) -> str:
        """One line for a person."""
        told = "; ".join(self.reasons)
        return f"{self.path}: {WORDS[self.status]}" + (f" ({told})" if told else "")

    def as_json(self) -> dict:
        """For the report: made_with is what the passport tells, where its signature holds."""
        facts = None if self.record is None else self.record.get("made")
        return {
            "file": self.path, "verdict": WORDS[self.status], "status": self.status, "reasons": list(self.reasons),
            "where": list(self.where), "issuer": self.issuer, "made": self.made, "made_with": facts,
        }  # fmt: skip


@dataclass
class Evidence:
    """What one passport of a file is worth: where it was found, its envelope, its standing; problem if it is no passport."""

    place: str
    envelope: Envelope | None = None
    standing: str = ""
    problem: str = ""
    changes: Changes | None = field(default=None)

    @property
    def ours(self) -> bool:
        return self.standing == "ours"


def verdict(path: Path, trust: Trust, beside: Path | None = None, now: datetime | None = None) -> Verdict:
    """The verdict on a file or folder; beside: its sidecar, by default FILE.passport.json. Never raises for what a file holds.

    A file in a folder that was signed as one is looked up in that folder's sidecar where it has none of its own.
    """
    path = Path(path)
    shown = path.name or str(path)
    try:
        return _verdict(path, shown, trust, beside, now or datetime.now(UTC))
    except Malformed as error:
        return Verdict(shown, UNKNOWN, (error.said,))
    except (OSError, MemoryError) as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return Verdict(shown, UNKNOWN, (Said("it cannot be read: {why}", why=why),))


def _verdict(path: Path, shown: str, trust: Trust, beside: Path | None, now: datetime) -> Verdict:
    if not path.exists():
        return Verdict(shown, UNKNOWN, (Said("there is no such file"),))
    outer = _beside(path, trust, beside)
    found = content = None
    try:
        if path.is_dir():
            content = described_folder(path)
        else:
            found = read(path)
    except Malformed as error:
        if not (outer and outer.ours and _named(outer, path)):
            raise
        return Verdict(shown, CHANGED, (error.said,), ("throughout",), **_facts(outer.envelope))
    inner = _inner(found, trust)
    if outer is None and inner is None and (member := _member(path, trust)):
        return member
    for each in (outer, inner):
        if each and each.ours:
            each.changes = compared(each.envelope.record["content"], found, content)
    if not trust.known and (outer or inner or (found and any(r.stamp for r in found.rows))):
        return Verdict(
            shown,
            UNKNOWN,
            (Said("it carries a passport, but you hold no public certificate to check it: ask the issuer"),),
        )
    if outer and outer.ours:
        return _by_sidecar(path, shown, outer, inner, found, trust, now)
    wrong = _wrong(outer)
    if inner and inner.ours:
        return _by_inner(shown, inner, outer, wrong)
    if found and any(r.stamp for r in found.rows):
        return _by_stamps(path, shown, found, trust, outer, wrong)
    told = tuple(w for w in (wrong, _wrong(inner)) if w)
    kind, name = credentials(found.data, found.kind, trust) if found else ("", "")
    if kind:
        status, words = CREDENTIALS[kind]
        status = CHANGED if told and status == INTACT else status
        return Verdict(shown, status, (Said(words), *told), issuer="" if status == STRANGER else name)
    if any(e and e.envelope for e in (outer, inner)):
        return Verdict(shown, STRANGER, told)
    if outer is None:
        told = (Said("it carries no passport, and there is no {name} beside it", name=path.name + SIDECAR),)
    return Verdict(shown, UNKNOWN, told)


def _beside(path: Path, trust: Trust, given: Path | None) -> Evidence | None:
    place = given or sidecar(path.resolve() if path.name in ("", "..") else path)
    if not place.exists():
        if given:
            return Evidence("sidecar", problem=Said("there is no {name}", name=given.name))
        return None
    if not place.is_file():
        return Evidence("sidecar", problem=Said("the sidecar is no file"))
    try:
        with open(place, "rb") as file:
            return _evidence("sidecar", file.read(64 * 2**20 + 1), trust)
    except OSError as error:
        return Evidence("sidecar", problem=Said("the sidecar cannot be read: {why}", why=error.strerror))


def _member(path: Path, trust: Trust) -> Verdict | None:
    """The verdict by the sidecar of the folder that the file lies in; None if there is none, or it does not name the file."""
    folder = path.resolve().parent
    outer = _beside(folder, trust, None)
    if not (outer and outer.ours) or not path.is_file():
        return None
    try:
        signed = prints(outer.envelope.record["content"]["parts"])[path.name]
    except (KeyError, TypeError, ValueError):
        return None
    if file_digest(path) == signed:
        return Verdict(
            path.name, INTACT, (Said("as one of the files of {name}", name=folder.name),), **_facts(outer.envelope)
        )
    told = Said("it is not as in {name} when that was signed", name=folder.name)
    return Verdict(path.name, CHANGED, (told,), **_facts(outer.envelope))


def _inner(found: Opened | None, trust: Trust) -> Evidence | None:
    return None if found is None or found.text is None else _evidence("inside", found.text, trust)


def _evidence(place: str, raw: bytes, trust: Trust) -> Evidence:
    try:
        envelope = opened(raw)
        return Evidence(place, envelope, standing(envelope, trust))
    except Malformed as error:
        return Evidence(place, problem=Said(DAMAGED[place], why=error.said))


def _wrong(evidence: Evidence | None) -> Said | str:
    """What is wrong with a passport that is not ours."""
    if evidence is None or evidence.ours:
        return ""
    if evidence.problem:
        return evidence.problem
    if evidence.standing == "stranger":
        name = issuer(evidence.envelope)
        return Said(STRANGE[evidence.place], name=name)
    return Said(FORGED[evidence.place])


def _facts(envelope: Envelope) -> dict:
    """What the verdict tells of a passport that is ours."""
    return {"issuer": issuer(envelope), "made": (envelope.filed or {}).get("made", ""), "record": envelope.record}


def _named(outer: Evidence, path: Path) -> bool:
    """Whether the sidecar was written for a file of this name."""
    return outer.envelope.filed is not None and outer.envelope.filed["name"] == path.name


def _by_sidecar(path: Path, shown: str, outer: Evidence, inner, found, trust: Trust, now: datetime) -> Verdict:
    """The sidecar is signed by us: does it fit the file, and the passport inside?"""
    envelope, changes, facts = outer.envelope, outer.changes, _facts(outer.envelope)
    if changes.none:
        where = _inside_wrong(outer, inner, found, trust)
        if where:
            return Verdict(shown, CHANGED, tuple(where), tuple(where), **facts)
        late = off_the_clock(envelope, now)
        return Verdict(shown, UNKNOWN if late else INTACT, (late,) if late else (), **facts)
    if inner and inner.ours and inner.changes.none:
        reason = Said("the file is as it was signed, but the sidecar beside it belongs to another file")
        return Verdict(shown, CHANGED, (reason,), ("sidecar",), issuer(inner.envelope), record=inner.envelope.record)
    if inner and inner.ours and digest(inner.envelope.record) != digest(envelope.record):
        return _by_inner(shown, inner, outer, Said("the sidecar beside it belongs to another file"))
    if changes.related or _named(outer, path) or (inner and inner.ours):
        return Verdict(shown, CHANGED, changes.reasons, changes.where, **facts)
    whose = envelope.filed["name"] if envelope.filed else "?"
    own = _by_stamps(path, shown, found, trust, None, "") if found and any(r.stamp for r in found.rows) else None
    if own and own.status in (INTACT, CHANGED):
        reason = Said("the sidecar beside it belongs to another file: it was written for {name}", name=whose)
        return Verdict(shown, CHANGED, (reason, *own.reasons), ("sidecar", *own.where), own.issuer, record=None)
    words = "the passport is genuine, but no part of this file fits it: it was written for {name}, and was swapped"
    return Verdict(shown, UNKNOWN, (Said(words, name=whose),))


def _inside_wrong(outer: Evidence, inner, found, trust: Trust) -> list[str]:
    """What is wrong with the passport or the stamps inside a file that is otherwise as it was signed."""
    carries = outer.envelope.record["content"].get("carries")
    if found is None:
        return []
    if found.rows:
        bad = [k for k, r in enumerate(found.rows, 1) if judged(r, trust) not in (("ours",) if carries else ("none",))]
        if not bad or carries is None:
            return []
        return [Said("the stamp of record {n} was changed or taken out", n=_listed(bad))]
    if inner is None:
        return [Said("the passport inside the file was taken out")] if carries else []
    if not inner.ours:
        return [_wrong(inner)]
    same = digest(inner.envelope.record) == digest(outer.envelope.record)
    return [] if same else [Said("the passport inside the file is another than the one beside it")]


def _by_inner(shown: str, inner: Evidence, outer: Evidence | None, wrong: str) -> Verdict:
    """Only the passport inside is signed by us."""
    facts = _facts(inner.envelope)
    told = [wrong] if wrong else []
    where = ["sidecar"] if outer else []
    if not inner.changes.none:
        return Verdict(shown, CHANGED, (*inner.changes.reasons, *told), (*inner.changes.where, *where), **facts)
    if outer is None:
        return Verdict(shown, INTACT, (Said("by the passport inside it; the sidecar is missing"),), **facts)
    return Verdict(shown, CHANGED, (Said("the file is as it was signed"), *told), tuple(where), **facts)


def _by_stamps(path: Path, shown: str, found: Opened, trust: Trust, outer: Evidence | None, wrong: str) -> Verdict:
    """No passport of the whole file is ours: each record for itself."""
    seen = [judged(r, trust) for r in found.rows]
    rows = {s: [k for k, other in enumerate(seen, 1) if other == s] for s in set(seen)}
    told = [wrong] if wrong else []
    if not rows.get("ours") and not rows.get("changed"):
        strange = Said("its records carry stamps of keys that you do not know")
        what = strange if rows.get("stranger") else Said("its records carry stamps that do not fit")
        return Verdict(shown, STRANGER, (what, *told))
    runs = {run_of(r) for r, s in zip(found.rows, seen) if s == "ours"}
    where = [Said(words, n=_listed(rows[s])) for s, words in ROWS.items() if s in rows]
    if where or outer is not None:
        return Verdict(shown, CHANGED, (*where, *told), (*where, *(["sidecar"] if outer else [])))
    note = Said("each record by its own stamp; the sidecar is missing, so whether one was left out cannot be told")
    return Verdict(shown, INTACT, (note,) + ((Said("they come from several runs"),) if len(runs) > 1 else ()))


def _listed(numbers: list[int], most: int = 8) -> str:
    shown = ", ".join(map(str, numbers[:most]))
    return shown + (f" and {len(numbers) - most} more" if len(numbers) > most else "")


def report(verdicts: list[Verdict]) -> str:
    """The verdicts as JSON."""
    return json.dumps({"files": [v.as_json() for v in verdicts]}, indent=2, ensure_ascii=False) + "\n"
