"""Two languages by gettext: English is the source text, Brazilian Portuguese a catalogue in the words of conservators.

After editing locale/pt_BR/LC_MESSAGES/difusa.po compile it (a test compares the two):
`msgfmt difusa.po -o difusa.mo`, from Debian's gettext.
"""

import gettext
from collections.abc import Callable
from functools import cache
from pathlib import Path

LOCALE = Path(__file__).parent / "locale"
LANGUAGES = {"pt_BR": "Português (Brasil)", "en": "English"}


def closest(locale: str | None) -> str:
    """The language we speak that is closest to a browser's locale such as `pt-PT`; English when there is none."""
    return "pt_BR" if (locale or "").lower().startswith("pt") else "en"


@cache
def translator(language: str) -> Callable[[str], str]:
    """The function from an English sentence to the sentence in `language`, a key of LANGUAGES.

    Raises ValueError for a language we do not speak.
    """
    if language not in LANGUAGES:
        raise ValueError(f"language must be one of {', '.join(LANGUAGES)}, got {language!r}")
    if language == "en":
        return gettext.NullTranslations().gettext
    return gettext.translation("difusa", LOCALE, [language]).gettext


def session_language() -> str:
    """The language of the page being drawn: the visitor's choice, else the browser's locale."""
    import streamlit as st

    return st.session_state.get("language") or closest(st.context.locale)


def number(value: float, digits: int, language: str) -> str:
    """A number with `digits` decimals and the decimal sign of the language."""
    text = f"{value:.{digits}f}"
    return text.replace(".", ",") if language == "pt_BR" else text
