"""Keeps by which address a subscriber's requests are found, once Marketing Cloud has said it."""

from collections.abc import Collection

from unsub.domain.context import SubscriberContext
from unsub.domain.masking import mask
from unsub.infra import digests
from unsub.models import SubscriberRequest

from . import identity


def keep(mid: int, subscriber_ids: Collection[int], address: str) -> int:
    """Store the address's keyed digest and mask with those requests of these subscribers that have
    no address. Return their number. The address itself is not stored. Locks the rows."""
    without = SubscriberRequest.objects.filter(
        identity.with_subscriber_id((mid,), subscriber_ids),
        unit_id=mid, address_digest="", email_address="",
    )  # fmt: skip
    masked = mask(SubscriberContext(email_address=address))
    return without.update(address_digest=digests.address_digest(address), address_mask=masked)
