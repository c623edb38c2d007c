"""Helpers for tests of the profile centre's pages."""

import re
import time
from typing import Any

from django.http import HttpResponse
from django.test import Client
from pytest_django.fixtures import Settings

from tests.helpers import PARENT, link
from unsub.delivery import worker
from unsub.domain.context import SubscriberContext
from unsub.sandbox import Sandbox

_BOX = re.compile(r'name="keep" value="(\d+)"( checked)?')
_DRAWN = re.compile(r'name="snapshot" value="([^"]+)"')


def path(settings: Settings, subscriber: int | SubscriberContext = 1001, **changes: Any) -> str:
    """Return the path of a subscriber's profile centre, from a link that was issued now."""
    changes = {"issued_at": int(time.time())} | changes
    return link(settings, subscriber, **changes).replace("/u/", "/p/", 1)


def ticked(page: bytes) -> list[str]:
    """Return the list IDs that the page shows as subscribed."""
    return [number for number, checked in _BOX.findall(page.decode()) if checked]


def offered(page: bytes) -> list[str]:
    """Return the list IDs that the page shows as not subscribed."""
    return [number for number, checked in _BOX.findall(page.decode()) if not checked]


def snapshot_of(page: bytes) -> str:
    """Return the signed snapshot in the page's form."""
    found = _DRAWN.search(page.decode())
    assert found, "the page has no form"
    return found[1]


def save(
    client: Client, there: str, *, leave: tuple[str, ...] = (), join: tuple[str, ...] = (),
    page: bytes | None = None,
) -> HttpResponse:  # fmt: skip
    """Submit the page with these lists unticked and ticked. Without `page` it is fetched first."""
    page = client.get(there).content if page is None else page
    kept = [number for number in ticked(page) if number not in leave]
    return client.post(there, {"snapshot": snapshot_of(page), "keep": [*kept, *join]})  # type: ignore[return-value]


def deliver() -> None:
    """Deliver the due requests, as a worker does."""
    worker.drain(PARENT, more=lambda: None)


def mailed_link(sandbox: Sandbox) -> str:
    """Return the path of the link in the newest email."""
    attributes = dict(sandbox.mails()[-1]["attributes"])
    return str(attributes["ProfileCentreLink"]).partition("8000")[2]


def lists_of(sandbox: Sandbox, subscriber: int = 1001) -> dict[str, str]:
    """Return the subscriber's status on each list, by list ID."""
    return {str(key): value for key, value in sandbox.person(subscriber)["lists"].items()}
