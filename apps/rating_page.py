"""The page "Rate": two things side by side, which is better, and nothing that tells where they come from."""

import os
import time

import streamlit as st

from difusa.apps import rating
from difusa.apps.i18n import number, session_language, translator
from difusa.ethics.rating import ATTENTIVE, LEFT, RIGHT, TIE, attention


def draw() -> None:
    """Draw the page."""
    language = session_language()
    _ = translator(language)
    st.title(_("Rate side by side"))
    try:
        study = rating.opened(os.environ["DIFUSA_STUDY"])
    except ValueError:
        st.error(_("The folder that was named holds no study."))
        return
    rater = st.session_state.get("rate_as", "")
    if not rater:
        ask_name(_)
        return
    votes = rating.votes_of(study)
    done = {v.comparison for v in votes if v.rater == rater}
    left = [c for c in study.order(rater) if c not in done]
    st.progress(len(done) / len(study.comparisons), f"{len(done)} / {len(study.comparisons)}")
    if left:
        compare(study, rater, left[0], language, _)
    else:
        st.success(_("That was all. Thank you."))
        show(study, votes, language, _)


def ask_name(_) -> None:
    """Who rates, kept in the session; the votes are found again under it."""
    st.write(
        _(
            "You will see two pictures side by side. Choose one; say that you cannot tell only where that is so. "
            "You may stop at any time, and go on later under the same name."
        )
    )
    with st.form("rate_begin", border=False):
        name = st.text_input(_("A name to go on under; initials or a number will do"), key="rate_name")
        st.caption(_("Kept on this machine: that name, your choices, and how long each took."))
        if st.form_submit_button(_("Begin"), type="primary") and rating.rater_of(name):
            st.session_state["rate_as"] = rating.rater_of(name)
            st.rerun()


def compare(study: rating.Study, rater: str, comparison: str, language: str, _) -> None:
    """One pair, and the three answers."""
    st.subheader(study.question[language])
    since = st.session_state.setdefault(f"rate_since_{comparison}", time.monotonic())

    def choose(choice: str) -> None:
        rating.voted(study, rater, comparison, choice, time.monotonic() - since)

    names = study.comparisons[comparison]["pictures"]
    for column, label, name, side in zip(st.columns(2), ("A", "B"), names, (LEFT, RIGHT)):
        with column:
            st.image(str(study.folder / rating.PICTURES / name), caption=label, width="stretch")
            key = f"rate_{side}_{comparison}"  # a key of its own: a double click does not answer the next pair
            st.button(label, key=key, on_click=choose, args=(side,), width="stretch", type="primary")
    st.button(_("I cannot tell"), key=f"rate_tie_{comparison}", on_click=choose, args=(TIE,), width="stretch")


def show(study: rating.Study, votes: list, language: str, _) -> None:
    """The ranking so far, to those who have finished."""
    from difusa.ethics.findings import SILENT
    from difusa.ethics.rating import rating as findings

    found = findings(votes, study.sets)
    kept = {f.name: f for f in found}
    st.subheader(_("So far; raters: {n}").format(n=len({v.rater for v in votes})))
    rows = []
    for name in (f.name for f in found if f.name in study.sets):
        f = kept[name]
        ends = "" if f.low is None else f"{number(f.low, 2, language)} … {number(f.high, 2, language)}"
        rows.append({_("Set"): name, _("Strength"): number(f.value, 2, language), _("95 % interval"): ends, "n": f.n})
    if rows:
        st.table(rows)
    if any(f.verdict == SILENT for f in found):
        st.caption(_("Of fewer than ten votes nothing is claimed."))
    agreed = kept.get("agreement of raters")
    if agreed is not None and agreed.value is not None:
        said = _("Agreement of raters (Krippendorff's alpha): {value}; 1: all agree, 0: as by chance.")
        st.caption(said.format(value=number(agreed.value, 2, language)))
    lost = sum(a.value < ATTENTIVE for a in attention(votes).values())
    if lost:
        st.caption(_("Raters left out for missed attention checks: {n}.").format(n=lost))


if __name__ == "__main__":
    draw()
