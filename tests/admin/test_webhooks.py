"""Webhooks in the admin: set up, secret shown once, test, pause, and what is sent again; within the
units of the user."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from tests.helpers import PARENT, person, request
from unsub.models import (
    BusinessUnit,
    DeliveryState,
    EndpointState,
    EventType,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
)
from unsub.webhooks import endpoints, recording, signing

ADD = "/admin/unsub/webhookendpoint/add/"
LIST = "/admin/unsub/webhookendpoint/"
DELIVERIES = "/admin/unsub/webhookdelivery/"
FORM: dict[str, Any] = {
    "name": "Warehouse", "unit": PARENT, "url": "https://example.com/hook", "state": "active",
    "types": [EventType.ACCEPTED.value], "include_subscriber": "on",
}  # fmt: skip
SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]{44}")


def make(unit: BusinessUnit | None, **changes: Any) -> WebhookEndpoint:
    """Make an endpoint."""
    fields = {"name": "Warehouse", "unit": unit, "url": "https://example.com/hook"}
    one = WebhookEndpoint(**fields | changes)
    endpoints.create(one)
    return one


def delivery(endpoint: WebhookEndpoint, state: str = DeliveryState.FAILED) -> WebhookDelivery:
    """Make a delivery that has ended."""
    row = request(status="pending", attempts=0)
    recording.accepted(PARENT, [row.pk])
    rows = WebhookDelivery.objects.filter(endpoint=endpoint, event__request=row)
    rows.update(state=state, finished_at=row.received_at, attempts=10, tries=10)
    return rows.get()


def test_the_secret_of_a_new_webhook_is_shown_once(unit: BusinessUnit) -> None:
    client = person("marketer", unit)
    answer = client.post(ADD, FORM)
    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]
    [secret] = SECRET.findall(answer.content.decode())
    one = WebhookEndpoint.objects.get()
    assert secret not in one.secret
    assert signing._unsealed(one.secret) == secret
    page = client.get(reverse("admin:unsub_webhookendpoint_change", args=(one.pk,)))
    assert page.status_code == 200
    assert not SECRET.search(page.content.decode())
    assert one.created_by is not None


def test_a_replaced_secret_is_shown_once_and_the_former_one_signs_for_a_day(
    unit: BusinessUnit,
) -> None:
    one = make(unit)
    before = one.secret
    client = person("marketer", unit)
    data = {"action": "rotate", "_selected_action": [one.pk]}
    answer = client.post(LIST, data)
    [secret] = SECRET.findall(answer.content.decode())
    one.refresh_from_db()
    assert signing._unsealed(one.secret) == secret
    assert one.former_secret == before
    assert "24 hours" in answer.content.decode()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://example.com/", "begins with https://"),
        ("https://", "begins with https://"),
        ("https://10.0.0.1/", "reached from the internet"),
        ("https://localhost/", "reached from the internet"),
        ("https://name:word@example.com/", "without user name"),
    ],
)
def test_a_url_that_is_never_called_is_refused(
    unit: BusinessUnit, settings: Settings, url: str, message: str
) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = False
    answer = person("marketer", unit).post(ADD, FORM | {"url": url})
    assert message in answer.content.decode()
    assert not WebhookEndpoint.objects.exists()


def test_a_marketer_of_one_unit_can_neither_see_nor_make_webhooks_of_others(
    unit: BusinessUnit, child: BusinessUnit
) -> None:
    theirs, every = make(child, name="Elsewhere"), make(None, name="Everywhere")
    shown = delivery(every)
    client = person("marketer", unit)
    assert client.post(ADD, FORM | {"unit": ""}).status_code == 200
    assert client.post(ADD, FORM | {"unit": child.pk}).status_code == 200
    assert WebhookEndpoint.objects.count() == 2
    html = client.get(LIST).content.decode() + client.get(DELIVERIES).content.decode()
    assert "Elsewhere" not in html
    assert "Everywhere" not in html
    for one in (theirs, every):
        change = reverse("admin:unsub_webhookendpoint_change", args=(one.pk,))
        assert client.get(change).status_code == 403
        for action in ("rotate", "pause", "send_test"):
            client.post(LIST, {"action": action, "_selected_action": [one.pk]})
        secret, one_state = one.secret, one.state
        one.refresh_from_db()
        assert (one.secret, one.state) == (secret, one_state)
    assert client.get(f"{DELIVERIES}{shown.pk}/change/").status_code == 403
    client.post(DELIVERIES, SEND_AGAIN | {"_selected_action": [shown.pk]})
    shown.refresh_from_db()
    assert shown.state == DeliveryState.FAILED
    assert client.get(f"{DELIVERIES}?endpoint__id__exact={every.pk}").status_code == 403


SEND_AGAIN = {"action": "send_again", "confirmed": "1"}


def test_one_or_all_failed_deliveries_are_sent_again(unit: BusinessUnit) -> None:
    one = make(unit)
    failed = [delivery(one) for _ in range(3)]
    done = delivery(one, DeliveryState.DELIVERED)
    client = person("marketer", unit)
    client.post(DELIVERIES, SEND_AGAIN | {"_selected_action": [failed[0].pk]})
    assert WebhookDelivery.objects.filter(state="pending").count() == 1
    address = f"{DELIVERIES}?state=failed&since=day"
    asked = client.post(
        address,
        {"action": "send_again", "_selected_action": [failed[1].pk], "select_across": "1"},
    )
    assert "Send 2 events again?" in asked.content.decode()
    client.post(address, SEND_AGAIN | {"_selected_action": [failed[1].pk], "select_across": "1"})
    assert WebhookDelivery.objects.filter(state="pending", tries=0).count() == 3
    done.refresh_from_db()
    assert done.state == DeliveryState.DELIVERED


def test_a_filter_that_is_not_known_finds_nothing(unit: BusinessUnit) -> None:
    delivery(make(unit))
    client = person("marketer", unit)
    for query in ("state=nothing", "since=nothing"):
        html = client.get(f"{DELIVERIES}?{query}").content.decode()
        assert "request accepted" not in html.partition("<tbody")[2]


def test_a_test_event_is_sent_to_an_active_webhook(unit: BusinessUnit) -> None:
    one = make(unit, types=[EventType.REFUSED.value])
    client = person("marketer", unit)
    data = {"action": "send_test", "_selected_action": [one.pk]}
    answer = client.post(LIST, data)
    assert answer.headers["Location"] == f"{DELIVERIES}?endpoint__id__exact={one.pk}"
    assert WebhookEvent.objects.get().type == EventType.TEST
    client.post(LIST, {"action": "pause", "_selected_action": [one.pk]})
    client.post(LIST, data)
    assert WebhookEvent.objects.count() == 1
    one.refresh_from_db()
    assert one.state == EndpointState.PAUSED


def test_a_saved_form_keeps_what_the_workers_wrote(unit: BusinessUnit) -> None:
    one = make(unit)
    WebhookEndpoint.objects.update(failures=2, failing_since=one.created_at)
    client = person("marketer", unit)
    change = reverse("admin:unsub_webhookendpoint_change", args=(one.pk,))
    client.post(change, FORM | {"name": "Depot", "types": [one.value for one in EventType][:6]})
    one.refresh_from_db()
    assert (one.name, one.failures) == ("Depot", 2)
    client.post(change, FORM | {"state": "disabled"})
    one.refresh_from_db()
    assert one.state == EndpointState.DISABLED
    assert (one.failures, one.failing_since, one.disabled_reason) == (0, None, "")


def test_a_webhook_with_deliveries_is_not_deleted(unit: BusinessUnit) -> None:
    one = make(unit)
    row = delivery(one)
    WebhookEndpoint.objects.update(state="disabled", disabled_at=Now() - timedelta(minutes=2))
    client = person("marketer", unit)
    delete = reverse("admin:unsub_webhookendpoint_delete", args=(one.pk,))
    assert client.post(delete, {"post": "yes"}).status_code == 403
    row.event.delete()
    client.post(delete, {"post": "yes"})
    assert not WebhookEndpoint.objects.exists()


def test_a_webhook_is_not_deleted_while_a_process_may_record_an_event_for_it(
    unit: BusinessUnit,
) -> None:
    one = make(unit)
    client = person("marketer", unit)
    delete = reverse("admin:unsub_webhookendpoint_delete", args=(one.pk,))
    assert client.post(delete, {"post": "yes"}).status_code == 403
    endpoints.change(WebhookEndpoint(pk=one.pk, state="disabled"), ["state"])
    assert client.post(delete, {"post": "yes"}).status_code == 403
    client.post(LIST, {"action": "delete_selected", "_selected_action": [one.pk], "post": "yes"})
    assert WebhookEndpoint.objects.filter(pk=one.pk).exists()
    WebhookEndpoint.objects.update(disabled_at=Now() - timedelta(minutes=2))
    client.post(delete, {"post": "yes"})
    assert not WebhookEndpoint.objects.exists()


def test_the_events_of_a_unit_do_not_go_to_another_one_with_their_webhook(
    unit: BusinessUnit, child: BusinessUnit
) -> None:
    one = make(unit)
    shown = delivery(one)
    change = reverse("admin:unsub_webhookendpoint_change", args=(one.pk,))
    person("marketer", unit, child).post(change, FORM | {"unit": child.pk, "name": "Depot"})
    one.refresh_from_db()
    assert (one.unit_id, one.name) == (unit.pk, "Depot")
    client = person("viewer", child)
    assert client.get(f"{DELIVERIES}{shown.pk}/change/").status_code == 403


def test_a_viewer_cannot_guess_the_url_by_filters(unit: BusinessUnit) -> None:
    make(unit)
    client = person("viewer", unit)
    for name in ("url", "secret", "former_secret"):
        assert client.get(f"{LIST}?{name}__startswith=https").status_code == 400
    assert client.get(f"{LIST}?state__exact=active&unit__mid__exact={unit.pk}").status_code == 200
    assert client.get(f"{DELIVERIES}?endpoint__url__startswith=https").status_code == 400


def test_a_viewer_sees_and_changes_nothing(unit: BusinessUnit) -> None:
    one = make(unit)
    row = delivery(one)
    client: Client = person("viewer", unit)
    page = client.get(reverse("admin:unsub_webhookendpoint_change", args=(one.pk,)))
    assert "example.com" in page.content.decode()
    assert "/hook" not in page.content.decode()
    assert client.get(f"{DELIVERIES}{row.pk}/change/").status_code == 200
    assert client.get(ADD).status_code == 403
    client.post(LIST, {"action": "rotate", "_selected_action": [one.pk]})
    client.post(DELIVERIES, SEND_AGAIN | {"_selected_action": [row.pk]})
    row.refresh_from_db()
    assert row.state == DeliveryState.FAILED
    secret = one.secret
    one.refresh_from_db()
    assert one.secret == secret
