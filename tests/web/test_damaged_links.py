"""Links that were damaged on their way, or that the email's template made wrong."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
import redis
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import resolve
from joserfc import jws
from joserfc.jwk import OctKey
from pytest_django.fixtures import Settings

from tests.helpers import CHILD, PARENT, hidden, link, seen
from unsub.admin.links import explain_link
from unsub.alerting import detection
from unsub.domain.context import Scope
from unsub.links.keyring import LinkKey
from unsub.models import BusinessUnit, Cause, LostLink, SubscriberRequest

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def no_counts(settings: Settings) -> None:
    """A broker without counts of links."""
    with redis.Redis.from_url(settings.REDIS_URL) as broker:
        for key in broker.scan_iter("profilecenter:links:*"):
            broker.delete(key)


def signed(claims: dict[str, Any] | str, secret: str = "") -> str:
    """Return the path of a link with these claims, or this payload, signed by one of our keys."""
    ours = next(one for one in django_settings.LINK_KEYRING.keys if not one.is_pem)
    header = {"alg": "HS256", "typ": "JWT"}
    payload = claims if isinstance(claims, str) else json.dumps(claims)
    key = OctKey.import_key(secret or ours.text)
    return "/u/" + jws.serialize_compact(header, payload, key)


def raw(path: str) -> str:
    """Return a path as a client sends it: percent-encoded once."""
    return quote(path, safe="/%")


DAMAGES: dict[str, Callable[[str], str]] = {
    "folded": lambda path: raw(path[:40] + "\r\n " + path[40:]),
    "a soft hyphen": lambda path: raw(path[:40] + "\u00ad" + path[40:]),
    "dots encoded twice": lambda path: path.replace(".", "%252E"),
    "quoted-printable": lambda path: raw(path.replace(".", "=2E")),
    "markup behind": lambda path: raw(path + '">unsubscribe</a>'),
    "a path behind": lambda path: path + "/index.html",
    "slashes in between": lambda path: path.replace("/u/", "/u//"),
    "blanks before": lambda path: raw("/ " + path[1:]),
    "a blank before the token": lambda path: raw(path.replace("/u/", "/u/ ")),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_link_unsubscribes_by_page_and_by_one_click(
    client: Client, unit: BusinessUnit, settings: Settings, damage: str
) -> None:
    path = link(settings, 1001)
    damaged = DAMAGES[damage](path)
    page = client.get(damaged)
    assert page.status_code == 200, damage
    assert client.post(damaged, {"List-Unsubscribe": "One-Click"}).status_code == 200
    row = SubscriberRequest.objects.get()
    assert (row.subscriber_id, row.scope) == (1001, Scope.LIST.value)
    # The page's own links carry the token without the damage.
    assert client.get(f"{path}/done").status_code == 200


@pytest.mark.parametrize("before", ["//u/", "///u//", "/ u/", "/\t/u/"])
def test_slashes_and_blanks_before_the_path_change_nothing(before: str) -> None:
    found = resolve(f"{before}a.b.c")
    assert (found.func, found.kwargs) == (resolve("/u/a.b.c").func, {"token": "a.b.c"})


@pytest.mark.parametrize("query", ["everything=1", "everything=0", "everything", "scope=all"])
def test_nothing_in_the_query_widens_a_one_click(
    client: Client, unit: BusinessUnit, settings: Settings, query: str
) -> None:
    answer = client.post(f"{link(settings, 1001)}?{query}", {"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert SubscriberRequest.objects.get().scope == Scope.LIST.value


@pytest.mark.parametrize("query", ["everything=0", "everything=", "everything=no"])
def test_only_a_1_chooses_everything_on_the_page(
    client: Client, unit: BusinessUnit, settings: Settings, query: str
) -> None:
    path = f"{link(settings, 1001)}?{query}"
    assert "from all marketing emails" in seen(client.get(path).content)


def test_a_one_click_that_records_nothing_is_not_accepted(
    client: Client, unit: BusinessUnit
) -> None:
    path = signed({"mid": PARENT, "sid": 1001, "jid": 88002, "ctx": "PREVIEW"})
    answer = client.post(path, {"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 422
    assert b"Not accepted" in answer.content
    assert not SubscriberRequest.objects.exists()


def test_a_claim_that_cannot_be_used_is_an_alarm_with_the_lost_link_form(
    client: Client, unit: BusinessUnit, child: BusinessUnit
) -> None:
    path = signed({"mid": PARENT, "sid": 1001, "jid": 88002, "lid": "7OO1"})
    page = client.get(path)
    for _ in range(2):
        assert client.get(path).status_code == page.status_code == 404
    assert client.post(path, {"List-Unsubscribe": "One-Click"}).status_code == 404
    [found] = [one for one in detection.find() if one.cause is Cause.BAD_CLAIM]
    assert (found.mid, found.number, found.detail) == (PARENT, 4, "claim lid, job 88002")
    # The unit does not offer the form otherwise, and there are several units.
    assert client.get("/lost-link").status_code == 404
    fields = hidden(page.content.decode()) | {"email_address": "ada@example.com"}
    assert client.post("/lost-link", fields).status_code == 303
    assert LostLink.objects.get().unit_id == PARENT
    assert client.post("/lost-link", fields | {"unit": f"{child.mid}:x"}).status_code == 404


KEY_OF_CHILD = "a key that the child unit alone has, of 32 bytes"
UNUSABLE = {
    "no JSON": ('{"mid":"510001","jid":"88002",}', "payload, no job", "a JSON object"),
    "a quote": ('{"mid":"510001","sk":"a"b","jid":"88002"}', "payload, no job", "a JSON object"),
    "no object": ('["510001"]', "payload, no job", "a JSON object"),
    "a claim twice": (
        '{"mid":"510001","sid":"1","sid":"2","jid":"88002"}', "claim sid, no job", "Claim: sid.",
    ),
    "another unit": (
        '{"mid":"510001","sid":"1001","jid":"88002"}', "claim mid, job 88002", "Send: 88002",
    ),
}  # fmt: skip


@pytest.mark.parametrize("payload", UNUSABLE)
def test_signed_claims_that_cannot_be_read_are_an_alarm_of_the_key_s_unit(
    client: Client,
    child: BusinessUnit,
    settings: Settings,
    admin_user: User,
    payload: str,
) -> None:
    keys = settings.LINK_KEYRING
    own = LinkKey(owner=str(CHILD), position=0, text=KEY_OF_CHILD)
    settings.LINK_KEYRING = replace(keys, keys=(*keys.keys, own))
    text, detail, explained = UNUSABLE[payload]
    path = signed(text, KEY_OF_CHILD)
    page = client.get(path)
    assert (page.status_code, client.post(path).status_code) == (404, 404)
    assert hidden(page.content.decode())["unit"].startswith(f"{CHILD}:")
    [found] = [one for one in detection.find() if one.cause is Cause.BAD_CLAIM]
    assert (found.mid, found.number, found.detail) == (CHILD, 2, detail)
    report = explain_link(f"https://mail.example.com{path}", user=admin_user)
    assert not report.is_good
    assert explained in report.sentence


def test_a_key_of_all_units_names_no_unit_where_the_claims_cannot_be_read(
    client: Client, unit: BusinessUnit
) -> None:
    assert client.get(signed("{")).status_code == 404
    [found] = [one for one in detection.find() if one.cause is Cause.BAD_CLAIM]
    assert (found.mid, found.detail) == (0, "payload, no job")


def test_a_header_that_nobody_signed_is_no_alarm(client: Client, unit: BusinessUnit) -> None:
    _, _, rest = signed({"mid": PARENT, "sid": 1001}).partition(".")
    header = urlsafe_b64encode(b'{"alg":"HS256","alg":"HS256"}').decode().rstrip("=")
    assert client.get(f"/u/{header}.{rest}").status_code == 404
    assert not [one for one in detection.find() if one.cause is Cause.BAD_CLAIM]


def test_a_bad_signature_is_no_alarm(client: Client, unit: BusinessUnit) -> None:
    assert client.get(signed({"mid": PARENT, "sid": 1001})[:-3] + "AAA").status_code == 404
    assert client.get("/u/nothing").status_code == 404
    assert not [one for one in detection.find() if one.cause is Cause.BAD_CLAIM]


def test_a_jump_in_test_links_is_an_alarm(client: Client, unit: BusinessUnit) -> None:
    path = signed({"mid": PARENT, "sid": 1001, "jid": "%%jobid%%", "lid": 7001})
    for number in range(1, detection.TEST_LINKS_LEAST + 1):
        assert client.post(path, {"List-Unsubscribe": "One-Click"}).status_code == 422
        found = [one.number for one in detection.find() if one.cause is Cause.TEST_LINKS]
        assert found == ([number] if number == detection.TEST_LINKS_LEAST else [])


def test_as_many_test_links_as_usual_are_no_alarm(unit: BusinessUnit, settings: Settings) -> None:
    with redis.Redis.from_url(settings.REDIS_URL) as broker:
        hour = int(broker.time()[0]) // 3600
        for ago in range(26):
            broker.hset(f"profilecenter:links:test_link:{hour - ago}", f"{PARENT}||", "30")
        assert not [one for one in detection.find() if one.cause is Cause.TEST_LINKS]
        broker.hset(f"profilecenter:links:test_link:{hour - 1}", f"{PARENT}||", "151")
        assert [one for one in detection.find() if one.cause is Cause.TEST_LINKS]


def test_the_link_checker_names_the_claim_and_repairs_the_link(
    admin_user: User, unit: BusinessUnit, settings: Settings
) -> None:
    bad = signed({"mid": PARENT, "sid": 1001, "jid": "88002", "scope": "everybody"})
    report = explain_link(f"https://x.example.com{bad}", user=admin_user)
    assert not report.is_good
    assert report.sentence.endswith("scope must be list or all. Send: 88002.")
    good = link(settings, 1001)
    report = explain_link(f"<https://x.example.com{good[:40]}\r\n {good[40:]}>", user=admin_user)
    assert report.is_good
    assert "from this mailing list only" in report.sentence
