"""The default texts, which pages show at the places where a unit has none of its own."""

import hashlib

from django.utils import translation
from django.utils.translation import gettext

from unsub.models import Place


def consent(name: str) -> str:
    """Return the default of the text that people agree to by subscribing, in the active
    language."""
    return gettext(
        "By subscribing, you agree to get marketing emails from %(name)s. You can unsubscribe "
        "at any time."
    ) % {"name": name}


def question() -> str:
    """Return the default question for the reason, in the active language."""
    return gettext("Why are you unsubscribing?")


def standard_text(place: str, language: str, name: str) -> str:
    """Return the default text at a place in a language, for a unit's name; "" where a page shows
    nothing there."""
    with translation.override(language):
        match place:
            case Place.CONSENT:
                return consent(name)
            case Place.QUESTION:
                return question()
            case _:
                return ""


def standard_digest(place: str, language: str) -> str:
    """Return a digest of the default text, whatever the unit's name; "" where there is none."""
    text = standard_text(place, language, "")
    return hashlib.sha256(text.encode()).hexdigest()[:16] if text else ""
