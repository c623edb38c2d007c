"""A receiver, and endpoints that lead to it."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from tests.journeys.processes import wait_for
from tests.webhooks.receiver import Receiver
from unsub.models import BusinessUnit, WebhookEndpoint
from unsub.webhooks import endpoints

MakeEndpoint = Callable[..., WebhookEndpoint]


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    """A receiver of the test's own, on an address that the settings allow."""
    settings.WEBHOOK_ALLOW_PRIVATE = True
    with Receiver() as running:
        yield running


@pytest.fixture
def make_endpoint(unit: BusinessUnit, receiver: Receiver) -> Iterator[MakeEndpoint]:
    """Yield a function that makes an endpoint of the unit; its secret is in `shown_secret`. Waits
    in the end for the threads that send to them: one that ends looks for more, and begins
    others."""

    def make(**changes: Any) -> WebhookEndpoint:
        fields: dict[str, Any] = {"name": "Warehouse", "unit": unit, "url": receiver.url}
        one = WebhookEndpoint(**fields | changes)
        one.shown_secret = endpoints.create(one)  # type: ignore[attr-defined]
        return one

    yield make
    wait_for(
        "the threads to end", lambda: not any(map(_is_sending, threading.enumerate())), seconds=120
    )


def _is_sending(thread: threading.Thread) -> bool:
    return thread.name.startswith("webhook-")


@pytest.fixture
def endpoint(make_endpoint: MakeEndpoint) -> WebhookEndpoint:
    """An endpoint for everything that happens in the unit."""
    return make_endpoint()
