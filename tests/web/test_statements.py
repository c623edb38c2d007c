"""How many statements the recipients' paths cost the database."""

import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from tests.helpers import MakeSubmission, link, seen
from unsub.infra import kept
from unsub.models import BusinessUnit, PageText, Place, Status, SubscriberRequest
from unsub.outbox import store

pytestmark = pytest.mark.django_db(transaction=True)
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


class Clock:
    """A clock that the test sets: what is kept for two seconds stays, however busy the machine
    is."""

    def __init__(self) -> None:
        self.now = time.monotonic()

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of what a process keeps, which stands still."""
    one = Clock()
    monkeypatch.setattr(kept, "time", SimpleNamespace(monotonic=one))
    return one


@pytest.fixture(autouse=True)
def warm(client: Client, unit: BusinessUnit, settings: Settings, clock: Clock) -> None:
    """Let this process read what it keeps of the unit."""
    client.get(link(settings, 1099))
    client.post(link(settings, 1099), ONE_CLICK)
    client.get("/u/cut-in-two")


def statements(call: Callable[[], object]) -> list[str]:
    """Return the first words of the statements that `call` executes."""
    with CaptureQueriesContext(connection) as queries:
        call()
    return [query["sql"].split()[0] for query in queries.captured_queries]


def test_a_new_one_click_is_one_insert_that_commits_itself(
    client: Client, settings: Settings
) -> None:
    assert statements(lambda: client.post(link(settings), ONE_CLICK)) == ["INSERT"]


def test_the_same_one_click_again_is_the_same_statement_which_conflicts(
    client: Client, settings: Settings
) -> None:
    client.post(link(settings), ONE_CLICK)
    found = SubscriberRequest.objects.latest("pk")
    assert found.repeated_at is None
    assert statements(lambda: client.post(link(settings), ONE_CLICK)) == ["INSERT"]
    found.refresh_from_db()
    assert found.repeated_at


def test_what_this_process_stored_before_is_a_new_request_after_it_was_withdrawn(
    unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    first = store.write_at_once(make_submission(1001))
    assert first is not None
    SubscriberRequest.objects.filter(pk=first[0].pk).update(
        status=Status.WITHDRAWN, finished_at=Now(), idempotency_key=None
    )
    found = [store.write_at_once(make_submission(1001)) for _ in range(2)]
    assert [one and (one[0].pk != first[0].pk, one[1]) for one in found] == [
        (True, True),
        (True, False),
    ]


def test_a_one_click_that_another_process_has_stored_is_two_statements(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.post(link(settings), ONE_CLICK)
    monkeypatch.setattr(store, "_stored", set())
    assert statements(lambda: client.post(link(settings), ONE_CLICK)) == ["INSERT", "INSERT"]
    (found,) = SubscriberRequest.objects.exclude(subscriber_id=1099)
    assert found.repeated_at


def test_the_page_asks_the_database_once(client: Client, settings: Settings) -> None:
    assert statements(lambda: client.get(link(settings))) == ["SELECT"]


def test_a_bad_link_asks_the_database_nothing(client: Client, settings: Settings) -> None:
    assert statements(lambda: client.get(f"{link(settings)[:-4]}AAAA")) == []


def test_what_a_marketer_saves_shows_at_once_in_the_process_that_saved_it(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    PageText.objects.create(unit=unit, language="en", place=Place.INTRO, text="So long.")
    assert "So long." in seen(client.get(link(settings)).content)
    unit.name = "Example Explorers"
    unit.save()
    assert "Example Explorers" in seen(client.get(link(settings)).content)


def test_what_another_process_saved_shows_when_the_kept_values_are_too_old(
    client: Client, unit: BusinessUnit, settings: Settings, clock: Clock
) -> None:
    QuerySet(BusinessUnit).filter(pk=unit.pk).update(name="Example Explorers")
    assert "Example Explorers" not in seen(client.get(link(settings)).content)
    clock.now += 2.1
    assert "Example Explorers" in seen(client.get(link(settings)).content)
