"""The row first, the bell on commit. What views and admin call; nothing else."""

from collections.abc import Iterable
from datetime import timedelta

import redis
import structlog
from django.db import DatabaseError, InterfaceError, transaction
from django.db.models.functions import Now

from unsub.domain.context import ContextError, UnsubContext
from unsub.domain.retry import HORIZON
from unsub.infra import database_timeout, digests, metrics
from unsub.infra.database_timeout import DatabaseUnavailableError
from unsub.models import EmailStatus, Kind, LinkEmail, Pause, PauseResult, Status, SubscriberRequest
from unsub.models.shown_status import can_be_requeued
from unsub.units import queue_state

from . import erasure, link_emails, pauses, precedence, spool, store, wakeup
from .submission import Change, Submission

__all__ = [
    "Change",
    "Submission",
    "UnavailableError",
    "add_reason",
    "confirm",
    "email_new_link",
    "end_pause",
    "find",
    "find_waiting",
    "recent",
    "release",
    "request_erasure",
    "requeue",
    "requeue_emails",
    "running_pauses",
    "submit",
    "withdraw",
]  # fmt: skip

log = structlog.get_logger(__name__)


class UnavailableError(Exception):
    """Neither the database nor the broker took the wish: nothing was accepted."""


def submit(submission: Submission) -> SubscriberRequest | None:
    """Return the request that answers for the wish once it is committed, or None where the
    database did not answer and the broker keeps the wish until it does.

    Raises UnavailableError where neither answers, and ContextError for a test link.
    """
    submission.context.parameters(all_subscribers_list_id=None)
    try:
        return _write(submission)
    except (DatabaseError, InterfaceError) as err:
        log.warning("request_insert_failed", mid=submission.context.mid, error=type(err).__name__)
        was_tried = not isinstance(err, DatabaseUnavailableError)
    if _push_to_spool(submission):
        return None
    if was_tried:
        raise _unavailable(submission)
    # It was given a rest after a failure; but now it is all there is, and may be back.
    database_timeout.reset()
    try:
        return _write(submission)
    except (DatabaseError, InterfaceError):
        raise _unavailable(submission) from None


def _write(submission: Submission) -> SubscriberRequest:
    """Return the wish's row, committed; raises DatabaseError or InterfaceError."""
    with database_timeout.fail_fast(), transaction.atomic():
        request, is_new = store.write(submission)
        if is_new:
            _wake_on_commit(request)
    metrics.REQUESTS.labels(
        channel=submission.channel.value, repeated=str(not is_new).lower()
    ).inc()
    return request


def _push_to_spool(submission: Submission) -> bool:
    """Return whether the broker keeps the wish until the database answers."""
    try:
        spool.push(submission)
    except redis.RedisError:
        return False
    metrics.REQUESTS.labels(channel=submission.channel.value, repeated="unknown").inc()
    return True


def _unavailable(submission: Submission) -> UnavailableError:
    """Return the refusal of a wish that nobody took, told and counted."""
    metrics.UNAVAILABLE.inc()
    log.error("request_not_accepted", mid=submission.context.mid)
    return UnavailableError()


def _wake_on_commit(request: SubscriberRequest) -> None:
    """Ring for the request's unit once the row is there for a worker to see."""
    mid = request.unit_id
    seconds = store.undo_seconds(request.channel)

    # A named function: Django 5.2 cannot log a failing partial under robust=True.
    def wake_worker() -> None:
        wakeup.wake(mid, seconds)

    transaction.on_commit(wake_worker, robust=True)


def find(context: UnsubContext) -> SubscriberRequest | None:
    """Return the request that answers for this wish now, or None. Raises DatabaseError."""
    with database_timeout.fail_fast():
        return store.find(context)


def recent(context: UnsubContext, since: timedelta) -> list[SubscriberRequest]:
    """Return the wishes of one who is named as in this link, oldest first: on their way, ended
    within `since`, or not carried out. Raises DatabaseError."""
    with database_timeout.fail_fast():
        return store.recent(context, since)


def add_reason(context: UnsubContext, *, reason: str, words: str) -> bool:
    """Return whether a reason was added to a wish that had none. Raises DatabaseError."""
    with database_timeout.fail_fast():
        return store.add_reason(context, reason=reason, words=words)


