"""The materials page: what is asked of crystals; then the job that the address names, and the crystals that came of it."""

import streamlit as st

from difusa.apps import form, jobs, materials_form, materials_models, materials_result
from difusa.apps.i18n import session_language, translator


def draw() -> None:
    """Draw the page: the job in the address, or the form for a new one."""
    _ = translator(session_language())
    st.title(_("Crystals"))
    if id := st.query_params.get("job"):
        materials_result.show(id, _)
    else:
        ask(_)


def ask(_) -> None:
    """The form; its button starts a job and puts the job into the address."""
    try:
        with st.spinner(_("Looking for models")):  # the first time torch is loaded
            choices = materials_models.choices()
            if not choices:
                no_model(_)
                return
            ways = {"new": _("New crystals"), "predict": _("Structures of a composition")}
            way = st.segmented_control(
                _("What to draw"), list(ways), format_func=ways.get, key=form.kept(materials_form.FORM, "way", "new"),
                label_visibility="collapsed",
            )  # fmt: skip
            left, right = st.columns(2, gap="large")
            asked = materials_form.predicted if way == "predict" else materials_form.new
            verb, request, wrong = asked(choices, left, right, _)
    except (ValueError, OSError) as error:
        st.error(form.plain(error))
        return
    except ModuleNotFoundError as error:
        st.error(_("This page needs {package}.").format(package=error.name))
        st.code("pip install 'difusa[materials]'", language=None)
        return
    with right:
        if wrong:
            st.warning(wrong)
        if st.button(
            _("Generate"), type="primary", width="stretch", disabled=bool(wrong), icon=":material/deployed_code:"
        ):
            about = {"form": form.values(materials_form.FORM)}
            st.query_params["job"] = jobs.start(verb, request | {"report": "report.json"}, {}, about)
            st.rerun()


def no_model(_) -> None:
    """What to do where no crystal model is installed."""
    st.warning(_("No crystal model is installed, so nothing can be drawn yet."))
    st.write(_("A newer version of Difusa may bring one. Or train your own, and name its folder when the pages start:"))
    st.code("difusa train materials --out runs/materials\ndifusa app --materials runs/materials", language=None)


if __name__ == "__main__":
    draw()
