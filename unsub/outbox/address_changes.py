"""Undoing a change of address, and what follows from it."""

from datetime import datetime, timedelta

from django.db.models.functions import Now
from django.utils import timezone

from unsub.domain.context import SubscriberContext
from unsub.domain.retry import HORIZON
from unsub.models import BusinessUnit, Channel, Kind, Status, SubscriberRequest
from unsub.webhooks import recording

from . import identity, store
from .submission import Change, Submission


def locked_until(mid: int, who: SubscriberContext) -> datetime | None:
    """Return until when a change needs a proved link, because an earlier one was undone, or
    None."""
    undone = identity.requests_of(mid, who).filter(kind=Kind.ADDRESS)
    undone = undone.exclude(undoes=None)
    last = undone.order_by("-received_at").values_list("received_at", flat=True).first()
    if last is None:
        return None
    days = BusinessUnit.objects.filter(pk=mid).values_list("address_undo_days", flat=True)
    until = last + timedelta(days=days.first() or 0)
    return until if until > timezone.now() else None


def undo(changed: SubscriberRequest, former: str) -> None:
    """Write the request that restores the former address, unless there is one. It needs no
    confirmation: its link was sent to that address. It supersedes the change, and every other one
    received before it, where that is not sent yet. Must be called in a transaction; locks the
    change."""
    SubscriberRequest.objects.select_for_update(no_key=True).get(pk=changed.pk)
    if SubscriberRequest.objects.filter(undoes=changed).exists():
        return
    submission = Submission(
        token="",
        context=changed.context,
        channel=Channel.PROFILE,
        language=changed.language,
        change=Change(kind=Kind.ADDRESS, value=former),
    )
    request, _ = store.write(submission)
    written = SubscriberRequest.objects.filter(pk=request.pk)
    written.update(undoes=changed)
    # The same address may have been asked for a moment ago, and wait for its confirmation.
    confirmed = written.filter(status=Status.WAITING).update(
        status=Status.PENDING, next_attempt_at=Now(), give_up_at=Now() + HORIZON
    )
    if confirmed:
        recording.accepted(request.unit_id, [request.pk])
