"""How often one subscriber may use the profile centre."""

from unsub.domain.context import SubscriberContext, UnsubContext
from unsub.infra import digests, rate_limit
from unsub.infra.rate_limit import RateLimitUnavailableError
from unsub.sfmc import Profile

__all__ = [
    "RateLimitUnavailableError", "subscriber_of", "wait_to_change", "wait_to_change_address",
    "wait_to_look",
]  # fmt: skip

MINUTE, HOUR, DAY = 60, 3600, 86_400  # seconds
VIEWS = 60  # per subscriber, unit and minute
CHANGES = 60  # per subscriber, unit and hour
ADDRESS_CHANGES = 3  # per subscriber, unit and day
TO_ONE_ADDRESS = 3  # per new address and day, by all subscribers of all units


def wait_to_look(context: UnsubContext) -> int:
    """Count a view of a page of the profile centre by the subscriber of a link, whichever of their
    links it is: each may call Marketing Cloud. Return 0 where it is within the rate limit, else the
    seconds to wait."""
    who = digests.subscriber_digests(context.mid, context.subscriber)[0]
    return rate_limit.wait("centre-view", who, times=VIEWS, seconds=MINUTE)


def wait_to_change(context: UnsubContext) -> int:
    """Count a change by the subscriber of a link, whichever of their links it is. Return 0 where it
    is within the rate limit, else the seconds to wait."""
    who = digests.subscriber_digests(context.mid, context.subscriber)[0]
    return rate_limit.wait("profile", who, times=CHANGES, seconds=HOUR)


def wait_to_change_address(mid: int, profile: Profile, address: str) -> int:
    """Count a change of address, which sends an email in the unit's name to any address. Return 0
    where it is within the limits of the subscriber and of the new address, else the seconds to
    wait.

    The subscriber is the one that Marketing Cloud knows, whatever their link names. Raises
    RateLimitUnavailableError where Redis does not answer: without a limit no such email is sent.
    """
    who = digests.subscriber_digests(mid, subscriber_of(profile))[0]
    waits = rate_limit.strict_wait("address", who, times=ADDRESS_CHANGES, seconds=DAY)
    if waits:
        return waits
    to = digests.address_digest(address)
    return rate_limit.strict_wait("new_address", to, times=TO_ONE_ADDRESS, seconds=DAY)


def subscriber_of(profile: Profile) -> SubscriberContext:
    """Return the subscriber under both identifiers that Marketing Cloud has for them."""
    return SubscriberContext(
        subscriber_id=profile.subscriber_id or None, subscriber_key=profile.subscriber_key or None
    )
