"""Transactional outbox: write the request row, wake a worker after the commit. The public API of
intake, which views, admin and commands call."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import redis
import structlog
from django.core.exceptions import BadRequest
from django.db import DatabaseError, DataError, InterfaceError, transaction
from django.db.models import Q
from django.db.models.functions import Now

from unsub.domain.call_method import CallMethod
from unsub.domain.context import ContextError, SubscriberContext, UnsubContext
from unsub.domain.retry import HORIZON
from unsub.infra import database_timeout, metrics
from unsub.infra.database_timeout import DatabaseUnavailableError
from unsub.links.confirmation import LinkPurpose, NotConfirmedError
from unsub.models import (
    Channel,
    EmailStatus,
    LinkEmail,
    Pause,
    PauseResult,
    Status,
    SubscriberRequest,
)
from unsub.models.request import RequestQuerySet
from unsub.models.shown_status import can_be_requeued, can_be_sent_as
from unsub.units import queue_state
from unsub.webhooks import recording

from . import (
    address_changes,
    address_rules,
    emailed_links,
    erasure,
    identity,
    link_emails,
    pauses,
    precedence,
    reassertion,
    spool,
    store,
    topic_lists,
    wakeup,
)
from .emailed_links import EmailedLink
from .lost_links import report_lost_link
from .submission import Change, Origin, Submission

__all__ = [
    "Change",
    "EmailedLink",
    "LinkPurpose",
    "NotConfirmedError",
    "NotStorableError",
    "Origin",
    "Submission",
    "UnavailableError",
    "add_reason",
    "address_locked_until",
    "confirm",
    "email_new_link",
    "end_pause",
    "find",
    "find_by_email",
    "find_for_good",
    "has_open_erasure",
    "is_spooled",
    "may_have_requested",
    "press",
    "reassert",
    "recent",
    "release",
    "report_lost_link",
    "request_erasure",
    "requests_of",
    "requeue",
    "requeue_emails",
    "running_pauses",
    "send_as",
    "submit",
    "withdraw",
]  # fmt: skip

log = structlog.get_logger(__name__)


class UnavailableError(Exception):
    """Neither the database nor the broker accepted the request: nothing is stored."""


class NotStorableError(BadRequest):
    """The database refuses a value of the request, now and whenever it is asked: nothing is stored.
    The response is 400, not "try again later"."""


def submit(submission: Submission) -> SubscriberRequest | None:
    """Return the committed row that answers for the submission, or None where the database did not
    answer and the broker keeps the submission in the spool until it does.

    Runs in a transaction of its own. Raises UnavailableError where neither database nor broker
    accepts it, NotStorableError where the database refuses it for its values, and ContextError for
    a test link.
    """
    submission.context.parameters(all_subscribers_list_id=None)
    try:
        return _write(submission)
    except DataError:
        raise _not_storable(submission) from None
    except (DatabaseError, InterfaceError) as err:
        log.warning("request_insert_failed", mid=submission.context.mid, error=type(err).__name__)
        was_tried = not isinstance(err, DatabaseUnavailableError)
    if _push_to_spool(submission):
        return None
    if was_tried:
        raise _unavailable(submission)
    # `fail_fast` skipped the database after an earlier failure. Now that the broker fails too, try
    # the database after all: it may answer again.
    database_timeout.reset()
    try:
        return _write(submission)
    except DataError:
        raise _not_storable(submission) from None
    except (DatabaseError, InterfaceError):
        raise _unavailable(submission) from None


def _write(submission: Submission) -> SubscriberRequest:
    """Return the committed row of the submission. Raises DatabaseError or InterfaceError."""
    with database_timeout.fail_fast():
        written = store.write_at_once(submission)
        if written is None:
            with transaction.atomic():
                request, is_new = store.write(submission)
                if is_new:
                    _wake_on_commit(submission)
        else:
            request, is_new = written
            if is_new:
                _wake_on_commit(submission)
    _accepted(submission.channel, is_new).inc()
    return request


@cache
def _accepted(channel: Channel, is_new: bool) -> Any:
    """Return the counter of accepted requests. Kept, because finding it takes longer than
    counting."""
    return metrics.REQUESTS.labels(channel=channel.value, repeated=str(not is_new).lower())


def _push_to_spool(submission: Submission) -> bool:
    """Return whether the broker accepted the submission into the spool."""
    try:
        spool.push(submission)
    except redis.RedisError:
        return False
    except spool.SpoolFullError:
        log.warning("spool_full", mid=submission.context.mid)
        return False
    metrics.REQUESTS.labels(channel=submission.channel.value, repeated="unknown").inc()
    return True


def _unavailable(submission: Submission) -> UnavailableError:
    """Log and count that the submission was not accepted. Return the error to raise."""
    metrics.UNAVAILABLE.inc()
    log.error("request_not_accepted", mid=submission.context.mid)
    return UnavailableError()


def _not_storable(submission: Submission) -> NotStorableError:
    """Log and count that the submission cannot be stored. Return the error to raise."""
    metrics.UNAVAILABLE.inc()
    log.error("request_not_storable", mid=submission.context.mid, kind=submission.kind)
    return NotStorableError("The request cannot be stored.")


def _wake_on_commit(submission: Submission) -> None:
    """Send a wake-up for the submission's unit after the commit, when a worker can see the row."""
    mid = submission.context.mid
    seconds = store.undo_seconds(submission.channel)

    # A named function: Django 5.2 cannot log a failing partial under robust=True.
    def wake_worker() -> None:
        wakeup.wake(mid, seconds)

    transaction.on_commit(wake_worker, robust=True)


