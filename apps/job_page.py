"""The page of a job, whatever its verb: its progress, then what came of it, or why nothing did."""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from difusa.apps import jobs

POLL = 1.0  # seconds


@dataclass(frozen=True)
class Words:
    """What a page calls its jobs: failed (with {reason}), cancelled, reading (before the first step), doing (with {done},
    {total}, {left}) and back, the button that leads to the form."""

    failed: str
    cancelled: str
    reading: str
    doing: str
    back: str


def show(
    id: str,
    verbs: tuple[str, ...],
    words: Words,
    _: Callable[[str], str],
    outcome: Callable[[jobs.Job], None],
    live: Callable[[jobs.Job], None] | None = None,
    back: Callable[[jobs.Job], None] | None = None,
) -> None:
    """Draw the job of that id, if its verb is one of `verbs`.

    outcome: draws a finished job; live: what there is to see of one under way; back: called before the form is shown
    again.
    """
    job = jobs.find(id)
    if job is not None and job.request["verb"] not in verbs:
        job = None
    if job is None:
        st.error(_("This job does not exist, or its files were deleted."))
    elif not job.finished:
        watch(id, words, _, live)
        return
    elif job.state == "done":
        outcome(job)
    else:
        st.error({
            "failed": words.failed.format(reason=job.error),
            "cancelled": words.cancelled,
            "killed": _("The process was killed before it ended, perhaps for lack of memory. Start it again."),
        }[job.state])  # fmt: skip
        with st.expander(_("Log")):
            st.code((job.folder / "log.txt").read_text(errors="replace")[-5000:] or "-", language=None)
    again, delete = st.columns(2)
    if again.button(words.back, icon=":material/arrow_back:", width="stretch"):
        if back and job is not None:
            back(job)
        st.query_params.clear()
        st.rerun()
    if job is not None and delete.button(_("Delete this job's files"), icon=":material/delete:", width="stretch"):
        jobs.forget(id)
        st.query_params.clear()
        st.rerun()


@st.fragment(run_every=POLL)
def watch(id: str, words: Words, _: Callable[[str], str], live: Callable[[jobs.Job], None] | None) -> None:
    """Progress of a job under way; when it ends, the whole page is drawn anew."""
    job = jobs.find(id)
    if job is None or job.finished:
        st.rerun()
    if job.state == "waiting":
        st.progress(0.0, _("Waiting for another job to end"))
    elif not job.total:
        st.progress(0.0, words.reading)
    else:
        left = job.seconds / job.done * (job.total - job.done) if job.done else 0
        st.progress(job.done / job.total, words.doing.format(done=job.done, total=job.total, left=round(left)))
    st.caption(_("You may close this page: its address finds the job again."))
    if st.button(_("Cancel"), icon=":material/stop:"):
        jobs.cancel(id)
        st.rerun()
    if live:
        live(job)
