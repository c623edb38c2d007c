"""Helpers of the outbox tests."""

from typing import Any

from tests.helpers import context
from unsub.delivery.batch import Batch, Row
from unsub.domain.context import JobContext, UnsubContext
from unsub.models import Channel, Kind, SubscriberRequest
from unsub.outbox import api as outbox
from unsub.outbox.api import Change, Submission

WEEKLY = 7001


def ask(link: UnsubContext, kind: Kind | None = None, **more: Any) -> SubscriberRequest:
    """Submit a request: without a kind an unsubscribe."""
    change = Change(kind=kind) if kind else None
    submission = Submission(token="t", context=link, channel=Channel.PROFILE, change=change, **more)
    request = outbox.submit(submission)
    assert request
    return request


def unsubscribe(subscriber: int = 1001) -> SubscriberRequest:
    """Unsubscribe from the list of the email."""
    return ask(context(subscriber))


def unsubscribe_from_everything(subscriber: int = 1001) -> SubscriberRequest:
    """Unsubscribe from everything."""
    return ask(context(subscriber).for_everything())


def unsubscribe_by_job(subscriber: int = 1001) -> SubscriberRequest:
    """Unsubscribe from the list of an email whose link does not name the list."""
    return ask(context(subscriber, JobContext(job_id=88002)))


def subscribe(subscriber: int = 1001, number: int = WEEKLY) -> SubscriberRequest:
    """Subscribe to a list."""
    return ask(context(subscriber).for_list(number), Kind.SUBSCRIBE)


def claimed_ids(batch: Batch[Row] | None) -> list[int]:
    """Return the ids of the rows of a claimed batch."""
    return [row.pk for row in batch.rows] if batch else []


def status_of(request: SubscriberRequest) -> str:
    """Return the status of a request in the database."""
    request.refresh_from_db()
    return request.status
