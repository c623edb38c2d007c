"""The receiver as a process: what it answers, what it refuses, and what survives it."""

import os
import smtplib
import socket
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings
from django.db import connection

from scripts.servers import HOST, free_port, is_open
from tests.helpers import context
from tests.journeys.processes import Process, wait_for
from tests.mailto.forms import ADDRESS, SENDER, email
from unsub.links.tokens import sign_link
from unsub.mailto import server
from unsub.models import BusinessUnit, SubscriberRequest

pytestmark = pytest.mark.django_db(transaction=True)


class Receiver:
    """A running `manage.py receive_mail` on the test's database."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.port, self.metrics_port = free_port(), free_port()
        environ = os.environ | {
            "DATABASE_URL": _database_url(),
            "MAILTO_ADDRESS": ADDRESS,
            "MAILTO_LISTEN": f"{HOST}:{self.port}",
            "MAILTO_METRICS_ADDRESS": f"{HOST}:{self.metrics_port}",
            "LOG_FORMAT": "json",
            "LOG_LEVEL": "DEBUG",
        }
        command = [sys.executable, "manage.py", "receive_mail"]
        self.process = Process("mailto", command, environ=environ | settings, folder=folder)

    def start(self) -> None:
        """Start it and wait until it listens."""
        self.process.start()
        wait_for(
            "the receiver", lambda: is_open(self.port) or not self.process.is_running, seconds=120
        )
        assert self.process.is_running, self.process.log

    def connect(self, kind: type[smtplib.SMTP] = smtplib.LMTP) -> smtplib.SMTP:
        """Return a connection, greeted."""
        made = kind(HOST, self.port, local_hostname="mx.example.com", timeout=60)
        made.ehlo() if kind is smtplib.SMTP else made.ehlo("mx.example.com")
        return made

    def send(
        self,
        text: str,
        *,
        to: str = ADDRESS,
        sender: str = SENDER,
        kind: type[smtplib.SMTP] = smtplib.LMTP,
    ) -> tuple[int, str]:
        """Send an email; return the code and the text of the reply to its content, or to what was
        refused before."""
        with closing(self.connect(kind)) as made:
            for code, words in (made.mail(sender), made.rcpt(to)):
                if code >= 400:
                    return code, words.decode()
            code, words = made.data(text.replace("\n", "\r\n").encode())
            return code, words.decode()

    def metrics(self) -> str:
        """Return what Prometheus gets."""
        with urllib.request.urlopen(f"http://{HOST}:{self.metrics_port}/", timeout=30) as page:
            return str(page.read().decode())


def _database_url() -> str:
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return f"{os.environ['DATABASE_URL'].rpartition('/')[0]}/{name}"


@pytest.fixture(scope="module")
def shared_process(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Receiver]:
    """A receiver that tests share which do not disturb it."""
    made = Receiver(tmp_path_factory.mktemp("mailto"))
    made.start()
    yield made
    made.process.kill()


@pytest.fixture
def shared(shared_process: Receiver, unit: BusinessUnit) -> Receiver:
    """The shared receiver, with a unit."""
    return shared_process


@pytest.fixture
def receiver(tmp_path: Path, unit: BusinessUnit) -> Iterator[Receiver]:
    """A receiver of the test's own, with a unit."""
    made = Receiver(tmp_path)
    made.start()
    yield made
    made.process.kill()


def token(subscriber: int = 1001) -> str:
    return sign_link(context(subscriber), keys=django_settings.LINK_KEYRING)


def rows() -> list[Any]:
    return sorted(SubscriberRequest.objects.values_list("subscriber_id", flat=True))


def test_emails_are_stored_before_they_are_answered(receiver: Receiver) -> None:
    assert receiver.send(email(token(1001))) == (250, "2.0.0 OK (accepted)")
    assert rows() == [1001]
    # The same port speaks SMTP, and the address may have a detail and any letter case.
    to = "Unsubscribe+news@IN.example.com"
    assert receiver.send(email(token(1002)), to=to, kind=smtplib.SMTP)[0] == 250
    assert rows() == [1001, 1002]
    # A second email in one connection.
    with closing(receiver.connect()) as made:
        for subscriber in (1003, 1004):
            assert made.sendmail(SENDER, [ADDRESS], email(token(subscriber))) == {}
    assert rows() == [1001, 1002, 1003, 1004]
    # What does not count is accepted, and not returned to a sender that may be made up.
    assert receiver.send(email(token(1005)), sender="") == (250, "2.0.0 OK (bounce)")
    assert receiver.send(email("hello"))[0] == 250
    forged = token(1005)[:-5] + "AAAAA"
    assert receiver.send(email(forged)) == (250, "2.0.0 OK (bad_link)")
    assert rows() == [1001, 1002, 1003, 1004]

    metrics = receiver.metrics()
    assert 'unsub_mailto_emails_total{result="accepted"} 4.0' in metrics
    assert 'unsub_mailto_emails_total{result="bounce"} 1.0' in metrics
    assert 'unsub_requests_accepted_total{channel="mailto",repeated="false"} 4.0' in metrics
    log = receiver.process.log
    for secret in (token(1001), "ada@example.com", "eyJ", "Subject"):
        assert secret not in log
    assert receiver.process.end(SIGTERM, seconds=60) == 0


