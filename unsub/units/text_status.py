"""How a unit's own text in one language stands beside the default text and the other languages."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from unsub.models import Place


class TextStatus(StrEnum):
    """What a page shows at one place in one language."""

    OWN = "own"
    # The default text was changed since this one was written.
    STANDARD_CHANGED = "standard_changed"
    # The text in the unit's default language was changed since this one was written.
    OLDER = "older"
    # The default language has a text of the unit's own, and this one does not.
    MISSING = "missing"
    STANDARD = "standard"
    # A footer is shown in the default language where there is none.
    INHERITED = "inherited"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenText:
    """A text of the unit's own: when it was last changed, and the digest of the default text at
    that time, "" where there was none or it is not known."""

    changed_at: datetime
    standard_digest: str = ""


def status_of(
    language: str,
    place: str,
    *,
    base: str,
    written: Mapping[tuple[str, str], WrittenText],
    standard_digest: str,
) -> TextStatus:
    """Return the status of one text. `base` is the unit's default language, `standard_digest` that
    of today's default text in `language`, or ""."""
    own, first = written.get((language, place)), written.get((base, place))
    if own is None:
        if first is None:
            return TextStatus.STANDARD if standard_digest else TextStatus.NONE
        return TextStatus.INHERITED if place == Place.FOOTER else TextStatus.MISSING
    if own.standard_digest and own.standard_digest != standard_digest:
        return TextStatus.STANDARD_CHANGED
    if first is not None and language != base and first.changed_at > own.changed_at:
        return TextStatus.OLDER
    return TextStatus.OWN
