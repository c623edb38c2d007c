"""Search by an address or SubscriberKey that no link carried: Marketing Cloud is asked for it."""

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.http import StreamingHttpResponse
from django.test import Client
from pytest_django.fixtures import Settings

from tests.helpers import MakeSubmission, person, seen
from unsub.admin import subscriber_search
from unsub.domain.context import SubscriberContext
from unsub.gateway import calls as gateway
from unsub.models import BusinessUnit, SubscriberRequest
from unsub.outbox import store
from unsub.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "/admin/unsub/subscriberrequest/"


@pytest.fixture(autouse=True)
def nothing_known() -> Iterator[None]:
    """An empty cache, before and after."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def ada(unit: BusinessUnit, make_submission: MakeSubmission) -> SubscriberRequest:
    """Ada's request, whose link carried her SubscriberID alone, and one of somebody else."""
    store.write(make_submission(1002))
    return store.write(make_submission(1001))[0]


def found(client: Client, query: str) -> tuple[list[int], str]:
    """Return the ids of the requests in the list, and the page's words."""
    answer = client.get(f"{LIST}?{query}")
    assert answer.status_code == 200
    return sorted(row.pk for row in answer.context["cl"].result_list), seen(answer.content)


@pytest.mark.parametrize("typed", ["ada@example.com", "ADA@example.com", "ada-1001"])
def test_requests_are_found_by_what_marketing_cloud_knows(
    admin_client: Client, ada: SubscriberRequest, sandbox: Sandbox, typed: str
) -> None:
    ids, words = found(admin_client, f"q={typed}")
    assert ids == [ada.pk]
    told = "Searched Marketing Cloud: in Example Outfitters this is SubscriberID 1001."
    assert words.count(told) == 1


def test_an_unknown_address_finds_nothing_and_says_that_it_was_asked(
    admin_client: Client, ada: SubscriberRequest, sandbox: Sandbox
) -> None:
    ids, words = found(admin_client, "q=nobody@example.com")
    assert ids == []
    assert "Searched Marketing Cloud: no such subscriber." in words


def test_an_address_once_asked_for_is_found_without_marketing_cloud(
    admin_client: Client, ada: SubscriberRequest, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    found(admin_client, "q=ada@example.com")
    ada.refresh_from_db()
    assert ada.address_digest
    assert (ada.email_address, ada.address_mask) == ("", "a•••@example.com")
    cache.clear()
    sandbox.close()
    monkeypatch.setattr(subscriber_search, "TIMEOUT", 0.5)
    ids, words = found(admin_client, "q=ada@example.com")
    assert ids == [ada.pk]
    assert "returned no SubscriberID for Example Outfitters" in words


def test_only_the_units_of_the_user_are_asked(
    ada: SubscriberRequest, child: BusinessUnit, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    real = gateway.subscribers_called

    def counting(mid: int, name: str) -> object:
        asked.append(mid)
        return real(mid, name)

    monkeypatch.setattr(gateway, "subscribers_called", counting)
    ids, _ = found(person("marketer", child), "q=ada@example.com")
    assert ids == []
    assert asked == [child.mid]


def test_a_number_is_asked_for_where_it_is_nothing_here(
    admin_client: Client, ada: SubscriberRequest, sandbox: Sandbox
) -> None:
    assert "Searched Marketing Cloud" not in found(admin_client, "q=1001")[1]
    assert "Searched Marketing Cloud" in found(admin_client, "q=77077077")[1]


def test_the_proof_says_who_the_subscriber_is_in_marketing_cloud(
    admin_client: Client, ada: SubscriberRequest, sandbox: Sandbox
) -> None:
    words = seen(admin_client.get(f"{LIST}{ada.pk}/proof/").content)
    assert "SubscriberID 1001 1001" in words
    assert "SubscriberKey - ada-1001" in words
    assert "EmailAddress - ada@example.com" in words


def test_the_proof_says_that_marketing_cloud_did_not_answer(
    admin_client: Client, ada: SubscriberRequest, settings: Settings
) -> None:
    words = seen(admin_client.get(f"{LIST}{ada.pk}/proof/").content)
    assert "Marketing Cloud didn’t respond, or has no such subscriber." in words


def test_a_role_without_the_right_sees_nobody_named(
    unit: BusinessUnit, make_submission: MakeSubmission, sandbox: Sandbox
) -> None:
    who = SubscriberContext(subscriber_key="ada-1001", email_address="ada@example.com")
    row, _ = store.write(make_submission(who))
    for role, is_named in (("viewer", False), ("marketer", True)):
        client = person(role, unit)
        words = seen(client.get(f"{LIST}{row.pk}/proof/").content)
        export: Any = client.get(f"{LIST}export.csv")
        assert isinstance(export, StreamingHttpResponse)
        written: list[bytes] = list(export)
        [line] = csv.DictReader(io.StringIO(b"".join(written).decode()))
        assert ("ada@example.com" in words) is is_named
        assert ("ada-1001" in words) is is_named
        assert (line.get("subscriber_key") == "ada-1001") is is_named
        assert ("doesn’t include permission" in words) is not is_named
