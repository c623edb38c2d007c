"""Fixtures: a fake vendor, and a client that calls it."""

from collections.abc import Callable, Iterator

import pytest

from tests.sfmc.vendor import Vendor
from unsub.sfmc import LOG_UNSUB_EVENT, ExecuteRequest, MemoryTokenStore, TokenStore
from unsub.sfmc.auth import OAuth
from unsub.sfmc.client import Client

SECRET = "client-secret-that-nobody-may-see"
KEY = "ada-key-that-nobody-may-see"
NewAuth = Callable[..., OAuth]


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    """A fake vendor for one test."""
    with Vendor() as running:
        yield running


@pytest.fixture
def new_auth(vendor: Vendor) -> NewAuth:
    """Factory of OAuth credentials for the fake vendor."""

    def make(*, store: TokenStore | None = None, **changes: object) -> OAuth:
        options: dict[str, object] = {
            "auth_url": vendor.url, "client_id": "id", "client_secret": SECRET,
            "account_id": 510001, "store": store or MemoryTokenStore(), "timeout": 30.0,
        }  # fmt: skip
        return OAuth(**(options | changes))  # type: ignore[arg-type]

    return make


@pytest.fixture
def client(vendor: Vendor, new_auth: NewAuth) -> Client:
    """A client of the fake vendor."""
    return Client(auth=new_auth(), soap_url=vendor.url, timeout=30.0)


def request(number: int = 1001, *, mid: int | None = None, reason: str = "") -> ExecuteRequest:
    """Return a LogUnsubEvent."""
    parameters = (("SubscriberID", str(number)), ("SubscriberKey", KEY), ("JobID", "88002"))
    return ExecuteRequest(
        name=LOG_UNSUB_EVENT,
        parameters=(*parameters, ("Reason", reason)) if reason else parameters,
        client_mid=mid,
    )
