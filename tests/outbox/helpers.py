"""What tests of the outbox use."""

from typing import Any

from tests.helpers import context
from unsub.delivery.batch import Batch, Row
from unsub.domain.context import JobContext, UnsubContext
from unsub.models import Channel, Kind, SubscriberRequest
from unsub.outbox import api as outbox
from unsub.outbox.api import Change, Submission

WEEKLY = 7001


def ask(link: UnsubContext, kind: Kind | None = None, **more: Any) -> SubscriberRequest:
    """Write a wish: without a kind an unsubscribe."""
    change = Change(kind=kind) if kind else None
    submission = Submission(token="t", context=link, channel=Channel.PROFILE, change=change, **more)
    request = outbox.submit(submission)
    assert request
    return request


def leave(subscriber: int = 1001) -> SubscriberRequest:
    """Leave the list of the mail."""
    return ask(context(subscriber))


def leave_everything(subscriber: int = 1001) -> SubscriberRequest:
    """Leave everything."""
    return ask(context(subscriber).for_everything())


def leave_job(subscriber: int = 1001) -> SubscriberRequest:
    """Leave the list of a mail whose link does not name it."""
    return ask(context(subscriber, JobContext(job_id=88002)))


def join(subscriber: int = 1001, number: int = WEEKLY) -> SubscriberRequest:
    """Join a list."""
    return ask(context(subscriber).for_list(number), Kind.SUBSCRIBE)


def taken(batch: Batch[Row] | None) -> list[int]:
    """Return the rows that a worker got."""
    return [row.pk for row in batch.rows] if batch else []


def status_of(request: SubscriberRequest) -> str:
    """Return where a wish stands now."""
    request.refresh_from_db()
    return request.status
