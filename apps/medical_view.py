"""The viewer of the medical page: where to cut, how bright, and three planes beside each other."""

from collections.abc import Callable

import numpy as np
import streamlit as st

from difusa.apps import medical_planes as planes


def notice(_) -> None:
    """What stands on every medical page."""
    st.warning(_("Research use, not for diagnosis."), icon=":material/warning:")


def titles(_) -> dict[str, str]:
    """Planes by name."""
    return {"sagittal": _("Sagittal"), "coronal": _("Coronal"), "axial": _("Axial")}


def place(volume: planes.Volume, _, key: str) -> tuple[int, int, int]:
    """Sliders of the three planes: the voxel they cut."""
    found = []
    for axis, (column, name) in enumerate(zip(st.columns(3), planes.NAMES, strict=True)):
        size = volume.array.shape[axis]
        top = max(size - 1, 1)
        found.append(min(column.slider(titles(_)[name], 0, top, min(size // 2, top), key=f"{key}_{name}"), size - 1))
    return tuple(found)


def window(volume: planes.Volume, _, key: str) -> tuple[float, float]:
    """Sliders of level (middle) and window (width): the lowest and highest value shown."""
    low, high = volume.ends
    span = high - low
    left, right = st.columns(2)
    level = left.slider(_("Level"), low - span / 2, high + span / 2, (low + high) / 2, key=f"{key}_level")
    width = right.slider(_("Window"), span / 20, 2 * span, span, key=f"{key}_window")
    return level - width / 2, level + width / 2


def show(volume: planes.Volume, at: tuple[int, int, int], paint: Callable[[int, int], np.ndarray], _) -> None:
    """The three planes; paint(axis, at) -> [rows, columns, 3]."""
    for axis, (column, name) in enumerate(zip(st.columns(3), planes.NAMES, strict=True)):
        picture = planes.sized(paint(axis, at[axis]), volume, axis)
        column.image(picture, caption=titles(_)[name], width="stretch")
