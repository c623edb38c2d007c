"""Helpers of the delivery tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.core.management.color import no_style
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now

from tests.helpers import PARENT
from unsub.delivery import lease, worker
from unsub.delivery.batch import Batch, Row
from unsub.models import (
    BusinessUnit,
    DeliveryAttempt,
    LinkEmail,
    MessageTypeState,
    Pause,
    QueueState,
    ResolutionNote,
    Status,
    SubscriberRequest,
)

LONG = timedelta(hours=2)


def no_more() -> None:
    """Wake no other worker."""


def drain(mid: int = PARENT) -> float | None:
    """Deliver what is due, as one worker does."""
    return worker.drain(mid, more=no_more)


def due_now() -> None:
    """Make everything that waits due, as if the time had passed."""
    for model in (SubscriberRequest, LinkEmail):
        model.objects.filter(status=Status.PENDING).update(next_attempt_at=Now())
    for state in (QueueState, MessageTypeState):
        state.objects.filter(paused_until__isnull=False).update(paused_until=Now())


@contextmanager
def frozen_before_the_call() -> Iterator[None]:
    """Within the block, calls are made as by a worker that was frozen between its look at the lease
    and its call."""

    def check(batch: Batch[Row]) -> None:
        batch.calls.append(batch.lease)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lease, "check", check)
        yield


def empty_tables() -> None:
    """Empty the tables of what the machine writes; attempts refuse a DELETE on PostgreSQL."""
    tables = [
        m._meta.db_table
        for m in (DeliveryAttempt, ResolutionNote, LinkEmail, Pause, SubscriberRequest)
    ]
    connection.ops.execute_sql_flush(connection.ops.sql_flush(no_style(), tables))
    BusinessUnit.objects.all().delete()


def pass_time() -> None:
    """Let two hours pass for everything that waits."""
    for model in (SubscriberRequest, LinkEmail):
        model.objects.update(next_attempt_at=F("next_attempt_at") - LONG)
        model.objects.filter(lease_until__isnull=False).update(lease_until=Now() - LONG)
    for state in (QueueState, MessageTypeState):
        state.objects.filter(paused_until__isnull=False).update(paused_until=Now() - LONG)
    QueueState.objects.update(singly_until=None)
