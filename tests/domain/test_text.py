"""Cleaning of text that people typed, for XML and for one line."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.links.strategies import FAST
from unsub.domain.text import clean

UNFIT = re.compile("[^\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("", ""),
        (" \t\r\n ", ""),
        ("  too   many\n\nmails ", "too many mails"),
        ("a\x00b\x1fc\x7fd\x85e", "a b c d e"),
        ("lone \ud83d surrogate", "lone surrogate"),
        ("non\ufffecharacter\uffff", "non character"),
        ("cafe\u0301", "caf\u00e9"),
        ("no\u00a0break\u2003space", "no break space"),
        ("<b>& \"quoted\" 'too'", "<b>& \"quoted\" 'too'"),
        ("zu viel 🙈 日本語", "zu viel 🙈 日本語"),
    ],
)
def test_text_is_kept_and_characters_that_cannot_be_sent_are_not(typed: str, kept: str) -> None:
    assert clean(typed) == kept


@FAST
@given(typed=st.text(st.characters(exclude_categories=())))
def test_any_text_becomes_one_line_that_xml_can_carry(typed: str) -> None:
    kept = clean(typed)
    assert not UNFIT.search(kept)
    assert kept == kept.strip()
    assert "  " not in kept
    assert unicodedata.is_normalized("NFC", kept)
    assert clean(kept) == kept
