"""Where a file departs from what its passport vouches for."""

import hashlib
from dataclasses import dataclass
from difflib import SequenceMatcher

from difusa.shared.passport.content import (
    Opened,
    alike,
    boxes,
    look,
    pixels,
    short,
    stretches,
    tiles,
)
from difusa.shared.passport.saying import Said

WHERE = {
    "anywhere": "pixels in {n} of {m} tiles, x {x}, y {y}",
    "inside": "pixels in {n} of {m} tiles, x {x}, y {y}, where the model had invented",
    "both": "pixels in {n} of {m} tiles, x {x}, y {y}, some where the model had invented and some outside",
    "outside": "pixels in {n} of {m} tiles, x {x}, y {y}, all outside of what the model had invented",
}
MANY = 3000  # records; beyond, they are compared place by place only


@dataclass(frozen=True)
class Changes:
    """none: nothing changed; related: enough is left to say that it is the same file; where, each a few words."""

    none: bool
    related: bool = True
    where: tuple[Said, ...] = ()

    @property
    def reasons(self) -> tuple[Said, ...]:
        """The first places, for a person."""
        if not self.where:
            return (Said("nothing in it is as it was signed"),)
        more = len(self.where) - 8
        return self.where[:8] + ((Said("and {n} places more", n=more),) if more > 0 else ())


def compared(signed: dict, found: Opened | None, content: dict | None) -> Changes:
    """What a record's content says against the file that was read, or the content of a folder."""
    now = content["sha256"] if content else hashlib.sha256(found.data).hexdigest()
    if now == signed["sha256"]:
        return Changes(True)
    try:
        return _placed(signed, found, content)
    except (
        KeyError,
        TypeError,
        ValueError,
        IndexError,
        AttributeError,
    ):  # signed by us, but of another version's making
        return Changes(False, False)


def _placed(signed: dict, found: Opened | None, content: dict | None) -> Changes:
    parts = signed["parts"]
    if content is not None:
        if signed["kind"] != "folder":
            return Changes(False, False)
        return _files(
            dict(zip(parts["names"], parts["sha256"])), dict(zip(content["parts"]["names"], content["parts"]["sha256"]))
        )
    if parts["of"] == "record":
        return _rows(parts["sha256"], [short(r.data) for r in found.rows])
    if parts["of"] == "tile":
        return _tiles(signed, found)
    if parts["of"] == "stretch":
        return _stretches(signed, found)
    return Changes(False, False)


def prints(parts: dict) -> dict:
    """File name -> fingerprint."""
    return dict(zip(parts["names"], parts["sha256"], strict=True))


def _files(before: dict, now: dict) -> Changes:
    changed = [n for n in before if n in now and now[n] != before[n]]
    where = [Said("{name} was changed", name=n) for n in changed]
    where += [Said("{name} is missing", name=n) for n in before if n not in now]
    where += [Said("{name} was added", name=n) for n in now if n not in before]
    return Changes(False, any(now.get(n) == p for n, p in before.items()), tuple(where))


def _rows(before: list[str], now: list[str]) -> Changes:
    same = set(before) & set(now)
    if sorted(before) == sorted(now):
        return Changes(False, True, (Said("the records are in another order"),))
    if max(len(before), len(now)) > MANY:
        where = [Said("record {n} was changed", n=k) for k, (a, b) in enumerate(zip(before, now), 1) if a != b]
        where += [Said("{n} records instead of {m}", n=len(now), m=len(before))] * (len(before) != len(now))
        return Changes(False, bool(same), tuple(where))
    where = []
    for kind, a, b, c, d in SequenceMatcher(None, before, now, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        pairs = min(b - a, d - c)
        where += [Said("record {n} was changed", n=c + k + 1) for k in range(pairs)]
        where += [Said("record {n} of those signed is missing", n=k + 1) for k in range(a + pairs, b)]
        where += [Said("record {n} was added", n=k + 1) for k in range(c + pairs, d)]
    return Changes(False, bool(same), tuple(where))


def _tiles(signed: dict, found: Opened) -> Changes:
    """Pixels in which places, and whether that is where a model had invented."""
    rows, before = pixels(found), signed["parts"]
    if rows is None:
        near = found.kind == signed["kind"] and abs(len(found.data) - signed["bytes"]) < 64
        return Changes(False, near, (Said("its pixels cannot be read"),))
    if list(rows.shape[:2]) != before["size"]:
        now, then = (f"{w} x {h}" for h, w in (rows.shape[:2], before["size"]))
        told = Said("another size: {now} pixels instead of {then}", now=now, then=then)
        return Changes(False, alike(look(rows), signed["look"]), (told,))
    now = [short(t) for t in tiles(rows)]
    changed = [k for k, (a, b) in enumerate(zip(before["sha256"], now, strict=True)) if a != b]
    if not changed:
        return Changes(
            False, True, (Said("its pixels are as they were signed; what stands beside them in the file was changed"),)
        )
    related = len(changed) < len(now) or alike(look(rows), signed["look"])
    cut = [boxes(*rows.shape[:2])[k] for k in changed]
    x = min(c[1].start for c in cut), max(c[1].stop for c in cut)
    y = min(c[0].start for c in cut), max(c[0].stop for c in cut)
    inner = set(changed) & set(signed.get("touched") or ())
    what = "inside" if len(inner) == len(changed) else "both" if inner else "outside"
    place = {"n": len(changed), "m": len(now), "x": f"{x[0]}-{x[1]}", "y": f"{y[0]}-{y[1]}"}
    where = Said(WHERE["anywhere" if signed.get("touched") is None else what], **place)
    return Changes(False, related, (where,))


def _stretches(signed: dict, found: Opened) -> Changes:
    before = signed["parts"]["sha256"]
    size = max(1, -(-signed["bytes"] // 64))
    now = [short(found.data[k : k + size]) for k in range(0, len(found.data), size)]
    if len(found.data) == signed["bytes"]:
        now = [short(s) for s in stretches(found.data)]
    same = sum(a == b for a, b in zip(before, now))
    changed = [k for k in range(max(len(before), len(now))) if k >= len(before) or k >= len(now) or before[k] != now[k]]
    where = []
    for first, last in _runs(changed):
        end = min((last + 1) * size, max(len(found.data), signed["bytes"])) - 1
        where.append(Said("bytes {first} to {last}", first=first * size, last=end))
    if len(found.data) != signed["bytes"]:
        where.insert(0, Said("{n} bytes instead of {m}", n=len(found.data), m=signed["bytes"]))
    if found.kind == "jpeg" and "look" in signed and not same:
        rows = pixels(found, lossless=False)
        if rows is not None and alike(look(rows), signed["look"]):
            return Changes(False, True, (Said("it looks the same from afar, but was saved anew"),))
    return Changes(False, 4 * same >= len(before), tuple(where))


def _runs(numbers: list[int]):
    """Neighbouring numbers together: first and last of each run."""
    start = 0
    for k in range(1, len(numbers) + 1):
        if k == len(numbers) or numbers[k] != numbers[k - 1] + 1:
            yield numbers[start], numbers[k - 1]
            start = k