def find(context: UnsubContext) -> SubscriberRequest | None:
    """Return the request that answers for an unsubscribe by this link now, or None. Raises
    DatabaseError."""
    with database_timeout.fail_fast():
        return store.find(context)


def find_for_good(context: UnsubContext) -> SubscriberRequest | None:
    """Return what `find` returns, or None where it is a running pause. Raises DatabaseError."""
    with database_timeout.fail_fast():
        return store.find_for_good(context)


def is_spooled(context: UnsubContext) -> bool:
    """Return whether an unsubscribe by this link is in the spool, and nothing to the contrary was
    stored that the subscriber asked for later. One command to the broker where there is none; False
    where the broker does not answer. Raises DatabaseError."""
    asked = Submission(token="", context=context, channel=Channel.PAGE)
    with database_timeout.fail_fast():
        try:
            at = spool.received_at(asked)
        except redis.RedisError:
            return False
        return at is not None and not store.is_contradicted(replace(asked, received_at=at))


def may_have_requested(*contexts: UnsubContext) -> bool:
    """Return whether there is a row for an unsubscribe by one of these contexts. `find` says
    whether it still answers for it. One query. Raises DatabaseError."""
    with database_timeout.fail_fast():
        return store.has_row(contexts)


def recent(context: UnsubContext, since: timedelta) -> list[SubscriberRequest]:
    """Return the requests of the subscriber of this link, oldest first: those that wait for a
    confirmation or are on their way, those that ended within `since`, and those refused in the last
    30 days without a resolution note. At most 500. Raises DatabaseError."""
    with database_timeout.fail_fast():
        return store.recent(context, since)


def requests_of(mid: int, who: SubscriberContext) -> RequestQuerySet:
    """Return the requests of a subscriber of a business unit, by any of the identifiers that are
    known to be theirs. Makes a query or two to find these."""
    return identity.requests_of(mid, who, set())


def add_reason(context: UnsubContext, *, reason: str, words: str) -> bool:
    """Add a reason to the unsubscribe of this link if it has none. Return whether it was added.
    Raises DatabaseError."""
    with database_timeout.fail_fast():
        return store.add_reason(context, reason=reason, words=words)


def find_by_email(token: str) -> EmailedLink:
    """Return the request behind a link in an email, and what its button does.

    Raises NotConfirmedError where the link is invalid or too old, or the request is over. Raises
    DatabaseError.
    """
    with database_timeout.fail_fast():
        return emailed_links.find(token)


