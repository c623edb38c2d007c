"""Changes to rows that need no message: expired leases, passed horizons, expired confirmations."""

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from unsub.domain.outcomes import Outcome
from unsub.links import confirmation
from unsub.models import DeliveryAttempt, LinkEmail, Status, SubscriberRequest
from unsub.units import queue_state

from .batch import Row

log = structlog.get_logger(__name__)

# The delivered models, and the attempt's foreign key to each.
_TABLES: dict[type[Row], str] = {SubscriberRequest: "request", LinkEmail: "link_email"}


def sweep() -> list[int]:
    """Return expired leases, refuse rows past their horizon and withdraw unconfirmed requests.
    Return the MIDs of the business units that have something to send now."""
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
    given_up = late.update(status=Status.REFUSED, finished_at=Now())
    if given_up:
        log.error("requests_given_up", requests=given_up, table=name)


def _forget_unconfirmed() -> None:
    """Withdraw requests whose subscriber did not confirm them by email in time."""
    waiting = SubscriberRequest.objects.filter(
        status=Status.WAITING, received_at__lt=Now() - confirmation.VALID_FOR
    )
    waiting.update(status=Status.WITHDRAWN, finished_at=Now(), idempotency_key=None)
