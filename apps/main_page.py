"""The frame of all pages: navigation and language. `difusa app` runs this file."""

import os
from pathlib import Path

import streamlit as st

from difusa.apps.i18n import LANGUAGES, closest, translator

ICON = Path(__file__).parent / "static" / "icon.png"  # a named icon would be fetched from the internet


def draw() -> None:
    """Draw the frame and the page that the address names."""
    with st.sidebar:
        names = list(LANGUAGES)
        st.session_state.setdefault("language", closest(st.context.locale))
        st.selectbox("Idioma · Language", names, format_func=LANGUAGES.get, key="language")
    _ = translator(st.session_state["language"])
    st.set_page_config(page_title="Difusa", page_icon=str(ICON), layout="wide")
    study = os.environ.get("DIFUSA_STUDY")  # a page that is of use to raters alone
    page = st.navigation(
        [
            st.Page("home_page.py", title=_("Start"), icon=":material/home:", url_path="start", default=True),
            st.Page("heritage_page.py", title=_("Restore a picture"), icon=":material/brush:", url_path="heritage"),
            st.Page("molecules_page.py", title=_("Molecules"), icon=":material/science:", url_path="molecules"),
            st.Page("materials_page.py", title=_("Crystals"), icon=":material/deployed_code:", url_path="materials"),
            st.Page("medical_page.py", title=_("Scans"), icon=":material/neurology:", url_path="medical"),
            st.Page("verify_page.py", title=_("Verify a file"), icon=":material/verified:", url_path="verify"),
            *(
                [st.Page("rating_page.py", title=_("Rate"), icon=":material/rate_review:", url_path="rate")]
                if study
                else []
            ),
        ]
    )
    page.run()


if __name__ == "__main__":
    draw()
