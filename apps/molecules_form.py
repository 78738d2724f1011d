"""The form of the molecules page: what is asked of new molecules, or of conformers, as the verb's arguments."""

import streamlit as st

from difusa.apps import molecules_models as models
from difusa.apps.heritage_mask import plain_name

MOST = 2000  # molecules of one job
FORM = "mol_"  # the keys of this form's widgets begin so; a job keeps their values
LOOK = "look_"  # those of the widgets by which finished molecules are looked at


def kept(key: str, default, prefix: str = FORM) -> str:
    """The widget's key, with its first value in the session; a value that a job brought back stays."""
    st.session_state.setdefault(prefix + key, default)
    return prefix + key


def values() -> dict:
    """What the visitor put into the form, as JSON can hold it."""
    plain = str | int | float | bool | list | tuple | None
    return {k: v for k, v in st.session_state.items() if str(k).startswith(FORM) and isinstance(v, plain)}


def pick_model(choices: list[models.Choice], _, wish: str = "") -> models.Choice:
    """The model; the first choice is the visitor's own, else `wish` if it is at hand."""
    names = [c.name for c in choices]
    key = kept(f"model_{wish}", wish if wish in names and not models.own() else names[0])
    if st.session_state[key] not in names:
        st.session_state[key] = names[0]
    titles = {c.name: c.title for c in choices}
    name = st.selectbox(_("Model"), names, format_func=titles.get, key=key)
    return choices[names.index(name)]


def new(choices: list[models.Choice], left, right, _) -> tuple[dict, dict[str, bytes], str]:
    """New molecules, in two columns: the arguments of `generate`, the files of the job, and what stands in the way."""
    with right:
        st.subheader(_("How many, and how"))
        choice = pick_model(choices, _)
        count, steps, seed = amounts(_("Molecules"), 48, _)
        valid_only = st.toggle(
            _("Only valid molecules in one piece"), key=kept("valid", False),
            help=_("Draws go on until there are enough; otherwise broken ones are kept and marked."),
        )  # fmt: skip
    with left:
        st.subheader(_("What every molecule must obey"))
        known = models.elements(choice)
        formula = st.text_input(_("Formula"), key=kept("formula", ""), placeholder="C7H10O2").strip() or None
        atoms = st.number_input(
            _("Number of atoms, hydrogens counted"), 1, 1000, None, key=FORM + "atoms", placeholder=_("as it comes"),
            disabled=formula is not None,
        )  # fmt: skip
        ticked = st.pills(
            _("Elements that may occur"), known, selection_mode="multi", key=kept(f"elements_{choice.name}", known)
        )
        scaffold = fragment(_)
    request = {
        "count": int(count), "steps": int(steps), "seed": int(seed), "valid_only": valid_only, "model": choice.name,
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


def amounts(label: str, usual: int, _) -> tuple[int, int, int]:
    """Count, steps and seed in one row."""
    first, second, third = st.columns(3)
    count = first.number_input(label, 1, MOST, key=kept(f"count_{usual}", usual))
    steps = second.number_input(
        _("Steps"), 5, 1000, key=kept("steps", 50), help=_("Network evaluations a molecule: fewer are faster.")
    )
    seed = third.number_input(
        _("Seed"), 0, 2**32 - 1, key=kept("seed", 0), help=_("The same seed gives the same molecules again.")
    )
    return count, steps, seed


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
    if not offered:
        return {}
    names = property_names(_)
    wanted = st.pills(
        _("Properties to aim for"), list(offered), selection_mode="multi", format_func=lambda n: names.get(n, n),
        key=kept("properties", []),
    )  # fmt: skip
    told = []
    for name in wanted:
        low, high, unit = offered[name]
        step = 10 ** -(2 if high - low < 50 else 0)
        low, high = round(low, 2), round(high, 2)
        middle = (round(low + (high - low) / 3, 2), round(high - (high - low) / 3, 2))
        key = kept(f"range_{name}", middle)
        st.session_state[key] = tuple(st.session_state[key])  # a job gives a list back
        a, b = st.slider(f"{names.get(name, name)} ({unit})", low, high, step=float(step), key=key)
        told.append(f"{name}={a:g}..{b:g}")
    if not told:
        return {}
    guidance = st.slider(
        _("How loudly the properties are heard"), 1.0, 4.0, step=0.5, key=kept("guidance", 1.0),
        help=_("1: as the model was trained. More: more hits, less variety, twice the time."),
    )  # fmt: skip
    rank = st.toggle(
        _("Best first"), key=kept("rank", False),
        help=_("By Pareto fronts of the probabilities: nothing in the first is worse in all that was asked for."),
    )  # fmt: skip
    return {"property": told, "guidance": guidance, "rank": rank}


def property_names(_) -> dict[str, str]:
    """The properties that the shipped models know."""
    return {
        "gap": _("Gap between HOMO and LUMO"), "homo": _("HOMO energy"), "lumo": _("LUMO energy"),
        "mu": _("Dipole moment"), "alpha": _("Polarisability"), "cv": _("Heat capacity"),
    }  # fmt: skip


def conformers(choices: list[models.Choice], left, right, _) -> tuple[dict, dict[str, bytes], str]:
    """Conformers, in two columns: the arguments of the verb, no files, and what stands in the way."""
    with left:
        text = st.text_area(
            _("SMILES, one a line"), key=kept("smiles", ""), height=160, placeholder="CC(=O)Nc1ccc(O)cc1\nOC1CCCCC1"
        )
    with right:
        choice = pick_model(choices, _, "drugs")
        count, steps, seed = amounts(_("Conformers of each"), 20, _)
    # A name behind a SMILES is for files of them; here every line is one SMILES.
    lines = [line.split()[0] for line in text.splitlines() if line.strip()]
    request = {
        "smiles": lines, "count": int(count), "steps": int(steps), "seed": int(seed), "model": choice.name,
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
