"""The POST of RFC 8058, as email clients and others really send it."""

import re
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis
from django.db import connection
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from joserfc import jws
from pytest_django.fixtures import Settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from scripts.steps import ROOT
from tests.helpers import link
from unsub.infra.spool_queue import SpoolQueue
from unsub.models import BusinessUnit, Channel, SubscriberRequest
from unsub.outbox import spool

pytestmark = pytest.mark.django_db(transaction=True)

APP = ROOT / "unsub"
MULTIPART = (
    b'--=_b o+u(n)d,a\'r/y:.?\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\n'
    b"One-Click\r\n--=_b o+u(n)d,a'r/y:.?--\r\n"
)
BODIES = {
    "urlencoded": (b"List-Unsubscribe=One-Click", "application/x-www-form-urlencoded"),
    "with a charset": (
        b"List-Unsubscribe=One-Click", "application/x-www-form-urlencoded; charset=UTF-8",
    ),
    "with another charset": (
        b"List-Unsubscribe=One-Click", "application/x-www-form-urlencoded; charset=iso-8859-1",
    ),
    "with a charset that is none": (
        b"List-Unsubscribe=One-Click", "application/x-www-form-urlencoded; charset=hex",
    ),
    "in lower case": (b"list-unsubscribe=one-click", "application/x-www-form-urlencoded"),
    "with more fields": (
        b"List-Unsubscribe=One-Click&foo=bar&reason=none", "application/x-www-form-urlencoded",
    ),
    "multipart": (MULTIPART, "multipart/form-data; boundary=\"=_b o+u(n)d,a'r/y:.?\""),
    "multipart without a boundary": (MULTIPART, "multipart/form-data"),
    "multipart cut in two": (MULTIPART[:40], "multipart/form-data; boundary=x"),
    "no body": (b"", "application/x-www-form-urlencoded"),
    "no content type": (b"List-Unsubscribe=One-Click", ""),
    "json": (b'{"List-Unsubscribe": "One-Click"}', "application/json"),
    "text": (b"List-Unsubscribe=One-Click", "text/plain"),
    "no UTF-8": (b"\xff\xfe=\x80", "application/x-www-form-urlencoded"),
    "too many fields": (b"a=1&" * 500, "application/x-www-form-urlencoded"),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
def test_every_body_that_clients_send_is_one_request(
    client: Client, unit: BusinessUnit, settings: Settings, name: str
) -> None:
    body, kind = BODIES[name]
    answer = client.generic("POST", link(settings), body, content_type=kind)
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain")
    assert not answer.cookies
    assert SubscriberRequest.objects.get().channel == Channel.ONE_CLICK


def test_no_csrf_token_is_needed_and_the_user_agent_does_not_matter(
    unit: BusinessUnit, settings: Settings
) -> None:
    strict = Client(enforce_csrf_checks=True)
    headers = {"origin": "null", "user-agent": "Googlebot/2.1 (bot; crawler; spider)"}
    assert strict.post(link(settings), headers=headers).status_code == 200
    assert strict.post(link(settings, 1002), {"form": "page"}, headers=headers).status_code == 303
    assert SubscriberRequest.objects.count() == 2


def test_a_body_of_a_megabyte_is_refused(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    for kind in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "a/b"):
        answer = client.generic("POST", link(settings), b"a" * 2**20, content_type=kind)
        assert answer.status_code == 413
    assert not SubscriberRequest.objects.exists()


def test_the_same_post_again_is_the_same_request(
    client: Client, unit: BusinessUnit, settings: Settings
) -> None:
    assert [client.post(link(settings)).status_code for _ in range(3)] == [200] * 3
    assert SubscriberRequest.objects.count() == 1


@pytest.mark.usefixtures("database_away")
def test_without_a_database_the_request_is_spooled(client: Client, settings: Settings) -> None:
    path = link(settings)
    assert client.get(path).status_code == 200
    assert client.post(path).status_code == 200
    answer = client.post(path, {"form": "page", "reason": "too-many"})
    assert answer.status_code == 303
    assert "You’re unsubscribed" in client.get(answer["Location"]).content.decode()


@pytest.mark.usefixtures("database_away")
def test_without_database_and_broker_nothing_is_accepted(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        spool, "_queue", SpoolQueue(redis.Redis(port=1, retry=Retry(NoBackoff(), 0)))
    )
    path = link(settings)
    for form in ({}, {"form": "page"}):
        answer = client.post(path, form)
        assert answer.status_code == 503
        assert int(answer["Retry-After"]) > 0


@given(
    body=st.binary(max_size=300),
    kind=st.sampled_from([kind for _, kind in BODIES.values()]) | st.text(max_size=30),
)
@hypothesis_settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_body_causes_a_server_error(
    unit: BusinessUnit, settings: Settings, body: bytes, kind: str
) -> None:
    kind = "".join(char for char in kind if char.isascii() and char.isprintable())
    answer = Client().generic("POST", link(settings), body, content_type=kind)
    assert answer.status_code in {200, 303, 422}


@given(
    reason=st.text(max_size=60) | st.sampled_from(["other", "privacy"]),
    words=st.text(max_size=300),
    extra=st.dictionaries(st.text(max_size=10), st.text(max_size=10), max_size=5),
)
@hypothesis_settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_form_causes_a_server_error(
    unit: BusinessUnit, settings: Settings, reason: str, words: str, extra: dict[str, str]
) -> None:
    answer = Client().post(
        link(settings), extra | {"form": "page", "reason": reason, "words": words}
    )
    assert answer.status_code in {303, 422}


@given(token=st.text(max_size=200))
@hypothesis_settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_token_causes_a_server_error(unit: BusinessUnit, token: str) -> None:
    path = "/u/" + token.encode("utf-8", "surrogatepass").decode("latin-1")
    for answer in (Client().generic("GET", path), Client().generic("POST", path)):
        assert answer.status_code in {404, 405}


def test_one_click_goes_through_the_files_that_the_architecture_lists(
    client: Client, unit: BusinessUnit, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed: list[str] = ["urls.py"]

    def noted(call: Callable[..., Any], *args: Any, **options: Any) -> Any:
        passed.extend(name for name in files_on_the_stack() if name not in passed)
        return call(*args, **options)

    verify = jws.deserialize_compact
    monkeypatch.setattr(jws, "deserialize_compact", partial(noted, verify))
    path = link(settings)
    with connection.execute_wrapper(noted):
        client.post(path)
    document = (ROOT / "docs" / "architecture.md").read_text()
    section = document.partition("### From the URL to the commit")[2].partition("\n### ")[0]
    assert passed == re.findall(r"^\d+\. `([\w/]+\.py)`", section, re.MULTILINE)


def files_on_the_stack() -> list[str]:
    """Return the app's files that are being executed, from the outside in, without the middleware,
    which is around every view."""
    frames = [frame for frame in traceback.extract_stack() if frame.name != "__call__"]
    paths = [path for frame in frames if (path := Path(frame.filename)).name != "middleware.py"]
    return [path.relative_to(APP).as_posix() for path in paths if path.is_relative_to(APP)]
