"""The molecules of a job to look through: filters, order, and a grid of flat pictures or a table."""

import math

import streamlit as st

from difusa.apps import gallery, jobs, molecules_draw, molecules_rows
from difusa.apps import molecules_words as words
from difusa.apps.i18n import number, session_language
from difusa.apps.molecules_form import LOOK, kept

PAGE = 12  # pictures at a time
CHOSEN = "chosen_molecule"  # its row, in the session


def choose(job: jobs.Job, rows: list[dict], _) -> list[dict]:
    """The widgets; the rows that pass, in the visitor's order."""
    found = narrowed(rows, _)
    ways = {"grid": _("Pictures"), "table": _("Table")}
    usual = "table" if job.request["verb"] == "molecules conformers" else "grid"  # whose flat pictures are all alike
    way = st.segmented_control(
        _("As"), list(ways), format_func=ways.get, key=kept(f"as_{usual}", usual, LOOK), label_visibility="collapsed"
    )
    if way == "table":
        table(job, found, _)
    else:
        grid(job, found, _)
    return found


def narrowed(rows: list[dict], _) -> list[dict]:
    """Status, order and ranges of the figures."""
    names = molecules_rows.figures(rows)
    counts = {s: sum(r["status"] == s for r in rows) for s in words.MARKS}
    several = {"valid": _("Valid"), "pieces": _("In pieces"), "broken": _("Broken")}
    labels = {"all": f"{_('All')} ({len(rows)})"}
    labels |= {s: f"{w} ({counts[s]})" for s, w in several.items() if counts[s]}
    if st.session_state.get("look_status") not in labels:
        st.session_state["look_status"] = "all"
    if st.session_state.get("look_order") not in ("row", *names):
        st.session_state["look_order"] = "row"
    status = st.pills(_("Show"), list(labels), format_func=labels.get, key="look_status") or "all"
    first, second, third = st.columns([3, 2, 2], vertical_alignment="bottom")
    order = first.selectbox(_("Sort by"), ["row", *names], format_func=lambda n: words.named(n, _), key="look_order")
    falling = second.toggle(_("Largest first"), key=kept("falling", False, LOOK))
    with third.popover(_("Filter"), icon=":material/filter_alt:", width="stretch"):
        once = st.toggle(_("Each molecule once"), key=kept("once", False, LOOK))
        st.session_state["look_filters"] = [n for n in st.session_state.get("look_filters", []) if n in names]
        ranges = {}
        label = _("By these figures")
        told = {n: words.named(n, _) for n in names}
        for name in st.pills(label, names, selection_mode="multi", format_func=told.get, key="look_filters"):
            values = [v for r in rows if (v := molecules_rows.value(r, name)) is not None]
            low, high = math.floor(100 * min(values)) / 100, math.ceil(100 * max(values)) / 100
            if low < high:
                ranges[name] = st.slider(
                    words.named(name, _), low, high, (low, high), key=f"filter_{name}_{low}_{high}"
                )
    return molecules_rows.shown(rows, status, ranges, once, order, falling)


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
        value = molecules_rows.value(row, order)
        if order != "row" and value is not None:
            note = f"{words.named(order, _)}: {number(value, 2, session_language())} · {note}"
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
    import pandas

    names, statuses = molecules_rows.figures(rows), words.statuses(_)
    data = [
        {"row": r["row"], "status": statuses[r["status"]], "formula": r.get("formula", "")}
        | {n: molecules_rows.value(r, n) for n in names}
        | {"smiles": r["tags"].get("SMILES", ""), "stereo": r["tags"].get("STEREO"), "reason": words.reason(r, _)}
        for r in rows
    ]
    heads = {"row": "#", "status": _("Status"), "formula": _("Formula"), "smiles": "SMILES", "reason": _("Reason")}
    heads["stereo"] = "STEREO" if any(r["tags"].get("STEREO") for r in rows) else None  # None hides the column
    columns = {k: v and st.column_config.Column(v) for k, v in heads.items()}
    columns |= {n: st.column_config.NumberColumn(words.named(n, _), help=words.help_of(n, _)) for n in names}
    event = st.dataframe(
        pandas.DataFrame(data), column_config=columns, hide_index=True, height=480, placeholder="", on_select="rerun",
        selection_mode="single-row", key=f"table-{job.id}",
    )  # fmt: skip
    if event.selection.rows and event.selection.rows[0] < len(rows):
        st.session_state[CHOSEN] = rows[event.selection.rows[0]]["row"]
