"""Masks and scrubbed text identify nobody."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.links.strategies import FAST, addresses, keys
from unsub.domain.context import SubscriberContext
from unsub.domain.masking import mask, mask_email, mask_key, scrub

HEADER, PAYLOAD = "eyJhbGciOiJIUzI1NiJ9", "eyJzayI6ImFkYSJ9"


@pytest.mark.parametrize(
    ("address", "masked"),
    [
        ("ada@example.com", "a•••@example.com"),
        ("a@example.com", "a•••@example.com"),
        ("grace.hopper+news@mail.example.com", "g•••@mail.example.com"),
        ('"odd@one"@example.com', '"•••@example.com'),
    ],
)
def test_a_masked_address_keeps_its_first_letter_and_domain(address: str, masked: str) -> None:
    assert mask_email(address) == masked


@pytest.mark.parametrize(
    ("key", "masked"),
    [
        ("", "•••"),
        ("ab", "•••"),
        ("abc", "•••c"),
        ("ada-1001", "•••01"),
        ("0033000000abcdefgh", "•••efgh"),
        ("ada@example.com", "a•••@example.com"),
        # It has the sign and is no address: what follows the sign must not be shown.
        ("@ada-lovelace", "•••lace"),
        ("x@ada-lovelace", "•••lace"),
    ],
)
def test_a_masked_key_shows_a_third_of_it_at_most(key: str, masked: str) -> None:
    assert mask_key(key) == masked


def test_a_person_is_masked_by_address_then_key_then_id() -> None:
    person = SubscriberContext(subscriber_id=1001, subscriber_key="ada-1001", email_address="a@b.c")
    assert mask(person) == "a•••@b.c"
    assert mask(SubscriberContext(subscriber_id=1001, subscriber_key="ada-1001")) == "•••01"
    assert mask(SubscriberContext(subscriber_id=123456)) == "•••56"


@FAST
@given(address=addresses, key=keys)
def test_no_mask_contains_the_address_or_key(address: str, key: str) -> None:
    assert address not in mask_email(address)
    assert mask_key(key) == "•••" or key not in mask_key(key)


@pytest.mark.parametrize(
    ("line", "clean"),
    [
        ("to ada@example.com now", "to [address] now"),
        ("to=<ada@example.com>, (grace@example.com)", "to=<[address]>, ([address])"),
        ('{"em":"ada@example.com"}', '{"em":"[address]"}'),
        ("?em=ada%40example.com", "?em=[address]"),
        ("request 17 posted", "request 17 posted"),
        ("lonely @ sign", "lonely @ sign"),
        ("ada@localhost", "[address]"),
        ("https://ada@example.com/", "https:[address]"),
        ("https://example.com/?em=ada@example.com", "https://example.com/?em=[address]"),
        ("celery@example.com is not ready", "[address] is not ready"),
        ("not.celery@host", "[address]"),
        ("celery@host@example.com", "[address]@example.com"),
    ],
)
def test_addresses_are_scrubbed_from_a_line(line: str, clean: str) -> None:
    assert scrub(line) == clean


@pytest.mark.parametrize(
    "line",
    [
        "celery@5f0c3a2b1d9e ready.",
        "missed heartbeat from celery@worker-3",
        "sync with celery@a, celery@b.",
        "Connected to redis://redis:6379/0",
        "https://mail.example.com/healthz",
    ],
)
def test_what_names_a_machine_stays_in_a_line(line: str) -> None:
    assert scrub(line) == line


@pytest.mark.parametrize(
    ("line", "clean"),
    [
        ("redis://:secret@redis:6379/0", "redis://**@redis:6379/0"),
        ("x.transport:Transport://:**@redis:6379/0", "x.transport:Transport://**@redis:6379/0"),
        ("postgres://app:p%40ss@db.example.com/x", "postgres://**@db.example.com/x"),
        ("smtp+tls://user@example.com:word@mail:587", "smtp+tls:[address]:[address]:587"),
        ("redis://:a@b:c@redis:6379/0", "redis://**@redis:6379/0"),
        ("redis://:word@[::1]:6379", "redis://**@[::1]:6379"),
        ("redis://:word@redis?x='ada@example.com'", "redis://**@redis?x='[address]'"),
    ],
)
def test_a_url_keeps_its_host_and_never_its_password(line: str, clean: str) -> None:
    assert scrub(line) == clean


@pytest.mark.parametrize(
    "token",
    [
        f"{HEADER}.{PAYLOAD}.c2lnbmF0dXJl",
        f"{HEADER}..aXZpdg.{PAYLOAD}.dGFn",
        f"{HEADER}.{PAYLOAD}",
        f"{HEADER}=2E{PAYLOAD}=2Ec2lnbmF0dXJl",
        f"{HEADER}%2E{PAYLOAD}%2ec2lnbmF0dXJl",
        PAYLOAD,
    ],
)
@pytest.mark.parametrize("around", ["{}", "'GET_/u%2F{} HTTP/1.1'", "token={}&x=1", "/u/x{}."])
def test_a_token_is_struck_out_wherever_it_stands(token: str, around: str) -> None:
    line = scrub(around.format(token))
    assert "[token]" in line
    for part in (HEADER, PAYLOAD, "c2lnbmF0dXJl"):
        assert part not in line


BODY, TAG = "x" * 20, "t" * 22


@pytest.mark.parametrize(
    "token",
    [
        f"eyAiYWxnIjogIkhTMjU2IiB9.{BODY}.{'s' * 43}",  # a header with white space
        f"ewogImFsZyI6IkhTMjU2In0%2E{BODY}%2E{'s' * 86}",
        f"I1NiJ9.{BODY}.{'s' * 43}",  # without its beginning
        f"I1NiJ9..{'n' * 16}.{BODY}.{TAG}",
        f"eyAiZW5jIjoiQTI1NkdDTSJ9.{'k' * 54}.{'n' * 16}.{BODY}.{TAG}",
    ],
)
def test_a_token_is_known_by_its_parts_alone(token: str) -> None:
    line = scrub(f"refused: {token} of a page")
    assert line == "refused: [token] of a page"


@pytest.mark.parametrize(
    "line",
    [
        "profilecenter.gunicorn_logger.Logger in unsub.web.centre.access.profile_centre_view",
        "unsub.outbox.store.SubscriberRequestManager.release_what_nobody_else_waits_for",
        "10.0.0.1.example.com 1.2.3.4 mail.marketing.example.com",
    ],
)
def test_names_with_dots_are_no_tokens(line: str) -> None:
    assert scrub(line) == line


@pytest.mark.parametrize("address", ["ada@example.com", "ada@b\u00fccher.example"])
@pytest.mark.parametrize("text", ['["{}"]', "it's \\ '{}'\\", "{}\nnext", "b'{}\\xe2'"])
def test_a_line_is_json_also_after_an_address_was_struck_out(address: str, text: str) -> None:
    line = scrub(json.dumps({"event": text.replace("{}", address)}))
    told = json.loads(line)["event"]
    assert "[address]" in told
    assert "ada" not in told
    assert "cher" not in told


@FAST
@given(
    address=addresses,
    before=st.sampled_from(["", "celery@", "://", "://:", "x://u:", "://u:p@", "eyJ"]),
    after=st.sampled_from(["", "/0", ":6379", "@host", "%40host", ".", ".x", "]"]),
)
def test_nothing_that_stays_makes_an_address_stay(address: str, before: str, after: str) -> None:
    assert address not in scrub(f"{before}{address}{after}")


@FAST
@given(before=st.text(max_size=30), address=addresses, after=st.text(max_size=30))
def test_no_address_is_left_whatever_stands_around_it(
    before: str, address: str, after: str
) -> None:
    assert address not in scrub(f"{before} {address} {after}")


# In quadratic time this would take hours; the timeout of all tests is its bound.
def test_a_very_long_line_is_scrubbed_in_linear_time() -> None:
    parts = ("a", "a.", "a:", "://", "://:a@", "@", "celery@", "eyJ", "eyJaaaaaaaa.", "%2E")
    for part in (*parts, "aaaaaaaa.", f"{'a' * 43}.", "a@\\u00fc", "aaaa.."):
        scrub(part * (300_000 // len(part)))
    assert scrub("a" * 100_000) == "a" * 100_000