def find_waiting(request_id: int) -> SubscriberRequest | None:
    """Return the wish that waits, or waited, for a confirmation by mail; or None where there is
    none, or a later one has made it void meanwhile. Raises DatabaseError."""
    requests = SubscriberRequest.objects.filter(pk=request_id).exclude(kind=Kind.UNSUBSCRIBE)
    with database_timeout.fail_fast():
        found = requests.first()
        if found and found.status == Status.WAITING and precedence.is_superseded(found):
            return None
        return found


def confirm(request: SubscriberRequest) -> bool:
    """Return whether a wish that waited for its confirmation is on its way now. Raises
    DatabaseError."""
    waiting = SubscriberRequest.objects.filter(pk=request.pk, status=Status.WAITING)
    with database_timeout.fail_fast(), transaction.atomic():
        confirmed = waiting.update(
            status=Status.PENDING,
            confirmed_at=Now(),
            next_attempt_at=Now(),
            give_up_at=Now() + HORIZON,
        )
        _wake_all_on_commit({request.unit_id})
    return bool(confirmed)


def running_pauses(context: UnsubContext) -> list[Pause]:
    """Return the pauses of one who is named as in this link. Raises DatabaseError."""
    with database_timeout.fail_fast():
        return pauses.running(digests.subscriber_digests(context.mid, context.subscriber))


def end_pause(pause: Pause, submission: Submission | None) -> bool:
    """Return whether a pause ended now: by coming back, which is the wish, or by staying away.
    Raises DatabaseError."""
    with database_timeout.fail_fast(), transaction.atomic():
        ended = pauses.end(pause.pk, PauseResult.CANCELLED if submission else PauseResult.STAYED)
        if ended and submission:
            request, _ = store.write(submission)
            _wake_on_commit(request)
    return ended


def email_new_link(context: UnsubContext, *, language: str) -> None:
    """Have an email with a new link sent to the person of an old one; asking twice within an hour
    sends one. Raises DatabaseError, and ContextError for a test link."""
    if context.is_test:
        raise ContextError("a test link makes no call")
    with database_timeout.fail_fast(), transaction.atomic():
        email, is_new = link_emails.request_new_link(context, language=language)
        if is_new:
            _wake_all_on_commit({email.unit_id})


def request_erasure(context: UnsubContext, *, language: str) -> None:
    """Have a marketer asked to erase what is held of somebody; asking twice asks once. Raises
    DatabaseError."""
    with database_timeout.fail_fast():
        erasure.request_erasure(context, language=language)


def withdraw(context: UnsubContext) -> bool:
    """Return whether the wish was taken back: only while no call for it was ever made. What it
    had made void counts again."""
    untried = SubscriberRequest.objects.filter(
        idempotency_key__in=digests.unsubscribe_digests(context), status=Status.PENDING, attempts=0
    )
    with database_timeout.fail_fast(), transaction.atomic():
        # The wish of a digest is one row, or none.
        ids = list(untried.values_list("pk", flat=True))
        taken_back = untried.filter(pk__in=ids).update(status=Status.WITHDRAWN, finished_at=Now())
        if taken_back:
            _wake_all_on_commit(precedence.revive(ids))
    return bool(taken_back)


def requeue(ids: Iterable[int]) -> int:
    """Return how many of the refused and held requests `ids` are due now and have a new horizon.
    Others are left as they are; a queue that is held stays held."""
    with transaction.atomic():
        again = SubscriberRequest.objects.filter(can_be_requeued(), pk__in=ids)
        mids = set(again.order_by().values_list("unit_id", flat=True))
        changed = again.update(
            status=Status.PENDING,
            next_attempt_at=Now(),
            give_up_at=Now() + HORIZON,
            finished_at=None,
        )
        _wake_all_on_commit(mids)
    return changed


def requeue_emails(ids: Iterable[int]) -> int:
    """Return how many of the refused emails `ids` are on their way again, now and with a new
    horizon. Others are left as they are."""
    with transaction.atomic():
        again = LinkEmail.objects.filter(pk__in=ids, status=EmailStatus.REFUSED)
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
    """Open the queues of these business units. Return how many requests wait in those that were
    held: each is sent when it is due, at most two minutes from now if it was a probe."""
    mids = set(mids)
    with transaction.atomic():
        released = [mid for mid in sorted(mids) if queue_state.release(mid)]
        _wake_all_on_commit(mids)
    return sum(map(queue_state.number_pending, released))


def _wake_all_on_commit(mids: set[int]) -> None:
    """Ring for each of these units once the rows are there for a worker to see."""

    def wake_workers() -> None:
        for mid in mids:
            wakeup.wake(mid)

    transaction.on_commit(wake_workers, robust=True)
