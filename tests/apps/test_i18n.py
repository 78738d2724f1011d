"""Every sentence of the pages and the demo exists in Portuguese; the compiled catalogue is the edited one."""

import ast
import gettext
import re
from pathlib import Path

import pytest

import difusa.apps
from difusa.apps.i18n import LOCALE, closest, number, translator

SOURCES = Path(difusa.apps.__file__).parent
FOLDER = LOCALE / "pt_BR" / "LC_MESSAGES"


def sentences() -> set[str]:
    """The English sentences in the sources: what stands in _("...") and N_("...")."""
    found = set()
    for path in SOURCES.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "N_"):
                found |= {n.value for n in node.args if isinstance(n, ast.Constant)}
    return found


def edited() -> dict[str, str]:
    """difusa.po, without its header: the strings of an entry are joined."""
    entries = re.findall(
        r'^msgid ((?:".*"\s*)+)^msgstr ((?:".*"\s*)+)', (FOLDER / "difusa.po").read_text(), re.MULTILINE
    )
    joined = [
        tuple("".join(ast.literal_eval(line) for line in text.splitlines() if line) for text in pair)
        for pair in entries
    ]
    return {english: portuguese for english, portuguese in joined if english}


def compiled() -> dict[str, str]:
    with (FOLDER / "difusa.mo").open("rb") as file:
        return {k: v for k, v in gettext.GNUTranslations(file)._catalog.items() if k}


def test_every_sentence_is_translated_and_none_is_left_over():
    assert len(sentences()) > 50  # the search works
    assert set(edited()) == sentences()
    assert all(edited().values())


def test_compiled_catalogue_is_the_edited_one():
    assert compiled() == edited(), "run: msgfmt difusa.po -o difusa.mo"


def test_translations_keep_the_fields():
    fields = re.compile(r"{\w*}")
    wrong = [e for e, p in edited().items() if sorted(fields.findall(e)) != sorted(fields.findall(p))]
    assert not wrong


def test_words_of_conservators():
    _ = translator("pt_BR")
    assert _("Yellowed varnish and fading") == "Verniz amarelecido e desbotamento"
    assert "craquelê" in _("Fill losses, cracks and scratches")
    assert translator("en")("Restore") == "Restore"


@pytest.mark.parametrize(
    "locale, language",
    [("pt-BR", "pt_BR"), ("pt", "pt_BR"), ("pt-PT", "pt_BR"), ("en-US", "en"), ("de", "en"), ("", "en"), (None, "en")],
)
def test_closest_language(locale, language):
    assert closest(locale) == language


def test_decimal_sign():
    assert (number(1.25, 1, "en"), number(21.5, 1, "pt_BR")) == ("1.2", "21,5")


def test_unknown_language_is_refused():
    with pytest.raises(ValueError, match="pt_BR, en"):
        translator("fr")
