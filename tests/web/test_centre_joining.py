"""Joining a list and subscribing again: what was agreed to, the confirmation by mail, refusals."""

from typing import Any

import pytest
from django.core.cache import cache
from django.db.models.functions import Now
from django.test import Client
from pytest_django.fixtures import Settings

from tests.helpers import MakeWish, queue, seen
from unsub.delivery import sweep
from unsub.domain.context import JobContext
from unsub.models import BusinessUnit, DeliveryAttempt, PageText, UnsubRequest, Wording
from unsub.outbox import store
from unsub.sandbox import Sandbox

from .helpers import deliver, drawn, lists_of, mailed_link, offered, path, save, ticked

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
EVENTS = "7004"


@pytest.fixture(autouse=True)
def offering(unit: BusinessUnit) -> BusinessUnit:
    """The parent unit, which offers the profile centre."""
    cache.clear()
    BusinessUnit.objects.filter(pk=unit.pk).update(profile_centre=True)
    return unit


@pytest.fixture
def confirming(offering: BusinessUnit) -> None:
    """The unit demands a confirmation by mail."""
    BusinessUnit.objects.update(confirm_key="confirm-subscription")


def test_joining_is_never_preselected(client: Client, settings: Settings, sandbox: Sandbox) -> None:
    page = client.get(path(settings))
    assert EVENTS in offered(page.content)
    assert "By joining you agree that Example Outfitters sends you its mail" in seen(page.content)


