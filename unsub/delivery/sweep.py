"""Changes to rows that need no message: expired leases, passed horizons, expired confirmations."""

from time import monotonic
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from unsub.domain.outcomes import Outcome
from unsub.links import confirmation
from unsub.models import DeliveryAttempt, EventType, LinkEmail, Status, SubscriberRequest
from unsub.units import queue_state
from unsub.webhooks import recording

from .batch import Row

log = structlog.get_logger(__name__)

# Rows that end are written so many at a time, and read so many at a time: one statement over a
# million rows would reach the statement time-out, be rolled back, and end every sweep.
CHUNK, READ_AT_ONCE = 1_000, 20_000
# What is left after this time goes with the next sweep, so that this one gets to its wake-ups.
CHUNKS_SECONDS = 10.0

# The delivered models, and the attempt's foreign key to each.
_TABLES: dict[type[Row], str] = {SubscriberRequest: "request", LinkEmail: "link_email"}


def sweep() -> list[int]:
    """Return expired leases, refuse rows past their horizon and withdraw unconfirmed requests, as
    many as CHUNKS_SECONDS allow. Return the MIDs of the business units that have something to send
    now."""
    for model, name in _TABLES.items():
        _free_leases(model, name)
        _give_up(model, name)
    _forget_unconfirmed()
    return sorted(queue_state.mids_to_wake(own=settings.SFMC_ACCOUNT_ID))


def _free_leases(model: type[Row], name: str) -> None:
    """Make rows whose worker died pending again; the result of their call is unknown. Locks
    them."""
    with transaction.atomic(durable=True):
        expired = model.objects.filter(status=Status.SENDING, lease_until__lt=Now())
        ids = list(
            expired.select_for_update(skip_locked=True, of=("self",)).values_list("pk", flat=True)
        )
        attempts = DeliveryAttempt.objects.filter(**{f"{name}_id__in": ids}, finished_at=None)
        attempts.update(
            finished_at=Now(), outcome=Outcome.UNKNOWN.value, detail="the lease ran out"
        )
        model.objects.filter(pk__in=ids).update(
            status=Status.PENDING, lease=None, lease_until=None,
            next_attempt_at=Now(), outcome=Outcome.UNKNOWN.value,
        )  # fmt: skip
    for pk in ids:
        log.warning("lease_expired", **{f"{name}_id": pk})


def _give_up(model: type[Row], name: str) -> None:
    """Refuse rows that could not be sent within their horizon, and log an error."""
    late = model.objects.filter(status=Status.PENDING, give_up_at__lt=Now())
    given_up = _in_chunks(late, status=Status.REFUSED, finished_at=Now())
    if given_up:
        log.error("requests_given_up", requests=given_up, table=name)


def _forget_unconfirmed() -> None:
    """Withdraw requests whose subscriber did not confirm them by email in time."""
    waiting = SubscriberRequest.objects.filter(
        status=Status.WAITING, received_at__lt=Now() - confirmation.VALID_FOR
    )
    _in_chunks(waiting, status=Status.WITHDRAWN, finished_at=Now(), idempotency_key=None)


def _in_chunks(rows: QuerySet[Any], **changes: Any) -> int:
    """Change these rows, so that they are no longer among them, in transactions of CHUNK rows, for
    about CHUNKS_SECONDS. Return how many were changed."""
    until, changed = monotonic() + CHUNKS_SECONDS, 0
    while ids := list(rows.values_list("pk", flat=True)[:READ_AT_ONCE]):
        for start in range(0, len(ids), CHUNK):
            if monotonic() > until:
                return changed
            changed += _change(rows.filter(pk__in=ids[start : start + CHUNK]), changes)
        if len(ids) < READ_AT_ONCE:
            break
    return changed


def _change(rows: QuerySet[Any], changes: dict[str, Any]) -> int:
    """Change a chunk of rows. Return how many. Refused requests are recorded for the webhooks, in
    the same transaction."""
    if not _are_recorded(rows, changes):
        return rows.update(**changes)
    with transaction.atomic():
        locked = rows.select_for_update(of=("self",), no_key=True).order_by("pk")
        ids = list(locked.values_list("pk", flat=True))
        changed = rows.filter(pk__in=ids).update(**changes)
        recording.ended(ids)
    return changed


def _are_recorded(rows: QuerySet[Any], changes: dict[str, Any]) -> bool:
    """Return whether a webhook is to be told of the change. Requests that were never confirmed were
    not accepted either: their end tells nothing."""
    is_refusal = rows.model is SubscriberRequest and changes["status"] == Status.REFUSED
    return is_refusal and recording.is_wanted(None, EventType.REFUSED)
