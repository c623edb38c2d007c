"""Whether a text of Marketing Cloud says that a right is missing.

Read only where the vendor gives no code: Client faults and the status "Error: API Permission
Failed" have none (manual: "SOAP Faults").
"""

import re

_NO_RIGHT = re.compile(
    r"\b(un|not )authori[sz]ed\b|\bauthori[sz]ation (failed|denied|required)\b"
    r"|\bpermission(s)? (failed|denied|required|missing)\b|\bAPI permission\b"
    r"|\b(no|not have|without|insufficient|lacks?|missing)( the| a| any)?( \w+){0,2}"
    r" (permissions?|privileges?|rights?|scopes?)\b"
    r"|\baccess (is |was )?denied\b|\bforbidden\b",
    re.IGNORECASE,
)


def says_no_right(words: str) -> bool:
    """Return whether the text says that the user or the package lacks a right."""
    return bool(_NO_RIGHT.search(" ".join(words[:500].split())))
