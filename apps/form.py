"""What the forms of the pages share: widgets that keep their values in a job, and ranges of properties."""

import re
from collections.abc import Callable

import streamlit as st

MOST = 2000  # items of one job
LOOK = "look_"  # the keys of the widgets by which a finished job is looked at begin so


def kept(prefix: str, key: str, default) -> str:
    """The widget's key, with its first value in the session; a value that a job brought back stays."""
    st.session_state.setdefault(prefix + key, default)
    return prefix + key


def values(prefix: str) -> dict:
    """What the visitor put into the widgets of that prefix, as JSON can hold it."""
    plain = str | int | float | bool | list | tuple | None
    return {k: v for k, v in st.session_state.items() if str(k).startswith(prefix) and isinstance(v, plain)}


def amounts(prefix: str, label: str, usual: int, helps: tuple[str, str], _: Callable[[str], str]) -> dict:
    """Count, steps and seed in one row, as a verb's arguments; helps: what the last two mean."""
    first, second, third = st.columns(3)
    count = first.number_input(label, 1, MOST, key=kept(prefix, f"count_{usual}", usual))
    steps = second.number_input(_("Steps"), 5, 1000, key=kept(prefix, "steps", 50), help=helps[0])
    seed = third.number_input(_("Seed"), 0, 2**32 - 1, key=kept(prefix, "seed", 0), help=helps[1])
    return {"count": int(count), "steps": int(steps), "seed": int(seed)}


def ranges(
    prefix: str, offered: dict[str, tuple[float, float, str]], names: dict[str, str], _: Callable[[str], str]
) -> dict:
    """Ranges of the properties that the visitor picks, as the arguments property and guidance; nothing where none is.

    offered: property -> lowest and highest value, unit; names: as the visitor reads them.
    """
    if not offered:
        return {}
    wanted = st.pills(
        _("Properties to aim for"), list(offered), selection_mode="multi", format_func=lambda n: names.get(n, n),
        key=kept(prefix, "properties", []),
    )  # fmt: skip
    told = []
    for name in wanted:
        low, high, unit = offered[name]
        step = 10 ** -(2 if high - low < 50 else 0)
        low, high = round(low, 2), round(high, 2)
        middle = (round(low + (high - low) / 3, 2), round(high - (high - low) / 3, 2))
        key = kept(prefix, f"range_{name}", middle)
        st.session_state[key] = tuple(st.session_state[key])  # a job gives a list back
        a, b = st.slider(f"{names.get(name, name)} ({unit})", low, high, step=float(step), key=key)
        told.append(f"{name}={a:g}..{b:g}")
    if not told:
        return {}
    guidance = st.slider(
        _("How loudly the properties are heard"), 1.0, 4.0, step=0.5, key=kept(prefix, "guidance", 1.0),
        help=_("1: as the model was trained. More: more hits, less variety, twice the time."),
    )  # fmt: skip
    return {"property": told, "guidance": guidance}


def plain(error: Exception) -> str:
    """A verb's message without the dashes of the command line."""
    return re.sub(r"--(?=[a-z])", "", str(error))
