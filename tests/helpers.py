"""Helpers of several test packages: links, requests, forms, users."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from html.parser import HTMLParser
from typing import Any

from allauth.account.internal.flows.login import record_authentication
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.db.models.functions import Greatest, Now
from django.http import HttpRequest
from django.test import Client
from pytest_django.fixtures import Settings

from tests.triggers import suspended_triggers
from unsub.domain.context import JobContext, Scope, SubscriberContext, UnsubContext
from unsub.domain.digest_keys import DigestKeyring
from unsub.domain.target import EVERYTHING
from unsub.links.tokens import sign_link
from unsub.models import BusinessUnit, Channel, QueueState, Status, SubscriberRequest
from unsub.models.queue_state import queue_of
from unsub.models.request import target_columns
from unsub.models.statuses import ENDED
from unsub.outbox.submission import Submission

PARENT, CHILD = 510001, 510002
MakeSubmission = Callable[..., Submission]


FORM = {"form": "page"}


def queue(mid: int = PARENT) -> QueueState:
    """Return the state of a unit's queue as the database has it."""
    return queue_of(BusinessUnit.objects.get(mid=mid))


def shown() -> list[str]:
    """Return the status that each request shows, in order."""
    rows: Any = SubscriberRequest.objects.with_shown_status().order_by("pk")
    return list(rows.values_list("shown_status", flat=True))


def context(
    subscriber: int | SubscriberContext = 1001,
    job: int | JobContext | None = 88002,
    **changes: object,
) -> UnsubContext:
    """Return the context of an email that job `job` sent to a subscriber of the sandbox."""
    if isinstance(subscriber, int):
        subscriber = SubscriberContext(subscriber_id=subscriber)
    if not isinstance(job, JobContext):
        listed = 7101 if job == 88101 else 7001
        job = JobContext(job_id=job, list_id=listed if job else None, batch_id=0 if job else None)
    fields: dict[str, object] = {
        "mid": PARENT,
        "subscriber": subscriber,
        "job": job,
        "scope": Scope.LIST,
    }
    return UnsubContext(**(fields | changes))  # type: ignore[arg-type]


def link(settings: Settings, subscriber: int | SubscriberContext = 1001, **changes: object) -> str:
    """Return the path of the link to a subscriber's page."""
    token = sign_link(context(subscriber, **changes), keys=settings.LINK_KEYRING)  # type: ignore[arg-type]
    return f"/u/{token}"


def sign_in(client: Client, user: User) -> None:
    """Sign a user in without the pages: the session says, as after them, that a password and a code
    were given."""
    client.force_login(user)
    request = HttpRequest()
    request.session = client.session
    record_authentication(request, user, "password", username=user.username)
    record_authentication(request, user, "mfa", type="totp")
    request.session.save()


def rotate_digest_key(settings: Settings, name: str = "2") -> None:
    """Put a new key before those in DIGEST_KEYS."""
    new = DigestKeyring.from_json({name: f"a new digest key, {name} " * 3})
    settings.DIGEST_KEYRING = DigestKeyring(keys=new.keys + settings.DIGEST_KEYRING.keys)


class Texts(HTMLParser):
    """Collects the visible text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._skip = False

    def handle_starttag(self, tag: str, _attrs: Any) -> None:
        """Skip the text of a style or title element."""
        self._skip = tag in {"style", "title"}

    def handle_endtag(self, _tag: str) -> None:
        """End the skipping."""
        self._skip = False

    def handle_data(self, data: str) -> None:
        """Store a text."""
        if not self._skip:
            self.parts.append(data)


def seen(html: bytes) -> str:
    """Return the visible text of a page."""
    texts = Texts()
    texts.feed(html.decode())
    return " ".join(" ".join(texts.parts).split())


def person(name: str, *units: BusinessUnit) -> Client:
    """Return the client of a signed-in user of a group, restricted to units."""
    user = User.objects.create_user(name, is_staff=True)
    user.groups.add(Group.objects.get(name=name))
    for unit in units:
        unit.members.add(user)
    client = Client()
    sign_in(client, user)
    return client


def made(days_ago: float = 0, **changes: Any) -> SubscriberRequest:
    """Return a request that was received some days ago, not saved."""
    at = datetime.now(UTC) - timedelta(days=days_ago)
    fields: dict[str, Any] = {
        "unit_id": PARENT, "subscriber_id": 1, "job_id": 88002, "list_id": 7001, "scope": "list",
        "channel": Channel.PAGE, "status": Status.DONE, "received_at": at, "attempts": 1,
        "give_up_at": at + timedelta(days=10),
    }  # fmt: skip
    fields |= changes
    if fields["status"] in ENDED:
        fields.setdefault("finished_at", at + timedelta(seconds=4))
    if fields["status"] == Status.DONE:
        fields.setdefault("outcome", "posted")
    job = JobContext(job_id=fields["job_id"], list_id=fields["list_id"])
    target = EVERYTHING if fields["scope"] == Scope.ALL else job.target
    return SubscriberRequest(**target_columns(target) | fields)


def request(days_ago: float = 0, **changes: Any) -> SubscriberRequest:
    """Make a request that was received some days ago."""
    one = made(days_ago, **changes)
    one.save()
    return one


def settle(rows: QuerySet[Any], status: str, **changes: Any) -> int:
    """Set the status of requests or emails with the columns that it implies, as a worker does.
    Return how many."""
    implied: dict[str, Any] = {"finished_at": Now()}
    if status == Status.DONE:
        implied |= {"outcome": "posted", "attempts": Greatest("attempts", 1)}
    return rows.update(status=status, **implied | changes)


def rewrite(rows: QuerySet[Any], **changes: Any) -> int:
    """Change what was asked, without the trigger that refuses it. For rows that a test gets from a
    page or a worker, and that have to be older than they can be. Return how many."""
    with suspended_triggers():
        return rows.update(**changes)


def remove(rows: QuerySet[Any]) -> int:
    """Delete rows without the triggers that refuse it. Return how many."""
    with suspended_triggers():
        return rows.delete()[0]


def hidden(page: str) -> dict[str, str]:
    """Return the hidden fields of a page's form."""
    found = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page)
    return {name: unescape(value) for name, value in found}
