"""A person's lists, read from Marketing Cloud while they wait: quickly, or not at all."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import dataclass
from threading import BoundedSemaphore
from time import monotonic
from typing import Any, TypeVar

import structlog
from django.conf import settings
from django.core.cache import cache

from unsub import gateway, slots
from unsub.context import SubscriberContext
from unsub.privacy import keyed_digest
from unsub.sfmc import Membership, SfmcError

log = structlog.get_logger(__name__)
T = TypeVar("T")

PATIENCE = 3.0  # seconds that somebody is kept waiting for Marketing Cloud
LISTS_FOR, PERSON_FOR = 600, 20  # seconds in the cache: names of lists, somebody's place on them
# Calls that take longer go on in the background until their own time-out; more than so many of them
# at once, and the next person does not wait at all.
_AT_ONCE = 8
_pool = ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="profile")
_free = BoundedSemaphore(_AT_ONCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A public list of the unit, and whether somebody gets it."""

    list_id: int
    name: str
    description: str
    is_on: bool


class _Busy(Exception):  # noqa: N818 - it is no error
    """Nobody is free to ask."""


def subscriptions(mid: int, subscriber: SubscriberContext) -> tuple[Subscription, ...] | None:
    """Return the unit's public lists by name, and which of them somebody gets; None where
    Marketing Cloud does not tell within three seconds. Groups, private and suppression lists are
    left out."""
    until = monotonic() + PATIENCE
    try:
        lists = _ask(f"profile:lists:{mid}", LISTS_FOR, lambda: gateway.mail_lists(mid))
        places = _ask(
            f"profile:places:{mid}:{_name(subscriber)}",
            PERSON_FOR,
            lambda: _memberships(mid, subscriber),
        )
        on = {one.list_id for one in _wait(places, until) if one.status != "Unsubscribed"}
        public = [one for one in _wait(lists, until) if one.is_public]
    except (SfmcError, TookTooLong, _Busy) as err:
        log.warning("lists not read", mid=mid, error=type(err).__name__)
        return None
    return tuple(
        Subscription(
            list_id=one.list_id, name=one.name, description=one.description,
            is_on=one.list_id in on,
        )
        for one in sorted(public, key=lambda one: one.name.casefold())
    )  # fmt: skip


def forget(mid: int, subscriber: SubscriberContext) -> None:
    """Have the next look at somebody's lists ask anew."""
    cache.delete(f"profile:places:{mid}:{_name(subscriber)}")


def _memberships(mid: int, subscriber: SubscriberContext) -> list[Membership]:
    """Return somebody's places; their key is looked up first where the link has it not."""
    key = subscriber.subscriber_key or gateway.key_of(mid, subscriber)
    return gateway.memberships(mid, key) if key else []


def _ask(key: str, seconds: int, read: Callable[[], T]) -> "Future[T]":
    """Return what the cache holds, or a call under way that will fill it. Raises _Busy."""
    known = cache.get(key)
    if known is not None:
        done: Future[T] = Future()
        done.set_result(known)
        return done
    if not _free.acquire(blocking=False):
        raise _Busy
    asked = _pool.submit(_read, key, seconds, read)
    asked.add_done_callback(lambda _: _free.release())
    return asked


def _read(key: str, seconds: int, read: Callable[[], T]) -> T:
    """Return what is read, and keep it for a while."""
    with slots.slot() as free:
        if not free:
            raise _Busy
        value = read()
    cache.set(key, value, timeout=seconds)
    return value


def _wait(asked: "Future[T]", until: float) -> T:
    """Return what was asked for; raises TookTooLong, and what the call raised."""
    return asked.result(timeout=max(until - monotonic(), 0))


def _name(subscriber: SubscriberContext) -> str:
    """Return a name for somebody that tells nobody who it is."""
    parts: tuple[Any, ...] = (
        subscriber.subscriber_id, subscriber.subscriber_key, subscriber.email_address,
    )  # fmt: skip
    text = "\x1f".join("" if part is None else str(part) for part in parts)
    return keyed_digest(text, secret=settings.SECRET_KEY, purpose="profile")
