"""Turning three-dimensional views: a thin wrapper over npm's 3Dmol.js 2.5.5 (in static/, with its licence)."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

STATIC = Path(__file__).parent / "static"
FORMATS = ("sdf", "xyz", "cif")  # what 3Dmol.js is given; of a CIF the unit cell is drawn too


@cache
def parts() -> dict[str, str]:
    """What the component is made of. The library's exports are names in the same script, so nothing is fetched."""
    return {
        "html": (STATIC / "viewer3d.html").read_text(),
        "css": (STATIC / "viewer3d.css").read_text(),
        "js": (STATIC / "3Dmol.es6-min.js").read_text() + "\n" + (STATIC / "viewer3d.js").read_text(),
    }


def view(
    models: Sequence[str], format: str, _: Callable[[str], str], *, key: str, name: str, play: bool = False,
    height: int = 380,
) -> None:  # fmt: skip
    """Draw a view that turns and that the mouse moves: one model, or several as the frames of a film.

    models: texts in `format`, one of FORMATS. name: what is seen; the camera starts anew when it changes, so that the
    frames of a run under way keep theirs. play: the film runs at once; otherwise its last frame is shown. height: px.
    Raises ValueError for another format or nothing to show.
    """
    import streamlit as st

    if format not in FORMATS or not models:
        raise ValueError(f"{len(models)} models of the format {format!r}: at least one, of {', '.join(FORMATS)}")
    words = {
        "play": _("Play"), "pause": _("Pause"), "turn": _("Turn"), "frame": _("Frame"),
        "lacking": _("This browser shows no 3D: WebGL is switched off."),
    }  # fmt: skip
    mount = st.components.v2.component("difusa_viewer3d", **parts())
    mount(
        key=key,
        data={
            "models": list(models),
            "format": format,
            "name": name,
            "play": play,
            "height": height,
            "words": words,
        },
    )
