"""Whose works a set was learnt from: licences, opt-outs, attribution with shares, and which sources it leans on."""

import fnmatch
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from difusa.ethics.findings import Finding, judged, not_done, noted
from difusa.ethics.nearest import index, nearest
from difusa.ethics.samples import Samples
from difusa.shared.metrics import share
from difusa.shared.passport.saying import Said
from difusa.shared.sources import Optout
from difusa.shared.training.recipe import parse

AUDIT, FILE = "origin", "sources.toml"


@dataclass(frozen=True)
class Origin:
    """One source of training data: files are patterns of names; licence an SPDX name; until: when the licence ends."""

    name: str
    licence: str
    credit: str
    files: tuple[str, ...] = ("*",)
    url: str = ""


def origins(path: Path) -> list[Origin]:
    """The sources that a TOML file lists, each as [[source]]. Raises ValueError naming what it lacks."""
    try:
        table = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as why:
        raise ValueError(f"{path} is no TOML file: {why}") from why
    if set(table) != {"source"} or not table["source"]:
        raise ValueError(f"{path}: the sources are written as [[source]] with name, licence, credit and files")
    return [parse(Origin, row, f"source {number}") for number, row in enumerate(table["source"], start=1)]


def source_of(name: str, known: list[Origin]) -> str:
    """The first source whose pattern fits a name; "" if none does."""
    return next((o.name for o in known if any(fnmatch.fnmatch(name, p) for p in o.files)), "")


def law(real: Samples, other: Samples, known: list[Origin], allowed: tuple[str, ...], out: Optout) -> list[Finding]:
    """Findings: every training thing has a source, every licence is one of `allowed`, nothing opted out is in either set."""
    names = [source_of(name, known) for name in real.ids]
    counts = Counter(names)
    found = [judged(AUDIT, "without a source", share([not n for n in names]), 0.0, "low", "of the training things")]
    foreign = sorted({o.licence for o in known if counts[o.name] and o.licence not in allowed})
    note = Said(
        "licences not allowed: {names}; allowed by the policy, as SPDX writes them: {known}",
        names=", ".join(foreign) or "-", known=", ".join(allowed),
    )  # fmt: skip
    bad = [n for n in names if any(o.name == n and o.licence in foreign for o in known)]
    found.append(judged(AUDIT, "under another licence", share([n in bad for n in names]), 0.0, "low", note))
    found += [
        noted(AUDIT, f"share of {o.name}", counts[o.name] / len(names), counts[o.name], f"{o.licence}; {o.credit}")
        for o in known
    ]
    return found + opted_out(real, other, out)


def opted_out(real: Samples, other: Samples, out: Optout) -> list[Finding]:
    """That nothing on the opt-out list is in the training data, nor a copy of it in the synthetic set."""
    rows = []
    for name, samples in (("opted out, in the training data", real), ("opted out, in the set", other)):
        hits = [Path(i).stem in out.names or i in out.names for i in samples.ids]
        if out.hashes and samples.domain == "heritage":
            hits = [h or out.holds(samples.read(i)) for i, h in enumerate(hits)]
        rows.append(judged(AUDIT, name, share(hits), 0.0, "low"))
    return rows


def unknown_origin() -> list[Finding]:
    """What is said where no list of sources was given."""
    return [not_done(AUDIT, Said("no list of sources: name one by --sources, see {file}", file=FILE))]


def attributed(real: Samples, other: Samples, known: list[Origin], style: str | None) -> list[dict]:
    """Of each synthetic thing the nearest training thing, its distance, its source and credit, and its `style` (artist, say).

    Nearness in the audit's features: of pictures what a network sees of style and motif; no proof of use, and no verdict.
    Raises ValueError for a style that the training things have no column of.
    """
    if style is not None and style not in real.attributes:
        raise ValueError(
            f"--style {style}: the real set has the columns {', '.join(real.attributes) or 'none'}; give --real-attributes"
        )
    places, away = (found[:, 0] for found in nearest(index(real.features), other.features))
    by = {o.name: o for o in known}
    rows = []
    for name, place, distance in zip(other.ids, places.tolist(), away.tolist()):
        origin = by.get(source_of(real.ids[place], known))
        row = {"id": name, "nearest": real.ids[place], "distance": round(distance, 6)}
        if known:
            row |= {
                k: getattr(origin, v, "") for k, v in (("source", "name"), ("licence", "licence"), ("credit", "credit"))
            }
        rows.append(row | ({style: str(real.attributes[style][place])} if style else {}))
    return rows


def leaning(real: Samples, rows: list[dict], known: list[Origin], style: str | None, most: int = 10) -> list[Finding]:
    """To how many synthetic things each source (and each artist, say) is the nearest, beside its share of the training data."""
    found = []
    if known:
        theirs = Counter(source_of(name, known) for name in real.ids)
        found += _nearest_to("source", [r["source"] for r in rows], theirs, len(known))
    if style:
        theirs = Counter(np.asarray(real.attributes[style]).astype(str).tolist())
        found += _nearest_to(style, [r[style] for r in rows], theirs, most)
    return found


def _nearest_to(what: str, ours: list[str], theirs: Counter, most: int) -> list[Finding]:
    total, rows = sum(theirs.values()), []
    for name, _ in Counter(ours).most_common(most):
        note = Said("share of the training data: {own}", own=f"{theirs[name] / total:.3f}")
        rows.append(judged(AUDIT, f"nearest to {what} {name or '?'}", share([o == name for o in ours]), note=note))
    return rows


def attribution(real: Samples, rows: list[dict], known: list[Origin]) -> str:
    """The list of all sources, one a line: name, credit, licence, share of the training data and of the nearest things."""
    learnt = Counter(source_of(name, known) for name in real.ids)
    near = Counter(r["source"] for r in rows)
    lines = [
        f"{o.name}: {o.credit} ({o.licence}): {100 * learnt[o.name] / len(real):.1f} %, {100 * near[o.name] / len(rows):.1f} %"
        for o in known
    ]
    return "\n".join(lines)
