"""A receiver, and endpoints that lead to it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_django.fixtures import Settings

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
def make_endpoint(unit: BusinessUnit, receiver: Receiver) -> MakeEndpoint:
    """Return a function that makes an endpoint of the unit; its secret is in `shown_secret`."""

    def make(**changes: Any) -> WebhookEndpoint:
        fields: dict[str, Any] = {"name": "Warehouse", "unit": unit, "url": receiver.url}
        one = WebhookEndpoint(**fields | changes)
        one.shown_secret = endpoints.create(one)  # type: ignore[attr-defined]
        return one

    return make


@pytest.fixture
def endpoint(make_endpoint: MakeEndpoint) -> WebhookEndpoint:
    """An endpoint for everything that happens in the unit."""
    return make_endpoint()
