"""Requests in the admin: list, search, actions, and what cannot be changed."""

from datetime import UTC, datetime

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from tests.helpers import PARENT, MakeSubmission, rewrite, seen, settle, shown
from unsub.models import BusinessUnit, DeliveryAttempt, Outcome, Status, SubscriberRequest
from unsub.outbox import store
from unsub.units import queue_state

pytestmark = pytest.mark.django_db
LIST = "/admin/unsub/subscriberrequest/"


@pytest.fixture
def refused(unit: BusinessUnit, make_submission: MakeSubmission) -> SubscriberRequest:
    """A request that Marketing Cloud refused, with its attempt."""
    request, _ = store.write(make_submission(1001, reason="too-many"))
    DeliveryAttempt.objects.create(
        request=request, number=1, lease="00000000-0000-4000-8000-000000000001",
        outcome=Outcome.REFUSED, error_code=400, status_code="Error",
    )  # fmt: skip
    settle(
        SubscriberRequest.objects.all(),
        Status.REFUSED,
        outcome="refused", error_code=400, attempts=1,
    )  # fmt: skip
    request.refresh_from_db()
    return request


def test_every_page_of_the_admin_opens(admin_client: Client, refused: SubscriberRequest) -> None:
    for path in (
        "/admin/", LIST, f"{LIST}{refused.pk}/change/", "/admin/unsub/deliveryattempt/",
        "/admin/unsub/businessunit/", "/admin/unsub/businessunit/510001/change/",
        "/admin/unsub/businessunit/add/", "/admin/unsub/reason/", "/admin/unsub/reason/add/",
    ):  # fmt: skip
        assert admin_client.get(path).status_code == 200, path


def test_a_request_s_page_explains_its_status(
    admin_client: Client, refused: SubscriberRequest
) -> None:
    html = admin_client.get(f"{LIST}{refused.pk}/change/").content.decode()
    assert "wasn’t part of this send" in html
    assert "Retry" in html


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=88002", True), ("q=1001", True), ("q=nobody", False), ("status__exact=refused", True),
        ("status__exact=done", False), ("unit__mid__exact=510001", True), ("outcome=refused", True),
        ("channel__exact=page", False), ("channel__exact=one_click", True),
    ],
)  # fmt: skip
def test_requests_can_be_filtered_and_searched(
    admin_client: Client, refused: SubscriberRequest, query: str, found: bool
) -> None:
    html = admin_client.get(f"{LIST}?{query}").content.decode()
    assert (f"{LIST}{refused.pk}/change/" in html) is found


def test_try_again_requeues_a_refused_request_and_is_logged(
    admin_client: Client, refused: SubscriberRequest
) -> None:
    url = reverse("admin:unsub_subscriberrequest_try_again", args=(refused.pk,))
    assert admin_client.get(url).status_code == 405
    answer = admin_client.post(url, follow=True)
    assert "1 request queued for retry" in answer.content.decode()
    refused.refresh_from_db()
    assert refused.status == Status.PENDING
    assert LogEntry.objects.get().object_id == str(refused.pk)


def test_try_again_of_a_selection_needs_a_confirmation(
    admin_client: Client, refused: SubscriberRequest
) -> None:
    data = {"action": "try_selected_again", "_selected_action": [refused.pk]}
    asked = admin_client.post(LIST, data)
    assert "Send 1 request to Marketing Cloud again?" in asked.content.decode()
    refused.refresh_from_db()
    assert refused.status == Status.REFUSED
    admin_client.post(LIST, data | {"confirmed": "1"})
    refused.refresh_from_db()
    assert refused.status == Status.PENDING


def test_requests_and_attempts_can_be_neither_added_nor_changed_nor_deleted(
    admin_client: Client, refused: SubscriberRequest
) -> None:
    for model, pk in (("subscriberrequest", refused.pk), ("deliveryattempt", 1)):
        assert admin_client.get(f"/admin/unsub/{model}/add/").status_code == 403
        assert admin_client.post(f"/admin/unsub/{model}/{pk}/delete/").status_code in {302, 403}
        admin_client.post(f"/admin/unsub/{model}/{pk}/change/", {"status": "done"})
    refused.refresh_from_db()
    assert refused.status == Status.REFUSED


def test_the_list_masks_addresses(
    admin_client: Client, unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    store.write(make_submission())
    SubscriberRequest.objects.update(email_address="ada@example.com")
    html = admin_client.get(LIST).content.decode()
    assert "a•••@example.com" in html
    assert "ada@example.com" not in html


def test_requests_of_an_unknown_unit_are_shown(
    admin_client: Client, db: None, make_submission: MakeSubmission
) -> None:
    request, _ = store.write(make_submission(mid=599_999))
    assert "599999 (unknown business unit)" in admin_client.get(LIST).content.decode()
    assert admin_client.get(f"{LIST}{request.pk}/change/").status_code == 200


def test_releasing_a_unit_requeues_its_held_requests(
    admin_client: Client, unit: BusinessUnit, make_submission: MakeSubmission
) -> None:
    store.write(make_submission())
    queue_state.hold(PARENT, "credentials refused")
    data = {"action": "release", "_selected_action": [unit.mid]}
    asked = admin_client.post("/admin/unsub/businessunit/", data)
    assert "Resume the queue of 1 business unit?" in asked.content.decode()
    assert shown() == [Status.HELD]
    answer = admin_client.post("/admin/unsub/businessunit/", data | {"confirmed": "1"}, follow=True)
    assert "Queue resumed. 1 request is being sent." in answer.content.decode()
    assert shown() == [Status.PENDING]


def test_an_empty_list_explains_itself(admin_client: Client, unit: BusinessUnit) -> None:
    assert "They appear here automatically." in admin_client.get(LIST).content.decode()
    html = admin_client.get(f"{LIST}?job_id=1").content.decode()
    assert "Try another search or remove a filter." in html


def test_times_have_seconds_and_a_time_zone(
    admin_client: Client, refused: SubscriberRequest
) -> None:
    rewrite(
        SubscriberRequest.objects.all(), finished_at=datetime(2026, 11, 2, 9, 31, 7, tzinfo=UTC)
    )
    html = admin_client.get(f"{LIST}{refused.pk}/change/").content.decode()
    assert "2026-11-02 09:31:07 UTC" in html


@pytest.mark.parametrize("path", [LIST, "/admin/auth/user/", "/admin/account/password/change/"])
def test_the_admin_is_in_english_whatever_the_browser_asks_for(
    admin_client: Client, path: str
) -> None:
    admin_client.cookies["django_language"] = "de"
    answer = admin_client.get(path, headers={"accept-language": "de"})
    assert answer.status_code == 200
    assert '<html lang="en' in answer.content.decode()
    words = seen(answer.content)
    assert "Password" in words
    assert "Passwort" not in words
    assert "Filter aufheben" not in words
