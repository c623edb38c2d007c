"""Headers of recipients' pages, and the absence of cookies."""

import re

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from tests.helpers import link
from unsub import urls
from unsub.models import BusinessUnit, Logo
from unsub.web.middleware import HEADERS

pytestmark = pytest.mark.django_db


# Requested by monitoring.
NOT_FOR_RECIPIENTS = {"healthz", "readyz", "metrics"}
OWN = {"logo": {"Cache-Control"}}


def addresses(settings: Settings, digest: str) -> dict[str, str]:
    """Return a URL for each route of the app that recipients use."""
    token = link(settings).rpartition("/")[2]
    fill = {"token": token, "digest": digest}
    return {
        str(route.name): reverse(
            f"unsub:{route.name}",
            kwargs={name: fill[name] for name in route.pattern.regex.groupindex},
        )
        for route in urls.urlpatterns
        # The routes without a name are of the same views, for links with more around them.
        if route.name and route.name not in NOT_FOR_RECIPIENTS
    }


@pytest.mark.parametrize("before", ["//", "///", "/ /", "/\t"])
def test_a_link_with_more_before_it_carries_the_headers_and_is_not_redirected(
    client: Client, unit: BusinessUnit, settings: Settings, before: str
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    path = link(settings).replace("/", before, 1)
    page = client.get("/", PATH_INFO=path, secure=True)
    assert page.status_code == 200
    for header in HEADERS:
        assert page[header], header
    assert page["Referrer-Policy"] == "no-referrer"
    assert client.post("/", PATH_INFO=path).status_code == 200


@pytest.mark.parametrize("path", ["/" * 2**20, f"{'/ ' * 2**19}x"])
def test_a_path_of_slashes_takes_no_more_time_than_one_of_letters(
    client: Client, unit: BusinessUnit, path: str
) -> None:
    """The path is longer than any that is received: in quadratic time this takes hours."""
    assert client.get("/", PATH_INFO=path).status_code == 404


@pytest.mark.parametrize("method", ["get", "head", "post", "put", "options"])
def test_every_route_carries_the_headers_and_no_cookie(
    client: Client, unit: BusinessUnit, settings: Settings, method: str
) -> None:
    unit.lost_link_form = True
    unit.save()
    logo = Logo.objects.create(unit=unit, image=b"RIFF", content_digest="0" * 32, width=1, height=1)
    found = addresses(settings, logo.content_digest)
    assert {"unsubscribe", "done", "undo", "reason", "lost_link", "logo"} <= found.keys()
    more = {"bad": "/u/bad", "nowhere": "/u/a/b/c", "more": "/p//a/b/c"}
    for name, path in (found | more).items():
        answer = getattr(client, method)(path)
        assert not answer.cookies
        for header, value in HEADERS.items():
            if header in OWN.get(name, ()) and answer.status_code == 200:
                continue
            if header == "Content-Security-Policy":
                assert answer[header].startswith("default-src 'none'; "), name
                assert "frame-ancestors 'none'" in answer[header], name
            else:
                assert answer[header] == value, (name, header, answer.status_code)


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


def test_readers_are_redirected_to_https_and_posts_are_not(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.ALLOWED_HOSTS = ["mail.example.com", "testserver"]
    path = link(settings)
    for answer in (
        client.get(f"{path}?a=b", headers={"host": "mail.example.com"}),
        client.head(f"{path}?a=b", headers={"host": "mail.example.com"}),
    ):
        assert (answer.status_code, answer["Location"]) == (
            301, f"https://mail.example.com{path}?a=b",
        )  # fmt: skip
    assert client.post(path).status_code == 200
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    "sent", ["https", "HTTPS", " Https", "https,http", "https, https", "HTTPS ,"]
)
@pytest.mark.parametrize("path", ["/u/bad", "/admin/login/"])
def test_a_request_that_came_by_https_is_not_redirected_however_the_proxy_spells_it(
    client: Client, settings: Settings, path: str, sent: str
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.SECURE_HSTS_SECONDS = 60
    answer = client.get(path, headers={"x-forwarded-proto": sent})
    assert not answer.get("Location", "").startswith("https:")
    assert answer["Strict-Transport-Security"] == "max-age=60"


@pytest.mark.parametrize("sent", ["http", "HTTP", "http, https", "", ",https", "httpsx", "wss"])
@pytest.mark.parametrize("path", ["/u/bad", "/admin/login/"])
def test_every_other_scheme_is_redirected(
    client: Client, settings: Settings, path: str, sent: str
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    answer = client.get(path, headers={"x-forwarded-proto": sent})
    assert (answer.status_code, answer["Location"]) == (301, f"https://testserver{path}")


@pytest.mark.parametrize(
    ("host", "told"),
    [
        ("192.0.2.1:8000", "192.0.2.1:8000"),
        ("other.example", "other.example"),
        ("ada@example.com", "[not a host name]"),
        ("a b", "[not a host name]"),
    ],
)
@pytest.mark.parametrize("path", ["/u/bad", "/p/bad", "/admin/", "/nowhere"])
def test_a_host_that_is_not_allowed_is_400_and_one_line_in_the_log(
    client: Client, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture,
    path: str, host: str, told: str,
) -> None:  # fmt: skip
    for method in (client.get, client.post):
        caplog.clear()
        answer = method(path, headers={"host": host})
        assert answer.status_code == 400
        (record,) = [record for record in caplog.records if record.levelname != "DEBUG"]
        assert record.levelname == "INFO"
        assert "host_not_allowed" in record.getMessage()
        assert told in record.getMessage()
        assert record.exc_info is None


@pytest.mark.parametrize(
    "path", ["/", "/nowhere", "/x/u/token", "/static/none.css", "/admin/none/"]
)
def test_error_pages_carry_the_headers_under_every_path(
    client: Client, admin_client: Client, unit: BusinessUnit, path: str
) -> None:
    for answer in (admin_client.get(path), client.get(path, headers={"host": "other.example"})):
        assert answer.status_code in {400, 404}
        for header, value in HEADERS.items():
            if header != "Content-Security-Policy":
                assert answer[header] == value, (header, answer.status_code)
        assert answer["Content-Security-Policy"].startswith("default-src 'none'; ")


def test_an_unknown_url_shows_a_page_with_a_way_on(client: Client, unit: BusinessUnit) -> None:
    answer = client.get("/nowhere")
    assert answer.status_code == 404
    for words in ("Page not found", "open the link in the email again", "Example Outfitters"):
        assert words in answer.content.decode()
    assert 'href="?lang=de"' in answer.content.decode()
    german = client.get("/nowhere?lang=de").content.decode()
    assert "Seite nicht gefunden" in german


def test_cookies_of_the_admin_are_neither_read_nor_set(
    admin_client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    assert admin_client.cookies
    for answer in (admin_client.get(link(settings)), admin_client.post(link(settings))):
        assert "Set-Cookie" not in answer
        assert "Cookie" not in answer.get("Vary", "")
    stale = Client(headers={"cookie": "sessionid=gone; csrftoken=x"})
    assert "Set-Cookie" not in stale.post(link(settings))
