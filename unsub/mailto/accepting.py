"""Acceptance of an email: the request that it makes is stored before this returns."""

from enum import StrEnum

import structlog
from django.db import DatabaseError, InterfaceError

from unsub.domain.context import UnsubContext
from unsub.infra import metrics, request_id, tracing
from unsub.links.tokens import SIGNED, LinkError
from unsub.models import Channel
from unsub.outbox import api as outbox
from unsub.outbox.api import Submission
from unsub.units.opening import open_damaged_link
from unsub.units.refusals import count_refused, count_test_link

from .reading import Email, Ignored, read

log = structlog.get_logger(__name__)


class Result(StrEnum):
    """What became of an email. The value is the label of the metric."""

    ACCEPTED = "accepted"
    TEST_LINK = "test_link"
    BAD_LINK = "bad_link"
    NO_TOKEN = "no_token"  # noqa: S105 - no password
    BOUNCE = Ignored.BOUNCE.value
    AUTOMATIC = Ignored.AUTOMATIC.value
    MAILING_LIST = Ignored.MAILING_LIST.value
    LOOP = Ignored.LOOP.value
    NOT_STORABLE = "not_storable"
    NOT_STORED = "not_stored"  # the sending server has to try again


def accept(content: bytes, *, sender: str) -> Result:
    """Return what became of an email; with ACCEPTED its request is committed, or in the spool while
    the database is down. `sender` is that of the envelope. Counts it."""
    with request_id.bound(request_id.new()), tracing.span("mailto email"):
        result = _result(read(content, sender=sender))
    metrics.EMAILS.labels(result=result.value).inc()
    return result


def _result(email: Email) -> Result:
    if email.ignored:
        return Result(email.ignored.value)
    try:
        link = _link(email)
    except LinkError as err:
        count_refused(err)
        return Result.BAD_LINK
    except (DatabaseError, InterfaceError) as err:
        log.warning("mailto_not_stored", error=type(err).__name__)
        return Result.NOT_STORED
    return _submit(*link) if link else Result.NO_TOKEN


def _link(email: Email) -> tuple[str, UnsubContext] | None:
    """Return the first token of an email that opens, and its context; None where there is nothing
    to open. Raises the LinkError of the first text, or that of one with a good signature."""
    first: LinkError | None = None
    for text in email.texts:
        try:
            return open_damaged_link(text)
        except LinkError as err:
            if err.reason in SIGNED:
                raise
            first = first or err
    if first:
        raise first
    return None


def _submit(token: str, context: UnsubContext) -> Result:
    if context.is_test:
        count_test_link(context.mid, Channel.MAILTO)
        return Result.TEST_LINK
    try:
        outbox.submit(Submission(token=token, context=context, channel=Channel.MAILTO))
    except outbox.UnavailableError:
        return Result.NOT_STORED
    except outbox.NotStorableError:
        return Result.NOT_STORABLE
    return Result.ACCEPTED
