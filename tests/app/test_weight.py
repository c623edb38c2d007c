"""Light: what a page weighs on its way, in every language."""

import gzip

import pytest
from django.conf import settings as django_settings
from django.test import Client
from pytest_django.fixtures import Settings

from unsub.models import BusinessUnit, MailingList, PageText, Place
from unsub.models.page_text import LENGTH

from .conftest import link

pytestmark = pytest.mark.django_db
# The first round trip of a connection carries ten segments; that is about 14 KB (RFC 6928).
BUDGET = 14_000
HEADERS = 1_500  # more than the response's own headers take, TLS's part included


@pytest.mark.parametrize("language", [code for code, _ in django_settings.LANGUAGES])
def test_the_first_page_comes_in_the_first_round_trip(
    client: Client, unit: BusinessUnit, settings: Settings, language: str
) -> None:
    unit.accent = "#8b1e3f"
    unit.contact_email = "post@example.com"
    unit.save()
    MailingList.objects.create(unit=unit, list_id=7001, name="Weekly offers")
    for place in Place:
        text = "Words that a marketer wrote for this page. " * 10
        PageText.objects.create(unit=unit, language=language, place=place, text=text[:LENGTH])
    path = f"{link(settings)}?lang={language}"
    answer = client.get(path, headers={"accept-encoding": "gzip"})
    assert answer["Content-Encoding"] == "gzip"
    assert len(answer.content) + HEADERS < BUDGET
    assert gzip.decompress(answer.content).startswith(b"<!doctype html>")


def test_a_browser_that_does_not_unpack_gets_it_plain(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    answer = client.get(link(settings))
    assert "Content-Encoding" not in answer
    assert answer.content.startswith(b"<!doctype html>")
