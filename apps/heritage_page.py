"""The heritage page: a picture, a mask, the tasks; then the job that the address names, and what came of it."""

import os

import streamlit as st

from difusa.apps import heritage_marks, heritage_result, jobs
from difusa.apps import heritage_mask as masks
from difusa.apps.i18n import session_language, translator


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
    broad = st.session_state.get("way") == "draw"  # a canvas does not shrink to its column: it would be cut off
    left, right = (st.container(), st.container()) if broad else st.columns([3, 2], gap="large")
    with left:
        mask, find, origin = heritage_marks.mark(view, name, content, _)
    with right:
        request = settings(mask is not None or find, find, _)
        if st.button(_("Restore"), type="primary", width="stretch", disabled=request is None):
            begin(name, content, mask, origin, find, request)


@st.cache_data(max_entries=4, show_spinner=False)
def _look(content: bytes, name: str) -> masks.View:
    return masks.look(content, name)


def settings(marked: bool, find: bool, _) -> dict | None:
    """The verb's arguments from the widgets; None while there is nothing to do."""
    tasks = {
        "inpaint": _("Fill losses, cracks and scratches"), "denoise": _("Remove noise and grain"),
        "deblur": _("Sharpen blur"), "jpeg": _("Remove JPEG and halftone marks"),
        "sr2": _("Enlarge × 2"), "sr4": _("Enlarge × 4"),
        "colour": _("Yellowed varnish and fading"), "outpaint": _("Extend the border"),
    }  # fmt: skip
    chosen = st.pills(
        _("What to do"),
        list(tasks),
        format_func=tasks.get,
        selection_mode="multi",
        default=["inpaint"],
        key="tasks",
        wrap=True,
    )
    kinds = {
        "unknown": _("not sure"), "painting": _("painting"), "photograph": _("photograph"),
        "manuscript": _("manuscript or paper"),
    }  # fmt: skip
    kind = st.selectbox(_("The object"), list(kinds), format_func=kinds.get, key="kind")
    samples = st.slider(
        _("Versions to draw"), 2, 16, 4, 2, key="samples", help=_("More versions: a steadier mean, a better map.")
    )
    border = 0
    if "outpaint" in chosen:
        border = st.number_input(_("Pixels to add on each side"), 8, 512, 64, 8, key="border")
    with st.expander(_("Fine settings")):
        picks = {"mean": _("the mean of the versions (fewest errors)"), "sample": _("one version (keeps its grain)")}
        pick = st.radio(_("What to write"), list(picks), format_func=picks.get, key="pick")
        usual = _("as usual")
        steps = st.number_input(_("Steps of each version"), 1, 50, None, key="steps", placeholder=usual)
        again = _("The same seed gives the same picture again.")
        seed = st.number_input(_("Seed"), 0, 2**32 - 1, 0, key="seed", help=again)
    if problem := obstacle(chosen, marked, find, _):
        st.warning(problem)
        return None
    request = {
        "task": ",".join(chosen), "kind": kind, "samples": samples, "pick": pick, "steps": steps, "seed": int(seed),
    }  # fmt: skip
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


def begin(name: str, content: bytes, mask, origin: str, find: bool, request: dict) -> None:
    """Start the job, put its id into the address and draw the page anew."""
    plain = masks.plain_name(name)
    files = {plain: content}
    arguments = request | {
        "picture": [plain],
        "out": "restored.tif",
        "report": "report.json",
        "find_damage": find,
        "model": restorer(),
    }
    if mask is not None:
        files["drawn-mask.png"] = masks.as_png(mask)
        arguments |= {"mask": "drawn-mask.png", "mask_origin": origin}
    st.query_params["job"] = jobs.start("heritage restore", arguments, files, {"name": name})
    st.rerun()


if __name__ == "__main__":
    draw()
