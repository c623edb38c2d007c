"""Clean text that people typed, for XML and for single-line fields."""

import unicodedata


def clean(text: str) -> str:
    """Return `text` in NFC on one line. Control characters, lone surrogates and unassigned code
    points become spaces (XML 1.0 cannot carry most of them); runs of white space become one
    space."""
    spaced = "".join(" " if unicodedata.category(char) in _UNFIT else char for char in text)
    return " ".join(unicodedata.normalize("NFC", spaced).split())


def clean_lines(text: str) -> str:
    """Return `text` with each line cleaned by `clean`, without leading and trailing empty lines."""
    return "\n".join(map(clean, text.strip().splitlines()))


# Control, surrogate and unassigned (including non-characters such as U+FFFE).
_UNFIT = frozenset({"Cc", "Cs", "Cn"})
