"""Datasheet (Gebru et al. 2021, arXiv:1803.09010) and card of a data set in English and Portuguese, filled from its run."""

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from string import Template

from difusa.datasets.work import Bench
from difusa.shared.files import write_text

TEMPLATES = Path(__file__).parent / "templates"
LANGUAGES = {"en": 0, "pt-BR": 1}  # and the place of each in a pair of texts
WORDS = {
    "none": ("none", "não há"), "not said": ("not said", "não informado"), "samples": ("samples", "amostras"),
    "file": ("file", "arquivo"), "what": ("what it is", "o que é"), "field": ("field", "campo"),
    "conditions": ("conditions", "condições"), "all": ("all alike", "todas iguais"), "reason": ("reason", "motivo"),
}  # fmt: skip
MOST = 12  # sources of one licence that are named; the manifest names all
SIZES = ((1000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"), (10**9, "n>1M"))


def write_sheets(out: Path, manifest: dict, bench: Bench, told: dict, kinds: Collection[str]) -> None:
    """Writes datasheet.LANGUAGE.md and card.LANGUAGE.md for both languages; kinds: suffixes of the files that there are."""
    for language, place in LANGUAGES.items():
        values = values_of(manifest, bench, told, place)
        values["files"] = files_of(bench, kinds, place)
        for kind in ("datasheet", "card"):
            template = Template((TEMPLATES / f"{kind}.{language}.md").read_text(encoding="utf-8"))
            write_text(Path(out) / f"{kind}.{language}.md", template.substitute(values))


def values_of(manifest: dict, bench: Bench, told: dict, place: int) -> dict[str, str]:
    """What the templates ask for, in the language at that place of a pair."""
    recipe, about = bench.recipe, bench.recipe.about

    def word(name: str) -> str:
        return WORDS[name][place]

    def said(name: str) -> str:
        """The recipe's text in this language, in the other where that is all there is."""
        texts = getattr(about, name), getattr(about, f"{name}_pt")
        return texts[place] or texts[1 - place] or word("not said")

    def number(value: float, digits: int = 0) -> str:
        text = f"{value:,.{digits}f}"
        return text if not place else text.translate(str.maketrans(",.", ".,"))

    valid = told["valid"]
    shares = [number(100 * valid[k], 1) for k in ("value", "low", "high")]
    cells = [[_conditions(c["conditions"], word("all")), number(c["count"])] for c in told["cells"]]
    ranges = [[f"{k}: {low} – {high}", number(told["count"])] for k, (low, high) in recipe.conditions.ranges.items()]
    return {
        "title": said("title") if said("title") != word("not said") else recipe.name,
        "name": recipe.name,
        "domain": recipe.domain,
        "purpose": said("purpose"),
        "limits": said("limits"),
        "creators": ", ".join(about.creators) or word("not said"),
        "contact": about.contact or word("not said"),
        "licence": about.licence or word("not said"),
        "licence_id": about.licence.lower() or "unknown",
        "credit": about.credit or word("not said"),
        "count": number(told["count"]),
        "stored": number(told["stored"]),
        "drawn": number(told["drawn"]),
        "shards": number(told["shards"]),
        "megabytes": number(told["bytes"] / 1e6, 1),
        "valid": f"{shares[0]} % [{shares[1]}, {shares[2]}]",
        "facts": table((word("field"), word("what")), [[f"`fact_{k}`", v[place]] for k, v in bench.factory.facts.items()]),
        "cells": table((word("conditions"), word("samples")), cells + ranges),
        "reasons": _reasons(told["reasons"], word, number),
        "refused": _reasons(told["refused"], word, number),
        "models": _named(manifest["models"], word("none")),
        "sources": _named(manifest["sources"], word("none")),
        "plan": manifest["plan"] or word("none"),
        "seed": str(recipe.seed),
        "recipe_sha256": recipe.sha256,
        "software": ", ".join(f"{k} {v}" for k, v in manifest["versions"].items()),
        "created": manifest["created"],
        "cpu_hours": number(told["cpu_seconds"] / 3600, 3),
        "energy": number(told["energy_watt_hours"], 1),
        **{k: number(v, 4 if v < 1 else 2) for k, v in told["energy_of"].items()},
        "signing": manifest["keys"]["signing"],
        "audits": ", ".join(recipe.audits) or word("none"),
        "size": next(name for most, name in SIZES if told["count"] < most),
    }  # fmt: skip


def files_of(bench: Bench, kinds: Collection[str], place: int) -> str:
    """What each file of a sample is; of numbered ones one for all."""
    there = {re.sub(r"\b\d{4}\b", "NNNN", k) for k in kinds}
    known = {"json": ("what the index tells of the sample", "o que o índice diz da amostra"), **bench.factory.files}
    known["passport.json"] = ("signed record of the sample's files", "registro assinado dos arquivos da amostra")
    rows = [[f"`ID.{k}`", v[place]] for k, v in known.items() if k in there]
    return table((WORDS["file"][place], WORDS["what"][place]), rows)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(str(c).replace("|", "\\|") for c in line) + " |" for line in lines)


def _conditions(cell: dict, alone: str) -> str:
    said = [f"{k}: {'; '.join(v) if isinstance(v, tuple) else v}" for k, v in cell.items()]
    return ", ".join(said) or alone


def _reasons(found: dict, word, number) -> str:
    rows = [[reason, number(n)] for reason, n in found.items()]
    return table((word("reason"), word("samples")), rows) if rows else word("none")


def _named(rows: Sequence[dict], none: str) -> str:
    """Names with fingerprints; those of one licence and credit in one line, of many the first."""
    groups: dict[str, list[dict]] = {}
    for row in rows:
        groups.setdefault(", ".join(row[k] for k in ("licence", "credit") if row.get(k)), []).append(row)
    lines = []
    for about, own in groups.items():
        names = ", ".join(f"{r['name']} (`{r['sha256'][:16]}`)" for r in own[:MOST])
        more = f", … ({len(own)})" if len(own) > MOST else ""
        lines.append(f"- {f'{about}: ' if about else ''}{names}{more}")
    return "\n".join(lines) or none
