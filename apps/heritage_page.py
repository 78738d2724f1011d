"""The heritage page: a picture, a mask, the tasks; then the job that the address names, and what came of it."""

import os

import streamlit as st

from difusa.apps import heritage_mask as masks
from difusa.apps import heritage_result, jobs
from difusa.apps.i18n import session_language, translator

BRUSHES = {"brush": "freedraw", "rectangle": "rect", "polygon": "polygon"}


def draw() -> None:
    """Draw the page: the job in the address, or the form for a new one."""
    _ = translator(session_language())
    st.title(_("Restore a picture"))
    if id := st.query_params.get("job"):
        heritage_result.show(id, _)
    else:
        ask(_)


def ask(_) -> None:
    """The form: picture, mask, tasks; its button starts a job and puts the job into the address."""
    upload = st.file_uploader(
        _("Picture (TIFF, PNG or JPEG, 8 or 16 bits)"),
        type=["tif", "tiff", "png", "jpg", "jpeg", "webp"],
        key="picture",
    )
    if upload is not None:
        st.session_state["heritage_upload"] = (upload.name, upload.getvalue())
    if "heritage_upload" not in st.session_state:
        st.info(_("Choose a picture to begin. It stays on this machine."))
        return
    name, content = st.session_state["heritage_upload"]
    try:
        view = _look(content, name)
    except ValueError as error:
        st.error(str(error))
        return
    depth = _("{bits} bits a channel").format(bits=view.bits)
    st.caption(
        " · ".join([name, f"{view.size[0]} × {view.size[1]} px", depth] + [_("colour profile kept")] * view.profile)
    )
    for note in view.notes:
        st.caption(note)
    left, right = st.columns([3, 2], gap="large")
    with left:
        mask, find = mark(view, name, _)
    with right:
        request = settings(mask is not None or find, find, _)
        if st.button(_("Restore"), type="primary", width="stretch", disabled=request is None):
            begin(name, content, mask, find, request)


@st.cache_data(max_entries=4, show_spinner=False)
def _look(content: bytes, name: str) -> masks.View:
    return masks.look(content, name)


def mark(view: masks.View, name: str, _):
    """Where the damage is: (mask at full size or None, whether to look for it)."""
    ways = {
        "find": _("Find it automatically"), "draw": _("Brush it"), "file": _("Upload a mask"),
        "whole": _("The whole picture"),
    }  # fmt: skip
    way = st.segmented_control(_("Where is the damage?"), list(ways), format_func=ways.get, default="find", key="way")
    mask = None
    if way == "draw":
        mask = brush(view, name, _)
    else:
        shown = view.pixels
        if way == "file":
            file = st.file_uploader(
                _("Mask: white where the picture is damaged"), type=["png", "tif", "tiff"], key="mask"
            )
            if file is not None:
                try:
                    mask = masks.from_file(file.getvalue(), file.name, view.size)
                    shown = masks.tinted(view.pixels, mask)
                except ValueError as error:
                    st.error(str(error))
        st.image(shown, width="content")
    if mask is not None:
        share = 100 * float(mask.mean())
        st.caption(_("{share} % of the picture is marked as damaged.").format(share=f"{share:.2f}"))
    return mask, way == "find"


def brush(view: masks.View, name: str, _):
    """The canvas: the reduced picture with strokes on it; the mask at full size, None while nothing is drawn."""
    from streamlit_drawable_canvas import st_canvas

    labels = {"brush": _("Brush"), "rectangle": _("Rectangle"), "polygon": _("Polygon")}
    tool = st.segmented_control(_("Tool"), list(labels), format_func=labels.get, default="brush", key="tool") or "brush"
    width = st.slider(_("Brush width on the screen"), 2, 60, 12, key="brush")
    height, across = view.pixels.shape[:2]
    drawn = st_canvas(
        fill_color="rgba(214, 64, 32, 0.6)", stroke_color="rgba(214, 64, 32, 0.6)", stroke_width=width,
        background_image=_background(view.pixels), width=across, height=height, drawing_mode=BRUSHES[tool],
        return_image_data=True, key=f"canvas-{name}-{across}x{height}",
    )  # fmt: skip
    mask = masks.from_canvas(drawn.image_data, view.size)
    return mask if mask.any() else None


@st.cache_data(max_entries=4, show_spinner=False)
def _background(pixels) -> bytes:
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def settings(marked: bool, find: bool, _) -> dict | None:
    """The verb's arguments from the widgets; None while there is nothing to do."""
    tasks = {
        "inpaint": _("Fill losses, cracks and scratches"), "denoise": _("Remove noise and grain"),
        "deblur": _("Sharpen blur"), "jpeg": _("Remove JPEG and halftone marks"),
        "sr2": _("Enlarge × 2"), "sr4": _("Enlarge × 4"),
        "colour": _("Yellowed varnish and fading"), "outpaint": _("Extend the border"),
    }  # fmt: skip
    chosen = st.pills(
        _("What to do"), list(tasks), format_func=tasks.get, selection_mode="multi", default=["inpaint"], key="tasks"
    )
    kinds = {
        "unknown": _("not sure"), "painting": _("painting"), "photograph": _("photograph"),
        "manuscript": _("manuscript or paper"),
    }  # fmt: skip
    kind = st.selectbox(_("The object"), list(kinds), format_func=kinds.get, key="kind")
    samples = st.slider(
        _("Versions to draw"), 2, 16, 4, 2, key="samples", help=_("More versions: a steadier mean, a better map.")
    )
    steps = st.slider(_("Steps of each version"), 4, 50, 10, key="steps")
    seed = st.number_input(
        _("Seed"), 0, 2**63 - 1, 0, key="seed", help=_("The same seed gives the same picture again.")
    )
    border = (
        st.number_input(_("Pixels to add on each side"), 8, 512, 64, 8, key="border") if "outpaint" in chosen else 0
    )
    if problem := obstacle(chosen, marked, find, _):
        st.warning(problem)
        return None
    request = {"task": ",".join(chosen), "kind": kind, "samples": samples, "steps": steps, "seed": int(seed)}
    return request | ({"border": int(border)} if border else {})


def obstacle(chosen: list[str], marked: bool, find: bool, _) -> str:
    """What stands in the way of starting, with the way out; empty if nothing does."""
    from difusa.domains import models

    try:
        models.find(restorer(), domain="heritage")
        if find:
            models.find("finder", domain="heritage")
    except (ValueError, OSError) as error:
        return _("The model is missing: {advice}").format(advice=error)
    if not chosen:
        return _("Choose at least one task.")
    if {"sr2", "sr4"} <= set(chosen):
        return _("Choose one enlargement, × 2 or × 4.")
    if "inpaint" in chosen and not marked:
        return _("Mark the damage first, or leave out the filling of losses.")
    return ""


def restorer() -> str:
    """The model that `difusa app --model` named: a shipped one or a folder."""
    return os.environ.get("DIFUSA_MODEL") or "restorer"


def begin(name: str, content: bytes, mask, find: bool, request: dict) -> None:
    """Start the job, put its id into the address and draw the page anew."""
    plain = masks.plain_name(name)
    files = {plain: content}
    arguments = request | {
        "picture": plain,
        "out": "restored.tif",
        "report": "report.json",
        "find_damage": find,
        "model": restorer(),
    }
    if mask is not None:
        files["drawn-mask.png"] = masks.as_png(mask)
        arguments["mask"] = "drawn-mask.png"
    st.query_params["job"] = jobs.start("heritage restore", arguments, files, {"name": name})
    st.rerun()


if __name__ == "__main__":
    draw()
