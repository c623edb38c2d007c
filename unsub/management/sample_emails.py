"""Emails of the sandbox's sample jobs, with links of this deployment, for the sandbox's page."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from unsub.domain.context import JobContext, Scope, SubscriberContext, UnsubContext
from unsub.links.keyring import Keyring
from unsub.links.tokens import sign_link

from .sample_links import ALL_SUBSCRIBERS


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleEmail:
    """One email, its links, and what its unsubscribe link does."""

    sender: str
    to: str
    subject: str
    about: str
    unsubscribe_url: str
    preferences_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sample:
    name: str
    subscriber_id: int
    subject: str
    about: str
    job: JobContext
    scope: Scope = Scope.LIST
    seal: bool = False


_WEEKLY = JobContext(job_id=88002, list_id=7001, batch_id=0)
_NEWS = JobContext(job_id=88003, list_id=7002, batch_id=0)
_EVERYBODY = JobContext(job_id=88002, list_id=ALL_SUBSCRIBERS, batch_id=0)
_SAMPLES = (
    _Sample(
        name="ada", subscriber_id=1001, subject="Rain is coming: be dry", job=_WEEKLY,
        about="Unsubscribes from the list Weekly offers.",
    ),
    _Sample(
        name="grace", subscriber_id=1002, subject="What we made this spring", job=_NEWS, seal=True,
        about="Unsubscribes from the list Product news; the link is sealed.",
    ),
    _Sample(
        name="emil", subscriber_id=1003, subject="Rain is coming: be dry", job=_WEEKLY,
        scope=Scope.ALL, about="Unsubscribes from everything: the link has the scope all.",
    ),
    _Sample(
        name="mina", subscriber_id=1004, subject="To all our customers", job=_EVERYBODY,
        about="Unsubscribes from everything: it was sent to All Subscribers.",
    ),
)  # fmt: skip


def sample_emails(*, address: str, mid: int, keys: Keyring, sender: str) -> list[SampleEmail]:
    """Return the emails, with links under `address`. Raises ValueError where no key can sign for
    the unit."""
    return list(_emails(address, mid, keys, sender))


def _emails(address: str, mid: int, keys: Keyring, sender: str) -> Iterator[SampleEmail]:
    for one in _SAMPLES:
        context = UnsubContext(
            mid=mid,
            subscriber=SubscriberContext(subscriber_id=one.subscriber_id),
            job=one.job,
            scope=one.scope,
            scope_is_explicit=True,
            issued_at=int(time.time()),
        )
        token = sign_link(context, keys=keys, seal=one.seal)
        yield SampleEmail(
            sender=sender,
            to=f"{one.name}@example.com",
            subject=one.subject,
            about=one.about,
            unsubscribe_url=f"{address}/u/{token}",
            preferences_url=f"{address}/p/{token}",
        )
