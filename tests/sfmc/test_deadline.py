"""The time-out ends a whole exchange, whatever the other side sends meanwhile."""

import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from threading import Event, Thread

import pytest
import requests
from urllib3.exceptions import HTTPError

from tests.sfmc.conftest import NewAuth, request
from tests.sfmc.vendor import (
    Vendor,
    continue_for_ever,
    drip,
    drip_header,
    drip_status,
    empty_chunks,
    empty_gzip_blocks,
    hang,
    reply,
)
from tests.slow_names import SLOW, slow_names
from tests.stand_in import Answer, Handler
from unsub.sfmc import TransientError, UnknownOutcomeError, deadline
from unsub.sfmc.client import Client
from unsub.sfmc.deadline import Exchange, exchange
from unsub.sfmc.http import new_session, post

Behaviour = Callable[[Handler], bool]
# Seconds. Long enough for a busy machine to send a message, and to receive a reply that has an end.
SHORT = 3.0
ENDLESS = (
    hang, drip, drip_header, drip_status, continue_for_ever, empty_gzip_blocks, empty_chunks,
)  # fmt: skip


@pytest.mark.parametrize("act", ENDLESS)
def test_a_reply_without_an_end_is_an_unknown_outcome(
    new_auth: NewAuth, vendor: Vendor, act: Behaviour
) -> None:
    client = Client(auth=new_auth(), soap_url=vendor.url, timeout=SHORT)
    vendor.answers(Answer(act=act), Answer(body=reply()))
    with pytest.raises(UnknownOutcomeError):
        client.execute([request()])
    # The connection is not used again.
    again = Client(auth=new_auth(), soap_url=vendor.url, timeout=30.0)
    assert again.execute([request()]).overall_status == "OK"
    assert len(vendor.messages) == 2


@pytest.mark.parametrize("act", ENDLESS)
def test_a_token_reply_without_an_end_is_transient(
    new_auth: NewAuth, vendor: Vendor, act: Behaviour
) -> None:
    vendor.tokens = deque([Answer(act=act)])
    with pytest.raises(TransientError):
        new_auth(timeout=0.5).login()


def test_a_used_connection_is_ended_as_well(new_auth: NewAuth, vendor: Vendor) -> None:
    client = Client(auth=new_auth(), soap_url=vendor.url, timeout=SHORT)
    vendor.answers(Answer(body=reply()), Answer(act=drip_header), Answer(body=reply()))
    assert client.execute([request()]).overall_status == "OK"
    with pytest.raises(UnknownOutcomeError):
        client.execute([request()])
    assert client.execute([request()]).overall_status == "OK"


def test_a_tls_handshake_that_never_ends_sends_nothing(vendor: Vendor) -> None:
    # A server that speaks no TLS waits for a request line, and so sends nothing.
    with pytest.raises(TransientError) as caught:
        post(new_session(1), vendor.url.replace("http:", "https:"), b"x", {}, timeout=0.5)
    assert not isinstance(caught.value, UnknownOutcomeError)
    assert not vendor.messages


def test_a_look_up_of_a_name_is_given_up_at_the_deadline_and_nothing_is_sent(
    vendor: Vendor,
) -> None:
    url = vendor.url.replace("127.0.0.1", SLOW)
    with slow_names() as look_ups:
        with pytest.raises(TransientError) as caught:
            post(new_session(1), url, b"x", {}, timeout=0.2)
        assert not isinstance(caught.value, UnknownOutcomeError)
        assert not look_ups.answered
    assert look_ups.answered == [SLOW]
    assert not vendor.messages


def test_a_connection_that_is_made_after_the_deadline_is_closed() -> None:
    ours, theirs = socket.socketpair()
    may_connect = Event()

    def connect() -> socket.socket:
        may_connect.wait(60)
        return ours

    with theirs, exchange(0.05) as running:
        with pytest.raises(TimeoutError):
            running.connect(connect)
        assert running.is_over
        may_connect.set()
        assert theirs.recv(1) == b""


def test_without_a_thread_to_spare_there_is_no_connection_and_nothing_is_sent(
    vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = new_session(1)
    with exchange(30.0):  # which lets the thread of the deadlines begin
        monkeypatch.setattr(Thread, "start", _no_thread)
        with pytest.raises(TransientError) as caught:
            post(session, vendor.url, b"x", {}, timeout=30.0)
    assert not isinstance(caught.value, UnknownOutcomeError)
    assert not vendor.messages


def test_nothing_is_sent_after_the_deadline(vendor: Vendor) -> None:
    session = new_session(1)
    with exchange(30.0) as running:
        running.end()
        with pytest.raises((requests.RequestException, HTTPError)):
            session.post(vendor.url, data=b"x", timeout=5)
    assert not running.was_sent
    assert not vendor.messages


def test_compressed_replies_are_not_asked_for(new_auth: NewAuth, vendor: Vendor) -> None:
    Client(auth=new_auth(), soap_url=vendor.url, timeout=30.0).execute([request()])
    assert vendor.headers[0]["Accept-Encoding"] == "identity"


def _is_over(running: Exchange) -> bool:
    """Wait for the deadline of an exchange. Return whether it passed."""
    until = time.monotonic() + 60
    while not running.is_over and time.monotonic() < until:
        time.sleep(0.005)
    return running.is_over


def test_a_deadline_that_is_nearer_than_those_before_ends_its_exchange_first() -> None:
    with exchange(3600) as far, exchange(0.01) as near:
        assert _is_over(near)
        assert not far.is_over


def test_a_deadline_that_no_thread_could_watch_is_no_reason_to_watch_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deadline, "_timer", deadline._Timer())
    with monkeypatch.context() as full:
        full.setattr(Thread, "start", _no_thread)
        with pytest.raises(RuntimeError), exchange(0.01):
            pass
    with exchange(0.01) as running:
        assert _is_over(running)


def _no_thread(_: Thread) -> None:
    """Do as Python does where the system has no thread to spare."""
    raise RuntimeError("can't start new thread")


FORK = """
import os, time
from unsub.sfmc.deadline import Exchange, exchange
with exchange(3600):
    child = os.fork()
    if not child:
        with exchange(0.01) as running:
            until = time.monotonic() + 60
            while not running.is_over and time.monotonic() < until:
                time.sleep(0.005)
            os._exit(0 if running.is_over else 1)
    assert os.waitpid(child, 0)[1] == 0
"""


def test_a_child_process_has_deadlines_of_its_own() -> None:
    subprocess.run([sys.executable, "-c", FORK], check=True, timeout=120)
