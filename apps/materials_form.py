"""The form of the materials page: what is asked of new crystals, or of a composition, as the verb's arguments."""

import streamlit as st

from difusa.apps import form
from difusa.apps import materials_models as models
from difusa.apps import materials_words as words
from difusa.apps.choices import Choice, pick
from difusa.apps.form import kept

FORM = "mat_"  # the keys of this form's widgets begin so; a job keeps their values
ANY, FREE, NUMBER = "any", "free", "number"  # symmetries beside the crystal systems


def new(choices: list[Choice], left, right, _) -> tuple[str, dict, str]:
    """New crystals, in two columns: the verb, its arguments, and what stands in the way."""
    with right:
        st.subheader(_("How many crystals, and how"))
        choice = pick_model(choices, _)
        amount = amounts(_("Crystals"), 24, _)
        balance = st.toggle(
            _("Charges must balance"), key=kept(FORM, "balance", True),
            help=_("Elements are drawn again until oxidation states can add up to zero, as far as that can be."),
        )  # fmt: skip
    with left:
        st.subheader(_("What every crystal must obey"))
        known, limits = models.elements(choice), {}
        for name, label in (
            ("elements", _("Only these elements (none: all)")),
            ("contains", _("These elements in every crystal")),
            ("exclude", _("These elements in none")),
        ):
            picked = st.multiselect(label, known, key=kept(FORM, name, []), placeholder=_("Choose elements"))
            limits[name] = ",".join(picked) or None
        most = models.most(choice)
        low, high = st.slider(_("Atoms in the primitive cell"), 1, most, key=span(f"atoms_{choice.name}", (1, most)))
        limits["atoms"] = None if (low, high) == (1, most) else f"{low}..{high}"
        limits |= symmetry(_)
    with right:
        told = form.ranges(FORM, models.properties(choice), words.properties(_), _)
    wrong, note = models.refusal(choice, limits | {"property": told.get("property", [])})
    if note:
        right.info(note)
    return "materials generate", amount | limits | told | {"balance": balance, "model": choice.name}, wrong


def predicted(choices: list[Choice], left, right, _) -> tuple[str, dict, str]:
    """Structures of a composition, in two columns: the verb, its arguments, and what stands in the way."""
    with left:
        st.subheader(_("What every proposal must obey"))
        formula = st.text_input(_("Composition"), key=kept(FORM, "formula", ""), placeholder="LiFePO4").strip()
        limits = symmetry(_)
    with right:
        st.subheader(_("How many proposals, and how"))
        choice = pick_model(choices, _)
        amount = amounts(_("Proposals"), 20, _)
    wrong = _("Write a composition.")
    if formula:
        wrong = models.unpredictable(choice, formula, limits["spacegroup"], limits["crystal_system"])
    return "materials predict", amount | limits | {"formula": formula, "model": choice.name}, wrong


def pick_model(choices: list[Choice], _) -> Choice:
    """The model; the first choice is the visitor's own."""
    return pick(choices, FORM + "model", models.own() or "materials", _("Model"))


def amounts(label: str, usual: int, _) -> dict:
    """Count, steps and seed."""
    helps = (
        _("Network evaluations a crystal: fewer are faster."),
        _("The same seed gives the same crystals again."),
    )
    return form.amounts(FORM, label, usual, helps, _)


def span(key: str, usual: tuple[int, int]) -> str:
    """The key of a slider with two ends; a job gives a list back."""
    key = kept(FORM, key, usual)
    st.session_state[key] = tuple(st.session_state[key])
    return key


def symmetry(_) -> dict:
    """The arguments spacegroup, crystal_system and free."""
    names = {ANY: _("as it comes")} | words.systems(_) | {NUMBER: _("one space group"), FREE: _("none imposed")}
    way = st.selectbox(_("Symmetry"), list(names), format_func=names.get, key=kept(FORM, "symmetry", ANY))
    group = None
    if way == NUMBER:
        group = st.number_input(_("Number of the space group"), 1, 230, key=kept(FORM, "group", 225))
    system = way if way in models.systems() else None
    return {"spacegroup": group and int(group), "crystal_system": system, "free": way == FREE}
