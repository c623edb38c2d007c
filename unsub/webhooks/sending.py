"""Posts events, in threads of their own: a receiver that hangs keeps no thread of the worker that
delivers to Marketing Cloud, and no call slot.

A process has up to WEBHOOK_CONCURRENCY of these threads, each for one endpoint, and
`queue.CLAIMS_AT_ONCE` of them, in all processes together, send to the same one.
"""

import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from threading import Lock, Thread

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections
from django.utils import timezone

from unsub.infra.sealing import SealError
from unsub.models import WebhookDelivery, WebhookResult

from . import call, payload, queue, signing, wakeup
from .call import Answer

log = structlog.get_logger(__name__)
Stopping = Callable[[], bool]

_lock = Lock()
_running: Counter[int] = Counter()
# When a thread was last begun for an endpoint, by the monotonic clock.
_begun: dict[int, float] = {}


def start(is_stopping: Stopping = lambda: False) -> None:
    """Begin to send what is due, in threads, and return at once. Where all threads are busy, the
    first that ends looks again. The endpoint that has waited longest is the first. Raises
    DatabaseError."""
    for endpoint_id in sorted(queue.due_endpoints(), key=lambda pk: _begun.get(pk, 0.0)):
        if not is_stopping() and _take(endpoint_id):
            name = f"webhook-{endpoint_id}"
            thread = Thread(target=_run, args=(endpoint_id, is_stopping), name=name, daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the system has no more threads
                _give_back(endpoint_id)
                raise


def _take(endpoint_id: int) -> bool:
    """Return whether this process may have one more thread for an endpoint; if so, it is
    counted."""
    with _lock:
        is_free = (
            _running.total() < settings.WEBHOOK_CONCURRENCY
            and _running[endpoint_id] < queue.CLAIMS_AT_ONCE
        )
        if is_free:
            _running[endpoint_id] += 1
            _begun[endpoint_id] = time.monotonic()
        return is_free


def _give_back(endpoint_id: int) -> None:
    with _lock:
        _running[endpoint_id] -= 1


def _run(endpoint_id: int, is_stopping: Stopping) -> None:
    """Send to one endpoint, then look for what else is due. After an error beat's next wake-up does
    that."""
    try:
        try:
            sent = drain(endpoint_id, is_stopping)
        finally:
            _give_back(endpoint_id)
        _look_again(sent, is_stopping)
    except (DatabaseError, InterfaceError) as err:
        log.warning("webhooks_stopped_by_database", error=type(err).__name__)
    except Exception as err:  # noqa: BLE001 - the thread ends
        _log_raised(endpoint_id, err)
    finally:
        connections.close_all()


def _log_raised(endpoint_id: int, err: Exception) -> None:
    """Log a fault of ours, without its text, which may have a URL."""
    log.error("webhooks_raised", endpoint_id=endpoint_id, error=type(err).__name__)


def _look_again(sent: int, is_stopping: Stopping) -> None:
    """Start what is due, where this thread has made a call: else it would find the same again. Set
    a wake-up for what is due soon. Raises DatabaseError."""
    if sent:
        start(is_stopping)
    seconds = queue.seconds_to_next()
    if seconds is not None:
        wakeup.wake(seconds)


def drain(endpoint_id: int, is_stopping: Stopping = lambda: False) -> int:
    """Send what is due to an endpoint, until nothing is, a call failed, or it was at it for
    `queue.SEND_SECONDS`: slow receivers with much to get would keep all threads for ever. Return
    the number of calls."""
    sent, until = 0, time.monotonic() + queue.SEND_SECONDS
    with call.session() as session:
        post = partial(call.post, session)
        while not is_stopping() and (claimed := queue.claim(endpoint_id)):
            try:
                number, goes_on = _send(claimed, post, is_stopping)
            finally:
                queue.release(claimed)
            sent += number
            if not goes_on or time.monotonic() > until:
                break
    return sent


Post = Callable[[str, bytes, dict[str, str]], Answer]


def _send(claimed: queue.Claimed, post: Post, is_stopping: Stopping) -> tuple[int, bool]:
    """Send the deliveries of a claim, one after the other. Return the number of calls, and whether
    more may be made."""
    until = time.monotonic() + queue.SEND_SECONDS
    for number, delivery in enumerate(claimed.deliveries):
        if is_stopping() or (number and time.monotonic() > until):
            return number, True
        started_at = timezone.now()
        answer = _answer(claimed, delivery, post)
        if not queue.settle(claimed, delivery, answer, started_at):
            return number + 1, False
    return len(claimed.deliveries), True


def _answer(claimed: queue.Claimed, delivery: WebhookDelivery, post: Post) -> Answer:
    """Return how the call ended. An error that is raised is a failed attempt like others: else the
    event would be the first of each claim, without end, and keep all behind it back."""
    try:
        return _post(claimed, delivery, post)
    except Exception as err:  # noqa: BLE001 - whatever it is
        _log_raised(claimed.endpoint.pk, err)
        return Answer(result=WebhookResult.BROKEN)


def _post(claimed: queue.Claimed, delivery: WebhookDelivery, post: Post) -> Answer:
    endpoint = claimed.endpoint
    try:
        secrets = signing.secrets_of(endpoint, claimed.now)
    except SealError:
        return Answer(result=WebhookResult.NO_SECRET)
    body = payload.body(delivery.event, endpoint)
    signed = signing.headers(str(delivery.event_id), body, at=int(time.time()), using=secrets)
    return post(endpoint.url, body, {"Content-Type": payload.CONTENT_TYPE} | signed)
