"""A wish becomes a row, once. Used by the outbox, and by the task that catches up after a database
was away; nothing else writes new requests."""

import hashlib
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from unsub.domain.context import UnsubContext
from unsub.domain.masking import address_mask
from unsub.domain.retry import HORIZON
from unsub.domain.text import clean
from unsub.infra import digests
from unsub.infra.inserts import find_or_insert, insert_unless_present
from unsub.models import (
    BusinessUnit,
    Channel,
    Pause,
    PauseEnd,
    Reason,
    Status,
    UnsubRequest,
    Wording,
)
from unsub.models.request import REASON_LENGTH, target_columns
from unsub.models.statuses import ON_THEIR_WAY, SETTLED

from . import identity, link_emails, precedence
from .submission import Wish

# How long a wish that could not be carried out shows on the person's page.
_SHOWN = timedelta(days=30)
# Each round either inserts or finds the row that is there; a third means a storm.
_ROUNDS = 5
_RECENT_MAX = 500
LINK_AGE_MAX = 2**31 - 1  # what the column holds


def find(context: UnsubContext) -> UnsubRequest | None:
    """Return the request that answers for this wish now, or None."""
    return UnsubRequest.objects.filter(wish__in=digests.unsubscribe_digests(context)).first()


def recent(context: UnsubContext, since: timedelta) -> list[UnsubRequest]:
    """Return the wishes of one who is named as in this link, oldest first: those that are on their
    way, those that ended within `since`, and those that could not be carried out lately."""
    open_ = Q(status__in=(Status.WAITING, *ON_THEIR_WAY))
    ended = Q(finished_at__gte=Now() - since)
    refused = Q(status=Status.REFUSED, finished_at__gte=Now() - _SHOWN, handlings=None)
    persons = digests.subscriber_digests(context.mid, context.subscriber)
    rows = UnsubRequest.objects.filter(open_ | ended | refused, person__in=persons)
    newest = rows.order_by("-received_at", "-pk")[:_RECENT_MAX]
    return list(newest)[::-1]


def write(wish: Wish) -> tuple[UnsubRequest, bool]:
    """Return the row that answers for this wish, and whether it is new.

    The unique column `wish` decides, so that any number of processes may write at once, and no
    statement fails on it. A row that is older than its kind's `same_within` gives its place up to
    the new one.
    Raises IntegrityError where no row can hold the wish.
    """
    key, *_former = keys = identity.idempotency_keys(wish)
    identity.adopt(wish.context.mid, wish.context.subscriber, keys)
    for _ in range(_ROUNDS):
        with transaction.atomic(savepoint=False):
            request = _insert(wish, key)
        if request:
            return request, True
        _retire_old(wish, key)
        found = UnsubRequest.objects.filter(wish=key).first()
        if found:
            _repeat(found, wish)
            return found, False
    raise IntegrityError("a wish could not be written: its place was taken again and again")


def _repeat(found: UnsubRequest, wish: Wish) -> None:
    """Do what a repeated wish asks for beside what its row does already."""
    _pause_or_not(found, wish)
    if found.status == Status.WAITING:
        # Asked for again: the email may have got lost. Another goes at most once an hour.
        link_emails.request_confirmation(found, wish.received_at)


def _insert(wish: Wish, key: str) -> UnsubRequest | None:
    """Return a new row, or None where the wish has one already."""
    context, who = wish.context, wish.context.subscriber
    reason = None
    if wish.reason:
        reason = Reason.objects.offered_to(context.mid).filter(code=wish.reason).first()
    request = UnsubRequest(
        unit_id=context.mid,
        subscriber_id=who.subscriber_id,
        subscriber_key=who.subscriber_key or "",
        email_address=who.email_address or "",
        address_digest=digests.address_digest(who.email_address or ""),
        address_mask=address_mask(who.email_address or ""),
        job_id=context.job.job_id,
        list_id=context.job.list_id,
        batch_id=context.job.batch_id,
        scope=context.scope.value,
        channel=wish.channel,
        reason=reason,
        reason_text=reason_text(reason.label if reason else "", wish.words),
        language=wish.language,
        link_age=_link_age(wish),
        scanner=wish.scanner,
        received_at=wish.received_at or Now(),
        next_attempt_at=Now() + timedelta(seconds=grace(wish.channel)),
        give_up_at=Now() + HORIZON,
        wish=key,
        **target_columns(wish.target),
        person=digests.subscriber_digests(context.mid, who)[0],
        **_changed(wish),
    )
    if not insert_unless_present(request):
        return None
    if wish.pause_days:
        _pause_or_not(request, wish)
    if request.status == Status.WAITING:
        link_emails.request_confirmation(request, wish.received_at)
    return request


