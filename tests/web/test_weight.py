"""Size of the pages, as they are sent, in every language."""

import gzip
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.test import Client
from pytest_django.fixtures import Settings

from tests.helpers import PARENT, link
from unsub.gateway import calls as gateway
from unsub.models import BusinessUnit, MailingList, PageText, Place
from unsub.models.page_text import LENGTH
from unsub.sandbox import Sandbox
from unsub.sandbox.world.entities import Attribute, MailList, Subscriber

from .helpers import path as centre

pytestmark = pytest.mark.django_db(transaction=True)
# The first round trip of a connection carries ten segments, about 14 KB (RFC 6928).
BUDGET = 14_000
CENTRE_BUDGET = 30_000
HEADERS = 1_500  # more than the response's own headers take, including TLS's part


def whole(answer: Any) -> bytes:
    """Return the page: compressed only where it would not fit otherwise."""
    if "Content-Encoding" not in answer:
        return bytes(answer.content)
    assert answer["Content-Encoding"] == "gzip"
    return gzip.decompress(answer.content)


@pytest.mark.parametrize("language", [code for code, _ in django_settings.LANGUAGES])
def test_the_first_page_fits_into_the_first_round_trip(
    client: Client, unit: BusinessUnit, settings: Settings, language: str
) -> None:
    unit.accent = "#8b1e3f"
    unit.contact_email = "post@example.com"
    unit.legal_url = "https://www.example.com/" + "legal-notice/" * 10
    unit.privacy_url = "https://www.example.com/" + "privacy/" * 10
    unit.save()
    MailingList.objects.create(unit=unit, list_id=7001, name="Weekly offers")
    for place in Place:
        text = "Words that a marketer wrote for this page. " * 10
        PageText.objects.create(unit=unit, language=language, place=place, text=text[:LENGTH])
    path = f"{link(settings)}?lang={language}"
    answer = client.get(path, headers={"accept-encoding": "gzip"})
    assert len(answer.content) + HEADERS < BUDGET
    assert whole(answer).startswith(b"<!doctype html>")


def test_a_browser_without_gzip_gets_the_page_uncompressed(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    answer = client.get(link(settings))
    assert "Content-Encoding" not in answer
    assert answer.content.startswith(b"<!doctype html>")


@pytest.fixture
def much(unit: BusinessUnit, settings: Settings) -> Iterator[BusinessUnit]:
    """A unit with sixty lists and forty attributes, and all features of the profile centre."""
    cache.clear()
    BusinessUnit.objects.update(
        profile_centre=True, confirm_key="c", confirm_address_key="a", address_notice_key="n",
        pause_offered=True,
        pause_end_action="put_back", contact_email="post@example.com", accent="#8b1e3f",
    )  # fmt: skip
    lists = [
        MailList(
            list_id=7001 + n, mid=PARENT, name=f"List {n}", description="Once a week, a few words."
        )
        for n in range(60)
    ]
    attributes = [
        Attribute(
            name=f"Attribute {n}", description="What it is for.", choices=("One", "Two", "Three")
        )
        for n in range(40)
    ]
    # With a value of each: a page leaves out what is empty.
    known = {one.name: "Two" for one in attributes}
    ada = Subscriber(subscriber_id=1001, key="ada-1001", email="ada@example.com", attributes=known)
    people = (ada,)
    with Sandbox(lists=lists, jobs=(), attributes=attributes, subscribers=people) as running:
        settings.SFMC_AUTH_URL = settings.SFMC_SOAP_URL = running.url
        settings.SFMC_CLIENT_ID = settings.SFMC_CLIENT_SECRET = "sandbox"
        settings.SFMC_ACCOUNT_ID = PARENT
        gateway.client.cache_clear()
        yield unit
    gateway.client.cache_clear()
    cache.clear()


def test_the_profile_centre_is_small_with_many_lists_and_attributes(
    client: Client, much: BusinessUnit, settings: Settings
) -> None:
    there = centre(settings)
    for language, _ in django_settings.LANGUAGES:
        for page in ("", "/details", "/yours"):
            answer = client.get(
                f"{there}{page}?lang={language}", headers={"accept-encoding": "gzip"}
            )
            assert answer.status_code == 200
            assert b"Attribute 39" in whole(answer)
            assert len(answer.content) + HEADERS < CENTRE_BUDGET
