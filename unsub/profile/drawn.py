"""What a page was drawn from, signed: so that a form says what changed, and not what is.

Two tabs then do not undo each other, nobody joins a list that the page did not offer, and a value
that was changed meanwhile is shown and not written over.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from django.core import signing

from unsub.context import UnsubContext
from unsub.wish import exact, person_of

SECONDS = 7 * 86_400  # a tab that was left open for longer is drawn anew
_SALT = "unsub.drawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What somebody saw: the lists that were on and those that were off, marks of the values of
    fields by their ids, and a mark of the words for joining. Where Marketing Cloud did not say what
    is on, `is_known` is false, and `on` holds what can be left."""

    on: tuple[int, ...] = ()
    off: tuple[int, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    wording: str = ""
    is_known: bool = True


def draw(context: UnsubContext, drawn: Drawn) -> str:
    """Return the text to put into a form."""
    data = [_whose(context), drawn.on, drawn.off, dict(drawn.values), drawn.wording, drawn.is_known]
    return signing.dumps(data, salt=_SALT, compress=True)


def read(context: UnsubContext, text: str) -> Drawn | None:
    """Return what a form was drawn from, or None where that is of somebody else, old or cut."""
    try:
        whose, on, off, values, wording, is_known = signing.loads(text, salt=_SALT, max_age=SECONDS)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    if whose != _whose(context):
        return None
    return Drawn(on=tuple(on), off=tuple(off), values=values, wording=wording, is_known=is_known)


def mark(text: str) -> str:
    """Return a short mark of a value, which tells nobody what it is."""
    return exact("drawn", text)[:12]


def marks(values: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the marks of values by their ids."""
    return {name: mark(value) for name, value in values}


def _whose(context: UnsubContext) -> str:
    """Return whose page it is."""
    return person_of(context)[:16]
