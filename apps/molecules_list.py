"""The molecules of a job to look through: filters, order, and a grid of flat pictures or a table."""

import streamlit as st

from difusa.apps import gallery, jobs, listing, molecules_draw, molecules_rows
from difusa.apps import molecules_words as words
from difusa.apps.form import LOOK, kept
from difusa.apps.i18n import number, session_language
from difusa.apps.rows import value

PAGE = 12  # pictures at a time
CHOSEN = "chosen_molecule"  # its row, in the session


def choose(job: jobs.Job, rows: list[dict], _) -> list[dict]:
    """The widgets; the rows that pass, in the visitor's order."""
    found = listing.narrowed(rows, molecules_rows.figures(rows), molecules_rows.smiles, told(_), _)
    ways = {"grid": _("Pictures"), "table": _("Table")}
    usual = "table" if job.request["verb"] == "molecules conformers" else "grid"  # whose flat pictures are all alike
    way = st.segmented_control(
        _("As"), list(ways), format_func=ways.get, key=kept(LOOK, f"as_{usual}", usual), label_visibility="collapsed"
    )
    if way == "table":
        table(job, found, _)
    else:
        grid(job, found, _)
    return found


def told(_) -> listing.Words:
    """What the list calls things."""
    several = {"valid": _("Valid"), "pieces": _("In pieces"), "broken": _("Broken")}
    return listing.Words(lambda n: words.named(n, _), lambda n: words.help_of(n, _), several, _("Each molecule once"))


def grid(job: jobs.Job, rows: list[dict], _) -> None:
    """Flat pictures, some at a time; a click chooses one."""
    pages = max(1, -(-len(rows) // PAGE))
    if st.session_state.get("look_page", 1) > pages:
        st.session_state["look_page"] = 1
    page = st.session_state.get("look_page", 1)
    part, statuses = rows[(page - 1) * PAGE : page * PAGE], words.statuses(_)
    order = st.session_state.get("look_order", "row")
    cards = []
    for row in part:
        note = words.reason(row, _) or row["tags"].get("SMILES") or ""
        figure = value(row, order)
        if order != "row" and figure is not None:
            note = f"{words.named(order, _)}: {number(figure, 2, session_language())} · {note}"
        picture = depicted(str(job.folder), row["row"])
        title = f"{row['row']} · {row.get('formula', '')}"
        cards.append(
            gallery.Card(row["row"], picture, title, words.MARKS[row["status"]], statuses[row["status"]], note)
        )
    chosen = st.session_state.get(CHOSEN)
    if rows and chosen not in [r["row"] for r in rows]:
        chosen = rows[0]["row"]
    gallery.gallery(cards, chosen, lambda id: st.session_state.update({CHOSEN: id}), key=f"gallery-{job.id}")
    if pages > 1:
        st.pagination(pages, key="look_page")


@st.cache_data(max_entries=500, show_spinner=False)
def depicted(folder: str, row: int) -> str:
    """The flat picture of a row of a finished job."""
    return molecules_draw.depict(records(folder)[row - 1])


@st.cache_data(max_entries=4, show_spinner=False)
def records(folder: str) -> list[str]:
    """The SDF records of a finished job."""
    return molecules_rows.records(jobs.Path(folder))


def table(job: jobs.Job, rows: list[dict], _) -> None:
    """All figures; a click on a row chooses it, on a heading sorts."""
    statuses = words.statuses(_)
    stereo = "STEREO" if any(r["tags"].get("STEREO") for r in rows) else None
    texts = {
        "row": ("#", lambda r: r["row"]),
        "status": (_("Status"), lambda r: statuses[r["status"]]),
        "formula": (_("Formula"), lambda r: r.get("formula", "")),
        "smiles": ("SMILES", lambda r: r["tags"].get("SMILES", "")),
        "stereo": (stereo, lambda r: r["tags"].get("STEREO")),
        "reason": (_("Reason"), lambda r: words.reason(r, _)),
    }
    listing.table(rows, molecules_rows.figures(rows), texts, told(_), CHOSEN, f"table-{job.id}")
