"""One example of each client call, with personal data wherever the call takes any."""

from collections.abc import Callable

from tests.sfmc.conftest import KEY, request
from unsub.sfmc import (
    PROFILE_PROPERTIES,
    DataRow,
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
ROW = DataRow(
    customer_key="email-preferences", key=("SubscriberKey", KEY), client_mid=510002,
    values=(("Tips", "True"),),
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


def upsert(client: Client) -> object:
    """Call Update for a row of a data extension."""
    return client.upsert([ROW])


CALLS: tuple[Call, ...] = (execute, retrieve, describe, update, create, upsert)
