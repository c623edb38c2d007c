"""The story of a request, moment by moment, in words that stand before a court."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext

from .explain import explain
from .models import Channel, DeliveryAttempt, Handling, Status, UnsubRequest

_ASKED = {
    Channel.PAGE: "pressed the button on the page",
    Channel.ONE_CLICK: "unsubscribed by one click in the mail program (RFC 8058)",
    Channel.PROFILE: "changed it in the profile centre",
    Channel.IMPORT: "unsubscribed elsewhere; taken over from Marketing Cloud",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When something happened, and what."""

    at: datetime
    what: str


def story(request: UnsubRequest, attempts: Iterable[DeliveryAttempt]) -> list[Moment]:
    """Return what happened, in order."""
    return sorted(_moments(request, attempts), key=lambda moment: moment.at)


def _moments(request: UnsubRequest, attempts: Iterable[DeliveryAttempt]) -> Iterator[Moment]:
    asked = gettext(_ASKED[Channel(request.channel)])
    scope = gettext("from everything") if request.scope == "all" else gettext("from the list")
    yield Moment(at=request.received_at, what=gettext("The person %s: %s.") % (asked, scope))
    if request.reason_added_at:
        yield Moment(
            at=request.reason_added_at,
            what=gettext("They gave a reason: %s.") % request.reason_text,
        )
    for attempt in attempts:
        yield from _calls(attempt)
    if request.status == Status.WITHDRAWN and request.finished_at:
        yield Moment(at=request.finished_at, what=gettext("The person took it back."))
    if request.status == Status.REFUSED and request.finished_at:
        yield Moment(at=request.finished_at, what=gettext("Set aside for a person to look at."))
    for handling in Handling.objects.filter(request=request).select_related("user"):
        known = {"who": handling.user or gettext("somebody"), "note": handling.note}
        yield Moment(at=handling.at, what=gettext("Dealt with by %(who)s: %(note)s") % known)


def _calls(attempt: DeliveryAttempt) -> Iterator[Moment]:
    """Give the call and its answer."""
    yield Moment(
        at=attempt.started_at,
        what=gettext("Call %d of LogUnsubEvent was sent to Marketing Cloud.") % attempt.number,
    )
    if attempt.finished_at is None:
        return
    said = gettext(explain(attempt.outcome, attempt.error_code) or attempt.outcome)
    marks = [
        gettext("request ID %s") % attempt.sfmc_request_id if attempt.sfmc_request_id else "",
        gettext("error code %d") % attempt.error_code if attempt.error_code else "",
    ]
    known = ", ".join(mark for mark in marks if mark)
    yield Moment(at=attempt.finished_at, what=f"{said} ({known})" if known else said)
