"""Finds the SubscriberIDs that an address or SubscriberKey belongs to, by asking Marketing Cloud.

Most links carry a SubscriberID alone. Whoever writes to support gives an address.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from time import monotonic

from django.core.cache import cache

from unsub.domain.context import SubscriberContext
from unsub.gateway import calls as gateway
from unsub.gateway import reads
from unsub.infra import digests
from unsub.sfmc import Profile

TIMEOUT = 5.0  # seconds that the search waits for Marketing Cloud
ANSWER_SECONDS = 600  # an answer is kept so long: pages, exports and actions search again
UNITS_ASKED = 12  # at most: each is a call or two


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What Marketing Cloud said: {MID: SubscriberIDs}, the units that did not answer in time, and
    those that were not asked because there are too many."""

    found: dict[int, tuple[int, ...]]
    silent: tuple[int, ...] = ()
    not_asked: tuple[int, ...] = ()


def ask(mids: Sequence[int], name: str) -> Answer:
    """Return the SubscriberIDs of an address or SubscriberKey in these units, from the cache or
    from Marketing Cloud: within TIMEOUT seconds, all units at once. What could not be read is not
    cached."""
    asked, too_many = mids[:UNITS_ASKED], mids[UNITS_ASKED:]
    until = monotonic() + TIMEOUT
    found = {mid: cache.get(_key(mid, name)) for mid in asked}
    futures = {
        mid: reads.start(partial(gateway.subscribers_called, mid, name))
        for mid in asked
        if found[mid] is None
    }
    for mid, future in futures.items():
        people = reads.result(mid, "subscriber_search", future, until)
        if people is not None:
            found[mid] = tuple(sorted({one.subscriber_id for one in people}))
            cache.set(_key(mid, name), found[mid], timeout=ANSWER_SECONDS)
    return Answer(
        found={mid: ids for mid, ids in found.items() if ids},
        silent=tuple(mid for mid, ids in found.items() if ids is None),
        not_asked=tuple(too_many),
    )


def name_of(mid: int, subscriber: SubscriberContext) -> Profile | None:
    """Return what Marketing Cloud knows of a subscriber, within TIMEOUT seconds; None where it does
    not answer, or knows none or several."""
    until = monotonic() + TIMEOUT
    read = reads.start(partial(gateway.profile_of, mid, subscriber))
    found: Profile | None = reads.result(mid, "subscriber_name", read, until)
    return found


def _key(mid: int, name: str) -> str:
    """Return a cache key that does not reveal the name."""
    return f"subscriber-search:{digests.digest(digests.Purpose.PROFILE, mid, name)}"
