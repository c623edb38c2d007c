"""What counts as an unsubscribe by email, and what never does."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from pytest_django.fixtures import Settings

from tests.helpers import PARENT, context
from tests.mailto.forms import SENDER, counted, email, ignored
from unsub.domain.context import Scope, SubscriberContext
from unsub.infra import link_counts
from unsub.links.tokens import sign_link
from unsub.mailto.accepting import Result, accept
from unsub.mailto.reading import TEXTS_MAX, read
from unsub.models import BusinessUnit, Channel, SubscriberRequest

pytestmark = pytest.mark.usefixtures("unit")
SAMPLE = "eyJhbGciOiJIUzI1NiJ9.eyJtaWQiOjF9.c2lnbmF0dXJl"


def token(settings: Settings, subscriber: int = 1001, **changes: object) -> str:
    return sign_link(context(subscriber, **changes), keys=settings.LINK_KEYRING)  # type: ignore[arg-type]


def arrives(text: str, *, sender: str = SENDER) -> Result:
    return accept(text.replace("\n", "\r\n").encode(), sender=sender)


@pytest.mark.parametrize("form", list(counted(SAMPLE)))
@pytest.mark.parametrize("seal", [False, True], ids=["signed", "sealed"])
def test_an_email_as_clients_make_it_is_one_request(
    settings: Settings, form: str, seal: bool
) -> None:
    made = sign_link(context(1001), keys=settings.LINK_KEYRING, seal=seal)
    assert arrives(counted(made)[form]) is Result.ACCEPTED
    row = SubscriberRequest.objects.get()
    assert (row.channel, row.subscriber_id, row.job_id) == (Channel.MAILTO, 1001, 88002)
    assert (row.scope, row.list_id) == (Scope.LIST, 7001)
    assert row.email_address == ""


@pytest.mark.parametrize("form", list(ignored(SAMPLE)))
def test_an_email_that_answers_by_itself_never_counts(settings: Settings, form: str) -> None:
    result, sender, text = ignored(token(settings))[form]
    assert arrives(text, sender=sender) == result
    assert not SubscriberRequest.objects.exists()


def test_the_sender_is_neither_compared_nor_stored(settings: Settings) -> None:
    assert arrives(email(token(settings), sender="someone.else@example.net")) is Result.ACCEPTED
    values = SubscriberRequest.objects.values().get().values()
    assert not [one for one in values if "someone.else" in str(one)]


def test_the_same_email_twice_and_a_one_click_are_one_request(settings: Settings) -> None:
    for _ in range(2):
        assert arrives(email(token(settings))) is Result.ACCEPTED
    assert SubscriberRequest.objects.count() == 1


def test_nothing_in_an_email_widens_the_scope(settings: Settings) -> None:
    text = f"{token(settings)} everything scope=all"
    assert arrives(email(text, body="scope: all")) is Result.ACCEPTED
    assert SubscriberRequest.objects.get().scope == Scope.LIST


def test_a_damaged_token_with_a_good_one_behind_it_counts(settings: Settings) -> None:
    good = token(settings)
    assert arrives(email(f"{good[:40]} {good}")) is Result.ACCEPTED


@pytest.mark.parametrize("subject", ["{}x.y", "eyJhbGciOiJub25lIn0.e30.", "{half}", "e30.e30.e30"])
def test_a_token_that_no_key_signed_is_counted_and_records_nothing(
    settings: Settings, subject: str
) -> None:
    forged = token(settings)[:-4] + "AAAA"
    before = _emails("bad_link") + _emails("no_token")
    assert arrives(email(subject.format(forged, half=forged[:60]))) in {
        Result.BAD_LINK, Result.NO_TOKEN,
    }  # fmt: skip
    assert _emails("bad_link") + _emails("no_token") == before + 1
    assert not SubscriberRequest.objects.exists()


def test_a_test_link_records_nothing_and_is_counted(settings: Settings) -> None:
    assert arrives(email(token(settings, message_context="PREVIEW"))) is Result.TEST_LINK
    assert not SubscriberRequest.objects.exists()
    (numbers,) = link_counts.by_hour(link_counts.Counted.TEST_LINK, 1)
    assert numbers[link_counts.Name(mid=PARENT)] == 1


def test_a_claim_that_cannot_be_used_is_counted_for_the_alarm(settings: Settings) -> None:
    address = SubscriberContext(email_address="ada@example.com")
    made = sign_link(context(address), keys=settings.LINK_KEYRING)
    BusinessUnit.objects.update(subscriber_key_permission=True)
    assert arrives(email(made)) is Result.BAD_LINK
    (numbers,) = link_counts.by_hour(link_counts.Counted.BAD_CLAIM, 1)
    assert sum(numbers.values()) == 1


@pytest.mark.django_db(transaction=True)
def test_an_email_waits_in_the_spool_while_the_database_is_away(
    settings: Settings, database_away: None
) -> None:
    assert arrives(email(token(settings))) is Result.ACCEPTED


def test_an_attachment_is_not_read_as_the_body(settings: Settings) -> None:
    body = (
        "--b\nContent-Type: text/plain\nContent-Disposition: attachment; filename=a.txt\n\n"
        f"{token(settings)}\n--b--\n"
    )
    text = email("see this", "Content-Type: multipart/mixed; boundary=b", body=body)
    assert arrives(text) is Result.NO_TOKEN


def test_parts_in_a_thousand_parts_are_read_by_their_headers(settings: Settings) -> None:
    parts = "".join(
        f"--{at}\nContent-Type: multipart/mixed; boundary={at + 1}\n\n" for at in range(2000)
    )
    kind = "Content-Type: multipart/mixed; boundary=0"
    assert arrives(email(token(settings), kind, body=parts)) is Result.ACCEPTED


@given(content=st.binary(max_size=400), sender=st.text(max_size=30))
def test_no_bytes_raise_an_error(content: bytes, sender: str) -> None:
    for begin in (b"", b"Subject: =?", b'Content-Type: multipart/report; boundary="', b"\r\n\r\n"):
        assert len(read(begin + content, sender=sender).texts) <= TEXTS_MAX


@pytest.mark.parametrize("sign", ["<", "<style ", "e", "ey", "=?", ">", " ", "unsubscribe ", "%"])
def test_many_of_one_sign_are_read_in_little_time(sign: str) -> None:
    body = sign * (200_000 // len(sign))
    for kind in ("text/html", "text/plain"):
        read(f"Subject: {body}\r\nContent-Type: {kind}\r\n\r\n{body}".encode(), sender=SENDER)
        read(f"Content-Type: {kind}\r\n\r\n{body}".encode(), sender=SENDER)


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("Content-Type: text/html", "<style>" * 800 + "</" * 4_000),
        ("Content-Type: text/html", "<!--" * 4_000),
        ('Content-Type: multipart/mixed; boundary="' + ";" * 120_000, ""),
        ('Content-Type: text/plain; charset="' + ";" * 120_000, ""),
    ],
)  # fmt: skip
def test_an_email_that_is_made_to_be_slow_is_read_in_little_time(head: str, body: str) -> None:
    # Of this thread alone; far more than it takes.
    before = time.thread_time()
    read(f"Subject: x\r\n{head}\r\n\r\n{body}".encode(), sender=SENDER)
    assert time.thread_time() - before < 2.0


def _emails(result: str) -> float:
    return REGISTRY.get_sample_value("unsub_mailto_emails_total", {"result": result}) or 0.0
