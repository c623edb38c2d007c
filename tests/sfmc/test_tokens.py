"""One shared token: fetched once, and renewed early by one caller."""

import json
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.sfmc.conftest import SECRET, NewAuth
from tests.sfmc.vendor import Vendor, hang, reset, sleep, system_status, token
from tests.stand_in import Answer, as_json
from unsub.sfmc import (
    MemoryTokenStore,
    MisconfiguredError,
    RateLimitedError,
    SfmcError,
    Token,
    TransientError,
)
from unsub.sfmc.addresses import tenant_address
from unsub.sfmc.auth import OAuth
from unsub.sfmc.client import Client


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def held(auth: OAuth) -> str:
    """Return the token of a login."""
    login = auth.login()
    assert login.token
    return login.token.value


def test_the_token_request_is_the_documented_one(new_auth: NewAuth, vendor: Vendor) -> None:
    held(new_auth())
    assert json.loads(vendor.token_requests[0]) == {
        "grant_type": "client_credentials", "client_id": "id", "client_secret": SECRET,
        "account_id": "510001",
    }  # fmt: skip
    held(new_auth(account_id=None))
    assert "account_id" not in json.loads(vendor.token_requests[1])


def test_many_threads_fetch_one_token(new_auth: NewAuth, vendor: Vendor) -> None:
    auth = new_auth()
    vendor.tokens = deque([Answer(act=sleep(0.3), body=token().body, kind="application/json")])
    with ThreadPoolExecutor(20) as pool:
        values = set(pool.map(lambda _: held(auth), range(20)))
    assert len(values) == len(vendor.token_requests) == 1


def test_a_token_is_renewed_early_and_by_one_thread(new_auth: NewAuth, vendor: Vendor) -> None:
    clock, store = Clock(), MemoryTokenStore()
    auth = new_auth(store=store, clock=clock)
    vendor.tokens = deque([token("first", life=1000), token("second", life=1000)])
    assert held(auth) == "first"
    clock.now += 700
    assert held(auth) == "first"
    clock.now += 250
    with ThreadPoolExecutor(20) as pool:
        values = set(pool.map(lambda _: held(auth), range(20)))
    assert values <= {"first", "second"}
    assert held(auth) == "second"
    assert len(vendor.token_requests) == 2


class RememberingStore(MemoryTokenStore):
    """A store that remembers for a while what it has read, as that of the application does."""

    def __init__(self, shared: MemoryTokenStore) -> None:
        super().__init__()
        self._shared = shared
        self._read: Token | None = None

    def get(self) -> Token | None:
        """Return the token."""
        self._read = self._read or self._shared.get()
        return self._read

    def put(self, token: Token) -> None:
        """Store a token."""
        self._shared.put(token)

    @contextmanager
    def lock(self) -> Iterator[bool]:
        """Yield whether the caller may renew, and forget what was read."""
        self._read = None
        with self._shared.lock() as mine:
            yield mine


def test_a_process_that_has_not_seen_an_early_renewal_yet_makes_none_of_its_own(
    new_auth: NewAuth, vendor: Vendor
) -> None:
    clock, shared = Clock(), MemoryTokenStore()
    one, other = (new_auth(store=RememberingStore(shared), clock=clock) for _ in range(2))
    vendor.tokens = deque([token("first", life=1000), token("second", life=1000)])
    assert (held(one), held(other)) == ("first", "first")
    clock.now += 950
    assert (held(one), held(other)) == ("second", "second")
    assert len(vendor.token_requests) == 2


def test_a_failed_early_renewal_keeps_the_old_token_while_it_is_valid(
    new_auth: NewAuth, vendor: Vendor
) -> None:
    clock = Clock()
    auth = new_auth(clock=clock)
    vendor.tokens = deque([token("first", life=1000), Answer(status=500, kind="")])
    assert held(auth) == "first"
    clock.now += 990
    assert [held(auth) for _ in range(5)] == ["first"] * 5
    assert len(vendor.token_requests) == 2
    clock.now += 20
    with pytest.raises(TransientError):
        auth.login()


