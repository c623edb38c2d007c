"""Read a subscriber's data from Marketing Cloud while the page waits, with a deadline."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any

from django.core.cache import cache

from unsub.domain.context import SubscriberContext
from unsub.gateway import calls as gateway
from unsub.gateway import catalogue, reads
from unsub.infra import digests
from unsub.models import MailingList
from unsub.sfmc import Definition, MailList, Membership, Profile

TIMEOUT = 3.0  # seconds that a page request waits for Marketing Cloud
CACHE_SECONDS = 20  # seconds that a subscriber's data stays in the cache
UNSUBSCRIBED = "Unsubscribed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileSnapshot:
    """What could be read; None marks what could not. `lists` are the public publication lists by
    name, `memberships` maps ListID to the subscriber's status on it."""

    lists: tuple[MailList, ...] | None = None
    memberships: dict[int, str] | None = None
    profile: Profile | None = field(default=None, repr=False)
    definitions: tuple[Definition, ...] | None = None

    @property
    def shows_lists(self) -> bool:
        """Whether it is known which lists the subscriber receives."""
        return self.lists is not None and self.memberships is not None

    @property
    def left_everything(self) -> bool:
        """Whether the subscriber is unsubscribed from everything."""
        return self.profile is not None and self.profile.status == UNSUBSCRIBED


def fetch(mid: int, subscriber: SubscriberContext, *, details: bool) -> ProfileSnapshot:
    """Return what Marketing Cloud answers within TIMEOUT seconds; `details` includes the attribute
    definitions. Independent reads run in parallel. Failed and late reads are None."""
    until = monotonic() + TIMEOUT
    wanted: dict[str, Callable[[], Any]] = {
        "lists": partial(_lists, mid),
        "profile": partial(_profile, mid, subscriber),
    }
    if subscriber.subscriber_key:
        wanted["memberships"] = partial(_memberships, mid, subscriber, subscriber.subscriber_key)
    if details:
        wanted["definitions"] = partial(catalogue.definitions, mid)
    futures = {name: reads.start(read) for name, read in wanted.items()}
    found = {name: reads.result(mid, name, one, until) for name, one in futures.items()}
    if "memberships" not in found:
        profile = found["profile"]
        key = profile.subscriber_key if profile else ""
        found["memberships"] = (
            reads.result(
                mid, "memberships", reads.start(partial(_memberships, mid, subscriber, key)), until
            )
            if key
            else None
        )
    return ProfileSnapshot(**found)


def known_lists(mid: int) -> list[tuple[int, str]]:
    """Return (ListID, name) of the lists to offer when Marketing Cloud does not answer: the cached
    public lists of the last day, else the lists configured for the unit. Raises DatabaseError."""
    kept = _public(catalogue.known_lists(mid))
    if kept:
        return [(one.list_id, one.name) for one in kept]
    return list(
        MailingList.objects.filter(unit_id=mid).order_by("name").values_list("list_id", "name")
    )


def forget(mid: int, subscriber: SubscriberContext) -> None:
    """Delete the cached data of a subscriber, so that the next read calls Marketing Cloud."""
    for what in ("memberships", "profile"):
        cache.delete(_name(what, mid, subscriber))


def _lists(mid: int) -> tuple[MailList, ...]:
    """Return the unit's public lists by name. Raises an SfmcError."""
    return _public(catalogue.lists(mid))


def _public(lists: list[MailList]) -> tuple[MailList, ...]:
    """Return the public lists by name: no groups, private or suppression lists."""
    public = (one for one in lists if one.is_public)
    return tuple(sorted(public, key=lambda one: one.name.casefold()))


def _profile(mid: int, subscriber: SubscriberContext) -> Profile | None:
    """Return the profile, or None for an unknown subscriber. Raises an SfmcError."""
    found: Profile | None = _kept(
        "profile", mid, subscriber, lambda: gateway.profile_of(mid, subscriber)
    )
    return found


def _memberships(mid: int, subscriber: SubscriberContext, key: str) -> dict[int, str]:
    """Return {ListID: status} of the subscriber's memberships. Raises an SfmcError."""
    memberships: list[Membership] = _kept(
        "memberships", mid, subscriber, lambda: gateway.memberships(mid, key)
    )
    return {one.list_id: one.status for one in memberships}


def _kept(what: str, mid: int, subscriber: SubscriberContext, read: Callable[[], Any]) -> Any:
    """Return the cached value, or read it and cache it for CACHE_SECONDS. None is not
    cached."""
    name = _name(what, mid, subscriber)
    value = cache.get(name)
    if value is None:
        value = read()
        cache.set(name, value, timeout=CACHE_SECONDS)
    return value


def _name(what: str, mid: int, subscriber: SubscriberContext) -> str:
    """Return a cache key that does not reveal the subscriber."""
    who = (subscriber.subscriber_id, subscriber.subscriber_key, subscriber.email_address)
    return f"profile:{what}:{digests.digest(digests.Purpose.PROFILE, mid, *who)}"
