"""What the detector says of a file, as a part of the page "Verify": verdict, confidence band, heat map, on what it was tested."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from difusa.apps import detect_words
from difusa.apps.detect import Row, judged
from difusa.shared.forensics.judging import GENERATED, NO_SIGN, UNSURE, Judged

BOXES = {GENERATED: st.warning, NO_SIGN: st.success, UNSURE: st.info}
MOST = 5  # rows of a file that are shown


@st.cache_data(show_spinner=False, max_entries=16)
def rows_of(name: str, content: bytes) -> list[Row]:
    """The detector's rows on an uploaded file; kept, because judging takes seconds and the page is drawn again at each click."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        return judged(path)


def draw(name: str, content: bytes, _: Callable[[str], str]) -> None:
    """The rows of one file."""
    with st.spinner(_("Looking for traits of generated files ...")):
        rows = rows_of(name, content)
    st.markdown(f"**{_('Does it look generated?')}**")
    for row in rows[:MOST]:
        show(row, _)
    if len(rows) > MOST:
        st.caption(_("and {n} more; difusa detect tells them all").format(n=len(rows) - MOST))


def show_video(said: Judged, _: Callable[[str], str]) -> None:
    """The signs in a video, second by second."""
    st.info(detect_words.of_video(_))
    chart = {_("second"): [r["second"] for r in said.figures["timeline"]]}
    chart |= {_(words): [r[sign] for r in said.figures["timeline"]] for sign, words in detect_words.SIGNS.items()}
    st.line_chart(chart, x=_("second"))
    st.caption(
        _("High where a frame does not belong between its neighbours, as when frames were swapped, put in or cut out.")
    )


def show(row: Row, _: Callable[[str], str]) -> None:
    """One row."""
    if row.judged is None:
        st.caption(
            _("The detector looks at pictures, videos, scans, molecules and crystals. This file it cannot judge.")
        )
        return
    said = row.judged
    if said.kind == "video":
        show_video(said, _)
        return
    BOXES[said.verdict](f"**{detect_words.headline(said, _)}** {detect_words.meaning(said, _)}")
    for words in (detect_words.likeness(said, _), detect_words.outside(said, _)):
        if words:
            st.write(words)
    st.progress(said.probability, text=detect_words.band(said, _))
    if row.heat is not None:
        st.image(
            row.heat,
            caption=_("Red: where it looks generated. Blue: where it does not. A hint where to look, no outline."),
            width=384,
        )
    with st.expander(_("On what the detector was tested")):
        for one in said.tested_on:
            st.markdown(f"- {detect_words.tested(one, _)}")
        st.markdown(f"- {detect_words.alarms(said, _)}")
