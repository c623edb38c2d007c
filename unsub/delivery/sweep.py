"""What happens to requests without a message: leases that ran out, horizons, confirmations."""

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from unsub.domain.outcomes import Outcome
from unsub.links import confirmation
from unsub.models import DeliveryAttempt, Status, UnsubRequest
from unsub.units import queue_state

log = structlog.get_logger(__name__)


def sweep() -> list[int]:
    """Free leases that ran out, give up what is past its horizon, and return the MIDs of the
    business units that have something to do now."""
    _free_leases()
    _give_up()
    _forget_unconfirmed()
    return sorted(queue_state.mids_to_wake(own=settings.SFMC_ACCOUNT_ID))


def _free_leases() -> None:
    """Make rows whose worker died pending again; what became of their call is unknown."""
    with transaction.atomic(durable=True):
        expired = UnsubRequest.objects.filter(status=Status.SENDING, lease_until__lt=Now())
        ids = list(
            expired.select_for_update(skip_locked=True, of=("self",)).values_list("pk", flat=True)
        )
        DeliveryAttempt.objects.filter(request_id__in=ids, finished_at=None).update(
            finished_at=Now(), outcome=Outcome.UNKNOWN.value, detail="the lease ran out"
        )
        UnsubRequest.objects.filter(pk__in=ids).update(
            status=Status.PENDING, lease=None, lease_until=None,
            next_attempt_at=Now(), outcome=Outcome.UNKNOWN.value,
        )  # fmt: skip
    for pk in ids:
        log.warning("lease_expired", request_id=pk)


def _give_up() -> None:
    """Refuse what could not be sent within its horizon, and say so loudly."""
    late = UnsubRequest.objects.filter(status=Status.PENDING, give_up_at__lt=Now())
    given_up = late.update(status=Status.REFUSED, finished_at=Now())
    if given_up:
        log.error("requests_given_up", requests=given_up)


def _forget_unconfirmed() -> None:
    """End what its person was asked to confirm by a mail and did not."""
    waiting = UnsubRequest.objects.filter(
        status=Status.WAITING, received_at__lt=Now() - confirmation.WITHIN
    )
    waiting.update(status=Status.WITHDRAWN, finished_at=Now(), wish=None)