def test_what_is_not_for_the_address_is_refused(shared: Receiver) -> None:
    assert shared.send(email(token()), to="office@example.com")[0] == 550
    with closing(shared.connect()) as made:
        made.mail(SENDER)
        assert made.rcpt(ADDRESS)[0] == 250
        assert made.rcpt(ADDRESS)[0] == 452
    assert '"event": "mailto_recipient_unknown"' in shared.process.log
    assert "office@" not in shared.process.log
    assert rows() == []


def test_an_email_that_is_too_large_is_refused_and_the_next_one_is_not(shared: Receiver) -> None:
    with closing(shared.connect()) as made:
        assert made.esmtp_features["size"] == str(server.SIZE_MAX)
        assert made.mail(SENDER, ["SIZE=99999999"])[0] == 552
        # Without announcing it.
        made.mail(SENDER)
        made.rcpt(ADDRESS)
        line = b"x" * 998 + b"\r\n"
        code, _ = made.data(email(token()).encode() + line * (server.SIZE_MAX // 1000 + 2))
        assert code == 552
        assert rows() == []
        assert made.sendmail(SENDER, [ADDRESS], email(token(1002))) == {}
    assert rows() == [1002]
    # A picture in the signature, and a line that is longer than the standard allows.
    assert shared.send(email(token(1003), body="x" * 1_000_000))[0] in {250, 500}
    big = "\n".join(["x" * 5_000] * 200)
    assert shared.send(email(token(1004), body=big))[0] == 250
    assert rows()[-1] == 1004


def test_connections_and_emails_of_one_host_are_limited(receiver: Receiver) -> None:
    # That by which `start` has seen that it listens may not have ended yet.
    held = [
        wait_for("a place", lambda: _greeted(receiver.port)) for _ in range(server.CONNECTIONS_MAX)
    ]
    with socket.create_connection((HOST, receiver.port), timeout=60) as more:
        assert more.recv(100).startswith(b"421 4.7.0")
    for one in held:
        one.close()
    with closing(wait_for("a place", lambda: _let_in(receiver))) as made:
        code, _ = made.mail(SENDER)
        assert code == 250
        # A minute of the receiver's clock may end on the way: then the count begins again.
        for _ in range(20 * server.PER_MINUTE):
            made.rset()
            code, _ = made.mail(SENDER)
            if code != 250:
                break
        assert code == 450
    assert '"event": "mailto_rate_limited"' in receiver.process.log


def _greeted(port: int) -> socket.socket | None:
    """Return a connection; None where there are too many, as until the receiver has noticed that
    others have ended."""
    one = socket.create_connection((HOST, port), timeout=60)
    if one.recv(100).startswith(b"220 "):
        return one
    one.close()
    return None


def _let_in(receiver: Receiver) -> smtplib.SMTP | None:
    """Return a connection, greeted; None where there are too many."""
    try:
        return receiver.connect()
    except (OSError, smtplib.SMTPException):
        return None


def test_a_receiver_killed_after_its_answer_has_lost_nothing(receiver: Receiver) -> None:
    answered: list[int] = []
    begun = threading.Event()

    def send(first: int) -> None:
        for subscriber in range(first, first + 200):
            try:
                if receiver.send(email(token(subscriber)))[0] == 250:
                    answered.append(subscriber)
                    begun.set()
            except (OSError, smtplib.SMTPException):
                return

    threads = [threading.Thread(target=send, args=(1000 * number,)) for number in range(1, 5)]
    for one in threads:
        one.start()
    assert begun.wait(120)
    receiver.process.signal_all(SIGKILL)
    for one in threads:
        one.join(120)
    assert answered
    assert set(answered) <= set(rows())
    # At most one more for each connection: stored, and its answer was lost.
    assert len(rows()) <= len(set(answered)) + len(threads)


def test_without_the_database_an_email_is_in_the_spool_and_without_redis_it_is_refused(
    tmp_path: Path,
) -> None:
    nowhere = f"postgres://x:x@{HOST}:1/x" if connection.vendor != "sqlite" else "sqlite:////no/db"
    made = Receiver(tmp_path, DATABASE_URL=nowhere)
    made.start()
    try:
        assert made.send(email(token(1001)))[0] == 250
        with redis.Redis.from_url(django_settings.REDIS_URL) as client:
            assert client.keys("profilecenter:spool:*")
    finally:
        made.process.kill()
    broken = Receiver(tmp_path, DATABASE_URL=nowhere, REDIS_URL=f"redis://{HOST}:1/0")
    broken.start()
    try:
        assert broken.send(email(token(1001)))[0] == 451
        assert 'unsub_mailto_emails_total{result="not_stored"} 1.0' in broken.metrics()
    finally:
        broken.process.kill()


def test_the_command_needs_an_address(tmp_path: Path) -> None:
    made = Receiver(tmp_path, MAILTO_ADDRESS="")
    made.process.start()
    wait_for("the end", lambda: not made.process.is_running, seconds=120)
    assert "Set MAILTO_ADDRESS" in made.process.log
