"""The before/after slider: a thin wrapper over npm's img-comparison-slider 8.0.7 (in static/, with its licence)."""

import base64
import io
from pathlib import Path

import numpy as np

STATIC = Path(__file__).parent / "static"


def data_address(pixels: np.ndarray, *, lossless: bool = False) -> str:
    """A picture [H, W] or [H, W, 3 or 4] of uint8 as a `data:` address, in WebP."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", lossless=lossless, quality=92, method=3)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def compare(
    before: np.ndarray, after: np.ndarray, overlay: np.ndarray | None, names: tuple[str, str], label: str, key: str
) -> None:
    """Draw the slider: before, after [H, W, 3] uint8; overlay [H, W, 4] over `after`, its opacity set by hand.

    names: the captions of the two sides; label: the caption of the opacity slider.
    """
    import streamlit as st

    element = (STATIC / "img-comparison-slider.js").read_text()
    # A browser may load the script twice (a second tab of the same page), but an element can be defined once only.
    # The line break ends a comment at the end of the script.
    script = (
        f"if (!customElements.get('img-comparison-slider')) {{ {element}\n}}\n" + (STATIC / "compare.js").read_text()
    )
    mount = st.components.v2.component(
        "difusa_compare",
        html=(STATIC / "compare.html").read_text(),
        css=(STATIC / "compare.css").read_text(),
        js=script,
    )
    mount(
        key=key,
        data={
            "before": data_address(before), "after": data_address(after),
            "map": "" if overlay is None else data_address(overlay, lossless=True),
            "beforeName": names[0], "afterName": names[1], "label": label,
        },
    )  # fmt: skip
