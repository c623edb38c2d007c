"""Which addresses are public, and that a connection is made to the one that was checked."""

import socket
from typing import Any

import pytest
import requests

from tests.slow_names import SLOW, slow_names
from unsub.infra.public_addresses import ForbiddenAddressError, is_public, new_session
from unsub.sfmc.deadline import exchange


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",
        "0.0.0.0",  # noqa: S104 - bound to nothing
        "100.64.0.1", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1",
        "fe80::1%eth0", "fd12::1", "ff02::1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
        "2002:7f00:1::", "2001:db8::1", "fec0::1", "64:ff9b:1::7f00:1", "::127.0.0.1",
        "::ffff:0:7f00:1", "4000::1",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07::1", "64:ff9b::808:808"])
def test_a_public_address(address: str) -> None:
    assert is_public(address)


def resolve_to(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[list[str]]:
    """Let a name server answer one after the other with these addresses. Return what is left."""
    left = list(answers)

    def getaddrinfo(host: str, port: int, *_args: Any, **_more: Any) -> list[Any]:
        found = [host] if host[:1].isdigit() else left.pop(0)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return left


def test_a_name_with_a_private_address_among_public_ones_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolve_to(monkeypatch, ["93.184.215.14", "10.0.0.1"])
    with new_session(allow_private=False) as session, pytest.raises(ForbiddenAddressError):
        session.post("http://rebinding.example.com/")


def test_a_name_is_resolved_once_and_the_checked_address_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The second answer is what a hostile name server would give for the connection.
    left = resolve_to(monkeypatch, ["93.184.215.14"], ["127.0.0.1"])
    called: list[Any] = []

    def create_connection(address: Any, *_args: Any, **_more: Any) -> socket.socket:
        called.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr("urllib3.util.connection.create_connection", create_connection)
    with new_session(allow_private=False) as session, pytest.raises(requests.ConnectionError):
        session.post("http://rebinding.example.com/")
    assert called == [("93.184.215.14", 80)]
    assert left == [["127.0.0.1"]]


def test_a_name_that_was_not_found_is_not_looked_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    # A hostile name server fails for the check, and answers for the connection.
    looked_up: list[str] = []

    def getaddrinfo(host: str, port: int, *_args: Any, **_more: Any) -> list[Any]:
        looked_up.append(host)
        if len(looked_up) == 1:
            raise socket.gaierror(socket.EAI_AGAIN, "try again")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with new_session(allow_private=False) as session, pytest.raises(requests.ConnectionError):
        session.post("http://rebinding.example.com:9/")
    assert looked_up == ["rebinding.example.com"]


@pytest.mark.parametrize("allow_private", [False, True])
def test_a_look_up_without_an_end_is_given_up_at_the_deadline(allow_private: bool) -> None:
    with slow_names() as look_ups, new_session(allow_private=allow_private) as session:
        with exchange(0.2) as running, pytest.raises(requests.ConnectTimeout):
            session.post(f"http://{SLOW}:9/")
        assert running.is_over
        assert not look_ups.answered


def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    resolve_to(monkeypatch, ["127.0.0.1"])
    with new_session(allow_private=False) as session, pytest.raises(ForbiddenAddressError):
        session.post("http://rebinding.example.com/")