def test_many_threads_with_a_refused_token_fetch_one_new_token(
    new_auth: NewAuth, vendor: Vendor
) -> None:
    auth = new_auth()
    vendor.tokens = deque([token("first"), token("second")])
    refused = auth.login()
    with ThreadPoolExecutor(20) as pool:
        logins = list(pool.map(lambda _: auth.login(refused=refused), range(20)))
    assert {login.token.value for login in logins if login.token} == {"second"}
    assert len(vendor.token_requests) == 2


def test_a_caller_without_the_lock_uses_the_token_fetched_by_another(
    new_auth: NewAuth, vendor: Vendor
) -> None:
    store = MemoryTokenStore()
    auth = new_auth(store=store)
    with store.lock() as mine:
        assert mine
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(held, auth)
            store.put(Token(value="theirs", expires_at=9e9, renew_at=9e9, soap_url=""))
            assert waiting.result(timeout=60) == "theirs"
    assert not vendor.token_requests


def test_an_endpoint_that_says_nothing_is_left_after_the_timeout(
    new_auth: NewAuth, vendor: Vendor
) -> None:
    vendor.tokens = deque([Answer(act=hang)])
    # Long enough for a busy machine to send the request.
    with pytest.raises(TransientError):
        new_auth(timeout=3.0).login()
    assert len(vendor.token_requests) == 1


def test_waiting_for_another_renewal_ends_with_the_timeout(new_auth: NewAuth) -> None:
    store = MemoryTokenStore()
    with store.lock(), pytest.raises(TransientError, match="another process"):
        new_auth(store=store, timeout=0.3).login()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(status=400, kind="application/json", body=b'{"error":"x"}'), MisconfiguredError),
        (Answer(status=401, kind="application/json"), MisconfiguredError),
        (Answer(status=403, kind="text/html"), MisconfiguredError),
        (Answer(status=404, kind="text/html"), MisconfiguredError),
        (Answer(status=302, headers={"Location": "/elsewhere"}), MisconfiguredError),
        (Answer(status=429, headers={"Retry-After": "5"}), RateLimitedError),
        (Answer(status=500, kind="text/html"), TransientError),
        (Answer(status=503, kind="text/html"), TransientError),
        (Answer(act=reset), TransientError),
        (Answer(body=b"<html>", kind="text/html"), TransientError),
        (Answer(body=b"[]", kind="application/json"), TransientError),
        (Answer(body=b"{}", kind="application/json"), TransientError),
        (token("line\nbreak"), TransientError),
        (token("", life=1), TransientError),
        (token(life=0), TransientError),
        (token(life=float("nan")), TransientError),
        (token(life=float("inf")), TransientError),
    ],
)
def test_every_failure_of_the_endpoint_raises_its_error(
    new_auth: NewAuth, vendor: Vendor, answer: Answer, error: type[SfmcError]
) -> None:
    vendor.tokens = deque([answer])
    with pytest.raises(error) as caught:
        new_auth().login()
    assert type(caught.value) is error
    assert len(vendor.token_requests) == 1


def test_a_retry_after_of_the_endpoint_is_kept(new_auth: NewAuth, vendor: Vendor) -> None:
    vendor.tokens = deque([Answer(status=429, headers={"Retry-After": "5"})])
    with pytest.raises(RateLimitedError) as caught:
        new_auth().login()
    assert caught.value.retry_after == 5


def test_a_refused_connection_is_transient(new_auth: NewAuth) -> None:
    with pytest.raises(TransientError):
        new_auth(auth_url="http://127.0.0.1:1").login()


@pytest.mark.parametrize("said", [0, -1, "soon", "nan", 10**400])
def test_a_token_reply_with_an_impossible_life_is_transient(
    new_auth: NewAuth, vendor: Vendor, said: object
) -> None:
    vendor.tokens = deque([as_json(json.loads(token().body) | {"expires_in": said})])
    with pytest.raises(TransientError):
        new_auth().login()


