"""The first page: what Difusa does, and what it does not."""

import streamlit as st

from difusa.apps.i18n import session_language, translator


def draw() -> None:
    """Draw the page."""
    _ = translator(session_language())
    st.title("Difusa")
    st.markdown(
        _("Restore damaged paintings, photographs and manuscripts on your own computer, and see what was invented.")
    )
    for column, (head, text) in zip(
        st.columns(3),
        [
            (
                _("The original stays"),
                _(
                    "Pixels outside the mask are returned bit for bit, at 8 and 16 bits, with the colour profile. "
                    "One command gives the original file back."
                ),
            ),
            (
                _("Invention is shown"),
                _(
                    "Each restored pixel says whether it comes from the picture or from the model, and how sure "
                    "the model is. Several versions are drawn, not one."
                ),
            ),
            (
                _("Nothing leaves"),
                _("The page, the model and the pictures stay on this machine. No request goes to the internet."),
            ),
        ],
    ):
        with column.container(border=True, height="stretch"):
            st.subheader(head)
            st.write(text)
    with st.container(horizontal=True):
        if st.button(_("Restore a picture"), icon=":material/brush:", type="primary", key="begin"):
            st.switch_page("heritage_page.py")
        if st.button(_("Draw molecules"), icon=":material/science:", key="molecules"):
            st.switch_page("molecules_page.py")
        if st.button(_("Translate a scan"), icon=":material/neurology:", key="medical"):
            st.switch_page("medical_page.py")
        if st.button(_("Draw crystals"), icon=":material/deployed_code:", key="materials"):
            st.switch_page("materials_page.py")
    st.markdown(
        _(
            "Draw new molecules in three dimensions under a formula, elements or a scaffold that every one obeys, and "
            "see which are broken and why."
        )
    )
    st.markdown(
        _(
            "Draw new crystals of elements and symmetries of your choice, or the structures that a composition may take, and "
            "see how stable each may be and what powder pattern it would give."
        )
    )
    st.markdown(
        _(
            "Translate scans of the head between contrasts, with intervals, or play through how a disease may go on. "
            "Research use, not for diagnosis."
        )
    )
    st.caption(
        _("A digital restoration is a proposal. It does not replace the examination of the object by a conservator.")
    )


if __name__ == "__main__":
    draw()
