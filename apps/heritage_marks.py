"""Where the damage is: found by the model and cut at a threshold, brushed by hand, or uploaded; a mask at full size."""

import io

import numpy as np
import streamlit as st

from difusa.apps import heritage_mask as masks
from difusa.apps import jobs
from difusa.apps.i18n import number, session_language

BRUSHES = {"brush": "freedraw", "rectangle": "rect", "polygon": "polygon"}
CANVAS = 600  # least longest side of the canvas, px of the screen
WIDEST = 800  # of the canvas: what a screen of 1280 px has room for beside the navigation
WIDEN = 1  # px, of what was found, unless the visitor says otherwise
TINT = "rgba(214, 64, 32, 0.6)"


def mark(view: masks.View, name: str, content: bytes, _) -> tuple[np.ndarray | None, bool, str]:
    """The widgets: (mask [H, W] or None, whether the restoration itself shall look for damage, the mask's origin)."""
    ways = {
        "find": _("Find it automatically"), "draw": _("Brush it"), "file": _("Upload a mask"),
        "whole": _("The whole picture"),
    }  # fmt: skip
    way = st.segmented_control(
        _("Where is the damage?"), list(ways), format_func=ways.get, default="find", key="way", wrap=True
    )
    origin = {"draw": "drawn", "file": "given"}.get(way, "found")
    if way == "find":
        mask, changed = search(view, name, content, _)
        origin = "reviewed" if changed else "found"
    elif way == "draw":
        mask = brush(view, name, _)
    elif way == "file":
        mask = uploaded(view, _)
    else:
        mask = None
        st.image(view.pixels, width="content")
    if mask is not None:
        share = number(100 * float(mask.mean()), 2, session_language())
        st.caption(_("{share} % of the picture is marked as damaged.").format(share=share))
    return mask, way == "find" and mask is None, origin


def brush(view: masks.View, name: str, _) -> np.ndarray | None:
    """The canvas: the reduced picture with strokes on it; None while nothing is drawn."""
    from streamlit_drawable_canvas import st_canvas

    labels = {"brush": _("Brush"), "rectangle": _("Rectangle"), "polygon": _("Polygon")}
    tool = st.segmented_control(_("Tool"), list(labels), format_func=labels.get, default="brush", key="tool") or "brush"
    width = st.slider(_("Brush width on the screen"), 2, 60, 12, key="brush")
    larger = max(1.0, CANVAS / max(view.pixels.shape[:2]))  # a small picture is drawn on enlarged
    larger = min(larger, WIDEST / view.pixels.shape[1])
    height, across = (round(larger * n) for n in view.pixels.shape[:2])
    drawn = st_canvas(
        fill_color=TINT, stroke_color=TINT, stroke_width=width, background_image=_background(view.pixels),
        width=across, height=height, drawing_mode=BRUSHES[tool], return_image_data=True,
        key=f"canvas-{name}-{across}x{height}",
    )  # fmt: skip
    mask = masks.from_canvas(drawn.image_data, view.size)
    return mask if mask.any() else None


@st.cache_data(max_entries=4, show_spinner=False)
def _background(pixels: np.ndarray) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def uploaded(view: masks.View, _) -> np.ndarray | None:
    """A mask from a file, shown over the picture."""
    file = st.file_uploader(_("Mask: white where the picture is damaged"), type=["png", "tif", "tiff"], key="mask")
    mask = None
    if file is not None:
        try:
            mask = masks.from_file(file.getvalue(), file.name, view.size)
        except ValueError as error:
            st.error(str(error))
    st.image(view.pixels if mask is None else masks.tinted(view.pixels, mask), width="content")
    return mask


def search(view: masks.View, name: str, content: bytes, _) -> tuple[np.ndarray | None, bool]:
    """The button, the search under way (a job of its own), or what it found, cut at the visitor's threshold; and
    whether the visitor changed it."""
    searches = st.session_state.setdefault("searches", {})
    job = jobs.find(searches.get(hash(content), ""))
    if job is None or not job.finished:
        st.image(view.pixels, width="content")
        if job is not None:
            wait(job.id, _)
        elif st.button(_("Look for the damage"), icon=":material/search:", key="search"):
            plain = masks.plain_name(name)
            arguments = {"source": plain, "out": "mask.png", "probability": "probability.png", "report": "report.json"}
            searches[hash(content)] = jobs.start("heritage find", arguments, {plain: content}, {"name": name})
            st.rerun()
        return None, False
    if job.state != "done":
        st.error(_("The search failed: {reason}").format(reason=job.error or job.state))
        return None, False
    likely, threshold, face = found(str(job.folder))
    cut = st.slider(_("Threshold: lower marks more"), 0.05, 0.95, threshold, 0.05, key="cut")
    widen = st.slider(_("Widen the marks by (pixels)"), 0, 10, WIDEN, key="grow")
    marks, kept = likely >= cut, False
    beside, left_out = spared(marks, face)
    if left_out:
        kept = st.toggle(
            _("Keep the marks on a face ({n} left out)").format(n=len(left_out)),
            key="face",
            help=_("Eyes, nostrils and lips look like damage to the model. Keep the marks if they are damaged."),
        )
        marks = marks if kept else beside
    mask = grown(marks, widen)
    st.image(masks.tinted(view.pixels, mask), width="content")
    if mask.any():
        return mask, kept or (cut, widen) != (threshold, WIDEN)
    st.info(_("Nothing was found. Brush the damage by hand, or lower the threshold."))
    return None, False


@st.fragment(run_every=1.0)
def wait(id: str, _) -> None:
    """Shows that the search goes on; when it ends, the whole page is drawn anew."""
    job = jobs.find(id)
    if job is None or job.finished:
        st.rerun()
    st.progress(0.0, f"{_('Looking for the damage')} ({job.seconds:.0f} s)")


@st.cache_data(max_entries=2, show_spinner=False)
def found(folder: str) -> tuple[np.ndarray, float, tuple]:
    """Of a finished search: probability of damage [H, W] in [0, 1], the model's own threshold to two digits, and the
    features of a face."""
    from PIL import Image

    from difusa.domains.heritage.face_features import Feature

    folder = jobs.Path(folder)
    values = np.asarray(Image.open(folder / "probability.png"), np.float32) / 255
    report = jobs.read_json(folder / "report.json")
    return values, round(report["threshold"] * 20) / 20, tuple(Feature(**f) for f in report["face_features"])


def spared(marks: np.ndarray, face: tuple) -> tuple[np.ndarray, list[dict]]:
    """Marks [H, W] without those on the features of a face, and what was left out."""
    from difusa.domains.heritage import face_features

    return face_features.spared(marks, face)


def grown(mask: np.ndarray, by: int) -> np.ndarray:
    """The mask [H, W] widened by `by` pixels to every side."""
    from scipy.ndimage import binary_dilation

    return binary_dilation(mask, np.ones((2 * by + 1, 2 * by + 1), bool)) if by and mask.any() else mask
