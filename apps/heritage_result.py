"""The heritage page of a job: its progress, and then what was restored, what was invented, and the files."""

from pathlib import Path

import numpy as np
import streamlit as st

from difusa.apps import heritage_mask, invention, job_page, jobs, slider
from difusa.apps.i18n import number, session_language


def show(id: str, _) -> None:
    """Draw the job of that id."""
    words = job_page.Words(
        failed=_("The restoration failed: {reason}"),
        cancelled=_("The restoration was cancelled."),
        reading=_("Reading the picture and the model"),
        doing=_("Restoring: {done} of {total}, about {left} s left"),
        back=_("Back to the picture and its settings"),
    )
    job_page.show(id, ("heritage restore",), words, _, lambda job: outcome(job, _))


def outcome(job: jobs.Job, _) -> None:
    """Slider, map, words, figures and downloads of a finished restoration."""
    language = session_language()
    before, after, made = _results(str(job.folder))
    st.caption(job.request["about"].get("name", ""))
    left, right = st.columns([3, 2], gap="large")
    with left:
        overlay = invention.layer(made, after.shape[:2])
        slider.compare(
            before, after, overlay, (_("Before"), _("Restored")), _("Invention map"), key=f"compare-{job.id}"
        )
        st.markdown(
            f'<div style="display:flex;gap:.6rem;align-items:center;font-size:.85rem">{_("the versions agree")}'
            '<span style="flex:0 1 10rem;height:.6rem;border-radius:1rem;background:linear-gradient(90deg,'
            f'#ffdd00,#ff5a28,#9614a0,#3c0078)"></span>{_("they do not")}</div>',
            unsafe_allow_html=True,
        )
    with right:
        st.subheader(_("What was invented, and how sure"))
        words = invention.in_words(made, _, lambda value, digits: number(value, digits, language))
        st.write(words.replace(" %", "\N{NO-BREAK SPACE}%"))
        report = made.report
        st.caption(
            " · ".join([
                _("model {name}").format(name=report["model"]["name"]), _("seed {seed}").format(seed=report["seed"]),
                _("{n} evaluations a version").format(n=report["network_evaluations"]), f"{job.seconds:.0f}\N{NO-BREAK SPACE}s",
            ])
        )  # fmt: skip
        downloads(job, _)


def downloads(job: jobs.Job, _) -> None:
    """The restored file, its bundle and the report."""
    from difusa.domains.heritage.bundle import open_bundle

    stem = Path(heritage_mask.plain_name(job.request["about"].get("name", "picture"))).stem
    bundle = job.folder / "restored.bundle.zip"
    files = [
        (_("Restored picture (TIFF)"), f"{stem}-restored.tif", (job.folder / "restored.tif").read_bytes, "image/tiff"),
        (
            _("Bundle: original, mask, maps, report"),
            f"{stem}-restored.bundle.zip",
            bundle.read_bytes,
            "application/zip",
        ),
        (_("Intervention report"), f"{stem}-report.html", lambda: open_bundle(bundle)[1]["report.html"], "text/html"),
    ]
    for label, name, content, kind in files:
        st.download_button(label, content, name, kind, width="stretch", icon=":material/download:", on_click="ignore")
    st.caption(_("To get the original back, byte for byte:"))
    st.code(f"difusa heritage undo {stem}-restored.bundle.zip", language=None, wrap_lines=True)


@st.cache_data(max_entries=4, show_spinner=False)
def _results(folder: str) -> tuple[np.ndarray, np.ndarray, invention.Invention]:
    """Views before and after, at one size (an enlargement or a border changes it), and the maps."""
    from PIL import Image

    from difusa.domains.heritage.data import load

    folder = Path(folder)
    made = invention.read(folder / "restored.bundle.zip")
    after = heritage_mask.reduced(load(folder / "restored.tif").pixels, 1400)
    original = load(folder / made.report["original"]["name"])
    before = heritage_mask.reduced(original.pixels, 1400)
    if before.shape != after.shape:
        canvas = np.full_like(after, 128)
        scale = after.shape[1] / made.report["output"]["width"]
        border = (made.report["output"]["width"] - original.size[0]) // 2 if "outpaint" in made.report["tasks"] else 0
        inner = [
            round(n * scale) - 2 * round(border * scale)
            for n in (made.report["output"]["width"], made.report["output"]["height"])
        ]
        top = round(border * scale)
        canvas[top : top + inner[1], top : top + inner[0]] = np.asarray(
            Image.fromarray(before).resize(inner, Image.Resampling.BICUBIC)
        )
        before = canvas
    return before, after, made
