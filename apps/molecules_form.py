"""The form of the molecules page: what is asked of new molecules, or of conformers, as the verb's arguments."""

import streamlit as st

from difusa.apps import form
from difusa.apps import molecules_models as models
from difusa.apps.choices import Choice, pick
from difusa.apps.form import kept
from difusa.apps.heritage_mask import plain_name

FORM = "mol_"  # the keys of this form's widgets begin so; a job keeps their values


def pick_model(choices: list[Choice], _, wish: str = "") -> Choice:
    """The model; the first choice is the visitor's own, else `wish` if it is at hand."""
    return pick(choices, f"{FORM}model_{wish}", models.own() or wish, _("Model"))


def new(choices: list[Choice], left, right, _) -> tuple[dict, dict[str, bytes], str]:
    """New molecules, in two columns: the arguments of `generate`, the files of the job, and what stands in the way."""
    with right:
        st.subheader(_("How many, and how"))
        choice = pick_model(choices, _)
        amount = amounts(_("Molecules"), 48, _)
        valid_only = st.toggle(
            _("Only valid molecules in one piece"), key=kept(FORM, "valid", False),
            help=_("Draws go on until there are enough; otherwise broken ones are kept and marked."),
        )  # fmt: skip
    with left:
        st.subheader(_("What every molecule must obey"))
        known = models.elements(choice)
        formula = st.text_input(_("Formula"), key=kept(FORM, "formula", ""), placeholder="C7H10O2").strip() or None
        atoms = st.number_input(
            _("Number of atoms, hydrogens counted"), 1, 1000, None, key=FORM + "atoms", placeholder=_("as it comes"),
            disabled=formula is not None,
        )  # fmt: skip
        ticked = st.pills(
            _("Elements that may occur"),
            known,
            selection_mode="multi",
            key=kept(FORM, f"elements_{choice.name}", known),
        )
        scaffold = fragment(_)
    request = amount | {
        "valid_only": valid_only, "model": choice.name,
        "hydrogens": models.hydrogens(choice), "formula": formula, "atoms": None if formula or not atoms else int(atoms),
        "elements": ",".join(ticked) if set(ticked) != set(known) else None,
    }  # fmt: skip
    with right:
        request |= ranges(models.properties(choice), _)
    files = {}
    if scaffold:
        files = {scaffold[0]: scaffold[1]}
        request["scaffold"] = scaffold[0]
    wrong = models.lacking(choice) or models.refusal(
        choice, formula, request["atoms"], ",".join(ticked) if request["elements"] or not ticked else None, scaffold
    )
    return request, files, wrong


def amounts(label: str, usual: int, _) -> dict:
    """Count, steps and seed."""
    helps = (
        _("Network evaluations a molecule: fewer are faster."),
        _("The same seed gives the same molecules again."),
    )
    return form.amounts(FORM, label, usual, helps, _)


def fragment(_) -> tuple[str, bytes] | None:
    """The scaffold's name and content; it stays while the visitor looks at a job."""
    upload = st.file_uploader(
        _("Scaffold that every molecule keeps (SDF or MOL, with 3D coordinates)"), type=["sdf", "mol"], key="scaffold"
    )
    if upload is not None:
        st.session_state["scaffold_file"] = (plain_name(upload.name), upload.getvalue())
    found = st.session_state.get("scaffold_file")
    if found and upload is None:
        name, drop = st.columns([4, 1], vertical_alignment="center")
        name.caption(_("Scaffold: {name}").format(name=found[0]))
        if drop.button(_("Remove"), key="scaffold_drop"):
            del st.session_state["scaffold_file"]
            st.rerun()
    return found


def ranges(offered: dict[str, tuple[float, float, str]], _) -> dict:
    """Ranges of properties, if the model hears any: the arguments property, rank and guidance."""
    told = form.ranges(FORM, offered, property_names(_), _)
    if not told:
        return {}
    rank = st.toggle(
        _("Best first"), key=kept(FORM, "rank", False),
        help=_("By Pareto fronts of the probabilities: nothing in the first is worse in all that was asked for."),
    )  # fmt: skip
    return told | {"rank": rank}


def property_names(_) -> dict[str, str]:
    """The properties that the shipped models know."""
    return {
        "gap": _("Gap between HOMO and LUMO"), "homo": _("HOMO energy"), "lumo": _("LUMO energy"),
        "mu": _("Dipole moment"), "alpha": _("Polarisability"), "cv": _("Heat capacity"),
    }  # fmt: skip


def conformers(choices: list[Choice], left, right, _) -> tuple[dict, dict[str, bytes], str]:
    """Conformers, in two columns: the arguments of the verb, no files, and what stands in the way."""
    with left:
        text = st.text_area(
            _("SMILES, one a line"),
            key=kept(FORM, "smiles", ""),
            height=160,
            placeholder="CC(=O)Nc1ccc(O)cc1\nOC1CCCCC1",
        )
    with right:
        choice = pick_model(choices, _, "drugs")
        amount = amounts(_("Conformers of each"), 20, _)
    # A name behind a SMILES is for files of them; here every line is one SMILES.
    lines = [line.split()[0] for line in text.splitlines() if line.strip()]
    request = amount | {
        "smiles": lines, "model": choice.name,
        "hydrogens": models.hydrogens(choice),
    }  # fmt: skip
    wrong = models.lacking(choice)
    if not wrong and not lines:
        wrong = _("Write at least one SMILES.")
    if not wrong:
        request["smiles"], refused = models.readable(choice, lines)
        said = "\n\n".join(_("Line {number}: {reason}").format(number=n, reason=why) for n, why in refused)
        if not request["smiles"]:
            wrong = said
        elif said:
            left.warning(said)
    return request, {}, wrong
