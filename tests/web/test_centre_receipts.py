"""Consent receipts on a person's own page: the same ID and words as in the admin, and no one
else's."""

import re

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django.fixtures import Settings

from tests.helpers import seen
from unsub.models import BusinessUnit, SubscriberRequest
from unsub.outbox import forgetting
from unsub.sandbox import Sandbox

from .helpers import deliver, mailed_link, path, save

pytestmark = pytest.mark.django_db(transaction=True)
_LINK = re.compile(r'href="(/p/[^"]+/yours/(CR-[0-9A-Z-]+)[^"]*)"')


@pytest.fixture(autouse=True)
def offering(unit: BusinessUnit) -> BusinessUnit:
    """The parent unit with the profile centre and double opt-in."""
    cache.clear()
    BusinessUnit.objects.update(
        profile_centre=True, confirm_key="confirm-subscription", new_link_key="new-link"
    )
    return unit


def receipts_of(client: Client, there: str) -> list[tuple[str, str]]:
    """Return (URL, ID) of the receipts that the page of somebody's data links to."""
    return _LINK.findall(client.get(f"{there}/yours").content.decode())


def test_a_person_sees_their_receipt_with_the_id_that_the_admin_shows(
    client: Client, admin_client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = path(settings)
    save(client, there, join=("7004",))
    deliver()
    client.post(mailed_link(sandbox))
    deliver()
    cache.clear()
    ((url, identifier),) = set(receipts_of(client, there))
    words = seen(client.get(url).content)
    for text in (
        f"Receipt ID {identifier}", "Consent to Events near you", "on the preferences page",
        "By subscribing, you agree to get marketing emails from Example Outfitters",
        "English", "Not withdrawn", "Not sealed yet", "a•••@example.com",
    ):  # fmt: skip
        assert text in words, text
    assert "ada@example.com" not in words
    assert "Not confirmed" not in words
    own = seen(admin_client.get(f"/admin/unsub/subscriberrequest/receipts/{identifier}/").content)
    assert f"Receipt ID {identifier}" in own
    assert "ada@example.com" in own


def test_a_withdrawal_is_on_the_receipt_of_its_consent(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    BusinessUnit.objects.update(confirm_key="")
    there = path(settings)
    save(client, there, join=("7004",))
    deliver()
    cache.clear()
    save(client, there, leave=("7004",))
    deliver()
    found = receipts_of(client, there)
    # Both requests lead to it.
    assert len(found) == 2
    assert len(set(found)) == 1
    words = seen(client.get(found[0][0]).content)
    assert words.count("on the preferences page") == 2


def test_the_link_of_another_person_opens_no_receipt(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    save(client, path(settings), join=("7004",))
    ((_, identifier),) = receipts_of(client, path(settings))
    for there in (path(settings, 1002), path(settings, message_context="PREVIEW")):
        answer = client.get(f"{there}/yours/{identifier}")
        assert answer.status_code == 404
        assert "There’s no receipt with this ID here" in seen(answer.content)
        assert "By subscribing" not in seen(answer.content)


def test_only_a_link_sent_by_email_shows_the_address_in_clear(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = path(settings)
    save(client, there, leave=("7001",))
    client.post(f"{there}/new-link")
    deliver()
    cache.clear()
    ((url, _),) = receipts_of(client, mailed_link(sandbox))
    assert "ada@example.com" in seen(client.get(url).content)


def test_what_is_forgotten_has_no_receipt_any_more(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    there = path(settings)
    save(client, there, leave=("7001",))
    deliver()
    ((url, _),) = receipts_of(client, there)
    row = SubscriberRequest.objects.get()
    forgetting.forget(row)
    forgetting.save(SubscriberRequest, [row])
    assert receipts_of(client, there) == []
    assert client.get(url).status_code == 404


def test_the_receipt_is_in_the_language_of_its_reader_and_its_words_in_their_own(
    client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    BusinessUnit.objects.update(confirm_key="")
    there = path(settings)
    save(client, there, join=("7004",))
    ((url, _),) = receipts_of(client, there)
    html = client.get(f"{url}?lang=de").content.decode()
    assert '<html lang="de"' in html
    assert '<q lang="en" dir="auto">By subscribing' in html
    assert 'href="?lang=fr"' in html
