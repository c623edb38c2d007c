"""The configurations of nginx and Caddy in deploy/, in front of the real web process."""

import re
import socket
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import cycle
from pathlib import Path
from select import select
from signal import SIGTERM
from threading import Event
from urllib.parse import urlsplit

import pytest

from scripts.servers import HOST, free_port
from tests.journeys.deployment import Deployment
from tests.journeys.front import NAME, Proxy
from tests.journeys.processes import wait_for
from tests.journeys.talk import FORM, answer, ask, one_click, open_half_sent, request
from tests.journeys.webs import Web, web
from unsub.infra.request_id import accepted

KINDS = ("nginx", "caddy")
# What a client may write, so that the application takes it for something else.
LIES = (
    "X-Forwarded-Proto: ftp", "X-Forwarded-For: 192.0.2.1", "X-Forwarded-Host: evil.example",
    "X-Forwarded-Ssl: off", "Forwarded: for=192.0.2.1;proto=ftp", f"X-Request-ID: {'a' * 32}",
)  # fmt: skip


@pytest.fixture(scope="module")
def behind(shared: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A gunicorn whose public address is the proxy's, with https."""
    folder = tmp_path_factory.mktemp("behind")
    with web(shared, folder, seconds=300, PUBLIC_URL=f"https://{NAME}") as running:
        yield running


@pytest.fixture(scope="module", params=KINDS)
def proxy(
    request: pytest.FixtureRequest, behind: Web, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    """A proxy in front of it."""
    folder = tmp_path_factory.mktemp(request.param)
    with Proxy(request.param, folder=folder, upstream=behind.port) as running:
        yield running


def subscriber(proxy: Proxy, number: int) -> int:
    """Return a subscriber of this proxy's own."""
    return number + 100 * KINDS.index(proxy.kind)


@pytest.mark.parametrize("tls", [True, False])
def test_a_one_click_beside_half_sent_requests_is_accepted(
    shared: Deployment, proxy: Proxy, tls: bool
) -> None:
    number = subscriber(proxy, 2200 + tls)
    with open_half_sent(proxy.connect, "/u/somebody", rounds=5):
        path = urlsplit(shared.link(number)).path
        assert ask(lambda: proxy.connect(tls=tls), one_click(path))[0] == 200
        assert ask(proxy.connect, request(path))[0] == 200
    assert shared.event_of(number)["list_id"] == 7001


def test_only_readers_are_redirected_to_https(shared: Deployment, proxy: Proxy) -> None:
    path = urlsplit(shared.link(subscriber(proxy, 2202))).path
    status, text = ask(lambda: proxy.connect(tls=False), request(path))
    assert status == 301
    assert f"\r\nlocation: https://{NAME}{path}\r\n".encode() in text.replace(b"Loc", b"loc")
    for tls in (True, False):
        assert ask(lambda: proxy.connect(tls=tls), one_click(path))[0] == 200  # noqa: B023
    _, text = ask(proxy.connect, request(path))
    assert b"max-age=63072000\r\n" in text


@pytest.mark.parametrize(
    "path",
    ["/metrics", "/readyz", "//metrics", "/%6detrics", "/x/../metrics", "/metrics?a", "/metrics/"],
)
def test_figures_are_not_public(proxy: Proxy, path: str) -> None:
    status, text = ask(proxy.connect, request(path))
    assert status in {301, 400, 404}
    assert b"unsub_" not in text
    assert b"broker" not in text
    assert ask(proxy.connect, request("/healthz"))[0] == 200


def too_large(path: str) -> bytes:
    """Return a POST whose body is larger than any of a recipient."""
    return one_click(path).replace(FORM, b"a" * 70_000).replace(b": 26", b": 70000")


def test_bodies_are_limited_and_the_admin_may_have_larger_ones(proxy: Proxy) -> None:
    assert ask(proxy.connect, too_large("/u/somebody"))[0] == 413
    assert ask(proxy.connect, too_large("/admin/nothing"))[0] in {302, 403}


def test_clients_with_bodies_that_are_too_large_keep_nobody_waiting(proxy: Proxy) -> None:
    def refused(_: int) -> set[int]:
        return {ask(proxy.connect, too_large("/u/somebody"))[0] for _ in range(20)}

    with ThreadPoolExecutor(4) as pool:
        clients = [pool.submit(refused, number) for number in range(4)]
        others = {ask(proxy.connect, request("/u/nobody"))[0] for _ in range(10)}
    assert others == {404}
    assert set.union(*(client.result() for client in clients)) == {413}


def test_long_links_and_large_headers_are_passed_on(proxy: Proxy) -> None:
    cookies = tuple(f"X-Large-{n}: {'a' * 6000}" for n in range(3))
    status, text = ask(proxy.connect, request("/u/" + "a" * 8000, *cookies))
    # Our page, not one of the server's in front.
    assert (status, "This link doesn’t work".encode() in text) == (404, True)


@pytest.mark.parametrize("octets", ["\xe2\x80\x9d", "\xa0", "\xff"])
def test_a_link_with_octets_above_127_behind_it_works(
    shared: Deployment, proxy: Proxy, octets: str
) -> None:
    path = urlsplit(shared.link(subscriber(proxy, 2203))).path
    assert ask(proxy.connect, request(path + octets))[0] == 200
    assert ask(proxy.connect, one_click(path + octets))[0] == 200


@pytest.mark.parametrize("sent", ["HTTPS", "https,http", "https, https"])
def test_other_spellings_of_https_lead_to_no_redirect(
    shared: Deployment, behind: Web, sent: str
) -> None:
    path = urlsplit(shared.link(2205)).path
    for more in ((), ("X-Forwarded-Ssl: on",), ("X-Forwarded-Ssl: off",)):
        assert ask(behind.connect, request(path, f"X-Forwarded-Proto: {sent}", *more))[0] == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_probes_inside_need_neither_the_host_nor_https(behind: Web, path: str) -> None:
    assert ask(behind.connect, request(path, host="10.0.0.7:8000"))[0] == 200
    assert ask(behind.connect, request("/nowhere", host="10.0.0.7:8000"))[0] == 400


@pytest.mark.parametrize("path", ["/u/a b", "/u/a%zz", "/u/a%"])
def test_addresses_that_a_proxy_itself_refuses_are_those_of_the_handbook(
    proxy: Proxy, path: str
) -> None:
    assert ask(proxy.connect, request(path))[0] == 400


@contextmanager
def recorder(kind: str, folder: Path) -> Iterator[tuple[socket.socket, Proxy]]:
    """Yield a socket that listens in place of the web process, and a proxy in front of it."""
    with socket.create_server((HOST, free_port())) as listener:
        port = listener.getsockname()[1]
        with Proxy(kind, folder=folder, upstream=port) as proxy:
            yield listener, proxy


@pytest.mark.parametrize("kind", KINDS)
def test_a_request_is_passed_on_when_it_is_complete_and_with_the_proxy_s_own_headers(
    kind: str, tmp_path: Path
) -> None:
    whole = one_click("/u/somebody", *LIES)
    with recorder(kind, tmp_path) as (listener, proxy), proxy.connect() as client:
        client.sendall(whole[:-1])
        listener.settimeout(1)
        with pytest.raises(TimeoutError):
            listener.accept()
        client.sendall(whole[-1:])
        listener.settimeout(60)
        passed_on, _ = listener.accept()
        with passed_on:
            passed_on.settimeout(60)
            received = passed_on.recv(65536)
            while not received.endswith(FORM):
                received += passed_on.recv(65536)
    headers = dict(re.findall(r"^([\w-]+): (.*)\r$", received.decode(), re.MULTILINE))
    headers = {name.lower(): value for name, value in headers.items()}
    assert (headers["host"], headers["x-forwarded-proto"]) == (NAME, "https")
    assert headers["x-forwarded-for"] == HOST
    assert accepted(headers["x-request-id"]).strip("a")
    assert not headers.keys() & {"forwarded", "x-forwarded-host", "x-forwarded-ssl"}


def test_caddy_repeats_a_one_click_whose_web_process_ends_over_it(tmp_path: Path) -> None:
    """nginx repeats it too, but never to the same address."""
    with recorder("caddy", tmp_path) as (listener, proxy), proxy.connect() as client:
        client.sendall(one_click("/u/somebody"))
        listener.settimeout(60)
        for is_last in (False, True):
            passed_on, _ = listener.accept()
            with passed_on:
                passed_on.settimeout(60)
                received = b""
                while not received.endswith(FORM):
                    received += passed_on.recv(65536)
                if is_last:
                    passed_on.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        client.settimeout(60)
        assert answer(client)[0] == 200


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("path", "repeated"), [("/u/somebody", True), ("/admin/nothing", False)])
def test_a_post_of_a_recipient_is_repeated_and_one_in_the_admin_is_not(
    kind: str, path: str, repeated: bool, tmp_path: Path
) -> None:
    with (
        recorder(kind, tmp_path) as (first, proxy),
        socket.create_server((HOST, proxy.second)) as second,
        proxy.connect() as client,
    ):
        client.sendall(one_click(path))
        # The one that gets it ends over the request, and is not there any more.
        ends = select([first, second], [], [], 60)[0][0]
        lives = second if ends is first else first
        passed_on, _ = ends.accept()
        with passed_on:
            ends.close()
            while not passed_on.recv(65536).endswith(FORM):
                pass
        lives.settimeout(60)
        if repeated:
            passed_on, _ = lives.accept()
            with passed_on:
                passed_on.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        assert answer(client)[0] == (200 if repeated else 502)
        lives.setblocking(False)
        with pytest.raises(BlockingIOError):
            lives.accept()


def test_caddy_tries_a_body_without_a_length_that_is_too_large_once(tmp_path: Path) -> None:
    """To Caddy the body is an error of the application; nginx passes on none of it."""
    head = request("/u/somebody", "Transfer-Encoding: chunked").replace(b"GET", b"POST", 1)
    with recorder("caddy", tmp_path) as (listener, proxy), proxy.connect() as client:
        client.sendall(head + b"11170\r\n" + b"a" * 70_000 + b"\r\n0\r\n\r\n")
        listener.settimeout(60)
        passed_on, _ = listener.accept()
        with passed_on:
            assert answer(client)[0] == 413
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.parametrize("kind", KINDS)
def test_no_visitor_notices_that_the_web_process_is_replaced(
    shared: Deployment, kind: str, tmp_path: Path
) -> None:
    """As scripts/deploy/upgrade.sh does it: the old one is stopped when the new one answers."""
    paths = [urlsplit(shared.link(number)).path for number in range(2400, 2440)]
    replies: list[int] = []
    over = Event()

    def visit(mine: Sequence[str]) -> None:
        for path in cycle(mine):
            if over.is_set():
                return
            replies.append(ask(proxy.connect, one_click(path))[0])
            replies.append(ask(proxy.connect, request(path))[0])

    def start(name: str, port: int = 0) -> Web:
        folder = tmp_path / name
        folder.mkdir()
        return webs.enter_context(
            web(shared, folder, seconds=300, port=port, PUBLIC_URL=f"https://{NAME}")
        )

    with ExitStack() as webs:
        old = start("first")
        first, second = old.port, free_port()
        folder = tmp_path / kind
        folder.mkdir()
        proxy = webs.enter_context(Proxy(kind, folder=folder, upstream=first, second=second))
        with ThreadPoolExecutor(4) as pool:
            visitors = [pool.submit(visit, paths[number::4]) for number in range(4)]
            for name, port in (("new", second), ("newer", first)):
                new = start(name, port)
                seen = len(replies)
                wait_for("visits to both", lambda: len(replies) > seen + 40)  # noqa: B023
                assert old.process.end(SIGTERM, seconds=90) == 0
                old = new
            over.set()
        for visitor in visitors:
            visitor.result()
    assert Counter(replies).keys() == {200}, Counter(replies)


@pytest.mark.parametrize("kind", KINDS)
def test_no_token_is_in_a_proxy_s_log_whatever_fails(
    shared: Deployment, kind: str, tmp_path: Path
) -> None:
    token = shared.link(2204).rpartition("/")[2]
    with recorder(kind, tmp_path) as (listener, proxy):
        for path in (f"/u/{token}", f"/u/{token}%zz", f"/u/{token} x"):
            with proxy.connect() as client:
                client.sendall(request(path))
                listener.settimeout(2)
                try:
                    listener.accept()[0].close()  # a process that dies over the request
                except TimeoutError:
                    continue
                client.settimeout(1)
                try:
                    answer(client)
                except TimeoutError:
                    continue
        listener.close()
        assert ask(proxy.connect, one_click(f"/u/{token}"))[0] == 502
        with proxy.connect() as client:
            client.sendall(one_click(f"/u/{token}")[:-9])
        log = proxy.log
    assert not [part for part in token.split(".") if part in log], log
