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
    note = Said("licences not allowed: {names}", names=", ".join(foreign) or "-")
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


def leaning(real: Samples, other: Samples, attribute: str, most: int = 5) -> list[Finding]:
    """Which sources (artists, say) the synthetic things lie nearest to, beside their share of the training data.

    Nearness of style in the audit's features; no proof of use, and no verdict.
    """
    groups = np.asarray(real.attributes[attribute]).astype(str)
    places = nearest(index(real.features), other.features)[0][:, 0]
    ours, theirs = Counter(groups[places].tolist()), Counter(groups.tolist())
    rows = []
    for name, count in ours.most_common(most):
        note = Said("share of the training data: {own}", own=f"{theirs[name] / len(groups):.3f}")
        rows.append(noted(AUDIT, f"nearest to {attribute} {name}", count / len(other), len(other), note))
    return rows
