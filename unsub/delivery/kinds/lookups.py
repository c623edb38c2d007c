"""Looks up subscriber data that a message needs before it is sent."""

from unsub.delivery.batch import Batch
from unsub.domain.context import SubscriberContext
from unsub.gateway import calls as gateway
from unsub.models import SubscriberRequest
from unsub.outbox import identity

ACTIVE, UNSUBSCRIBED = "Active", "Unsubscribed"


def subscriber_keys(batch: Batch[SubscriberRequest]) -> dict[int, str | None]:
    """Return {row id: SubscriberKey}: an empty text where Marketing Cloud has no such subscriber,
    None where there was no time for the lookup. Looks up each subscriber once, and stores which
    SubscriberKey belongs to a SubscriberID."""
    known: dict[SubscriberContext, str | None]
    known = {row.subscriber: row.subscriber_key or None for row in batch.rows}
    for subscriber, key in known.items():
        if key is None and batch.has_time:
            known[subscriber] = found = gateway.key_of(batch.mid, subscriber)
            if found and subscriber.subscriber_id is not None:
                identity.learn(batch.mid, {(subscriber.subscriber_id, found)})
    return {row.pk: known[row.subscriber] for row in batch.rows}