def press(link: EmailedLink) -> None:
    """Do what the button behind a link in an email does, once. Raises DatabaseError."""
    if link.is_done:
        return
    if link.purpose is LinkPurpose.CONFIRM:
        confirm(link.request)
    elif link.purpose is LinkPurpose.CONSENT:
        _agree(link.request)
    else:
        _undo_address_change(link.request, link.former)


def confirm(request: SubscriberRequest) -> bool:
    """Make a request that waits for its confirmation pending, due now with a new horizon, and with
    a topic the subscription to its list; queue the email that tells the former address of a change
    of address. Return whether any was still waiting. Raises DatabaseError."""
    with database_timeout.fail_fast(), transaction.atomic():
        waiting = topic_lists.waiting_with(request)
        ids = list(waiting.order_by("pk").values_list("pk", flat=True))
        confirmed = waiting.filter(pk__in=ids).update(
            status=Status.PENDING,
            confirmed_at=Now(),
            next_attempt_at=Now(),
            give_up_at=Now() + HORIZON,
        )
        if confirmed:
            recording.accepted(request.unit_id, ids)
        if confirmed and address_rules.gives_notice(request):
            link_emails.give_notice(request)
        _wake_all_on_commit({request.unit_id})
    return bool(confirmed)


def _agree(request: SubscriberRequest) -> None:
    """Queue the email by which the new address confirms a change of address, to which the former
    address has agreed. Raises DatabaseError."""
    with database_timeout.fail_fast(), transaction.atomic():
        link_emails.confirm_after_consent(request)
        _wake_all_on_commit({request.unit_id})


def _undo_address_change(changed: SubscriberRequest, former: str) -> None:
    """Store the request that restores the former address, once. Raises DatabaseError."""
    with database_timeout.fail_fast(), transaction.atomic():
        address_changes.undo(changed, former)
        _wake_all_on_commit({changed.unit_id})


def address_locked_until(mid: int, who: SubscriberContext) -> datetime | None:
    """Return until when a subscriber's address can be changed only with a proved link, because a
    change was undone; None where it was not. Raises DatabaseError."""
    with database_timeout.fail_fast():
        return address_changes.locked_until(mid, who)


def running_pauses(context: UnsubContext) -> list[Pause]:
    """Return the running pauses of the subscriber of this link. Raises DatabaseError."""
    with database_timeout.fail_fast():
        return pauses.running(context)


def end_pause(pause: Pause, *, token: str, subscribe: bool) -> bool:
    """End a pause by subscribing again, with a request in the same transaction, or by staying
    unsubscribed. Where no call was made yet for the unsubscribe, it is withdrawn instead of
    subscribing again. `token` is the link's. Return whether this call ended the pause. Raises
    DatabaseError."""
    with database_timeout.fail_fast(), transaction.atomic():
        ended = pauses.end(pause.pk, PauseResult.CANCELLED if subscribe else PauseResult.STAYED)
        if ended and subscribe and not _withdraw([pause.request_id]):
            submission = pauses.resume_submission(pause, token=token)
            store.write(submission)
            _wake_on_commit(submission)
    return ended


def email_new_link(context: UnsubContext, *, language: str) -> None:
    """Queue an email with a new link for the subscriber of an old one; a repetition within an hour
    sends no second email. Raises DatabaseError, and ContextError for a test link."""
    if context.is_test:
        raise ContextError("a test link makes no call")
    with database_timeout.fail_fast(), transaction.atomic():
        email, is_new = link_emails.request_new_link(context, language=language)
        if is_new:
            _wake_all_on_commit({email.unit_id})


def request_erasure(context: UnsubContext, *, language: str) -> None:
    """Insert a request for erasure, for a marketer to answer, unless the subscriber has an open
    one. Raises DatabaseError."""
    with database_timeout.fail_fast():
        erasure.request_erasure(context, language=language)


