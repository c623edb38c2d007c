"""A person as Marketing Cloud has them, read while they wait: quickly, or not at all."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import dataclass, field
from functools import partial
from threading import BoundedSemaphore
from time import monotonic
from typing import Any

import structlog
from django.conf import settings
from django.core.cache import cache

from unsub import catalogue, gateway, slots
from unsub.context import SubscriberContext
from unsub.models import MailingList
from unsub.privacy import keyed_digest
from unsub.sfmc import Definition, MailList, Membership, Profile, SfmcError

log = structlog.get_logger(__name__)

PATIENCE = 3.0  # seconds that somebody is kept waiting for Marketing Cloud
PERSON_FOR = 20  # seconds in the cache
UNSUBSCRIBED = "Unsubscribed"
# Calls that take longer go on in the background until their own time-out; more than so many of them
# at once, and the next person does not wait at all.
_AT_ONCE = 16
_pool = ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="profile")
_free = BoundedSemaphore(_AT_ONCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What could be read; None where it could not. `lists` are the public publication lists by
    name, `places` the person's status on each list that they have a place on."""

    lists: tuple[MailList, ...] | None = None
    places: dict[int, str] | None = None
    profile: Profile | None = field(default=None, repr=False)
    definitions: tuple[Definition, ...] | None = None

    @property
    def shows_lists(self) -> bool:
        """Whether it can be said which lists the person gets."""
        return self.lists is not None and self.places is not None

    @property
    def left_everything(self) -> bool:
        """Whether the person is unsubscribed from everything."""
        return self.profile is not None and self.profile.status == UNSUBSCRIBED


def look(mid: int, subscriber: SubscriberContext, *, details: bool) -> Seen:
    """Return what Marketing Cloud says within three seconds; `details` asks for the attributes,
    too. What does not depend on anything else is asked for at the same time."""
    until = monotonic() + PATIENCE
    reads: dict[str, Callable[[], Any]] = {
        "lists": partial(_lists, mid),
        "profile": partial(_profile, mid, subscriber),
    }
    if subscriber.subscriber_key:
        reads["places"] = partial(_places, mid, subscriber, subscriber.subscriber_key)
    if details:
        reads["definitions"] = partial(catalogue.definitions, mid)
    asked = {name: _ask(read) for name, read in reads.items()}
    found = {name: _wait(mid, name, one, until) for name, one in asked.items()}
    if "places" not in found:
        profile = found["profile"]
        key = profile.subscriber_key if profile else ""
        found["places"] = (
            _wait(mid, "places", _ask(partial(_places, mid, subscriber, key)), until)
            if key
            else None
        )
    return Seen(**found)


def known_lists(mid: int) -> list[tuple[int, str]]:
    """Return lists that somebody can leave although Marketing Cloud does not answer, by number and
    name: the public ones of the last day, else those that the unit has named itself. Raises
    DatabaseError."""
    kept = _public(catalogue.known_lists(mid))
    if kept:
        return [(one.list_id, one.name) for one in kept]
    return list(
        MailingList.objects.filter(unit_id=mid).order_by("name").values_list("list_id", "name")
    )


def forget(mid: int, subscriber: SubscriberContext) -> None:
    """Have the next look at somebody ask anew."""
    for what in ("places", "profile"):
        cache.delete(_name(what, mid, subscriber))


def _lists(mid: int) -> tuple[MailList, ...]:
    """Return the unit's public lists by name. Raises an SfmcError."""
    return _public(catalogue.lists(mid))


def _public(lists: list[MailList]) -> tuple[MailList, ...]:
    """Return the lists that people may know of: no groups, private or suppression lists."""
    public = (one for one in lists if one.is_public)
    return tuple(sorted(public, key=lambda one: one.name.casefold()))


def _profile(mid: int, subscriber: SubscriberContext) -> Profile | None:
    """Return the person, or None where there is nobody by these details. Raises an SfmcError."""
    found: Profile | None = _kept(
        "profile", mid, subscriber, lambda: gateway.profile_of(mid, subscriber)
    )
    return found


def _places(mid: int, subscriber: SubscriberContext, key: str) -> dict[int, str]:
    """Return the person's status on each list that they have a place on. Raises an SfmcError."""
    places: list[Membership] = _kept(
        "places", mid, subscriber, lambda: gateway.memberships(mid, key)
    )
    return {one.list_id: one.status for one in places}


def _kept(what: str, mid: int, subscriber: SubscriberContext, read: Callable[[], Any]) -> Any:
    """Return what the cache holds of somebody, or what is read, which it then holds a little."""
    name = _name(what, mid, subscriber)
    value = cache.get(name)
    if value is None:
        value = read()
        cache.set(name, value, timeout=PERSON_FOR)
    return value


def _ask(read: Callable[[], Any]) -> "Future[Any] | None":
    """Return a call under way, or None where too many are already."""
    if not _free.acquire(blocking=False):
        return None
    asked = _pool.submit(_read, read)
    asked.add_done_callback(lambda _: _free.release())
    return asked


def _read(read: Callable[[], Any]) -> Any:
    """Return what is read, or None where all calls at once are taken."""
    with slots.slot() as free:
        return read() if free else None


def _wait(mid: int, what: str, asked: "Future[Any] | None", until: float) -> Any:
    """Return what was asked for, or None where it is not told in time."""
    try:
        return asked.result(timeout=max(until - monotonic(), 0)) if asked else None
    except (SfmcError, TookTooLong) as err:
        log.warning("profile not read", mid=mid, what=what, error=type(err).__name__)
        return None


def _name(what: str, mid: int, subscriber: SubscriberContext) -> str:
    """Return a key of the cache that tells nobody who it is."""
    parts: tuple[Any, ...] = (
        mid, subscriber.subscriber_id, subscriber.subscriber_key, subscriber.email_address,
    )  # fmt: skip
    text = "\x1f".join("" if part is None else str(part) for part in parts)
    return f"profile:{what}:{keyed_digest(text, secret=settings.SECRET_KEY, purpose='profile')}"
