"""Read a subscriber's data from Marketing Cloud while the page waits, with a deadline."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import dataclass, field
from functools import partial
from threading import BoundedSemaphore
from time import monotonic
from typing import Any

import structlog
from django.core.cache import cache

from unsub.domain.context import SubscriberContext
from unsub.gateway import calls as gateway
from unsub.gateway import catalogue, concurrency
from unsub.infra import digests
from unsub.models import MailingList
from unsub.sfmc import Definition, MailList, Membership, Profile, SfmcError

log = structlog.get_logger(__name__)

TIMEOUT = 3.0  # seconds that a page request waits for Marketing Cloud
CACHE_SECONDS = 20  # seconds that a subscriber's data stays in the cache
UNSUBSCRIBED = "Unsubscribed"
# Calls past the deadline continue in the background until their own time-out. At this many calls at
# once, further reads are skipped instead of queued.
_AT_ONCE = 16
_pool = ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="profile")
_free = BoundedSemaphore(_AT_ONCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileSnapshot:
    """What could be read; None marks what could not. `lists` are the public publication lists by
    name, `places` maps ListID to the subscriber's status on it."""

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
    reads: dict[str, Callable[[], Any]] = {
        "lists": partial(_lists, mid),
        "profile": partial(_profile, mid, subscriber),
    }
    if subscriber.subscriber_key:
        reads["memberships"] = partial(_memberships, mid, subscriber, subscriber.subscriber_key)
    if details:
        reads["definitions"] = partial(catalogue.definitions, mid)
    futures = {name: _start(read) for name, read in reads.items()}
    found = {name: _wait(mid, name, one, until) for name, one in futures.items()}
    if "memberships" not in found:
        profile = found["profile"]
        key = profile.subscriber_key if profile else ""
        found["memberships"] = (
            _wait(mid, "memberships", _start(partial(_memberships, mid, subscriber, key)), until)
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
    """Return the cached value, or read it and cache it for PERSON_FOR seconds. None is not
    cached."""
    name = _name(what, mid, subscriber)
    value = cache.get(name)
    if value is None:
        value = read()
        cache.set(name, value, timeout=CACHE_SECONDS)
    return value


def _start(read: Callable[[], Any]) -> "Future[Any] | None":
    """Submit a read to the pool. Return None where the pool is full."""
    if not _free.acquire(blocking=False):
        return None
    future = _pool.submit(_read, read)
    future.add_done_callback(lambda _: _free.release())
    return future


def _read(read: Callable[[], Any]) -> Any:
    """Return the result of `read`, or None where all call slots are taken."""
    with concurrency.call_slot() as free:
        return read() if free else None


def _wait(mid: int, what: str, future: "Future[Any] | None", until: float) -> Any:
    """Return the result of a read, or None where it failed or missed the deadline."""
    try:
        return future.result(timeout=max(until - monotonic(), 0)) if future else None
    except (SfmcError, TookTooLong) as err:
        log.warning("profile_fetch_failed", mid=mid, what=what, error=type(err).__name__)
        return None


def _name(what: str, mid: int, subscriber: SubscriberContext) -> str:
    """Return a cache key that does not reveal the subscriber."""
    who = (subscriber.subscriber_id, subscriber.subscriber_key, subscriber.email_address)
    return f"profile:{what}:{digests.digest(digests.Purpose.PROFILE, mid, *who)}"
