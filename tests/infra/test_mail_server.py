"""An email goes through the mail server, or the call that sends it ends."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope, Session
from django.core.mail import EmailMessage
from django.utils import translation
from django.utils.translation import gettext_lazy
from pytest_django.fixtures import Settings

from profilecenter.environment import Env
from scripts.servers import HOST, free_port
from tests.certificates import self_signed
from tests.slow_names import SLOW, slow_names
from unsub.infra import mail_server

SHORT = 0.5  # seconds


class Inbox:
    """What a mail server of the test's own has received."""

    def __init__(self) -> None:
        self.emails: list[Envelope] = []

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, _session: Session, envelope: Envelope
    ) -> str:
        """Take an email."""
        self.emails.append(envelope)
        return "250 taken"


@contextmanager
def receiving(settings: Settings, url: str = "smtp", **options: Any) -> Iterator[Inbox]:
    """Run a mail server, which EMAIL_URL names."""
    inbox, port = Inbox(), free_port()
    server = Controller(inbox, hostname=HOST, port=port, ready_timeout=60, **options)
    server.start()
    try:
        use(settings, f"{url}://{HOST}:{port}")
        yield inbox
    finally:
        server.stop()


def use(settings: Settings, url: str) -> None:
    """Do as settings.py does with EMAIL_URL."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMAIL_URL", url)
        for name, value in Env().email_server("EMAIL_URL", default="").items():
            setattr(settings, name, value)
    settings.EMAIL_TIMEOUT = 60


def email(*to: str) -> EmailMessage:
    """Return an email."""
    return EmailMessage("subject", "text", to=list(to) or ["ada@example.com"])


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """What a server needs that the backend trusts."""
    file = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a call end soon."""
    monkeypatch.setattr(mail_server, "SECONDS", SHORT)
    monkeypatch.setattr(mail_server, "SECONDS_EACH", 0)


def test_an_email_is_sent(settings: Settings) -> None:
    with receiving(settings) as inbox:
        assert email("ada@example.com", "bob@example.com").send() == 1
    assert inbox.emails[0].rcpt_tos == ["ada@example.com", "bob@example.com"]


def test_an_email_is_sent_over_tls_from_the_start(
    settings: Settings, certificate: ssl.SSLContext
) -> None:
    with receiving(settings, "smtp+ssl", ssl_context=certificate) as inbox:
        assert email().send() == 1
    assert len(inbox.emails) == 1


def test_an_email_is_sent_over_tls_after_the_greeting(
    settings: Settings, certificate: ssl.SSLContext
) -> None:
    options = {"tls_context": certificate, "require_starttls": True}
    with receiving(settings, "smtp+tls", **options) as inbox:
        assert email().send() == 1
    assert len(inbox.emails) == 1


Behaviour = Callable[[socket.socket, threading.Event], None]


def say_nothing(_: socket.socket, over: threading.Event) -> None:
    """Accept, and no more."""
    over.wait(60)


def drip(client: socket.socket, over: threading.Event) -> None:
    """Greet without an end, each byte in time."""
    while not over.wait(0.05):
        client.sendall(b"2")


def repeat(client: socket.socket, over: threading.Event) -> None:
    """Greet with one line after the other."""
    while not over.wait(0.05):
        client.sendall(b"220-mail.example.com\r\n")


@contextmanager
def listening(act: Behaviour) -> Iterator[int]:
    """Run a server that does so with each connection; yield its port."""
    over = threading.Event()

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                with client, suppress(OSError):
                    act(client, over)

    with socket.create_server((HOST, 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(60)


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("url", ["smtp", "smtp+ssl", "smtp+tls"])
@pytest.mark.parametrize("act", [say_nothing, drip, repeat])
def test_a_server_without_an_end_is_given_up(settings: Settings, act: Behaviour, url: str) -> None:
    with listening(act) as port:
        use(settings, f"{url}://{HOST}:{port}")
        with pytest.raises(OSError):  # noqa: PT011 - a server that drips speaks no TLS
            email().send()
        assert email().send(fail_silently=True) == 0


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("silently", [False, True])
def test_a_name_that_no_resolver_answers_is_given_up_and_nothing_is_sent_later(
    settings: Settings, silently: bool
) -> None:
    with receiving(settings) as inbox, slow_names() as look_ups:
        settings.EMAIL_HOST = SLOW
        if silently:
            assert email().send(fail_silently=True) == 0
        else:
            with pytest.raises(TimeoutError):
                email().send()
        assert not look_ups.answered
        look_ups.may_answer.set()
    assert look_ups.answered == [SLOW]
    assert not inbox.emails


def test_a_subject_is_in_the_language_of_who_sends_it(settings: Settings) -> None:
    with receiving(settings) as inbox, translation.override("de"):
        message = email()
        message.subject = gettext_lazy("Unsubscribe")
        assert message.send() == 1
    assert b"Subject: Abmelden" in (inbox.emails[0].original_content or b"")


def test_many_recipients_have_more_time(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_server, "SECONDS", 0.0)
    monkeypatch.setattr(mail_server, "SECONDS_EACH", 60.0)
    with receiving(settings) as inbox:
        assert email().send() == 1
    assert len(inbox.emails) == 1


def test_without_a_thread_to_spare_the_error_is_that_of_a_server_out_of_reach(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(settings, f"smtp://{HOST}:1")

    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(OSError, match="no thread to spare"):
        email().send()
    assert email().send(fail_silently=True) == 0


def test_a_refused_email_is_told_as_the_server_told_it(settings: Settings) -> None:
    use(settings, f"smtp://{HOST}:1")
    with pytest.raises(ConnectionRefusedError):
        email().send()
