"""Words that people typed, made fit for XML and for one line. Pure."""

import unicodedata


def clean(text: str) -> str:
    """Return `text` in NFC on one line, without control characters, lone surrogates or other
    code points that XML 1.0 cannot carry; runs of white space become one space."""
    spaced = "".join(" " if unicodedata.category(char) in _UNFIT else char for char in text)
    return " ".join(unicodedata.normalize("NFC", spaced).split())


def clean_lines(text: str) -> str:
    """Return `text` cleaned as by `clean`, line by line; empty lines at its ends are gone."""
    return "\n".join(map(clean, text.strip().splitlines()))


# Control, surrogate and unassigned (non-characters such as U+FFFE among them).
_UNFIT = frozenset({"Cc", "Cs", "Cn"})
