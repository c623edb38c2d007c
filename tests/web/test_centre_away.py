"""The profile centre while the database is unavailable, and the spooled form of its requests."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django.fixtures import Settings

from tests.helpers import context, seen
from tests.plugins.cast import away
from unsub.delivery.kinds import link_email
from unsub.links.tokens import sign_link
from unsub.models import BusinessUnit, Channel, Kind, LinkEmail, Pause, SubscriberRequest
from unsub.outbox import spool
from unsub.outbox.api import Change, Submission
from unsub.sandbox import Sandbox
from unsub.web.signed_link import Link

from .helpers import path, save, snapshot_of

pytestmark = pytest.mark.django_db(transaction=True)
EVENTS = "7004"


@pytest.fixture(autouse=True)
def offering(unit: BusinessUnit) -> BusinessUnit:
    """The parent unit with the profile centre switched on."""
    cache.clear()
    BusinessUnit.objects.filter(pk=unit.pk).update(profile_centre=True)
    return unit


def test_a_spooled_subscription_waits_for_confirmation_where_the_unit_requires_it(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    BusinessUnit.objects.update(confirm_key="confirm-subscription")
    with away():
        assert save(client, path(settings), join=(EVENTS,)).status_code == 303
    assert len(list(spool.drain())) == 1
    request, email = SubscriberRequest.objects.get(), LinkEmail.objects.get()
    assert (request.kind, request.status) == ("subscribe", "waiting")
    assert (email.purpose, email.request, email.status) == ("confirm", request, "pending")


def test_details_are_neither_shown_nor_changed_without_the_database(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = path(settings)
    form = {"snapshot": snapshot_of(client.get(f"{there}/details").content), "format": "Text"}
    with away():
        page = client.get(there)
        assert "First Name" not in seen(page.content)
        assert f'action="{there}"' in page.content.decode()
        # No change is accepted either: the unit may not allow it.
        for answer in (client.get(f"{there}/details"), client.post(f"{there}/details", form)):
            assert (answer.status_code, answer["Retry-After"]) == (503, "120")
    assert not list(spool.drain())


@pytest.mark.parametrize("offered", [True, False])
def test_a_spooled_pause_is_a_pause_only_where_the_unit_offers_pauses(
    client: Client, settings: Settings, sandbox: Sandbox, offered: bool
) -> None:
    BusinessUnit.objects.update(pause_offered=offered, pause_end_action="put_back")
    there = path(settings)
    form = {"snapshot": snapshot_of(client.get(there).content), "what": "7001", "days": "30"}
    with away():
        answer = client.post(f"{there}/pause", form)
        assert "saved" in answer["Location"]
    assert len(list(spool.drain())) == 1
    assert str(SubscriberRequest.objects.get().target) == "list:7001"
    assert Pause.objects.count() == offered


def every_submission(settings: Settings) -> Iterator[Submission]:
    """Yield a request of each kind."""
    link = context(issued_at=1)
    common: dict[str, Any] = {
        "token": sign_link(link, keys=settings.LINK_KEYRING), "channel": Channel.PROFILE,
        "language": "de",
    }  # fmt: skip
    there, everything = link.for_list(7004), link.for_everything()
    yield Submission(context=there, **common)
    yield Submission(context=everything, words="no more", **common)
    yield Submission(context=there, pause_days=60, **common)
    yield Submission(
        context=there, change=Change(kind=Kind.SUBSCRIBE, consent_text="I agree."), **common
    )
    yield Submission(context=everything, change=Change(kind=Kind.RESUBSCRIBE), **common)
    for change in (
        Change(kind=Kind.ATTRIBUTE, name="City", value="Kraków"),
        Change(kind=Kind.ATTRIBUTE, name="City", value=""),
        Change(kind=Kind.FORMAT, value="Text"),
        Change(kind=Kind.ADDRESS, value="ada@example.org", needs_confirmation=True),
    ):
        yield Submission(context=link, change=change, **common)


def test_a_spooled_request_has_everything_that_was_submitted(settings: Settings) -> None:
    for submission in every_submission(settings):
        message = json.loads(json.dumps(submission.to_message()))
        read = Submission.from_message(message)
        assert (read.change, read.pause_days, read.words) == (
            submission.change, submission.pause_days, submission.words,
        )  # fmt: skip
        assert (read.target, read.context.scope, read.context.job) == (
            submission.target, submission.context.scope, submission.context.job,
        )  # fmt: skip


def test_no_repr_contains_personal_data_or_tokens(settings: Settings) -> None:
    for submission in every_submission(settings):
        printed = repr(submission)
        for secret in (submission.token, "no more", "Kraków", "ada@"):
            assert secret not in printed
        link = Link(token=submission.token, context=submission.context, signed=submission.context)
        assert submission.token not in repr(link)
    email = link_email._Content(definition="key", link="https://x/p/token", to="ada@example.org")
    assert repr(email) == "_Content(definition='key', about='')"
