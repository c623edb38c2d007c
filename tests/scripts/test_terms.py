"""Words that were replaced by the glossary's terms do not come back."""

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.steps import ROOT, files

# Nowhere: neither in a text nor as a part of a name.
WORDS = frozenset(
    {
        "wish", "wishes", "wished", "letterbox", "letterboxes", "bell", "bells", "knock", "knocks",
        "tally", "tallies", "honour", "honours", "succession",
    }
)  # fmt: skip
# Not as a name in Python; in a sentence some of them are plain English.
NAMES = frozenset(
    {
        "UnsubRequest", "Family", "Leave", "Slow", "TallyMark", "Digest", "Drawn", "Present",
        "Held", "Reading", "Seen", "Standing", "Visit", "Sender", "Act", "Handling", "Wording",
        "PauseEnd", "PauseEnds", "Somebody", "Away", "NoLogo", "NotTaken", "TooLarge",
        "NotConfirmed", "StillOpen", "BadHeader", "Unavailable",
        "aspect", "succession", "voids", "still_wanted", "answered_anew", "left_in_vain",
        "unit_queue", "take_probe", "nothing_to_probe", "keep_up", "ring", "silence", "door",
        "entered", "at_the_door", "drawn", "visiting", "deal_with", "pause_ends",
        "patience", "throttle", "shelf", "trees",
    }
)  # fmt: skip
ALLOWED = {
    # A keyring.
    "tests/links/": {"ring"},
}
FOLDERS = ("docs", "profilecenter", "scripts", "static", "templates", "tests", "unsub")
ENDINGS = (".py", ".html", ".css", ".js", ".md", ".txt", ".toml", ".sh")


def sources() -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each file of code and documents, this one left out."""
    inside = (path for ending in ENDINGS for path in files(f"*{ending}", *FOLDERS))
    at_root = (path.name for path in ROOT.iterdir() if path.suffix in ENDINGS)
    for path in (*inside, *at_root):
        if ROOT / path != Path(__file__).resolve():
            yield path, (ROOT / path).read_text()


def allowed(path: str) -> set[str]:
    """Return the words that this file may contain all the same."""
    return {word for start, words in ALLOWED.items() if path.startswith(start) for word in words}


def parts(text: str) -> set[str]:
    """Return the words of a text; `keep_tally` and `DailyTally` have `tally`."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+", text)}


def names(code: str) -> set[str]:
    """Return the names in Python code, without leading underscores."""
    tokens = tokenize.generate_tokens(io.StringIO(code).readline)
    return {token.string.lstrip("_") for token in tokens if token.type == tokenize.NAME}


def test_no_replaced_word_is_in_a_file() -> None:
    found = {path: (parts(text) & WORDS) - allowed(path) for path, text in sources()}
    assert not {path: words for path, words in found.items() if words}


def test_no_replaced_word_is_a_name_in_the_code() -> None:
    python = ((path, text) for path, text in sources() if path.endswith(".py"))
    found = {path: (names(text) & NAMES) - allowed(path) for path, text in python}
    assert not {path: words for path, words in found.items() if words}


@pytest.mark.parametrize("text", ["def keep_tally():", "class DailyTally:", "# ring the bell"])
def test_a_replaced_word_is_found_within_a_name_and_in_a_comment(text: str) -> None:
    assert parts(text) & WORDS
