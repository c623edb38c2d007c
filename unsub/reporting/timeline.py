"""Chronological events of one request, for the audit page and the printable proof."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from django.utils.translation import gettext

from unsub.domain.call_method import CallMethod
from unsub.models import (
    DeliveryAttempt,
    EmailStatus,
    LinkEmail,
    MessageType,
    Outcome,
    Pause,
    PauseResult,
    Purpose,
    Status,
    SubscriberRequest,
)

from . import sentences
from .explanations import FOUND, explain

_CALLS = {
    MessageType.UNSUBSCRIBES: "Attempt %d: LogUnsubEvent sent to Marketing Cloud.",
    MessageType.CHANGES: "Attempt %d: subscriber update sent to Marketing Cloud.",
    MessageType.TOPICS: "Attempt %d: update of a topic sent to Marketing Cloud.",
    MessageType.MAILS: "Attempt %d: triggered send sent to Marketing Cloud.",
}
_WITHOUT_EVENT = "Attempt %d: unsubscribe without tracking (Update) sent to Marketing Cloud."
_BY_ID = "Attempt %d: LogUnsubEvent with only the SubscriberID sent to Marketing Cloud."
_FALLBACKS = {CallMethod.UPDATE.value: _WITHOUT_EVENT, CallMethod.EVENT_BY_ID.value: _BY_ID}
_LATE = (
    "The response to attempt %(number)d came after its lease had ended: %(said)s "
    "The subscriber’s latest request is sent again where this call may have "
    "undone it."
)
# What a confirmed call means, where that is more than that it was confirmed.
_CONFIRMED = {
    MessageType.UNSUBSCRIBES: "Marketing Cloud confirmed the unsubscribe.",
    MessageType.MAILS: "Marketing Cloud accepted the email for sending.",
}
_EMAILS = {
    Purpose.CONFIRM: "A confirmation email was requested.",
    Purpose.CONSENT: "An email was requested that asks the address on file for consent.",
    Purpose.NOTICE: "An email was requested that tells the address on file about the new one.",
    Purpose.ASK_BACK: "An email was requested that asks whether the subscriber wants to restart.",
}
_LOOKED = "Attempt %d: looked up the subscriber in Marketing Cloud."
_ENDS = {
    PauseResult.ASKED: "Pause ended. An email asks whether to restart.",
    PauseResult.PUT_BACK: "Pause ended. Resubscribed automatically, as announced.",
    PauseResult.CANCELLED: "Pause ended early by the subscriber.",
    PauseResult.STAYED: "Pause ended. The subscriber stays unsubscribed.",
    PauseResult.OVERRIDDEN: "Pause ended. A later request overrides it.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """An event: when and what. `email_id` is that of the email with a link that it is about."""

    at: datetime
    what: str
    email_id: int | None = None


def events_of(
    request: SubscriberRequest,
    attempts: Iterable[DeliveryAttempt],
    ended: Iterable[Pause] | None = None,
) -> list[Moment]:
    """Return the events in order. `ended` is what `sentences.ended_pauses` returned for this
    request among others; without it the database is asked for this one."""
    pauses = sentences.ended_pauses([request]) if ended is None else ended
    return sorted(_moments(request, attempts, pauses), key=lambda moment: moment.at)


def _moments(
    request: SubscriberRequest, attempts: Iterable[DeliveryAttempt], ended: Iterable[Pause]
) -> Iterator[Moment]:
    name = sentences.list_name_of(request)
    yield Moment(at=request.received_at, what=sentences.sentence(request, name, ended))
    yield from _agreed(request)
    if request.reason_added_at:
        yield Moment(
            at=request.reason_added_at,
            what=gettext("Reason given: %s") % request.reason_text,
        )
    yield from _pause(request)
    for attempt in attempts:
        yield from _calls(request.spec.message, attempt)
    for email in _emails(request):
        yield from _email(email)
    yield from _end(request)
    for note in request.resolution_notes.all():
        known = {"who": note.user or gettext("a deleted user"), "note": note.note}
        yield Moment(at=note.at, what=gettext("Resolved by %(who)s: %(note)s") % known)


def _agreed(request: SubscriberRequest) -> Iterator[Moment]:
    """Yield the consent that was given, and the confirmation by email."""
    words = request.consent_text
    if words:
        known = {
            "version": words.pk, "language": words.get_language_display(), "text": words.text,
        }  # fmt: skip
        agreed = gettext("Agreed to consent text version %(version)d (%(language)s): “%(text)s”")
        yield Moment(at=request.received_at, what=agreed % known)
    if _waits(request):
        waits = gettext("Waiting for the subscriber to confirm by email.")
        yield Moment(at=request.received_at, what=waits)
    if request.confirmed_at:
        confirmed = gettext("The subscriber confirmed by email.")
        yield Moment(at=request.confirmed_at, what=confirmed)


def _waits(request: SubscriberRequest) -> bool:
    """Return whether the request waits, or waited, for confirmation by email."""
    return bool(request.confirmed_at) or request.status == Status.WAITING or _is_forgotten(request)


def _is_forgotten(request: SubscriberRequest) -> bool:
    """Return whether it was never confirmed. Only unsubscribes can be withdrawn by the
    subscriber."""
    return (
        request.status == Status.WITHDRAWN and request.spec.message is not MessageType.UNSUBSCRIBES
    )


def _pause(request: SubscriberRequest) -> Iterator[Moment]:
    """Yield the pause that a request began, and how it ended."""
    pause: Pause | None = getattr(request, "pause", None)
    if pause is None:
        return
    known = {"day": f"{pause.until:%Y-%m-%d}", "then": pause.get_end_action_display()}
    ending = gettext("Paused until %(day)s. Then: %(then)s.")
    yield Moment(at=pause.began_at, what=ending % known)
    if pause.ended_at and pause.result:
        yield Moment(at=pause.ended_at, what=gettext(_ENDS[PauseResult(pause.result)]))


def _emails(request: SubscriberRequest) -> list[LinkEmail]:
    """Return the emails by which a request is confirmed, and those at the end of its pause."""
    pause: Pause | None = getattr(request, "pause", None)
    return [*request.link_emails.all(), *(pause.link_emails.all() if pause else ())]


def _email(email: LinkEmail) -> Iterator[Moment]:
    """Yield that an email was requested, its calls, and its end."""
    asked = gettext(_EMAILS[Purpose(email.purpose)])
    yield Moment(at=email.received_at, what=asked, email_id=email.pk)
    for attempt in email.delivery_attempts.all():
        for moment in _calls(MessageType.MAILS, attempt):
            yield replace(moment, email_id=email.pk)
    if email.status == EmailStatus.CANCELLED and email.finished_at:
        over = gettext("The email wasn’t sent: it was no longer needed.")
        yield Moment(at=email.finished_at, what=over, email_id=email.pk)


def _calls(message: MessageType, attempt: DeliveryAttempt) -> Iterator[Moment]:
    """Yield the call and its result."""
    call = _FALLBACKS.get(attempt.call_method, _CALLS[message])
    if attempt.detail in FOUND:
        call = _LOOKED
    yield Moment(at=attempt.started_at, what=gettext(call) % attempt.number)
    if attempt.finished_at is None:
        return
    said = gettext(_said(message, attempt))
    marks = [
        gettext("request ID %s") % attempt.sfmc_request_id if attempt.sfmc_request_id else "",
        gettext("error code %d") % attempt.error_code if attempt.error_code else "",
    ]
    known = ", ".join(mark for mark in marks if mark)
    yield Moment(at=attempt.finished_at, what=f"{said} ({known})" if known else said)
    if attempt.late_at is not None:
        late = {"number": attempt.number, "said": gettext(explain(attempt.late_outcome, None))}
        yield Moment(at=attempt.late_at, what=gettext(_LATE) % late)


def _said(message: MessageType, attempt: DeliveryAttempt) -> str:
    """Return what Marketing Cloud answered."""
    if attempt.outcome == Outcome.POSTED and message in _CONFIRMED:
        return _CONFIRMED[message]
    return explain(attempt.outcome, attempt.error_code, attempt.detail) or attempt.outcome


def _end(request: SubscriberRequest) -> Iterator[Moment]:
    """Yield how a request ended that was not carried out."""
    if request.finished_at is None:
        return
    if _is_forgotten(request):
        ended = gettext("Not confirmed in time. Not sent.")
    elif request.status == Status.WITHDRAWN:
        ended = gettext("Undone by the subscriber.")
    elif request.status == Status.SUPERSEDED:
        ended = gettext("Replaced by request #%d. Not sent.")
        ended %= request.superseded_by_id
    elif request.status == Status.REFUSED:
        ended = gettext("Moved to “Needs attention”.")
    else:
        return
    yield Moment(at=request.finished_at, what=ended)
