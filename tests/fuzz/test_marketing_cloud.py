"""Whatever Marketing Cloud sends, a call gives a result or an SfmcError, and each an outcome."""

from collections.abc import Iterator

import pytest
from hypothesis import strategies as st

from tests.fuzz.conftest import Fuzz
from tests.fuzz.strategies import nearly
from tests.sfmc import replies
from tests.sfmc.calls import CALLS
from tests.sfmc.vendor import OK, Vendor, fault, reply, system_status, token
from tests.stand_in import Answer, Handler
from unsub.domain.outcomes import read_error, read_reply, read_status
from unsub.sfmc import MemoryTokenStore, SfmcError, SystemStatus
from unsub.sfmc.auth import OAuth
from unsub.sfmc.client import Client
from unsub.sfmc.messages import CallReply

SECONDS = 5.0
EVERY_CALL = (*CALLS, Client.system_status)
PIECES = (
    b"<Results>",
    b"</Results>",
    b"<Results/>",
    b"<StatusCode>OK</StatusCode>",
    b"<OrdinalID>1</OrdinalID>",
    b"<ErrorCode>401</ErrorCode>",
    b' xsi:nil="true"',
    b' xsi:type="Subscriber"',
    b"<![CDATA[",
    b"<!--",
    b'<!DOCTYPE x [<!ENTITY a "b">]>',
    b"<?x?>",
    b"</soap:Body>",
    b"<soap:Fault/>",
    b"<a:b/>",
)
ERROR = (
    "<Results><StatusCode>Error</StatusCode><StatusMessage>m</StatusMessage>"
    "<OrdinalID>0</OrdinalID><ErrorCode>401</ErrorCode></Results>"
)
SAMPLES = (
    reply(OK + OK),
    reply(OK + ERROR),
    fault(9),
    fault(),
    system_status("OK"),
    replies.described(replies.attribute("Name", MaxLength="100", IsRequired="true")),
    replies.updated(replies.result("Update"), replies.result("Update", "Error")),
    replies.created(replies.result("Create")),
    replies.rows(
        replies.subscriber(1001, "key", "a@example.com", ("Name", "x")), replies.place("key", 7001)
    ),
)
KINDS = st.sampled_from(
    ["text/xml", "text/xml; charset=utf-16", "application/json", "text/html", ""]
)
STATUSES = st.sampled_from([200, 200, 200, 500, 400, 401, 429, 503])
HEADERS = st.dictionaries(
    st.sampled_from(["Retry-After", "Location", "Content-Encoding", "X-A"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=30)
    | st.sampled_from(
        ["gzip", "deflate", "br", "-1", "9" * 400, "Fri, 99 Foo 2026", "http://[", "1"]
    ),
    max_size=2,
)
RAW = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n" % len(SAMPLES[0])
    + SAMPLES[0],
    (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/xml\r\n\r\n"
        b"5\r\n<a/> \r\n0\r\n\r\n"
    ),
)


@pytest.fixture(scope="module")
def vendor() -> Iterator[Vendor]:
    """A vendor for all inputs."""
    with Vendor() as running:
        yield running


@pytest.fixture(scope="module")
def client(vendor: Vendor) -> Client:
    """A client of it."""
    return Client(auth=_auth(vendor), soap_url=vendor.url, timeout=SECONDS)


def _auth(vendor: Vendor) -> OAuth:
    return OAuth(
        auth_url=vendor.url,
        client_id="id",
        client_secret="s",
        account_id=510001,
        store=MemoryTokenStore(),
        timeout=SECONDS,
    )


@pytest.fixture(autouse=True)
def _no_reply_in_the_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail where a part of a reply came into the log."""
    yield
    assert "nvelope" not in caplog.text
    assert "access_token" not in caplog.text


def _call(client: Client, number: int) -> None:
    """Make a call, and read its results as a worker does."""
    try:
        answer = EVERY_CALL[number](client)
    except SfmcError as err:
        read_error(err)
        return
    if isinstance(answer, CallReply):
        read_reply(answer, sent=2)
        read_reply(answer, sent=1)
    if isinstance(answer, SystemStatus):
        read_status(answer)


def test_soap_replies(fuzz: Fuzz, vendor: Vendor, client: Client) -> None:
    def check(data: tuple[int, bytes, str, int, dict[str, str]]) -> None:
        number, body, kind, status, headers = data
        vendor.tokens[0] = token()
        vendor.answers(Answer(body=body, kind=kind, status=status, headers=headers))
        _call(client, number)

    numbers = st.integers(0, len(EVERY_CALL) - 1)
    fuzz(check, st.tuples(numbers, nearly(SAMPLES, PIECES), KINDS, STATUSES, HEADERS))


def test_http_replies(fuzz: Fuzz, vendor: Vendor, client: Client) -> None:
    def check(raw: bytes) -> None:
        def act(handler: Handler) -> bool:
            handler.wfile.write(raw)
            return False

        vendor.tokens[0] = token()
        vendor.answers(Answer(act=act))
        _call(client, 0)

    fuzz(
        check,
        nearly(RAW, (b"\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"Content-Length: 3\r\n")),
    )


def test_token_replies(fuzz: Fuzz, vendor: Vendor) -> None:
    def check(data: tuple[bytes, int, dict[str, str]]) -> None:
        body, status, headers = data
        vendor.tokens[0] = Answer(
            body=body, status=status, kind="application/json", headers=headers
        )
        vendor.answers(Answer(body=reply()))
        try:
            login = _auth(vendor).login()
        except SfmcError:
            return
        assert login.token is not None
        assert login.token.value

    bodies = nearly(
        (token().body, token(soap_url="http://127.0.0.1:1").body, b'{"error": "invalid_client"}'),
        (b"Infinity", b"[" * 3000, b'"access_token": ""', b'{"a": 1}'),
    )
    fuzz(check, st.tuples(bodies, STATUSES, HEADERS))