def test_a_list_is_joined_and_what_was_agreed_to_is_kept(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = path(settings)
    answer = save(client, there, join=(EVENTS,))
    page = client.get(answer["Location"])
    assert "You are joining" in seen(page.content)
    assert EVENTS in ticked(page.content)
    deliver()
    row = UnsubRequest.objects.get()
    assert (row.kind, row.aspect, row.status, row.outcome) == (
        "subscribe", "list:7004", "done", "posted",
    )  # fmt: skip
    assert row.wording
    assert row.wording.text.startswith("By joining you agree that Example Outfitters")
    assert row.wording.language == "en"
    assert lists_of(sandbox)[EVENTS] == "Active"
    (update,) = sandbox.updates()
    # Only what was changed is sent.
    given = update["given"]
    assert (given["attributes"], given["status"], given["email_type"]) == ({}, None, None)
    assert [one["action"] for one in given["lists"]] == ["create"]
    cache.clear()
    assert EVENTS in ticked(client.get(there).content)


def test_new_words_are_a_new_version_and_nobody_agrees_to_what_they_did_not_see(
    client: Client, settings: Settings, sandbox: Sandbox, offering: BusinessUnit
) -> None:
    old = client.get(path(settings)).content
    save(client, path(settings, 1002), join=(EVENTS,))
    PageText.objects.create(unit=offering, language="en", place="consent", text="New words.")
    answer = save(client, path(settings), join=(EVENTS,), page=old)
    assert answer.status_code == 409
    assert "written anew while you were here" in seen(answer.content)
    # What was ticked still is: nobody has to find it again.
    assert EVENTS in ticked(answer.content)
    assert save(client, path(settings), page=answer.content).status_code == 303
    first, second = Wording.objects.order_by("pk")
    assert first.text.startswith("By joining you agree")
    assert second.text == "New words."
    agreed = dict(UnsubRequest.objects.values_list("subscriber_id", "wording"))
    assert agreed == {1002: first.pk, 1001: second.pk}


def test_with_the_unit_s_mail_it_counts_once_it_is_confirmed(
    client: Client, settings: Settings, sandbox: Sandbox, confirming: None
) -> None:
    answer = save(client, path(settings), join=(EVENTS,))
    page = client.get(answer["Location"])
    assert "Waits for your confirmation" in seen(page.content)
    assert EVENTS in offered(page.content)
    deliver()
    (mail,) = sandbox.mails()
    assert (mail["definition"], mail["email"]) == ("confirm-subscription", "ada@example.com")
    assert dict(mail["attributes"])["ProfileCentreAbout"] == "Events near you"
    assert EVENTS not in lists_of(sandbox)
    link = mailed_link(sandbox)
    # A scanner looks at it.
    for look in (client.get, client.head):
        assert look(link).status_code == look(f"{link}.").status_code == 200
    assert "You want Events near you from" in seen(client.get(link).content)
    deliver()
    assert EVENTS not in lists_of(sandbox)
    assert "Confirmed" in seen(client.post(link).content)
    deliver()
    row = UnsubRequest.objects.get(kind="subscribe")
    assert (row.status, row.confirmed_at is not None) == ("done", True)
    assert lists_of(sandbox)[EVENTS] == "Active"
    # Pressing again, or reading it again, changes nothing.
    assert "Confirmed" in seen(client.post(link).content)
    assert UnsubRequest.objects.filter(kind="subscribe").count() == 1


def test_what_is_not_confirmed_in_a_week_is_over(
    client: Client, settings: Settings, sandbox: Sandbox, confirming: None
) -> None:
    save(client, path(settings), join=(EVENTS,))
    deliver()
    long_ago = "2026-01-01T00:00:00+00:00"
    UnsubRequest.objects.filter(kind="subscribe").update(received_at=long_ago)
    sweep.sweep()
    assert UnsubRequest.objects.get(kind="subscribe").status == "withdrawn"
    answer = client.post(mailed_link(sandbox))
    assert (answer.status_code, UnsubRequest.objects.filter(status="pending").count()) == (404, 0)


@pytest.mark.parametrize("token", ["x", "a:b:c", "%00", "🙂", "MQ:1:x" * 300])
def test_a_bad_confirmation_is_told_kindly(client: Client, unit: BusinessUnit, token: str) -> None:
    for send in (client.get, client.post):
        answer = send(f"/c/{token}")
        assert answer.status_code == 404
        assert "nothing to confirm" in seen(answer.content)


def test_who_left_everything_can_subscribe_again(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = path(settings)
    client.post(there, {"everything": "1"})
    deliver()
    assert sandbox.person(1001)["status"] == "Unsubscribed"
    cache.clear()
    page = client.get(there)
    assert "Subscribe again" in seen(page.content)
    assert "Weekly offers" not in seen(page.content)
    client.post(there, {"drawn": drawn(page.content), "again": "1"})
    deliver()
    row = UnsubRequest.objects.get(kind="resubscribe")
    assert (row.status, row.outcome) == ("done", "posted")
    assert sandbox.person(1001)["status"] == "Active"


@pytest.mark.parametrize(("fault", "code"), [("resubscribe_12018", 12018), ("no_permission", 11)])
def test_where_marketing_cloud_does_not_let_them_back_a_person_looks(
    client: Client, settings: Settings, sandbox: Sandbox, fault: str, code: int
) -> None:
    sandbox.cue(fault, times=None)
    there = path(settings)
    save(client, there, join=(EVENTS,))
    save(client, path(settings, 1002), leave=("7001",))
    deliver()
    row = UnsubRequest.objects.get(kind="subscribe")
    assert (row.status, row.error_code) == ("refused", code)
    assert "A person at Example Outfitters is asked to look at it" in seen(
        client.get(there).content
    )
    # Nobody's unsubscribe waits for a right that only joining needs.
    assert len(sandbox.events()) == 1
    assert not queue().is_held


def test_an_update_without_the_right_to_it_holds_nobody_up(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    sandbox.cue("fault_11", times=None, operation="Update")
    save(client, path(settings), join=(EVENTS,))
    deliver()
    assert UnsubRequest.objects.get().status == "refused"
    assert not queue().is_held


def test_whoever_is_on_the_list_already_needs_no_call(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = path(settings)
    page = client.get(there).content
    save(client, there, join=(EVENTS,))
    deliver()
    # The reply got lost, say: the same is tried once more.
    UnsubRequest.objects.update(status="pending", next_attempt_at=Now())
    deliver()
    row = UnsubRequest.objects.get()
    assert (row.status, row.outcome) == ("done", "already_subscribed")
    assert len(sandbox.updates()) == 1
    assert EVENTS in offered(page)


def test_nobody_joins_what_the_page_did_not_offer(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = path(settings)
    of = drawn(client.get(there).content)
    form: dict[str, Any] = {"drawn": of, "keep": ["7001", "7002", "7003", "7000", "7009", "7101"]}
    client.post(there, form)
    assert not UnsubRequest.objects.exists()


def test_a_mail_that_got_lost_can_be_asked_for_again(
    client: Client, settings: Settings, sandbox: Sandbox, confirming: None
) -> None:
    there = path(settings)
    for _ in range(2):
        save(client, there, join=(EVENTS,))
        deliver()
    # Not at once, or one link could fill a mailbox.
    assert len(sandbox.mails()) == 1
    UnsubRequest.objects.filter(kind="mail").update(received_at="2026-01-01T00:00:00+00:00")
    save(client, there, join=(EVENTS,))
    deliver()
    assert len(sandbox.mails()) == 2
    assert UnsubRequest.objects.filter(kind="subscribe").count() == 1


def test_what_was_left_since_is_not_confirmed_by_an_older_mail(
    client: Client, settings: Settings, sandbox: Sandbox, confirming: None
) -> None:
    there = path(settings)
    save(client, there, join=(EVENTS,))
    deliver()
    client.post(there, {"everything": "1"})
    for send in (client.get, client.post):
        answer = send(mailed_link(sandbox))
        assert answer.status_code == 404
        assert "nothing to confirm" in seen(answer.content)
    deliver()
    assert EVENTS not in lists_of(sandbox)


def test_no_mail_goes_out_for_what_is_over(
    client: Client, settings: Settings, sandbox: Sandbox, confirming: None
) -> None:
    save(client, path(settings), join=(EVENTS,))
    save(client, path(settings, 1002), join=(EVENTS,))
    # Settled while Marketing Cloud was away; and of one whose person was erased.
    UnsubRequest.objects.filter(kind="subscribe").update(status="withdrawn")
    UnsubRequest.objects.filter(kind="mail", subscriber_id=1002).update(value="")
    deliver()
    assert sandbox.mails() == []
    mails = UnsubRequest.objects.filter(kind="mail").values_list("status", "outcome")
    assert list(mails) == [("refused", "refused")] * 2


def test_a_list_that_was_just_joined_can_be_left_although_no_mail_was_ever_sent_to_it(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = path(settings)
    save(client, there, join=(EVENTS,))
    save(client, path(settings, 1002), leave=("7001",))
    deliver()
    cache.clear()
    save(client, there, leave=(EVENTS,))
    deliver()
    row = UnsubRequest.objects.get(kind="unsubscribe", subscriber_id=1001)
    assert (row.status, row.outcome) == ("done", "posted")
    assert lists_of(sandbox)[EVENTS] == "Unsubscribed"
    assert lists_of(sandbox)["7001"] == "Active"
    attempt = DeliveryAttempt.objects.get(request=row)
    assert attempt.detail == "left without an event"
    assert [event["subscriber_id"] for event in sandbox.events()] == [1002]


def test_a_mail_s_own_link_is_not_put_right_without_an_event(
    make_wish: MakeWish, sandbox: Sandbox
) -> None:
    store.write(make_wish(job=JobContext(list_id=7004)))
    deliver()
    row = UnsubRequest.objects.get()
    assert (row.status, row.error_code, sandbox.updates()) == ("refused", 400, [])
