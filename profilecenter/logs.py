"""Logging: one line per event, as JSON or for a terminal, without personal data.

The same format for Django, gunicorn and Celery, even before Django's settings are loaded.
"""

import logging
import logging.config
import os
import re
import sys
import threading
from functools import cache
from types import TracebackType
from typing import Any

import structlog
from django.core.exceptions import ImproperlyConfigured

from unsub.domain.masking import scrub

from .environment import read_environment

# The path after /u/, /p/ or /c/, and in the links of staff, is a credential; Django's own
# "Not Found: /u/..." contains it.
_TOKEN_PATH = re.compile(
    r"""/([upc]|invitation|reset/key)/(?:[^\s/?"'\\]|\\{1,2}[xuU][0-9a-f]{2,8})+"""
)


# Celery logs the start and the end of every task; our own lines say what it did.
_CHATTY = (
    "zeep", "urllib3", "kombu", "amqp", "celery.worker.strategy", "celery.app.trace", "boto3",
    "botocore", "s3transfer",
)  # fmt: skip


STYLES = ("json", "console")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def clean(text: str) -> str:
    """Return a text without tokens, email addresses and credentials of URLs."""
    return scrub(_TOKEN_PATH.sub(r"/\1/[token]", text))


class ScrubbingFormatter(structlog.stdlib.ProcessorFormatter):
    """Formatter that removes tokens and email addresses from each line, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the finished line. Scrubbing is the last step: nothing is added after it.

        A call whose message and arguments do not fit, of a library perhaps, gives a line that says
        where it is, without either of them.
        """
        try:
            line = super().format(record)
        except Exception as err:  # noqa: BLE001 - logging would print message and arguments as they are
            line = super().format(_unwritten(record, err))
        return clean(line)


def _unwritten(record: logging.LogRecord, error: Exception) -> logging.LogRecord:
    """Return the record that stands for one that cannot be formatted."""
    message = f"log_call_failed: {type(error).__name__} in {record.pathname}:{record.lineno}"
    return logging.LogRecord(
        record.name, logging.ERROR, record.pathname, record.lineno, message, (), None
    )


_BEFORE: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def default_style() -> str:
    """Return "console" if standard error is a terminal, else "json"."""
    # sys.stderr itself may have been redirected to the log.
    return "console" if os.isatty(2) else "json"


def logging_config(
    style: str, level: str, *, sentry_dsn: str = "", release: str = ""
) -> dict[str, Any]:
    """Return the dictConfig for `style` ("json" or "console"); errors also go to Sentry where there
    is a DSN. Side effect: configures structlog to match."""
    structlog.configure(
        processors=[*_BEFORE, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    formatter = _formatter(style)
    quiet = {name: {"level": "WARNING"} for name in _CHATTY} | {
        # What matters of a failure is in a line of ours.
        "paramiko": {"level": "CRITICAL"},
        # Refused links are counted; scanners cause thousands of them.
        "django.request": {"level": "ERROR"},
        # A traceback for each scanner that asks by IP address; unsub/web/errors.py logs one line.
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        # Without Django's own handler, which emails whole requests to ADMINS: a URL is a
        # credential, and a form may contain anything.
        "django": {"handlers": [], "level": "INFO"},
        # aiosmtpd: the addresses of senders, and every line of an email.
        "mail": {"level": "CRITICAL"},
        # The logger of a worker's child processes; it does not propagate to the root.
        "multiprocessing": {"handlers": ["stderr"], "level": "ERROR", "propagate": False},
    }
    handlers: dict[str, Any] = {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}}
    if sentry_dsn:
        handlers["sentry"] = {
            "class": "profilecenter.sentry.SentryHandler", "level": "ERROR", "dsn": sentry_dsn,
            "release": release,
        }  # fmt: skip
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": formatter},
        "handlers": handlers,
        "root": {"handlers": [*handlers], "level": level},
        "loggers": quiet,
    }


def _formatter(style: str) -> dict[str, Any]:
    """Return the formatter for dictConfig."""
    last: list[Any] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if style == "json"
        # Plain: if the package rich is installed, structlog would print every local variable.
        else [
            structlog.dev.ConsoleRenderer(
                colors=False, exception_formatter=structlog.dev.plain_traceback
            )
        ]
    )
    return {
        "()": ScrubbingFormatter,
        "foreign_pre_chain": _BEFORE,
        "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    }


@cache
def own_formatter() -> ScrubbingFormatter:
    """Return the formatter of this deployment, without Django's settings.

    gunicorn logs before the settings are loaded, and especially if they cannot be loaded.
    """
    style = read_environment().choice("LOG_FORMAT", STYLES, default=default_style())
    arguments = {name: value for name, value in _formatter(style).items() if name != "()"}
    return ScrubbingFormatter(**arguments)


def write_line(level: int, message: str, **fields: Any) -> None:
    """Write one line to standard error, bypassing Python's buffers and locks.

    So it can be called by a signal handler, and before logging is configured.
    """
    record = logging.LogRecord("profilecenter", level, __file__, 0, message, (), None)
    vars(record).update(fields)
    os.write(2, f"{own_formatter().format(record)}\n".encode(errors="backslashreplace"))


def report_uncaught() -> None:
    """Log an exception that ends the process as one line in our format.

    Python's own traceback would be many lines, not scrubbed. Of a wrong setting only the message is
    logged. The same holds for an exception that ends a thread; and a line that cannot be written,
    to a full disk for example, is not printed elsewhere with its arguments.
    """
    sys.excepthook = _uncaught
    # A test runner has hooks of its own.
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _uncaught_in_thread
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = _unraisable
    logging.raiseExceptions = False


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    elif issubclass(kind, ImproperlyConfigured):
        write_line(logging.CRITICAL, f"cannot start: {error}")
    else:
        write_line(logging.CRITICAL, "uncaught_exception", exc_info=(kind, error, trace))


def _uncaught_in_thread(told: threading.ExceptHookArgs) -> None:
    if told.exc_value is not None and told.exc_type is not SystemExit:
        trace = (told.exc_type, told.exc_value, told.exc_traceback)
        write_line(logging.ERROR, "uncaught_exception", exc_info=trace)


def _unraisable(told: "sys.UnraisableHookArgs") -> None:
    """Log an exception that Python could not raise, of a destructor for example."""
    if told.exc_value is not None:
        trace = (told.exc_type, told.exc_value, told.exc_traceback)
        write_line(logging.ERROR, "uncaught_exception", exc_info=trace)
