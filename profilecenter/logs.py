"""Logging: one line an event, as JSON or for a terminal, with nobody's data in it."""

import logging
import re
from typing import Any

import structlog

from unsub.privacy import scrub

# Whatever follows /u/ or /p/ is a credential; Django's own "Not Found: /u/..." carries it.
_TOKEN_PATH = re.compile(r"""/([upc])/(?:[^\s/?"'\\]|\\{1,2}[xuU][0-9a-f]{2,8})+""")


# Of every task Celery writes twice that it came and went; our own lines say what it did.
# And a refused link, which scanners produce by the thousand, is counted and need not be written.
_CHATTY = ("zeep", "urllib3", "kombu", "amqp", "celery.worker.strategy", "celery.app.trace")


class ScrubbingFormatter(structlog.stdlib.ProcessorFormatter):
    """A formatter whose lines hold no token and no e-mail address, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the finished line, scrubbed last so that nothing slips in behind it."""
        return scrub(_TOKEN_PATH.sub(r"/\1/[token]", super().format(record)))


_BEFORE: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def logging_config(style: str, level: str) -> dict[str, Any]:
    """Return the dictConfig for `style` ("json" or "console") and set structlog up to match."""
    structlog.configure(
        processors=[*_BEFORE, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    last: list[Any] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if style == "json"
        # Plain: where the package rich is at hand structlog would print every local variable.
        else [
            structlog.dev.ConsoleRenderer(
                colors=False, exception_formatter=structlog.dev.plain_traceback
            )
        ]
    )
    formatter = {
        "()": ScrubbingFormatter,
        "foreign_pre_chain": _BEFORE,
        "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    }
    quiet = {name: {"level": "WARNING"} for name in _CHATTY} | {
        "django.request": {"level": "ERROR"},
        # Without Django's own handler, which mails whole requests to ADMINS: the address of a page
        # is a credential, and a form may hold anything.
        "django": {"handlers": [], "level": "INFO"},
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": quiet,
    }
