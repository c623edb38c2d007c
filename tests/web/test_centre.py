"""The profile centre: a subscriber's lists, and unsubscribing from them."""

import time
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from pytest_django.fixtures import Settings

from tests.helpers import CHILD, seen
from unsub.domain.context import JobContext, SubscriberContext
from unsub.infra import database_timeout
from unsub.models import BusinessUnit, ConsentText, Erasure, Pause, SubscriberRequest
from unsub.outbox import spool
from unsub.preferences import limits, snapshot
from unsub.sandbox import Sandbox

from .helpers import deliver, offered, path, save, snapshot_of, ticked

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def offering(unit: BusinessUnit) -> BusinessUnit:
    """The parent unit with the profile centre switched on."""
    cache.clear()
    BusinessUnit.objects.filter(pk=unit.pk).update(profile_centre=True)
    return unit


def test_only_public_lists_are_shown(client: Client, settings: Settings, sandbox: Sandbox) -> None:
    there = path(settings)
    answer = client.get(there)
    words = seen(answer.content)
    assert ticked(answer.content) == ["7002", "7001"]  # by name
    assert "Every Friday: what is new." in words
    for hidden in ("All Subscribers", "Do not mail", "Staff", "Kids club", "ada@example.com"):
        assert hidden not in words
    assert not SubscriberRequest.objects.exists()
    assert not client.cookies
    # The links to other languages lead to the same page.
    assert 'href="?lang=de"' in answer.content.decode()


@pytest.mark.parametrize(
    "who",
    [1001, SubscriberContext(subscriber_key="ada-1001"),
     SubscriberContext(subscriber_id=1001, email_address="ada@example.com")],
)  # fmt: skip
def test_unsubscribing_from_a_list_is_an_event_of_the_email_s_job(
    client: Client, settings: Settings, sandbox: Sandbox, who: Any
) -> None:
    there = path(settings, who)
    answer = save(client, there, leave=("7001",))
    assert answer.status_code == 303
    row = SubscriberRequest.objects.get()
    assert (row.channel, row.job_id, row.list_id, row.scope) == ("profile", 88002, 7001, "list")
    page = client.get(answer["Location"])
    assert "Weekly offers Unsubscribing" in seen(page.content)
    assert ticked(page.content) == ["7002"]
    deliver()
    (event,) = sandbox.events()
    assert (event["job_id"], event["list_id"]) == (88002, 7001)
    cache.clear()
    page = client.get(there)
    assert "Unsubscribing" not in seen(page.content)
    assert "7001" in offered(page.content)


