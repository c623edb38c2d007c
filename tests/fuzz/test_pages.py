"""The recipients' pages answer whatever is sent to them, and never with an error of the server."""

import time
from typing import Any

import pytest
from django.core.cache import caches
from django.test import Client
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from tests.fuzz.conftest import Fuzz
from tests.fuzz.strategies import nearly
from tests.helpers import link
from tests.web.helpers import snapshot_of
from unsub.models import BusinessUnit
from unsub.sandbox import Sandbox

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"
KINDS = st.sampled_from(
    [
        FORM,
        FORM,
        f"{FORM}; charset=utf-16",
        f"{FORM}; charset=none",
        MULTIPART,
        "multipart/form-data",
        "application/json",
        "",
    ]
)
METHODS = st.sampled_from(["POST", "POST", "POST", "GET", "HEAD", "OPTIONS", "PUT"])
PARTS = b'--b\r\nContent-Disposition: form-data; name="form"; filename="x"\r\n\r\npage\r\n--b--\r\n'
PIECES = (
    b"&",
    b"=",
    b"+",
    b"%F0%9F",
    b"%ED%A0%80",
    b"--b\r\n",
    b"&form=page",
    b"\r\n\r\n",
    b"&keep=",
    b"[]",
)
NAMES = (
    "HTTP_USER_AGENT",
    "HTTP_ACCEPT_LANGUAGE",
    "HTTP_HOST",
    "HTTP_X_FORWARDED_FOR",
    "CONTENT_LENGTH",
)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        name: st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=30)
        for name in NAMES
    },
)


@pytest.fixture(autouse=True)
def brand(unit: BusinessUnit, settings: Settings) -> None:
    """A unit that offers everything."""
    unit.profile_centre = unit.lost_link_form = True
    unit.save()


def run(fuzz: Fuzz, client: Client, paths: list[str], bodies: tuple[bytes, ...]) -> None:
    """Send nearly good forms to these paths."""

    def check(data: tuple[str, str, bytes, bytes, str, dict[str, str]]) -> None:
        method, path, body, query, kind, headers = data
        caches["shared"].clear()  # rate limits
        length = headers.get("CONTENT_LENGTH", "")
        if length.isdecimal() and int(length) > len(body):
            # The web process waits for the whole body, and Django's test client refuses to read on.
            headers = {name: text for name, text in headers.items() if name != "CONTENT_LENGTH"}
        extra: dict[str, Any] = headers | {"QUERY_STRING": query.decode("latin-1")}
        answer = client.generic(method, path, body, kind, **extra)
        assert answer.status_code < 500, answer.status_code
        _ = b"".join(answer) if answer.streaming else answer.content

    queries = st.just(b"") | nearly(
        (b"everything=1", b"lang=de&kept=1", b"List-Unsubscribe=One-Click")
    )
    fuzz(
        check,
        st.tuples(
            METHODS,
            st.sampled_from(paths),
            nearly((*bodies, PARTS), PIECES),
            queries,
            KINDS,
            HEADERS,
        ),
    )


def test_forms_of_the_unsubscribe_page(fuzz: Fuzz, client: Client, settings: Settings) -> None:
    paths = [
        f"{link(settings, number, **changes)}{end}"
        for number, changes in (
            (1001, {}),
            (1002, {"job": None}),
            (1003, {"message_context": "PREVIEW"}),
        )
        for end in ("", "/", "/done", "/undo", "/reason")
    ]
    run(
        fuzz,
        client,
        paths,
        (
            b"List-Unsubscribe=One-Click",
            b"form=page&reason=other&words=why&everything=1",
            b"undo=1",
        ),
    )


def test_forms_of_the_profile_centre(
    fuzz: Fuzz, client: Client, settings: Settings, sandbox: Sandbox
) -> None:
    centre = link(settings, 1001, issued_at=int(time.time())).replace("/u/", "/p/", 1)
    page = client.get(centre)
    assert page.status_code == 200
    seen = snapshot_of(page.content).encode().replace(b":", b"%3A")
    paths = [
        f"{centre}{end}"
        for end in (
            "",
            "/details",
            "/pause",
            "/yours",
            "/yours/CR-0000-0000-00000",
            "/yours.json",
            "/erase",
            "/new-link",
        )
    ]
    run(
        fuzz,
        client,
        paths,
        (
            b"snapshot=%s&keep=7001&keep=7002" % seen,
            b"snapshot=%s&everything=1" % seen,
            b"snapshot=%s&what=list:7001&days=30" % seen,
            b"address=a@example.com&email_type=HTML",
            b"First Name=x&snapshot=%s" % seen,
            b"end=1",
            b"stay=1",
            b"confirm=1",
        ),
    )


def test_the_form_for_lost_links(fuzz: Fuzz, client: Client) -> None:
    run(
        fuzz,
        client,
        ["/lost-link", "/lost-link/"],
        (
            b"email_address=a%40example.com",
            b"email_address=a%40example.com&unit=510001:x",
        ),
    )
