"""Signed snapshot of the values a form was rendered with (optimistic concurrency): submitting
yields a diff.

So two tabs do not undo each other, nobody subscribes to a list that the page did not offer, and a
value that changed in the meantime is shown, not overwritten.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.core import signing

from unsub.domain.context import UnsubContext
from unsub.infra import digests

MAX_AGE = 7 * 86_400  # older snapshots are refused and the page is rendered again
_SALT = "unsub.form_snapshot"


@dataclass(frozen=True, slots=True, kw_only=True)
class FormSnapshot:
    """The state that the subscriber saw: lists that were on and off, fingerprints of field values
    by field id, values of topics by code, and the fingerprint of the consent text.

    `is_known` is False where Marketing Cloud did not answer; `on` then holds the lists that can be
    unsubscribed from. `made_at` is when the page was rendered, by the clock of its web host; None
    before that.
    """

    on: tuple[int, ...] = ()
    off: tuple[int, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    topics: Mapping[str, str] = field(default_factory=dict)
    consent: str = ""
    is_known: bool = True
    made_at: datetime | None = field(default=None, compare=False)


def dumps(context: UnsubContext, snapshot: FormSnapshot) -> str:
    """Return the signed snapshot for a hidden form field."""
    whose = _whose(context)[0]
    data = [
        whose,
        snapshot.on,
        snapshot.off,
        dict(snapshot.values),
        snapshot.consent,
        snapshot.is_known,
        dict(snapshot.topics),
    ]
    return signing.dumps(data, salt=_SALT, compress=True)


def loads(context: UnsubContext, text: str) -> FormSnapshot | None:
    """Return the snapshot of a submitted form. None where the signature is invalid, it is older
    than SECONDS, or it belongs to another subscriber."""
    try:
        whose, on, off, values, consent, is_known, topics = signing.loads(
            text, salt=_SALT, max_age=MAX_AGE
        )
    except (signing.BadSignature, ValueError, TypeError):
        return None
    if whose not in _whose(context):
        return None
    return FormSnapshot(
        on=tuple(on), off=tuple(off), values=values, consent=consent, is_known=is_known,
        topics=topics, made_at=_made_at(text),
    )  # fmt: skip


def _made_at(text: str) -> datetime:
    """Return the time in a signed snapshot: its last part but one."""
    return datetime.fromtimestamp(signing.b62_decode(text.rsplit(":", 2)[1]), UTC)


def fingerprint(text: str) -> str:
    """Return a short keyed fingerprint of a value: it can be compared, but does not reveal it."""
    return _marks(text)[0]


def is_mark_of(fingerprint: str, text: str) -> bool:
    """Return whether `mark(text)` made this fingerprint, with the current digest key or a former
    one."""
    return fingerprint in _marks(text)


def fingerprints(values: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the fingerprints of values, by id."""
    return {name: fingerprint(value) for name, value in values}


def _marks(text: str) -> list[str]:
    return [one[-12:] for one in digests.digests(digests.Purpose.FORM_VALUE, text)]


def _whose(context: UnsubContext) -> list[str]:
    """Return the digests that tie a snapshot to its subscriber, the current one first."""
    return [one[-16:] for one in digests.subscriber_digests(context.mid, context.subscriber)]