def has_open_erasure(context: UnsubContext) -> bool:
    """Return whether the subscriber of this link has requested erasure, and no marketer has
    answered yet. Raises DatabaseError."""
    with database_timeout.fail_fast():
        return erasure.has_open_request(context)


def withdraw(context: UnsubContext) -> bool:
    """Withdraw the unsubscribe of this link while no call for it was ever made, and make the
    requests that it had superseded pending again. Return whether it was withdrawn. Raises
    DatabaseError."""
    with database_timeout.fail_fast(), transaction.atomic():
        return _withdraw(list(store.answering(context).values_list("pk", flat=True)))


def _withdraw(ids: Sequence[int]) -> bool:
    """Withdraw the unsubscribe among `ids`, at most one, while no call for it was ever made. Return
    whether it was withdrawn. Must be called in a transaction."""
    untried = SubscriberRequest.objects.filter(pk__in=ids, status=Status.PENDING, attempts=0)
    withdrawn = untried.update(status=Status.WITHDRAWN, finished_at=Now())
    if withdrawn:
        recording.ended(ids)
        Pause.objects.filter(request__in=ids, ended_at=None).update(
            ended_at=Now(), result=PauseResult.CANCELLED
        )
        _wake_all_on_commit(precedence.revive(ids))
    return bool(withdrawn)


def requeue(ids: Iterable[int]) -> int:
    """Make the refused and held requests among `ids` due now, with a new horizon. Return how many.
    Others stay as they are, and a held queue stays held. An unsubscribe is sent as its link says
    again."""
    return _requeue(can_be_requeued(), ids, CallMethod.EVENT)


def send_as(ids: Iterable[int], method: CallMethod) -> int:
    """Make the refused unsubscribes among `ids` due now that can be sent by this method, with a new
    horizon. Return how many. Others stay as they are."""
    return _requeue(can_be_sent_as(method), ids, method)


def _requeue(which: Q, ids: Iterable[int], method: CallMethod) -> int:
    with transaction.atomic():
        again = SubscriberRequest.objects.filter(which, pk__in=ids)
        mids = set(again.order_by().values_list("unit_id", flat=True))
        changed = again.update(
            status=Status.PENDING,
            next_attempt_at=Now(),
            give_up_at=Now() + HORIZON,
            finished_at=None,
            call_method=method,
        )
        _wake_all_on_commit(mids)
    return changed


def reassert(stale: Iterable[SubscriberRequest]) -> None:
    """Send the newest requests again that stale calls for these requests may have undone
    (`reassertion`). Joins the caller's transaction."""
    _wake_all_on_commit(reassertion.reassert(stale))


def requeue_emails(ids: Iterable[int]) -> int:
    """Make the refused emails among `ids` due now, with a new horizon. Return how many. Others stay
    as they are, and so do those whose subscriber is no longer stored."""
    with transaction.atomic():
        again = LinkEmail.objects.filter(pk__in=ids, status=EmailStatus.REFUSED, forgotten_at=None)
        mids = set(again.order_by().values_list("unit_id", flat=True))
        changed = again.update(
            status=EmailStatus.PENDING,
            next_attempt_at=Now(),
            give_up_at=Now() + HORIZON,
            finished_at=None,
        )
        _wake_all_on_commit(mids)
    return changed


def release(mids: Iterable[int]) -> int:
    """Open the queues of these business units. Return how many requests and emails with links are
    pending in those that were held: each is sent when it is due, at most two minutes from now if it
    was a probe."""
    mids = set(mids)
    with transaction.atomic():
        released = [mid for mid in sorted(mids) if queue_state.release(mid)]
        _wake_all_on_commit(mids)
    return sum(map(queue_state.number_pending, released))


def _wake_all_on_commit(mids: set[int]) -> None:
    """Send a wake-up for each of these units after the commit, when a worker can see the rows."""

    def wake_workers() -> None:
        for mid in mids:
            wakeup.wake(mid)

    transaction.on_commit(wake_workers, robust=True)
