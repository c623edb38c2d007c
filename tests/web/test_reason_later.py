"""A reason that is given after the unsubscribe."""

import pytest
from django.db.models.functions import Now
from django.test import Client
from pytest_django.fixtures import Settings

from tests.helpers import FORM, link, rewrite, seen, settle
from unsub.models import BusinessUnit, Status, SubscriberRequest
from unsub.sandbox import Sandbox

from .helpers import deliver

pytestmark = pytest.mark.django_db(transaction=True)
WHY = "Why did you unsubscribe?"


def test_a_later_reason_is_offered_stored_and_acknowledged(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    path = link(settings)
    client.post(path)
    done = client.get(f"{path}/done")
    assert WHY in seen(done.content)
    assert b'type="radio"' in done.content
    answer = client.post(f"{path}/reason", FORM | {"reason": "other", "words": "too loud"})
    assert (answer.status_code, answer["Location"]) == (303, f"{path}/done?told=1")
    told = seen(client.get(answer["Location"]).content)
    assert "Thanks for your feedback." in told
    assert WHY not in told
    row = SubscriberRequest.objects.get()
    assert row.reason_text == "Other reason: too loud"
    assert row.reason_added_at


def test_a_reason_is_given_once_and_not_overwritten(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    path = link(settings)
    client.post(path, FORM | {"reason": "other"})
    assert WHY not in seen(client.get(f"{path}/done").content)
    client.post(f"{path}/reason", FORM | {"reason": "too_many"})
    assert SubscriberRequest.objects.get().reason_text == "Other reason"


def test_a_reason_given_while_undo_is_offered_goes_with_the_call(
    client: Client, unit: BusinessUnit, settings: Settings, sandbox: Sandbox
) -> None:
    settings.UNDO_SECONDS = 120
    path = link(settings)
    client.post(path, FORM)
    client.post(f"{path}/reason", FORM | {"reason": "never-signed-up"})
    rewrite(SubscriberRequest.objects.all(), next_attempt_at=Now())
    deliver()
    (event,) = sandbox.events()
    assert event["reason"] == "I never signed up for these emails"


def test_a_reason_can_be_given_after_delivery_and_is_stored_here(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    path = link(settings)
    client.post(path)
    settle(SubscriberRequest.objects.all(), Status.DONE)
    client.post(f"{path}/reason", FORM | {"words": "enough"})
    assert SubscriberRequest.objects.get().reason_text == "enough"


def test_an_unknown_reason_shows_the_form_again(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    path = link(settings)
    client.post(path)
    answer = client.post(f"{path}/reason", FORM | {"reason": "made-up", "words": "my words"})
    assert answer.status_code == 422
    assert "There is a problem" in seen(answer.content)
    assert b'value="my words"' in answer.content


def test_an_empty_reason_changes_nothing_and_is_not_acknowledged(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    path = link(settings)
    client.post(path)
    answer = client.post(f"{path}/reason", FORM)
    assert answer["Location"] == f"{path}/done"
    assert SubscriberRequest.objects.get().reason_added_at is None


def test_no_reason_is_stored_without_a_request_or_after_undo_or_by_a_test_link(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    path = link(settings)
    assert client.post(f"{path}/reason", FORM | {"words": "x"})["Location"] == path
    client.post(path, FORM)
    client.post(f"{path}/undo")
    client.post(f"{path}/reason", FORM | {"words": "x"})
    assert SubscriberRequest.objects.get().reason_text == ""
    test = link(settings, message_context="PREVIEW")
    assert WHY not in seen(client.get(f"{test}/done").content)
    assert client.post(f"{test}/reason", FORM | {"words": "x"}).status_code == 303
