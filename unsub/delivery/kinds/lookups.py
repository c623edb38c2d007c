"""What has to be known of subscribers before a message about them."""

from unsub.delivery.batch import Batch
from unsub.domain.context import SubscriberContext
from unsub.gateway import calls as gateway
from unsub.models import SubscriberRequest

ACTIVE, UNSUBSCRIBED = "Active", "Unsubscribed"


def subscriber_keys(batch: Batch[SubscriberRequest]) -> dict[int, str | None]:
    """Return each row's SubscriberKey: an empty text where there is nobody, None where there was no
    time to ask; nobody's is asked for twice."""
    known: dict[SubscriberContext, str | None]
    known = {row.subscriber: row.subscriber_key or None for row in batch.rows}
    for subscriber, key in known.items():
        if key is None and batch.has_time:
            known[subscriber] = gateway.key_of(batch.mid, subscriber)
    return {row.pk: known[row.subscriber] for row in batch.rows}
