"""The molecules page: what is asked of them; then the job that the address names, and the molecules that came of it."""

import streamlit as st

from difusa.apps import form, jobs, molecules_form, molecules_models, molecules_result
from difusa.apps.i18n import session_language, translator


def draw() -> None:
    """Draw the page: the job in the address, or the form for a new one."""
    _ = translator(session_language())
    st.title(_("Molecules"))
    if id := st.query_params.get("job"):
        molecules_result.show(id, _)
    else:
        ask(_)


def ask(_) -> None:
    """The form; its button starts a job and puts the job into the address."""
    try:
        with st.spinner(_("Looking for models")):  # the first time torch is loaded
            choices = molecules_models.choices()
    except (ValueError, OSError) as error:
        st.error(str(error))
        return
    except ModuleNotFoundError as error:
        st.error(_("This page needs {package}.").format(package=error.name))
        st.code("pip install 'difusa[molecules]'", language=None)
        return
    if not choices:
        no_model(_)
        return
    ways = {"new": _("New molecules"), "conformers": _("Conformers of a molecule")}
    way = st.segmented_control(
        _("What to draw"), list(ways), format_func=ways.get, key=form.kept(molecules_form.FORM, "way", "new"),
        label_visibility="collapsed",
    )  # fmt: skip
    left, right = st.columns(2, gap="large")
    verb = "molecules conformers" if way == "conformers" else "molecules generate"
    asked = molecules_form.conformers if way == "conformers" else molecules_form.new
    request, files, wrong = asked(choices, left, right, _)
    with right:
        if wrong:
            st.warning(wrong)
        if st.button(_("Generate"), type="primary", width="stretch", disabled=bool(wrong), icon=":material/science:"):
            about = {"form": form.values(molecules_form.FORM)}
            st.query_params["job"] = jobs.start(verb, request | {"report": "report.json"}, files, about)
            st.rerun()


def no_model(_) -> None:
    """What to do where no molecule model is installed."""
    st.warning(_("No molecule model is installed, so nothing can be drawn yet."))
    st.write(
        _("A newer version of Difusa may bring one. Or train your own, and name the folders when the pages start:")
    )
    st.code(
        "difusa train qm9 --out runs/qm9\ndifusa train qm9-hydrogens --out runs/qm9-hydrogens\n"
        "difusa app --molecules runs/qm9 --hydrogens runs/qm9-hydrogens",
        language=None,
    )


if __name__ == "__main__":
    draw()
