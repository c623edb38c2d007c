"""What follows when sending a batch raises an error that says nothing about Marketing Cloud: a
mistake in this application, or data or settings that it is not prepared for.

The rows are sent again at once, each alone (`claim`). The row that raises alone, too, waits as
after any other failure, so that it stops no other row, and an alarm tells of it.
"""

from types import TracebackType

import structlog

from unsub.domain.outcomes import Outcome, Verdict

from .batch import Batch, Row

log = structlog.get_logger(__name__)

_PACKAGE = "/unsub/"


def verdicts_on(batch: Batch[Row], err: Exception) -> tuple[Verdict, ...]:
    """Return the verdicts on the rows of a batch that raised an error, and log it. The error's text
    is never used: it may contain data of a person."""
    log.error(
        "delivery_raised", mid=batch.mid, message=batch.message_type.value,
        rows=[row.pk for row in batch.rows], **facts_of(err),
    )  # fmt: skip
    verdict = Verdict(
        outcome=Outcome.INTERNAL_ERROR,
        detail=f"{type(err).__name__} in {_place_of(err)}"[:200],
        at_once=len(batch.rows) > 1,
    )
    return (verdict,) * len(batch.rows)


def facts_of(err: Exception) -> dict[str, str]:
    """Return what a log may say of an exception: its class, and where it was raised."""
    return {"error": type(err).__name__, "at": _place_of(err)}


def _place_of(err: Exception) -> str:
    """Return the file and line of this application where an exception was raised, such as
    `delivery/batch.py:67`."""
    place, step = "", err.__traceback__
    while step is not None:
        place, step = _in_package(step) or place, step.tb_next
    return place


def _in_package(step: TracebackType) -> str:
    """Return the file and line of a step of a traceback; "" outside this application."""
    _, is_ours, file = step.tb_frame.f_code.co_filename.rpartition(_PACKAGE)
    return f"{file}:{step.tb_lineno}" if is_ours else ""
