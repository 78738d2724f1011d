"""Files of many records (SDF, extended XYZ) and CIF: each record carries a stamp, one line, so that it can be checked alone.

A stamp reads 1:KEY:RUN:CONTENT:SIGNATURE: the name of the key, the fingerprints of the run's facts and of the record without
its stamp, and the signature of both; base64 without padding.
"""

import base64
import hashlib
import re
from dataclasses import dataclass

from difusa.shared.passport.keys import Keys
from difusa.shared.passport.signing import Trust, fits, sign

PURPOSE = "difusa-sample/1"
STAMP = rb"1:[0-9a-f]{16}:[\w-]{43}:[\w-]{43}:[\w-]{86}"
PLACES = {  # kind -> the line in which a record carries its stamp; it stands behind `head`
    "sdf": re.compile(rb">  <DIFUSA_PASSPORT>\n(" + STAMP + rb")\n\n"),
    "xyz": re.compile(rb" difusa_passport=(" + STAMP + rb")(?=\n)"),
    "cif": re.compile(rb"(?m:^)_difusa_passport (" + STAMP + rb")\n"),
}
SUFFIXES = {".sdf": "sdf", ".mol": "sdf", ".xyz": "xyz", ".extxyz": "xyz", ".cif": "cif"}


@dataclass(frozen=True)
class Record:
    """One record without its stamp, and the stamp ("" if it has none)."""

    data: bytes
    stamp: str = ""


def records(kind: str, data: bytes) -> list[Record]:
    """The records of a file; joined they are the file, stamps apart."""
    return [_apart(kind, part) for part in _cut(kind, data)]


def _apart(kind: str, part: bytes) -> Record:
    found = PLACES[kind].search(part)
    if not found:
        return Record(part)
    made = Record(part[: found.start()] + part[found.end() :], found[1].decode())
    return made if stamped(kind, made.data, made.stamp) == part else Record(part)


def _cut(kind: str, data: bytes) -> list[bytes]:
    if kind == "cif":
        return [data]
    if kind == "sdf":
        ends = [m.end() for m in re.finditer(rb"(?m:^)\$\$\$\$[^\n]*(\n|\Z)", data)]
        rows = [data[a:b] for a, b in zip([0, *ends], [*ends, len(data)])]
        return [r for r in rows if r] or [data]
    rows, lines, at = [], data.splitlines(keepends=True), 0
    while at < len(lines):
        first = lines[at].strip()
        size = 2 + int(first) if first.isdigit() and len(first) < 8 else len(lines)
        rows.append(b"".join(lines[at : at + size]))
        at += size
    return rows or [data]


def stamped(kind: str, part: bytes, stamp: str) -> bytes:
    """A record with the stamp in its place; unchanged where it has no such place."""
    text = stamp.encode()
    if kind == "sdf":
        at = part.rfind(b"$$$$")
        return part if at < 0 else part[:at] + b">  <DIFUSA_PASSPORT>\n" + text + b"\n\n" + part[at:]
    if kind == "cif":
        return part + b"_difusa_passport " + text + b"\n" if part.endswith(b"\n") else part
    head = part.split(b"\n", 2)
    return b"\n".join([head[0], head[1] + b" difusa_passport=" + text, head[2]]) if len(head) == 3 else part


def stamp_of(keys: Keys, run: str, part: bytes) -> str:
    """The stamp of a record; run: fingerprint (hexadecimal) of the run's facts."""
    first, second = _short(bytes.fromhex(run)), _short(hashlib.sha256(part).digest())
    signature = sign(keys, PURPOSE, f"{first}:{second}".encode())
    return f"1:{keys.id}:{first}:{second}:{_short(signature)}"


def judged(record: Record, trust: Trust) -> str:
    """ "none", "stranger" (a key that is not known), "forged" (its signature does not fit), "changed", or "ours"."""
    if not record.stamp:
        return "none"
    _, key, run, content, signature = record.stamp.split(":")
    public = trust.public(key)
    if public is None:
        return "stranger"
    if not fits(public, base64.urlsafe_b64decode(signature + "=="), PURPOSE, f"{run}:{content}".encode()):
        return "forged"
    return "ours" if _short(hashlib.sha256(record.data).digest()) == content else "changed"


def run_of(record: Record) -> str:
    """The fingerprint of the run's facts in a stamp, hexadecimal."""
    return base64.urlsafe_b64decode(record.stamp.split(":")[2] + "=").hex()


def _short(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
