"""The papers that go with a release, in Portuguese and English: impact assessment (RIPD), limits, acceptable use, model card.

What a program can know is filled in; what only people know stands as [to be filled in] and is theirs to write.
"""

from pathlib import Path
from string import Template

from difusa.shared.files import write_text

TEMPLATES = Path(__file__).parent / "templates"
LANGUAGES, KINDS = ("en", "pt-BR"), ("impact", "limits", "use", "model")
BLANK = {"en": "[to be filled in]", "pt-BR": "[a preencher]"}
VERDICTS = {"pass": "aprovada", "fail": "reprovada", "no claim": "sem afirmação", "noted": "anotada"}
AUDITS = {
    "fidelity": "fidelidade e diversidade", "privacy": "privacidade", "bias": "viés", "usefulness": "utilidade",
    "origin": "direito e origem", "safety": "duplo uso e segurança", "drift": "deriva",
}  # fmt: skip


def papers(values: dict[str, str], kinds=KINDS) -> dict[str, str]:
    """File name -> text, for both languages; a field that `values` lacks stays blank, to be filled in by hand."""
    found = {}
    for language in LANGUAGES:
        for kind in kinds:
            text = (TEMPLATES / f"{kind}.{language}.md").read_text(encoding="utf-8")
            names = Template(text).get_identifiers()
            filled = {n: values.get(f"{n}.{language}") or values.get(n) or BLANK[language] for n in names}
            found[f"{kind}.{language}.md"] = Template(text).substitute(filled)
    return found


def values_of(manifest: dict, report: dict | None, decision: dict | None) -> dict[str, str]:
    """What the papers can say from a data set's manifest, its audit and the decision to release it."""
    recipe = manifest["recipe"]
    about = recipe.get("about", {})
    models = ", ".join(f"{m['name']} ({m['sha256'][:16]})" for m in manifest.get("models", ()))
    sources = "\n".join(f"- {s['name']}" for s in manifest.get("sources", ()))
    told = {
        "name": recipe["name"], "domain": recipe["domain"], "count": str(manifest["count"]), "models": models,
        "sources": sources, "recipe_sha256": manifest["recipe_sha256"], "licence": about.get("licence", ""),
        "credit": about.get("credit", ""), "contact": about.get("contact", ""),
        "purpose.en": about.get("purpose", ""), "purpose.pt-BR": about.get("purpose_pt", ""),
        "limits.en": about.get("limits", ""), "limits.pt-BR": about.get("limits_pt", ""),
    }  # fmt: skip
    if report is not None:
        told |= {"audits.en": audits(report, "en"), "audits.pt-BR": audits(report, "pt-BR")}
    if decision is not None and decision["reviewer"]:
        told["reviewer"] = "{name}, {office}".format(**decision["reviewer"])
    return told


def audits(report: dict, language: str) -> str:
    """The verdicts and what failed, as a list."""
    portuguese = language == "pt-BR"
    lines = []
    for audit, verdict in report["verdicts"].items():
        failed = [f["name"] for f in report["findings"] if f["audit"] == audit and f["verdict"] == "fail"]
        name, said = (AUDITS[audit], VERDICTS[verdict]) if portuguese else (audit, verdict)
        lines.append(f"- {name}: {said}" + (f" ({', '.join(failed)})" if failed else ""))
    return "\n".join(lines)


def write_papers(folder: Path, values: dict[str, str], kinds=KINDS) -> list[Path]:
    """Writes the papers into a folder; those that are there already stay as people left them."""
    written = []
    for name, text in papers(values, kinds).items():
        path = Path(folder) / name
        if not path.exists():
            write_text(path, text)
            written.append(path)
    return written
