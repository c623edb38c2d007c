"""What every page for recipients carries, and what it never does."""

import re

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from unsub.middleware import HEADERS
from unsub.models import BusinessUnit

from .conftest import link

pytestmark = pytest.mark.django_db


def test_every_page_carries_the_headers_and_no_cookie(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    path = link(settings)
    answers = [client.get(path), client.get("/u/bad"), client.post(path), client.put(path)]
    answers += [client.get("/u/a/b/c"), client.get(f"{path}/done")]
    for answer in answers:
        assert not answer.cookies
        assert "Set-Cookie" not in answer
        for name, value in HEADERS.items():
            if name != "Content-Security-Policy":
                assert answer[name] == value, (name, answer.status_code)
        assert answer["Content-Security-Policy"].startswith("default-src 'none'; ")
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]


def test_the_style_has_the_nonce_of_its_page_and_there_is_no_script(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    answers = [client.get(link(settings)) for _ in range(2)]
    nonces = []
    for answer in answers:
        html = answer.content.decode()
        (nonce,) = re.findall(r'<style nonce="([^"]+)">', html)
        assert f"'nonce-{nonce}'" in answer["Content-Security-Policy"]
        assert "<script" not in html
        assert "http://" not in html
        assert "https://" not in html
        assert " style=" not in html
        nonces.append(nonce)
    assert len(set(nonces)) == 2


def test_the_page_is_light(client: Client, unit: BusinessUnit, settings: Settings) -> None:
    assert len(client.get(link(settings)).content) < 14_000


def test_readers_are_led_to_https_and_posts_never_redirected(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.PUBLIC_URL = "https://mail.example.com"
    path = link(settings)
    for answer in (client.get(f"{path}?a=b"), client.head(f"{path}?a=b")):
        assert (answer.status_code, answer["Location"]) == (
            301, f"https://mail.example.com{path}?a=b",
        )  # fmt: skip
    assert client.post(path).status_code == 200
    assert client.get("/healthz").status_code == 200


def test_an_address_that_leads_nowhere_gets_a_kind_page(client: Client) -> None:
    answer = client.get("/nowhere")
    assert answer.status_code == 404
    assert "This link does not work" in answer.content.decode()


def test_a_cookie_of_the_admin_is_neither_read_nor_answered(
    admin_client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    assert admin_client.cookies
    for answer in (admin_client.get(link(settings)), admin_client.post(link(settings))):
        assert "Set-Cookie" not in answer
        assert "Cookie" not in answer.get("Vary", "")
    stale = Client(headers={"cookie": "sessionid=gone; csrftoken=x"})
    assert "Set-Cookie" not in stale.post(link(settings))
