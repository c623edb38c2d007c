"""The catalogues: nothing is missing, and no line ends inside a word or between a number and its
unit."""

import pytest
from babel.messages.catalog import Catalog

from scripts import messages
from scripts.messages import unbreakable


@pytest.mark.parametrize(
    ("language", "text", "kept"),
    [
        ("de", "Ihre E-Mail-Adresse", "Ihre E\u2011Mail-Adresse"),
        ("sv", "din e-postadress", "din e\u2011postadress"),
        ("tr", "e-posta", "e\u2011posta"),
        ("he", "כ-PDF", "כ\u2011PDF"),
        ("de", "Bis zu 100 Zeichen", "Bis zu 100\u00a0Zeichen"),
        ("it", "entro %(number)s secondi", "entro %(number)s\u00a0secondi"),
        ("fr", "Pourquoi ? « %(name)s »", "Pourquoi\u00a0? «\u00a0%(name)s\u00a0»"),
        ("pl", "Zgoda w wersji %(number)s", "Zgoda w\u00a0wersji %(number)s"),
        ("de", "Abmeldung von %(name)s", "Abmeldung von %(name)s"),
        ("en", "opt-in, 20 of them", "opt-in, 20\u00a0of them"),
    ],
)
def test_a_text_is_kept_together_where_a_line_must_not_end(
    language: str, text: str, kept: str
) -> None:
    assert unbreakable(language, text) == kept
    assert unbreakable(language, kept) == kept


def test_no_text_of_any_language_is_missing_or_could_be_cut(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert messages.main(["check"]) == 0, capsys.readouterr().out


def test_the_check_names_a_text_that_could_be_cut() -> None:
    source, own = Catalog(), Catalog(locale="de")
    source.add("Email address")
    own.add("Email address", "E-Mail-Adresse")
    assert list(messages._problems("de", own, source)) == [
        "de: a line could end inside it: 'Email address'"
    ]