def test_unsubscribing_from_another_list_is_an_event_of_its_newest_job(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    save(client, path(settings), leave=("7002",))
    deliver()
    (event,) = sandbox.events()
    assert (event["job_id"], event["list_id"], event["master"]) == (88003, 7002, False)


def test_an_unchanged_or_invalid_form_makes_no_request(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = path(settings)
    assert "saved" not in save(client, there)["Location"]
    of = snapshot_of(client.get(there).content)
    forms: tuple[dict[str, Any], ...] = (
        {"keep": []},
        {"List-Unsubscribe": "One-Click"},
        {"snapshot": "x", "keep": ["7002"]},
        {"snapshot": of[:-1], "keep": ["7002"]},
        # The snapshot of another subscriber's page.
        {"snapshot": snapshot_of(client.get(path(settings, 1002)).content), "keep": []},
    )
    for form in forms:
        answer = client.post(there, form)
        assert answer.status_code == 409
        assert "Check your choices and save again." in seen(answer.content)
    client.post(there, {"snapshot": of, "keep": ["x", "-1", "0", "9" * 30, "7001", "7002", "7003"]})
    assert not SubscriberRequest.objects.exists()


def test_two_tabs_do_not_undo_each_other(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = path(settings)
    first, second = client.get(there).content, client.get(there).content
    save(client, there, leave=("7001",), page=first)
    save(client, there, leave=("7002",), page=second)
    left = SubscriberRequest.objects.order_by("list_id").values_list("list_id", flat=True)
    assert list(left) == [7001, 7002]


def test_submitting_a_page_twice_makes_one_request(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = path(settings)
    page = client.get(there).content
    for _ in range(2):
        save(client, there, leave=("7001",), page=page)
    assert SubscriberRequest.objects.count() == 1


def test_the_page_can_unsubscribe_from_everything(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    answer = client.post(path(settings), {"everything": "1"})
    assert "/done" in answer["Location"]
    row = SubscriberRequest.objects.get()
    assert (row.scope, row.channel) == ("all", "profile")
    page = client.get(answer["Location"])
    assert "You’ll no longer get marketing emails" in seen(page.content)


@pytest.mark.parametrize("fault", ["http_500", "fault_11", "latency", "token_500"])
def test_without_marketing_cloud_the_page_shows_and_unsubscribing_works(
    client: Client, settings: Settings, sandbox: Sandbox, monkeypatch: Any, fault: str
) -> None:
    monkeypatch.setattr(snapshot, "TIMEOUT", 0.5)
    sandbox.cue(fault, times=None, seconds=60, value=1.5)
    page = client.get(path(settings))
    assert page.status_code == 200
    words = seen(page.content)
    assert "We can’t show your mailing lists right now." in words
    assert "Unsubscribe from all marketing emails" in words
    assert client.post(path(settings), {"everything": "1"}).status_code == 303
    assert SubscriberRequest.objects.get().scope == "all"


def test_list_names_are_cached_for_all_and_memberships_per_subscriber(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    for person in (1001, 1001, 1002):
        client.get(path(settings, person))
    # The lists once; key and memberships for each of two subscribers.
    assert sandbox.call_counts()["soap"]["Retrieve"] == 5


def test_a_child_unit_s_lists_are_read_in_its_own_name(
    client: Client, settings: Settings, sandbox: Sandbox, child: BusinessUnit
) -> None:
    BusinessUnit.objects.update(profile_centre=True)
    there = path(settings, mid=CHILD, job=JobContext(job_id=88101, list_id=7101))
    assert ticked(client.get(there).content) == ["7101"]


def test_an_old_link_shows_no_data_and_writes_nothing(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    now = int(time.time())
    for changes in (
        {"issued_at": now - 91 * 86_400},
        {"issued_at": None},
        {"issued_at": now, "expires_at": now - 1},
    ):
        there = path(settings, **changes)
        page = client.get(there)
        assert "too old" in seen(page.content)
        assert "Weekly offers" not in seen(page.content)
        client.post(there, {"everything": "1"})
    assert not SubscriberRequest.objects.exists()
    assert "Retrieve" not in sandbox.call_counts()["soap"]
    young = path(settings, issued_at=now - 91 * 86_400, expires_at=now + 60)
    assert ticked(client.get(young).content)


def test_without_a_profile_centre_the_link_redirects_to_the_unsubscribe_page(
    client: Client, settings: Settings, offering: BusinessUnit
) -> None:
    BusinessUnit.objects.update(profile_centre=False)
    answer = client.get(path(settings))
    assert (answer.status_code, answer["Location"][:3]) == (303, "/u/")


def test_a_test_link_shows_the_page_and_records_nothing(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = path(settings, message_context="PREVIEW")
    assert "This is a test link" in seen(client.get(there).content)
    save(client, there, leave=("7001",))
    client.post(there, {"everything": "1"})
    assert not SubscriberRequest.objects.exists()


def test_the_number_of_changes_with_one_link_is_limited(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = path(settings)
    for _ in range(60):
        client.post(there, {"snapshot": "x"})
    assert save(client, there, leave=("7001",)).status_code == 429
    assert not SubscriberRequest.objects.exists()


def test_an_unsubscribe_from_a_list_is_spooled_while_the_database_is_away(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = path(settings)
    options = connection.settings_dict
    before = dict(options)
    connection.close()
    options.update(
        {"NAME": "/nowhere/db.sqlite3"} if connection.vendor == "sqlite" else {"PORT": 1}
    )
    try:
        assert ticked(client.get(there).content) == ["7002", "7001"]
        assert save(client, there, leave=("7002",)).status_code == 303
    finally:
        connection.close()
        options.update(before)
        database_timeout.reset()
    assert len(list(spool.drain())) == 1
    row = SubscriberRequest.objects.get()
    assert (row.channel, row.list_id, row.job_id, row.status) == ("profile", 7002, None, "pending")


@pytest.mark.parametrize("method", ["get", "head", "options"])
def test_reading_any_page_writes_nothing(
    client: Client, settings: Settings, sandbox: Sandbox, method: str
) -> None:
    BusinessUnit.objects.update(
        new_link_key="new-link", pause_offered=True, pause_end_action="put_back", confirm_key="c"
    )
    there = path(settings)
    for page in (
        "", "/", "/details", "/pause", "/yours", "/yours/CR-0000-0000-00000", "/yours.json",
        "/erase", "/new-link",
    ):  # fmt: skip
        answer = getattr(client, method)(f"{there}{page}?everything=1&again=1&keep=7004")
        assert answer.status_code in {200, 204, 303, 403, 404, 405}
    assert not SubscriberRequest.objects.exists()
    assert not Erasure.objects.exists()
    assert not Pause.objects.exists()
    assert not ConsentText.objects.exists()


def test_who_opens_the_profile_centre_too_often_waits_and_can_unsubscribe_meanwhile(
    client: Client, settings: Settings, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "VIEWS", 3)
    there = path(settings)
    assert [client.get(there).status_code for _ in range(4)] == [200, 200, 200, 429]
    answer = client.get(f"{there}/yours")
    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= 60
    assert "Your link still works" in seen(answer.content)
    assert "Nothing was saved" not in seen(answer.content)
    unsubscribe = there.replace("/p/", "/u/")
    assert f'href="{unsubscribe}"' in answer.content.decode()
    # Neither the unsubscribe page, nor a form, nor another subscriber waits.
    assert client.get(unsubscribe).status_code == 200
    assert client.post(unsubscribe, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert client.post(there, {"everything": "1"}).status_code == 303
    assert client.get(path(settings, 1002)).status_code == 200
