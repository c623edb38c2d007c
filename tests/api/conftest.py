"""Keys of the API, and a client that calls with one."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Protocol

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from unsub.accounts import api_keys
from unsub.models import ApiKey, BusinessUnit

BASE = "/api/v1"


class Caller:
    """Calls the API with a key."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._client = Client(raise_request_exception=False)

    def get(self, path: str, **query: Any) -> Any:
        """Return the response to a GET."""
        return self._client.get(BASE + path, query, headers=self.headers())

    def post(self, path: str, body: Any, **headers: str) -> Any:
        """Return the response to a POST of JSON."""
        return self._client.post(
            BASE + path, json.dumps(body), content_type="application/json",
            headers=self.headers() | {name.replace("_", "-"): one for name, one in headers.items()},
        )  # fmt: skip

    def headers(self) -> dict[str, str]:
        """Return the header of the key."""
        return {"Authorization": f"Bearer {self.text}"} if self.text else {}


class MakeKey(Protocol):
    """Makes a key and returns a caller."""

    def __call__(self, unit: BusinessUnit | None = None, **changes: Any) -> Caller: ...


@pytest.fixture(autouse=True)
def no_known_keys() -> Iterator[None]:
    """Let no test know the keys of another."""
    api_keys.forget_known()
    yield
    api_keys.forget_known()


@pytest.fixture
def make_key(admin_user: User) -> MakeKey:
    """Return a function that makes a key, for everything unless it is told otherwise."""
    number = iter(range(1, 100))

    def make(unit: BusinessUnit | None = None, **changes: Any) -> Caller:
        fields: dict[str, Any] = {
            "name": f"Call center {next(number)}", "unit": unit, "may_submit": True,
            "may_read": True, "may_sign": True, "may_name": False,
            "expires_at": timezone.now() + timedelta(days=30),
        }  # fmt: skip
        return Caller(api_keys.issue(ApiKey(**fields | changes), admin_user))

    return make


@pytest.fixture
def caller(unit: BusinessUnit, make_key: MakeKey) -> Caller:
    """A caller with a key for the parent unit."""
    return make_key(unit)