@pytest.mark.parametrize("said", [None, "", "absent", "1200", 900])
def test_a_token_reply_without_a_life_or_with_one_as_text_is_used(
    new_auth: NewAuth, vendor: Vendor, said: object
) -> None:
    body = json.loads(token("lasting").body)
    if said == "absent":
        del body["expires_in"]
    else:
        body["expires_in"] = said
    vendor.tokens = deque([as_json(body)])
    clock = Clock()
    auth = new_auth(clock=clock)
    assert held(auth) == "lasting"
    clock.now += 600
    assert held(auth) == "lasting"
    assert len(vendor.token_requests) == 1


SUBDOMAIN = "https://mc563885gzs27c5t9-63k636ttgm"


@pytest.mark.parametrize(
    ("auth_url", "soap_url"),
    [
        (f"{SUBDOMAIN}.auth.marketingcloudapis.com", f"{SUBDOMAIN}.soap.marketingcloudapis.com/"),
        ("https://auth.example.com", "https://webservice.s10.exacttarget.com/Service.asmx"),
        ("https://auth.gateway.example.com", "https://soap.gateway.example.com:8443/sfmc"),
        ("https://gateway.example.com", "https://gateway.example.com/soap"),
        ("http://127.0.0.1:8001", "http://127.0.0.1:8001"),
        ("http://sandbox:8001/", "http://sandbox:9001/"),
        (f"{SUBDOMAIN}.auth.marketingcloudapis.com", "HTTPS://X.SOAP.MARKETINGCLOUDAPIS.COM"),
    ],
)
def test_a_tenants_address_is_one_of_the_vendor_or_of_our_own_gateway(
    auth_url: str, soap_url: str
) -> None:
    assert tenant_address(soap_url, auth_url=auth_url) == soap_url


@pytest.mark.parametrize(
    ("auth_url", "soap_url"),
    [
        (f"{SUBDOMAIN}.auth.marketingcloudapis.com", soap_url)
        for soap_url in (
            "https://soap.example.com/", "http://x.soap.marketingcloudapis.com/",
            "https://marketingcloudapis.com.example.com/", "https://xmarketingcloudapis.com/",
            "https://x.soap.marketingcloudapis.com@example.com/",
            "https://example.com\\@x.soap.marketingcloudapis.com/",
            "https://example.com#.marketingcloudapis.com", "https://example.com?.exacttarget.com",
            "file:///etc/passwd", "//x.soap.marketingcloudapis.com", "nonsense", "https://",
            "https://127.0.0.1/", "http://127.0.0.1:8001/", "https://169.254.169.254/",
            "https://x.soap.marketingcloudapis.com/\r\nHost: example.com", "ftp://exacttarget.com",
        )
    ]
    + [
        ("http://127.0.0.1:8001", "http://127.0.0.2:8001"),
        ("http://127.0.0.1:8001", "http://x.soap.marketingcloudapis.com"),
        ("https://10.0.0.1", "https://11.0.0.1"),
        ("https://10.0.0.1", "http://10.0.0.1"),
        ("https://auth.co.uk", "https://example.co.uk"),
        ("https://example.com", "https://example.org"),
    ],
)  # fmt: skip
def test_a_soap_address_of_another_host_or_scheme_is_misconfigured(
    auth_url: str, soap_url: str
) -> None:
    with pytest.raises(MisconfiguredError):
        tenant_address(soap_url, auth_url=auth_url)


def test_no_token_is_sent_to_another_host(new_auth: NewAuth, vendor: Vendor) -> None:
    with Vendor() as other:
        elsewhere = other.url.replace("127.0.0.1", "localhost")
        vendor.tokens = deque([token(soap_url=elsewhere)])
        client = Client(auth=new_auth(), soap_url=None, timeout=30.0)
        with pytest.raises(MisconfiguredError, match=r"another host|without TLS"):
            client.system_status()
        assert not other.messages
    # Where a setting names the address, the token's does not matter.
    vendor.answers(Answer(body=system_status("OK")))
    assert Client(auth=new_auth(), soap_url=vendor.url, timeout=30.0).system_status() == "OK"
