"""A grid of pictures of which one is chosen by a click: a component of our own, the pictures inside the page."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

STATIC = Path(__file__).parent / "static"


@dataclass(frozen=True)
class Card:
    """id: told to `picked`; picture: a `data:` address; mark: good, middling or bad, with its word; note: small print."""

    id: int
    picture: str
    title: str
    mark: str
    word: str
    note: str = ""


def gallery(cards: Sequence[Card], chosen: int | None, picked: Callable[[int], None], *, key: str) -> None:
    """Draw the cards; `picked` is called with the id of the one that is clicked, before the page is drawn anew."""
    import streamlit as st

    def clicked() -> None:
        if (id := st.session_state[key].get("picked")) is not None:
            picked(int(id))

    mount = st.components.v2.component(
        "difusa_gallery",
        html='<div class="grid"></div>',
        css=(STATIC / "gallery.css").read_text(),
        js=(STATIC / "gallery.js").read_text(),
    )
    mount(key=key, data={"cards": [asdict(c) for c in cards], "chosen": chosen}, on_picked_change=clicked)
