"""Sends a subscriber's newest requests once more after a call that came too late.

A worker that lost its lease has called all the same, so its call may have arrived after that of a
later request and undone it: a stale subscribe after the person has unsubscribed, or a stale
unsubscribe after they have subscribed again. Which call arrived last cannot be known. Therefore the
newest request counts, and is sent again:

- a later request that is done becomes pending again, due now. If nothing was undone, Marketing
  Cloud answers that nothing was left to do.
- a later request that is being sent is marked `send_again`: its call may have arrived before the
  stale one. When its result is settled as done, it becomes pending once more.
- a later request that is pending needs nothing, since it will be sent after the stale call; nor
  does one that a still later request supersedes;
- what is sent again may in turn undo what came after it, which is then sent again, too.

The row of the stale call itself is not touched: the sweep has made it pending again, and when it is
claimed, a later request supersedes it or it is sent once more.
"""

from collections.abc import Iterable, Sequence

import structlog
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from unsub.domain.retry import HORIZON
from unsub.models import Kind, Status, SubscriberRequest
from unsub.models.kinds import SUBSCRIBING
from unsub.models.statuses import NOT_IN_FORCE

from . import identity
from .precedence import supersedes

log = structlog.get_logger(__name__)
_MEMBERSHIPS = SUBSCRIBING | {Kind.UNSUBSCRIBE}


def reassert(stale: Iterable[SubscriberRequest]) -> set[int]:
    """Queue the newest requests again that the stale calls for these requests may have undone.
    Return the MIDs of their units. Joins the caller's transaction; locks the later requests of
    these subscribers, in order of their ids."""
    mids: set[int] = set()
    # As the rows are now: a new digest key may have come since they were claimed.
    for row in SubscriberRequest.objects.filter(pk__in=[one.pk for one in stale]).order_by("pk"):
        if row.subscriber_digest and (ids := _undone_by(row, _later(row))):
            _queue_again(SubscriberRequest.objects.filter(pk__in=ids))
            mids.add(row.unit_id)
            log.warning("newest_requests_sent_again", request_id=row.pk, requests=len(ids))
    return mids


def _later(row: SubscriberRequest) -> list[SubscriberRequest]:
    """Return the later requests of the subscriber that are in force, oldest first, locked."""
    rows = SubscriberRequest.objects.filter(
        Q(received_at__gte=row.asked_at) | Q(repeated_at__gte=row.asked_at),
        subscriber_digest__in=identity.digests_of(row.unit_id, None, {row.subscriber_digest}),
    ).exclude(status__in=NOT_IN_FORCE)
    locked = rows.select_for_update(of=("self",), no_key=True).order_by("pk")
    found = [one for one in locked if _order(one) > _order(row)]
    return sorted(found, key=_order)


def _order(row: SubscriberRequest) -> tuple[object, ...]:
    return row.asked_at, row.pk


def _undone_by(row: SubscriberRequest, later: Sequence[SubscriberRequest]) -> list[int]:
    """Return the ids of the later requests that a call for `row`, or for another of them, may undo,
    without those that a still later one supersedes."""
    calls = [row]
    for number, one in enumerate(later):
        if (
            one.status in (Status.DONE, Status.SENDING)
            and any(may_undo(call, one) for call in calls)
            and not any(supersedes(after, one) for after in later[number + 1 :])
        ):
            calls.append(one)
    return [one.pk for one in calls[1:]]


def may_undo(stale: SubscriberRequest, done: SubscriberRequest) -> bool:
    """Return whether a call for the one request may change what a call for the other has done."""
    if supersedes(done, stale) or supersedes(stale, done):
        return stale.kind != Kind.UNSUBSCRIBE or done.kind != Kind.UNSUBSCRIBE
    # Subscribing again sets all lists of the subscriber, in ways that no target tells.
    kinds = {stale.kind, done.kind}
    return Kind.RESUBSCRIBE in kinds and kinds <= _MEMBERSHIPS


def _queue_again(rows: QuerySet[SubscriberRequest]) -> None:
    """Make the done requests due now, with a new horizon, and mark those that are being sent."""
    rows.filter(status=Status.SENDING).update(send_again=True)
    rows.filter(status=Status.DONE).update(
        status=Status.PENDING,
        next_attempt_at=Now(),
        give_up_at=Now() + HORIZON,
        finished_at=None,
    )
