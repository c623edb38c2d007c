"""Errors of the log, sent to Sentry. Needs the package sentry-sdk.

A client of our own without any integration: integrations collect requests, local variables and
breadcrumbs. Sent are the name of the event, its fields, and where an exception was raised. Never
sent are the message of an exception and the arguments of another library's log line, which may
quote what somebody sent.
"""

import logging
import sys
from typing import Any

from sentry_sdk import Client
from sentry_sdk.utils import event_from_exception
from structlog.contextvars import get_contextvars

from .logs import clean, write_line

# Of a line: what Sentry has fields of its own for.
_NO_FIELDS = frozenset({"event", "level", "logger", "timestamp", "exc_info"})
_NOT_SENT = "[not sent]"


class SentryHandler(logging.Handler):
    """Sends each record as an event, in the background. What cannot be sent is dropped."""

    def __init__(self, *, dsn: str, release: str) -> None:
        super().__init__()
        self._client = Client(
            dsn=dsn,
            release=release,
            default_integrations=False,
            auto_enabling_integrations=False,
            auto_session_tracking=False,
            send_client_reports=False,
            include_local_variables=False,
            before_send=lambda event, _hint: _cleaned(event),
        )

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record, if the queue has room. Never raises."""
        try:
            self._client.capture_event(_event(record, self._client.options))
        except Exception as err:  # noqa: BLE001 - logging would print message and arguments
            write_line(logging.WARNING, f"sentry_event_failed: {type(err).__name__}")

    def flush(self) -> None:
        """Wait for the events that are under way, two seconds at most."""
        self._client.flush(timeout=2)


def _event(record: logging.LogRecord, options: dict[str, Any]) -> Any:
    """Return the event of a record."""
    fields = record.msg if isinstance(record.msg, dict) else {"event": record.msg}
    event = _of_exception(record.exc_info or fields.get("exc_info"), options)
    event |= {
        "level": record.levelname.lower(),
        "logger": record.name,
        # The template alone: the arguments may be anything.
        "logentry": {"message": str(fields.get("event"))},
        "extra": get_contextvars()
        | {name: value for name, value in fields.items() if name not in _NO_FIELDS},
    }
    return event


def _of_exception(exc_info: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Return the part of an event that describes the exception; empty without one."""
    found = sys.exc_info() if exc_info is True else exc_info
    if isinstance(found, BaseException):
        found = (type(found), found, found.__traceback__)
    if not found or found[1] is None:
        return {}
    event: Any = event_from_exception(found, client_options=options)[0]
    for value in event["exception"]["values"]:
        value["value"] = _NOT_SENT
    return dict(event)


def _cleaned(value: Any) -> Any:
    """Return a value in which every text is scrubbed as the log is."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {key: _cleaned(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(one) for one in value]
    return value
