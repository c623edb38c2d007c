"""What tests of the profile centre's pages use."""

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
_DRAWN = re.compile(r'name="drawn" value="([^"]+)"')


def path(settings: Settings, subscriber: int | SubscriberContext = 1001, **changes: Any) -> str:
    """Return the path of somebody's profile centre, of a link that was made just now."""
    changes = {"issued_at": int(time.time())} | changes
    return link(settings, subscriber, **changes).replace("/u/", "/p/", 1)


def ticked(page: bytes) -> list[str]:
    """Return the ListIDs that the page shows as on."""
    return [number for number, checked in _BOX.findall(page.decode()) if checked]


def offered(page: bytes) -> list[str]:
    """Return the ListIDs that the page shows as off."""
    return [number for number, checked in _BOX.findall(page.decode()) if not checked]


def drawn(page: bytes) -> str:
    """Return what the page was drawn from."""
    found = _DRAWN.search(page.decode())
    assert found, "the page has no form"
    return found[1]


def save(
    client: Client, there: str, *, leave: tuple[str, ...] = (), join: tuple[str, ...] = (),
    page: bytes | None = None,
) -> HttpResponse:  # fmt: skip
    """Open the page, or take one that was opened before; untick and tick, and press Save."""
    page = client.get(there).content if page is None else page
    kept = [number for number in ticked(page) if number not in leave]
    return client.post(there, {"drawn": drawn(page), "keep": [*kept, *join]})  # type: ignore[return-value]


def deliver() -> None:
    """Do what the worker does."""
    worker.drain(PARENT, more=lambda: None)


def mailed_link(sandbox: Sandbox) -> str:
    """Return the path of the link in the newest mail."""
    attributes = dict(sandbox.mails()[-1]["attributes"])
    return str(attributes["ProfileCentreLink"]).partition("8000")[2]


def lists_of(sandbox: Sandbox, subscriber: int = 1001) -> dict[str, str]:
    """Return the person's status on each list, by ListID."""
    return {str(key): value for key, value in sandbox.person(subscriber)["lists"].items()}
