"""The rows of a finished job to look through, whatever they are: status, order, filters, table, files."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from difusa.apps.form import LOOK, kept
from difusa.apps.i18n import number, session_language
from difusa.apps.rows import shown, value


@dataclass(frozen=True)
class Words:
    """What a page calls its rows: named and help_of(figure); several (status -> plural); once, the toggle that shows each
    item a single time."""

    named: Callable[[str], str]
    help_of: Callable[[str], str | None]
    several: dict[str, str]
    once: str


def narrowed(
    rows: list[dict], names: list[str], same: Callable[[dict], object], words: Words, _: Callable[[str], str]
) -> list[dict]:
    """The widgets for status, order and ranges of the figures `names`; the rows that pass. same: see rows.shown."""
    counts = {s: sum(r["status"] == s for r in rows) for s in words.several}
    labels = {"all": f"{_('All')} ({len(rows)})"}
    labels |= {s: f"{w} ({counts[s]})" for s, w in words.several.items() if counts[s]}
    if st.session_state.get("look_status") not in labels:
        st.session_state["look_status"] = "all"
    if st.session_state.get("look_order") not in ("row", *names):
        st.session_state["look_order"] = "row"
    status = st.pills(_("Show"), list(labels), format_func=labels.get, key="look_status") or "all"
    first, second, third = st.columns([3, 2, 2], vertical_alignment="bottom")
    order = first.selectbox(_("Sort by"), ["row", *names], format_func=words.named, key="look_order")
    falling = second.toggle(_("Largest first"), key=kept(LOOK, "falling", False))
    with third.popover(_("Filter"), icon=":material/filter_alt:", width="stretch"):
        once = st.toggle(words.once, key=kept(LOOK, "once", False))
        st.session_state["look_filters"] = [n for n in st.session_state.get("look_filters", []) if n in names]
        ranges = {}
        told = {n: words.named(n) for n in names}
        for name in st.pills(
            _("By these figures"), names, selection_mode="multi", format_func=told.get, key="look_filters"
        ):
            values = [v for r in rows if (v := value(r, name)) is not None]
            low, high = math.floor(100 * min(values)) / 100, math.ceil(100 * max(values)) / 100
            if low < high:
                ranges[name] = st.slider(told[name], low, high, (low, high), key=f"filter_{name}_{low}_{high}")
    return shown(rows, status, ranges, same if once else None, order, falling)


def table(
    rows: list[dict], names: list[str], texts: dict[str, tuple[str | None, Callable]], words: Words, chosen: str, key: str
) -> None:  # fmt: skip
    """Texts and figures `names` of all rows; a click on a row puts its number into the session as `chosen`, on a heading sorts.

    texts: column -> heading (None hides it) and what it says of a row.
    """
    import pandas

    data = [{k: say(r) for k, (_, say) in texts.items()} | {n: value(r, n) for n in names} for r in rows]
    columns = {k: head and st.column_config.Column(head) for k, (head, _) in texts.items()}
    columns |= {n: st.column_config.NumberColumn(words.named(n), help=words.help_of(n)) for n in names}
    event = st.dataframe(
        pandas.DataFrame(data), column_config=columns, hide_index=True, height=480, placeholder="", on_select="rerun",
        selection_mode="single-row", key=key,
    )  # fmt: skip
    if event.selection.rows and event.selection.rows[0] < len(rows):
        st.session_state[chosen] = rows[event.selection.rows[0]]["row"]


def figures(row: dict, names: list[str], words: Words, ends: tuple[str, str]) -> str:
    """The figures of one row in a line; ends: what the tags of an interval's bounds are called after its figure."""
    language, lines = session_language(), []
    for name in names:
        if (known := value(row, name)) is None:
            continue
        bounds = [value(row, name + end) for end in ends]
        digits = 0 if float(known).is_integer() else 2
        interval = "" if None in bounds else " ({} – {})".format(*(number(e, 2, language) for e in bounds))
        lines.append(f"{words.named(name)}: **{number(known, digits, language)}**{interval}")
    return " · ".join(lines)


def downloads(rows: list[dict], said: str, files: dict[str, tuple[str, str]], part: Callable, stem: str) -> None:
    """A button for each file of the rows: suffix -> (label, MIME type); part(suffix) makes its bytes at the click."""
    st.caption(said)
    for column, (suffix, (label, kind)) in zip(st.columns(len(files)), files.items()):
        column.download_button(
            label, lambda s=suffix: part(s), f"{stem}{suffix}", kind, width="stretch", icon=":material/download:",
            on_click="ignore", disabled=not rows,
        )  # fmt: skip


def share(hits: int, of: int) -> str:
    """A share of rows in per cent, as the visitor writes it."""
    return f"{number(100 * hits / of, 0, session_language())}\N{NO-BREAK SPACE}%" if of else "-"