def _changed(wish: Wish) -> dict[str, Any]:
    """Return the columns of a change; none for an unsubscribe."""
    change = wish.change
    if change is None:
        return {}
    waits = change.waits or (bool(change.wording) and _confirms_joining(wish.context.mid))
    return {
        "kind": change.kind,
        "value": change.value,
        "wording": _wording(wish, change.wording) if change.wording else None,
        "status": Status.WAITING if waits else Status.PENDING,
    }


def _confirms_joining(mid: int) -> bool:
    """Return whether the unit has what is agreed to confirmed by a mail. Asked here and not by the
    page, which shows without the database, too."""
    return BusinessUnit.objects.filter(mid=mid).exclude(confirm_key="").exists()


def _wording(wish: Wish, text: str) -> Wording:
    """Return the version of the consent text, inserted the first time that it is agreed to."""
    # Not keyed: the text itself is in the row. So the same text stays the same version whatever
    # becomes of the keys.
    number = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    key = {
        "unit_id": wish.context.mid,
        "language": wish.language,
        "digest": number,
    }
    wording, _ = find_or_insert(Wording.objects.filter(**key), Wording(text=text, **key))
    return wording


def _pause_or_not(request: UnsubRequest, wish: Wish) -> None:
    """Note that a leave is a pause, or is no longer one: what was asked for last holds."""
    if not wish.pause_days:
        running = Pause.objects.filter(request=request, ended_at=None)
        running.update(ended_at=Now(), end=PauseEnd.STAYED)
        return
    unit = BusinessUnit.objects.filter(mid=wish.context.mid).first()
    if unit is None or not unit.offers_pause:
        return
    began = wish.received_at or timezone.now()
    pause = Pause(
        request=request,
        until=began + timedelta(days=wish.pause_days),
        ends=unit.pause_ends,
        ended_at=None,
        end="",
    )
    Pause.objects.bulk_create(
        [pause],
        update_conflicts=True,
        unique_fields=["request"],
        update_fields=["until", "ends", "ended_at", "end"],
    )


def add_reason(context: UnsubContext, *, reason: str, words: str) -> bool:
    """Return whether a reason was written to a wish that had none. It goes with the call if that
    is not made yet; else it is kept here alone."""
    chosen = Reason.objects.offered_to(context.mid).filter(code=reason).first() if reason else None
    text = reason_text(chosen.label if chosen else "", words)
    keys = digests.unsubscribe_digests(context)
    without = UnsubRequest.objects.filter(wish__in=keys, reason=None, reason_text="")
    without = without.exclude(status=Status.WITHDRAWN)
    changes = {"reason": chosen, "reason_text": text, "reason_added_at": Now()}
    return bool(text and without.update(**changes))


def _link_age(wish: Wish) -> int | None:
    """Return the seconds from the making of the link to the wish, or None where it does not say."""
    if wish.context.issued_at is None:
        return None
    at = wish.received_at or timezone.now()
    return min(max(int(at.timestamp()) - wish.context.issued_at, 0), LINK_AGE_MAX)


def grace(channel: str) -> int:
    """Return the seconds in which a wish can be taken back before it is sent."""
    return settings.UNDO_SECONDS if channel == Channel.PAGE else 0


def _retire_old(wish: Wish, key: str) -> None:
    """Free the place of a row that no longer answers for its wish, received now or earlier: a
    letter is as old as its wish, however late it is read."""
    at = wish.received_at or Now()
    # What is still on its way answers for the wish however old it is: one wish, one event.
    old = Q(received_at__lt=at - wish.spec.same_within, status__in=SETTLED)
    # Taking back answers for all that was asked before it: a letter that was kept while the
    # database was away may be read only after its person pressed again, and then Undo.
    taken_back = Q(status=Status.WITHDRAWN, finished_at__lte=at)
    contrary = precedence.answered_anew(wish, until=at)
    UnsubRequest.objects.filter(old | taken_back | contrary, wish=key).update(wish=None)


def reason_text(label: str, words: str) -> str:
    """Return the Reason parameter: the unit's words for the choice and the person's own, cleaned,
    at most 100 characters; empty where neither was given."""
    parts = [part for part in (clean(label), clean(words)) if part]
    return ": ".join(parts)[:REASON_LENGTH].rstrip()
