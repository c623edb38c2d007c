"""One example of each client call, with personal data wherever the call takes any."""

from collections.abc import Callable

from tests.sfmc.conftest import KEY, request
from unsub.sfmc import (
    PROFILE_PROPERTIES,
    Filter,
    ListChange,
    RetrieveRequest,
    SubscriberUpdate,
    TriggeredSend,
)
from unsub.sfmc.client import Client

ADDRESS = "lovelace@example.com"
ATTRIBUTES = (("Name", "Sample"), ("Empty", ""))
UPDATE = SubscriberUpdate(
    subscriber_key=KEY, email_address=ADDRESS, attributes=ATTRIBUTES, email_type="HTML",
    status="Active", client_mid=510002,
    lists=(ListChange(list_id=7001, status="Active", action="create"),),
)  # fmt: skip
MAIL = TriggeredSend(
    definition_key="welcome", subscriber_key=KEY, email_address=ADDRESS, attributes=ATTRIBUTES,
    client_mid=510002,
)  # fmt: skip
PROFILE = RetrieveRequest(
    object_type="Subscriber", properties=PROFILE_PROPERTIES, client_mid=510002,
    filter=Filter(property="SubscriberKey", operator="equals", values=(KEY,)),
)  # fmt: skip
Call = Callable[[Client], object]


def execute(client: Client) -> object:
    """Call Execute."""
    return client.execute([request(mid=510002, reason="why"), request(1002)])


def retrieve(client: Client) -> object:
    """Call Retrieve for a profile. Returns a page, whose repr shows zeep's rows: do not print
    it."""
    return len(client.retrieve(PROFILE).rows)


def describe(client: Client) -> object:
    """Call Describe."""
    return client.describe("Subscriber", client_mid=510002)


def update(client: Client) -> object:
    """Call Update."""
    return client.update([UPDATE, SubscriberUpdate(subscriber_key=KEY)])


def create(client: Client) -> object:
    """Call Create."""
    return client.create([MAIL])


CALLS: tuple[Call, ...] = (execute, retrieve, describe, update, create)
