"""What protects a change of address: a forwarded link must not take a subscriber over.

The address on file is told of a change before the change is sent, and can undo it; or it is asked
first (`AddressGuard` of the unit). For a while no email with a new link goes to the new address.
"""

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from unsub.models import (
    AddressGuard,
    BusinessUnit,
    EmailStatus,
    Kind,
    LinkEmail,
    Purpose,
    Status,
    SubscriberRequest,
)
from unsub.models.request import RequestQuerySet
from unsub.models.statuses import NOT_IN_FORCE, ON_THEIR_WAY

from . import identity

# Until an undone change has reached Marketing Cloud, the address on file is the other one.
_UNTIL_UNDONE = timedelta(minutes=1)


def supersede_waiting(request: SubscriberRequest) -> None:
    """Mark the changes of address as superseded by `request` that its subscriber asked for before
    and that wait for a confirmation: one is open at a time. Must be called in a transaction."""
    rows = identity.requests_of(request.unit_id, request.subscriber, {request.subscriber_digest})
    waiting = rows.filter(kind=Kind.ADDRESS, status=Status.WAITING).exclude(pk=request.pk)
    before = waiting.filter(received_at__lte=request.received_at)
    for one in before.select_for_update(of=("self",), no_key=True).order_by("pk"):
        SubscriberRequest.objects.filter(pk=one.pk).update(
            status=Status.SUPERSEDED,
            superseded_by=request,
            finished_at=Now(),
            idempotency_key=None,
        )


def needs_consent(request: SubscriberRequest) -> bool:
    """Return whether the former address is to agree to a change first, and has not yet: then no
    email to the new address was requested."""
    if request.kind != Kind.ADDRESS or _guard(request.unit_id) != AddressGuard.ASKED:
        return False
    return not LinkEmail.objects.filter(request=request, purpose=Purpose.CONFIRM).exists()


def gives_notice(request: SubscriberRequest) -> bool:
    """Return whether the former address is told of a confirmed change."""
    return request.kind == Kind.ADDRESS and _guard(request.unit_id) == AddressGuard.TOLD


def _guard(mid: int) -> str:
    """Return the unit's rule; the safe one for a unit that is not there."""
    units = BusinessUnit.objects.filter(pk=mid)
    return units.values_list("address_guard", flat=True).first() or AddressGuard.TOLD


def told_first(due: RequestQuerySet) -> RequestQuerySet:
    """Return the due rows without changes of address of which the former address is still to be
    told: after the change an email would reach the new address."""
    notice = LinkEmail.objects.filter(
        request=OuterRef("pk"),
        purpose=Purpose.NOTICE,
        status__in=(EmailStatus.PENDING, EmailStatus.SENDING),
    )
    return due.filter(~Q(kind=Kind.ADDRESS) | ~Exists(notice))


def was_told(request: SubscriberRequest) -> bool:
    """Return whether the former address was told of a change, where that was to be done."""
    notices = LinkEmail.objects.filter(request=request, purpose=Purpose.NOTICE)
    return not notices.exclude(status=EmailStatus.DONE).exists()


def held_emails(emails: QuerySet[LinkEmail]) -> dict[int, datetime]:
    """Return {id: time until which it waits} of those emails whose subscriber changed the address a
    short time ago: the link would go to a person who may be another. Makes two queries where
    nobody of the unit did."""
    held: dict[int, datetime] = {}
    for email in emails.select_related("unit"):
        hold = timedelta(hours=email.unit.address_hold_hours)
        changed = SubscriberRequest.objects.filter(
            Q(finished_at__gt=Now() - hold) | Q(status__in=ON_THEIR_WAY),
            unit_id=email.unit_id,
            kind=Kind.ADDRESS,
        )
        if not hold or not changed.exists():
            continue
        who = identity.requests_of(email.unit_id, email.subscriber, {email.subscriber_digest})
        if until := _held_until(who.filter(kind=Kind.ADDRESS), hold):
            held[email.pk] = until
    return held


def _held_until(changes: RequestQuerySet, hold: timedelta) -> datetime | None:
    """Return until when links to a subscriber with these changes of address wait, or None."""
    in_force = changes.exclude(status__in=(*NOT_IN_FORCE, Status.SUPERSEDED))
    last = in_force.order_by("-received_at", "-pk").first()
    if last is None:
        return None
    now = timezone.now()
    if last.undoes_id is not None:
        return None if last.status == Status.DONE else now + _UNTIL_UNDONE
    until = (last.finished_at or now) + hold
    return until if until > now else None
