"""The page "Verify": a file and its passport, and whether it is ours and as it was, in words for people who sign for it."""

import tempfile
from pathlib import Path

import streamlit as st

from difusa.apps import detect_part
from difusa.apps.i18n import session_language, translator
from difusa.apps.verify import marked, trusted
from difusa.apps.verify_words import BY_MARK, headline, meaning, told
from difusa.shared.passport.content import SIDECAR
from difusa.shared.passport.signing import Trust
from difusa.shared.passport.verdict import CHANGED, INTACT, STRANGER, UNKNOWN, Verdict, verdict

BOXES = {INTACT: st.success, CHANGED: st.warning, STRANGER: st.error, UNKNOWN: st.info}


def draw() -> None:
    """Draw the page."""
    _ = translator(session_language())
    st.title(_("Verify a file"))
    st.write(_("Who made a file with Difusa, and was it changed since? Nothing is sent anywhere."))
    given = st.file_uploader(
        _("The file, and its passport (the file that ends in .passport.json) if you have it"),
        accept_multiple_files=True,
        key="verify_files",
    )
    with st.expander(_("Whose signatures count")):
        st.write(_("Your own, and those of whoever gave you a public certificate (difusa keys export writes one)."))
        others = st.file_uploader(_("Public certificates (PEM)"), accept_multiple_files=True, key="verify_trust")
    try:
        trust = everybody(others)
    except (ValueError, OSError):
        st.error(_("These are no public certificates that can be read."))
        return
    if not given:
        st.info(_("Choose a file to begin. It stays on this machine."))
        return
    files = {plain(u.name): u.getvalue() for u in given}
    for found in judged(given, trust):
        show(found, _)
        name = Path(found.path).name
        if name in files and not name.endswith(SIDECAR):
            detect_part.draw(name, files[name], _)
    st.caption(
        _(
            "A signature says who vouches for a file, not that what it shows is true. What the detector says is an estimate, and "
            "no expert opinion."
        )
    )


def everybody(others) -> Trust:
    """Your own certificates and those that were uploaded. Raises ValueError or OSError for what is none."""
    trust = trusted()
    for other in others or []:
        trust = trust.adding(other.getvalue(), other.name)
    return trust


def plain(name: str) -> str:
    """A file's own name without folders; what an operating system could stumble over is left out."""
    name = "".join(c for c in Path(name.replace("\\", "/")).name if c.isprintable())
    return (name if name not in ("", ".", "..") else "file")[-200:]


def judged(uploads, trust: Trust) -> list[Verdict]:
    """The verdicts on the files; a single passport beside a single file belongs to it, whatever the names."""
    files = {plain(u.name): u.getvalue() for u in uploads}
    passports = [n for n in files if n.endswith(SIDECAR)]
    others = [n for n in files if not n.endswith(SIDECAR)] or passports
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        alone = len(others) == len(passports) == 1 and others != passports
        beside = Path(folder) / passports[0] if alone else None
        return [marked(Path(folder) / n, verdict(Path(folder) / n, trust, beside)) for n in others]


def show(found: Verdict, _) -> None:
    """One verdict: its name, what it means, why, and what the passport tells."""
    st.subheader(found.path)
    by_mark = found.status == CHANGED and found.record is None and not found.issuer
    means = _(BY_MARK) if by_mark else meaning(found.status, _).format(issuer=found.issuer or "?")
    BOXES[found.status](f"**{headline(found.status, _)}** {means}")
    for reason in found.reasons:
        st.markdown(f"- {_plain_text(told(reason, _))}")
    facts = (found.record or {}).get("made") or {}
    rows = {
        _("Signed by"): found.issuer,
        _("On"): found.made.replace("T", " ").replace("Z", " UTC"),
        _("Made with"): " ".join(
            str(v) for v in ("Difusa", facts.get("software", {}).get("difusa", ""), facts.get("verb", ""))
        ),
        _("Models"): ", ".join(f"{m.get('name')} ({str(m.get('sha256'))[:12]})" for m in facts.get("models", [])),
        _("Made from"): ", ".join(str(s.get("name")) for s in facts.get("sources", [])),
        _("Seed"): "" if facts.get("seed") is None else str(facts["seed"]),
    }
    if facts:
        st.table({k: v for k, v in rows.items() if v})


def _plain_text(text: str) -> str:
    """Words of a stranger's file without their meaning in Markdown."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]()<>#+!|$~:" else c for c in text)


if __name__ == "__main__":
    draw()
