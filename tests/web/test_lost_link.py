"""The lost-link form, and the marketer who handles its entries."""

import re

import pytest
import redis
from django.db.models.functions import Now
from django.test import Client
from pytest_django.fixtures import Settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.helpers import rotate_digest_key, seen
from unsub.infra import kept, rate_limit
from unsub.models import BusinessUnit, LostLink, SubscriberRequest
from unsub.outbox import lost_links

pytestmark = pytest.mark.django_db(transaction=True)
PATH = "/lost-link"
QUEUE = "/admin/unsub/lostlink/"


@pytest.fixture
def open_unit(unit: BusinessUnit, settings: Settings) -> BusinessUnit:
    """A unit that offers the form, and a broker without rate limit counters."""
    with redis.Redis.from_url(settings.REDIS_URL) as broker:
        for key in broker.scan_iter("profilecenter:rate_limit:*"):
            broker.delete(key)
    unit.lost_link_form = True
    unit.save()
    return unit


def test_a_bad_link_s_page_has_the_form_where_the_unit_offers_it(
    client: Client, open_unit: BusinessUnit
) -> None:
    answer = client.get("/u/cut-in-two")
    assert answer.status_code == 404
    assert b'action="/lost-link"' in answer.content
    BusinessUnit.objects.update(lost_link_form=False)
    kept.forget_all()
    assert b"/lost-link" not in client.get("/u/cut-in-two").content
    assert client.get(PATH).status_code == 404
    assert client.post(PATH, {"email_address": "ada@example.com"}).status_code == 404
    assert not LostLink.objects.exists()


def test_an_address_asks_once_a_day_across_a_change_of_the_digest_key(
    client: Client, open_unit: BusinessUnit, settings: Settings
) -> None:
    for _ in range(2):
        client.post(PATH, {"email_address": "ada@example.com"})
        rotate_digest_key(settings)
    assert LostLink.objects.count() == 1


def test_every_address_gets_the_same_response_and_no_one_is_unsubscribed(
    client: Client, open_unit: BusinessUnit
) -> None:
    answers = []
    for address in ("ada@example.com", "nobody@example.org", "ADA@example.com"):
        answer = client.post(PATH, {"email_address": address}, follow=True)
        answers.append((answer.redirect_chain, seen(answer.content)))
    assert answers[0] == answers[1] == answers[2]
    assert "Our team will check this address" in answers[0][1]
    assert LostLink.objects.count() == 2
    assert not SubscriberRequest.objects.exists()


@pytest.mark.parametrize("address", ["", "ada", "a b@example.com", "x" * 250 + "@example.com"])
def test_an_invalid_address_is_reported_at_the_field_and_kept(
    client: Client, open_unit: BusinessUnit, address: str
) -> None:
    answer = client.post(PATH, {"email_address": address})
    assert answer.status_code == 422
    html = answer.content.decode()
    assert "Enter an email address, like name@example.com" in html
    assert 'aria-invalid="true"' in html
    assert f'value="{address}"' in html
    assert not LostLink.objects.exists()


def test_one_client_can_submit_five_times_an_hour(client: Client, open_unit: BusinessUnit) -> None:
    statuses = [
        client.post(PATH, {"email_address": f"a{number}@example.com"}).status_code
        for number in range(7)
    ]
    assert statuses == [303] * 5 + [429] * 2
    assert client.post(PATH, {"email_address": "a0@example.com"})["Retry-After"]
    other = client.post(PATH, {"email_address": "b@example.com"}, REMOTE_ADDR="192.0.2.7")
    assert other.status_code == 303


def test_behind_a_proxy_the_client_is_the_one_that_the_proxy_names(
    client: Client, open_unit: BusinessUnit, settings: Settings
) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    forged = [{"x-forwarded-for": f"203.0.113.{number}, 192.0.2.9"} for number in range(6)]
    statuses = [
        client.post(PATH, {"email_address": "ada@example.com"}, headers=headers).status_code
        for headers in forged
    ]
    assert statuses == [303] * 5 + [429]


def test_all_addresses_of_a_client_s_network_count_as_one_client(
    client: Client, open_unit: BusinessUnit
) -> None:
    statuses = [
        client.post(
            PATH, {"email_address": f"a{n}@example.com"}, REMOTE_ADDR=f"2001:db8:1:2::{n}"
        ).status_code
        for n in range(1, 7)
    ]
    assert statuses == [303] * 5 + [429]
    other = client.post(PATH, {"email_address": "b@example.com"}, REMOTE_ADDR="2001:db8:1:3::1")
    assert other.status_code == 303


@pytest.mark.parametrize("there", [PATH, "/u/cut-in-two", "/nowhere"])
def test_the_answer_to_the_form_has_the_language_that_was_chosen(
    client: Client, open_unit: BusinessUnit, there: str
) -> None:
    page = client.get(f"{there}?lang=de").content.decode()
    (action,) = re.findall(r'action="([^"]+)"', page)
    wrong = client.post(action, {"email_address": "ada"}).content.decode()
    assert 'lang="de"' in wrong
    assert f'action="{action}"' in wrong
    answer = client.post(action, {"email_address": "ada@example.com"}, follow=True)
    assert "Wir haben Ihre Anfrage erhalten" in answer.content.decode()
    assert LostLink.objects.get().language == "de"


def test_a_flood_is_limited_per_unit_also_without_a_broker(
    client: Client, open_unit: BusinessUnit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limit, "_counters", redis.Redis(port=1, retry=Retry(NoBackoff(), 0)))
    monkeypatch.setattr(lost_links, "UNIT_MAX", 8)
    statuses = [
        client.post(PATH, {"email_address": f"a{number}@example.com"}).status_code
        for number in range(10)
    ]
    assert statuses == [303] * 8 + [429] * 2


def test_without_a_database_the_form_is_unavailable(
    client: Client, open_unit: BusinessUnit, database_away: None
) -> None:
    answer = client.post(PATH, {"email_address": "ada@example.com"})
    assert (answer.status_code, answer["Retry-After"]) == (503, "120")
    assert client.get("/u/cut").status_code == 404


def test_the_queue_shows_waiting_entries_masked_and_who_resolved_them(
    client: Client, admin_client: Client, open_unit: BusinessUnit
) -> None:
    client.post(PATH, {"email_address": "ada@example.com"})
    lost = LostLink.objects.get()
    html = admin_client.get(QUEUE).content.decode()
    assert "a•••@example.com" in html
    assert "ada@example.com" not in html
    assert "ada@example.com" in admin_client.get(f"{QUEUE}{lost.pk}/change/").content.decode()
    admin_client.post(f"{QUEUE}{lost.pk}/change/", {"note": "Taken off in Marketing Cloud"})
    lost.refresh_from_db()
    assert lost.handled_at
    assert lost.handled_by
    assert "a•••@example.com" not in admin_client.get(QUEUE).content.decode()
    assert "a•••@example.com" in admin_client.get(f"{QUEUE}?state=handled").content.decode()


def test_many_entries_are_marked_at_once(admin_client: Client, open_unit: BusinessUnit) -> None:
    rows = [
        LostLink.objects.create(
            unit=open_unit, email_address=f"{n}@example.com", address_digest=str(n)
        )
        for n in range(3)
    ]
    LostLink.objects.filter(pk=rows[2].pk).update(handled_at=Now())
    data = {"action": "mark_handled", "_selected_action": [row.pk for row in rows]}
    answer = admin_client.post(f"{QUEUE}?state=all", data, follow=True)
    assert "2 manual requests resolved." in seen(answer.content)
    assert not LostLink.objects.filter(handled_at=None).exists()
