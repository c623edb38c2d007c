"""No token and no personal data in log lines, nor in error emails."""

import io
import logging
import logging.config
import sys
import threading
from types import SimpleNamespace

import pytest
from django.core import mail
from django.test import Client
from pytest_django.fixtures import Settings

from profilecenter.logs import ScrubbingFormatter, logging_config, report_uncaught

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzayI6ImFkYSJ9.c2lnbmF0dXJl"


@pytest.mark.parametrize("style", ["json", "console"])
@pytest.mark.parametrize(
    "text",
    [
        f"Internal Server Error: /u/{TOKEN}",
        f"https://mail.example.com/u/{TOKEN}/done?x=1",
        f'{{"path": "/p/{TOKEN}"}}',
        f"/u/%C3%A9{TOKEN}",
        f"/u/\\xf2{TOKEN}",
        f"Invalid HTTP request line: 'GET_{TOKEN}'",
        f"u%2F{TOKEN}",
        f"Not Found: /admin/account/invitation/{TOKEN}/",
        f"Internal Server Error: /admin/account/password/reset/key/{TOKEN}/",
    ],
)
def test_log_lines_contain_no_token(style: str, text: str) -> None:
    line = written(style, text)
    assert TOKEN not in line
    assert "c2lnbmF0dXJl" not in line
    assert "[token]" in line


@pytest.mark.parametrize("style", ["json", "console"])
def test_log_lines_keep_the_node_and_the_broker_without_its_password(style: str) -> None:
    line = written(style, "celery@5f0c3a2b1d9e connected to redis://:word@redis:6379/0")
    assert "celery@5f0c3a2b1d9e connected to redis://**@redis:6379/0" in line
    assert "word" not in line


@pytest.mark.parametrize("style", ["json", "console"])
def test_tracebacks_contain_no_address_and_no_local_variables(style: str) -> None:
    local = "a-local-variable-of-somebody"
    try:
        assert local
        raise ValueError("ada@example.com is no subscriber")  # noqa: TRY301
    except ValueError:
        line = written(style, "it failed", exc_info=True)
    assert "ValueError" in line
    assert local not in line
    assert "ada@" not in line


@pytest.mark.parametrize("style", ["json", "console"])
@pytest.mark.parametrize("token", [TOKEN, f"{'h' * 20}..{'n' * 16}.{'b' * 30}.{'t' * 22}"])
def test_tracebacks_contain_no_token_of_an_exception(style: str, token: str) -> None:
    try:
        raise ValueError({"link": token}, token)  # noqa: TRY301
    except ValueError:
        line = written(style, "it failed", exc_info=True)
    assert not [part for part in token.split(".") if part and part in line]


@pytest.mark.parametrize("style", ["json", "console"])
def test_a_log_call_with_wrong_arguments_writes_none_of_them(
    style: str, capfd: pytest.CaptureFixture[str]
) -> None:
    line = written(style, "%d of the link", TOKEN)
    line += written(style, f"{TOKEN} %s %s", "ada@example.com")
    assert line.count("log_call_failed: TypeError in ") == 2
    assert "test_logs.py" in line
    for text in (line, "".join(capfd.readouterr())):
        assert "eyJ" not in text
        assert "ada" not in text


def test_what_ends_a_thread_is_one_line_without_its_person(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)
    monkeypatch.setattr(sys, "unraisablehook", sys.__unraisablehook__)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    report_uncaught()
    thread = threading.Thread(target=lambda: (_ for _ in ()).throw(ValueError(f"/u/{TOKEN}")))
    thread.start()
    thread.join()
    sys.unraisablehook(SimpleNamespace(
        exc_type=ValueError, exc_value=ValueError("ada@example.com"), exc_traceback=None,
        err_msg=None, object=None,
    ))  # fmt: skip
    (first, second) = capfd.readouterr().err.strip().splitlines()
    assert "uncaught_exception" in first
    assert "[token]" in first
    assert "[address]" in second


def written(style: str, text: str, *values: object, **more: object) -> str:
    """Return what a logger of this project writes."""
    config = logging_config(style, "DEBUG")["formatters"]["line"]
    arguments = {key: value for key, value in config.items() if key != "()"}
    handler = logging.StreamHandler(stream := io.StringIO())
    handler.setFormatter(ScrubbingFormatter(**arguments))
    logger = logging.getLogger("tests.written")
    logger.addHandler(handler)
    try:
        logger.error(text, *values, **more)  # type: ignore[arg-type]
    finally:
        logger.removeHandler(handler)
    return stream.getvalue()


@pytest.mark.django_db
def test_a_server_error_sends_no_email_with_the_link(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: str) -> None:
        raise RuntimeError("ada@example.com")

    settings.ADMINS = [("operator", "operator@example.com")]
    monkeypatch.setattr("unsub.web.signed_link.open_damaged_link", fails)
    answer = Client(raise_request_exception=False).get(f"/u/{TOKEN}")
    assert answer.status_code == 500
    assert "The problem is on our side." in answer.content.decode()
    assert mail.outbox == []
    assert not answer.cookies
    assert answer["Referrer-Policy"] == "no-referrer"
