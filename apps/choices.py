"""The models that a page can offer: the one that `difusa app` named, then the shipped ones."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Choice:
    """A model that draws. name: a shipped one or a folder; title: as the visitor reads it; meta: model.json."""

    name: str
    title: str
    meta: dict
    folder: Path


def own(variable: str) -> str | None:
    """The model that an environment variable names, as `difusa app` sets it."""
    return os.environ.get(variable) or None


def choices(domain: str, trains: str, variable: str, without: str | None = None) -> list[Choice]:
    """All of a domain's models of that kind; without: a part of the names of those to leave out."""
    from difusa.domains import models

    named = own(variable)
    found = []
    if named:
        model = models.find(named, domain=domain)
        found.append(Choice(named, f"{model.name} ({Path(named).name})", model.meta, model.folder))
    for model in models.shipped():
        fits = (model.meta["domain"], model.meta["trains"]) == (domain, trains)
        if fits and not (without and without in model.name):
            found.append(Choice(model.folder.name, model.name, model.meta, model.folder))
    return found


def pick(found: list[Choice], key: str, wish: str, label: str) -> Choice:
    """The widget, kept in the session under `key`; the first choice is `wish` if it is at hand."""
    import streamlit as st

    names = [c.name for c in found]
    if st.session_state.get(key) not in names:
        st.session_state[key] = wish if wish in names else names[0]
    titles = {c.name: c.title for c in found}
    name = st.selectbox(label, names, format_func=titles.get, key=key)
    return found[names.index(name)]
