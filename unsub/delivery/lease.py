"""The check of a batch's lease directly before its call.

A worker can be frozen for longer than its lease: a paused container or virtual machine, a slow
disk. Its rows then belong to another worker, and the subscriber may have asked for something else
meanwhile. So it looks at its lease once more before each call that changes something, by the
database's clock.

Between this check and Marketing Cloud nothing can be checked: what arrives there too late is found
when the batch is settled (`late_calls`).
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from django.conf import settings
from django.db.models import BigIntegerField, DurationField, UUIDField, Value
from django.db.models.functions import Now

from unsub.infra.queries import Given, OneOf, PreparedSelect
from unsub.models import LinkEmail, Status, SubscriberRequest

from .batch import Batch, Row

log = structlog.get_logger(__name__)


def _held(model: type[Row]) -> PreparedSelect:
    """Return the query for the rows whose lease holds for a while."""
    return PreparedSelect(
        lambda: (
            model.objects.order_by()
            .filter(
                OneOf("pk", Given("ids", BigIntegerField(), many=True)),
                lease=Given("lease", UUIDField()),
                status=Status.SENDING,
                lease_until__gt=Now() + Given("needed", DurationField()),
            )
            .values_list(Value(1))
        )
    )


_HELD: Mapping[type[Row], PreparedSelect] = {
    model: _held(model) for model in (SubscriberRequest, LinkEmail)
}


class LeaseLostError(Exception):
    """The lease of a batch has ended, or leaves too little time for a call: nothing was sent."""


def check(batch: Batch[Any]) -> None:
    """Return if the lease of every row holds for long enough to start a call, and note in the batch
    that a call was started. One query, no lock. Raises LeaseLostError.

    A call needs the last third of the lease; the first is for lookups, the second for the last of
    these and the access token (LEASE_SECONDS is at least 4 x SFMC_TIMEOUT).
    """
    held = _HELD[type(batch.rows[0])].rows(
        ids=[row.pk for row in batch.rows],
        lease=batch.lease,
        needed=timedelta(seconds=settings.LEASE_SECONDS / 3),
    )
    if len(held) < len(batch.rows):
        log.warning("lease_ended_before_call", mid=batch.mid, requests=len(batch.rows))
        raise LeaseLostError
    batch.calls.append(batch.lease)


def check_of(batch: Batch[Any]) -> Callable[[], None]:
    """Return `check` for a batch, to be passed as `before` to a call of the gateway."""
    return partial(check, batch)
