"""Pauses: which are running, and how those that are over end."""

from collections.abc import Iterator

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from unsub.domain.context import UnsubContext
from unsub.domain.target import EVERYTHING, TargetType
from unsub.models import (
    Channel,
    Kind,
    Pause,
    PauseEndAction,
    PauseResult,
    Status,
    SubscriberRequest,
)
from unsub.models.kinds import SUBSCRIBING

from . import identity, link_emails, store
from .submission import Change, Submission

log = structlog.get_logger(__name__)
_AT_ONCE = 200


def running(context: UnsubContext) -> list[Pause]:
    """Return the running pauses of the subscriber of this link. A pause does not count where the
    subscriber has since subscribed again, or unsubscribed without a pause."""
    subscriber_digests = identity.digests_of(context.mid, context.subscriber)
    found = Pause.objects.filter(request__subscriber_digest__in=subscriber_digests, ended_at=None)
    found = found.select_related("request").order_by("until")
    return [pause for pause in found if not _is_overtaken(pause)]


def end(pause_id: int, how: PauseResult) -> bool:
    """End a pause with this result. Return whether this call ended it."""
    pause = Pause.objects.filter(pk=pause_id, ended_at=None)
    return bool(pause.update(ended_at=Now(), result=how))


def end_due() -> Iterator[int]:
    """End the pauses whose time is over. Yields the MID of each unit that has a new request or
    email. Any number of processes may run it at once: each pause ends once."""
    while due := _due():
        for pause_id in due:
            mid = _end(pause_id)
            if mid is not None:
                yield mid
        if len(due) < _AT_ONCE:
            return


def _due() -> list[int]:
    """Return the ids of pauses whose time is over."""
    due = Pause.objects.filter(ended_at=None, until__lte=Now()).order_by("until", "pk")
    return list(due.values_list("pk", flat=True)[:_AT_ONCE])


def _end(pause_id: int) -> int | None:
    """End one pause. Return the MID of the unit that has a new request or email; None where another
    process ended the pause, or where a later request of the subscriber overrides it. Locks the
    pause."""
    with transaction.atomic():
        locked = Pause.objects.select_for_update(skip_locked=True, of=("self",))
        pause = locked.filter(pk=pause_id, ended_at=None).select_related("request").first()
        if pause is None:
            return None
        if _is_overtaken(pause):
            end(pause.pk, PauseResult.OVERRIDDEN)
            return None
        asks = pause.end_action == PauseEndAction.ASK
        end(pause.pk, PauseResult.ASKED if asks else PauseResult.PUT_BACK)
        if asks:
            link_emails.ask_back(pause)
        else:
            store.write(resume_submission(pause))
    log.info("pause_ended", request_id=pause.request_id, action=pause.end_action)
    return pause.request.unit_id


def _is_overtaken(pause: Pause) -> bool:
    """Return whether the unsubscribe of a pause was withdrawn, or whether the subscriber has made a
    request since that overrides it: they subscribed again, unsubscribed without a pause, or began
    another pause from the same target. A link that names a job without its list may be of that
    list."""
    left = pause.request
    theirs = identity.digests_of(left.unit_id, left.subscriber, {left.subscriber_digest})
    since = SubscriberRequest.objects.filter(
        Q(received_at__gt=pause.began_at) | Q(repeated_at__gt=pause.began_at),
        subscriber_digest__in=theirs,
    ).exclude(pk=left.pk)
    # A request that waits for a confirmation may never be confirmed. An unsubscribe that was
    # refused was nevertheless made.
    refused = Q(status=Status.REFUSED, kind__in=SUBSCRIBING)
    since = since.exclude(Q(status__in=(Status.WAITING, Status.WITHDRAWN)) | refused)
    same_target = Q(target_type=left.target_type, target_id=left.target_id)
    # A pause that has ended by itself was no request to stay unsubscribed.
    temporary = Pause.objects.filter(request=OuterRef("pk"))
    is_paused = Q(Exists(temporary.exclude(result=PauseResult.STAYED)))
    wider = Q(target_type=TargetType.EVERYTHING)
    if left.target_type == TargetType.LIST:
        wider |= Q(target_type=TargetType.JOB)  # it may be a job of that list
    overriding = since.filter(
        Q(same_target, kind__in=SUBSCRIBING | {Kind.UNSUBSCRIBE})
        | Q(wider, ~is_paused, kind=Kind.UNSUBSCRIBE)
    )
    return left.status == Status.WITHDRAWN or overriding.exists()


def resume_submission(pause: Pause, *, token: str = "") -> Submission:
    """Return the submission that subscribes again to what the pause unsubscribed from."""
    left = pause.request
    context = left.context
    if left.target == EVERYTHING:
        kind, context = Kind.RESUBSCRIBE, context.for_everything()
    else:
        kind, context = Kind.SUBSCRIBE, context.for_list(left.list_id or 0)
    return Submission(
        token=token,
        context=context,
        channel=Channel.PROFILE,
        language=left.language,
        change=Change(kind=kind),
    )
