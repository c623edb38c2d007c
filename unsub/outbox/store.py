"""Insert-or-get of a request by its idempotency key. Called by the outbox API, and when the spool
is drained and when a pause ends. The only other writer of new requests is `event_import`."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import lru_cache, reduce
from operator import or_
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now
from django.utils import timezone

from unsub.domain.context import UnsubContext
from unsub.domain.masking import address_mask
from unsub.domain.retry import HORIZON
from unsub.domain.target import EVERYTHING
from unsub.domain.text import clean
from unsub.infra import digests
from unsub.infra.inserts import find_or_insert, insert_statement, insert_unless_present
from unsub.infra.prepared import Prepared, Written, update_statement
from unsub.models import (
    BusinessUnit,
    Channel,
    ConsentText,
    EventType,
    Kind,
    Pause,
    PauseResult,
    Reason,
    RequestOrigin,
    Status,
    SubscriberRequest,
)
from unsub.models.kinds import KINDS, superseding
from unsub.models.request import REASON_LENGTH, RequestQuerySet, target_columns
from unsub.models.statuses import NOT_IN_FORCE, ON_THEIR_WAY, SETTLED
from unsub.units import all_subscribers
from unsub.webhooks import recording
from unsub.webhooks.recording import is_wanted

from . import address_rules, identity, link_emails, precedence, topic_lists
from .submission import Submission

# How long a refused request is shown on the subscriber's page.
_REFUSED_SHOWN = timedelta(days=30)
# Each round either inserts a row or finds the existing one; a third round means many concurrent
# writers.
_TRIES = 5
_RECENT_MAX = 500
_HAS_ROW = "SELECT 1 FROM unsub_subscriberrequest WHERE idempotency_key IN"
LINK_AGE_MAX = 2**31 - 1  # what the column holds


def find(context: UnsubContext) -> SubscriberRequest | None:
    """Return the request that answers for an unsubscribe by this link now, or None: also None where
    the subscriber has since requested the contrary, so that the same unsubscribe is a new
    request."""
    return answering(context).first()


def find_for_good(context: UnsubContext) -> SubscriberRequest | None:
    """Return what `find` returns, or None where it is a running pause: whoever unsubscribes during
    it asks for more."""
    return answering(context).exclude(_is_paused()).first()


def answering(context: UnsubContext) -> RequestQuerySet:
    """Return the request, at most one, that answers for an unsubscribe by this link now."""
    again = Submission(token="", context=context, channel=Channel.PAGE)
    rows = SubscriberRequest.objects.filter(idempotency_key__in=identity.idempotency_keys(again))
    theirs = identity.digests_of(context.mid, context.subscriber)
    return rows.exclude(precedence.superseded_since(again, theirs, until=Now()))


def has_row(contexts: Iterable[UnsubContext]) -> bool:
    """Return whether a row holds the idempotency key of an unsubscribe by one of these contexts,
    whether or not it still answers for it."""
    asked = (Submission(token="", context=one, channel=Channel.PAGE) for one in contexts)
    keys = {key for one in asked for key in identity.idempotency_keys(one)}
    return _has_row(len(keys)).fetch({f"key{at}": key for at, key in enumerate(keys)}) is not None


@lru_cache(maxsize=32)
def _has_row(number: int) -> Prepared:
    """Return the query for any row that holds one of so many keys. Without the ORM, which takes
    longer to write it than the database to answer it."""

    def write(stand_ins: Mapping[str, str]) -> Written:
        places = ", ".join(["%s"] * number)
        return f"{_HAS_ROW} ({places}) LIMIT 1", list(stand_ins.values())

    return Prepared(write, [f"key{at}" for at in range(number)])


def is_contradicted(submission: Submission) -> bool:
    """Return whether the subscriber asked for the contrary after the submission was received: by a
    request that could supersede it, or by withdrawing the request that it would repeat."""
    later = Q(received_at__gt=submission.received_at) | Q(repeated_at__gt=submission.received_at)
    theirs = identity.digests_of(submission.context.mid, submission.context.subscriber)
    contrary = SubscriberRequest.objects.filter(
        later,
        subscriber_digest__in=theirs,
        kind__in=superseding({submission.kind}) - {submission.kind},
    ).exclude(status__in=NOT_IN_FORCE)
    withdrawn = SubscriberRequest.objects.filter(
        status=Status.WITHDRAWN,
        finished_at__gt=submission.received_at,
        idempotency_key__in=identity.idempotency_keys(submission),
    )
    return withdrawn.exists() or contrary.exists()


def recent(context: UnsubContext, since: timedelta) -> list[SubscriberRequest]:
    """Return the requests of the subscriber of this link, oldest first: those that wait for a
    confirmation or are on their way, those that ended within `since`, and those refused in the last
    30 days without a resolution note. At most 500."""
    open_ = Q(status__in=(Status.WAITING, *ON_THEIR_WAY))
    ended = Q(finished_at__gte=Now() - since)
    refused = Q(
        status=Status.REFUSED, finished_at__gte=Now() - _REFUSED_SHOWN, resolution_notes=None
    )
    subscriber_digests = identity.digests_of(context.mid, context.subscriber)
    rows = SubscriberRequest.objects.filter(
        open_ | ended | refused, subscriber_digest__in=subscriber_digests
    )
    newest = list(rows.order_by(precedence.ASKED_AT.desc(), "-pk")[:_RECENT_MAX])[::-1]
    # Their links to confirm are dead: see `api.find_waiting`.
    dead = precedence.superseded([row for row in newest if row.status == Status.WAITING])
    return [row for row in newest if row.pk not in dead]


def write_at_once(submission: Submission) -> tuple[SubscriberRequest, bool] | None:
    """Return what `write` returns, by one statement for an unsubscribe, or two for one that
    another process has stored; of the row nothing but the primary key was read. None, with nothing
    written, where more is to be done: for a change, a pause, a submission through the API, digest
    keys that were replaced, and a row that no longer answers for the submission.

    Outside a transaction each statement commits itself.
    """
    is_plain = submission.change is None and not submission.pause_days
    if not is_plain or submission.origin or submission.received_at is not None:
        return None
    submission = _under_unit_rules(submission)
    key, *former = identity.idempotency_keys(submission)
    if former:
        return None
    columns = _columns(submission, key)
    values = columns | {
        "seal_salt": uuid4().hex,
        "other_digest": _other_digest(submission.context, columns["subscriber_digest"]),
    }
    undo = _undo_seconds(submission)
    if is_wanted(submission.context.mid, EventType.ACCEPTED):
        found = _with_event(submission.context.mid, key, undo, values)
    else:
        found = _insert_or_repeat(key, undo, values)
    if found is None:
        return None
    if len(_stored) >= _STORED_MAX:
        _stored.clear()
    _stored.add(key)
    pk, repeated_at = found
    return SubscriberRequest.from_db(connection.alias, ["id"], [pk]), repeated_at is None


def _insert_or_repeat(
    key: str, undo: int, values: Mapping[str, str | int | None]
) -> tuple[Any, ...] | None:
    """Return the primary key of the row and its time of repetition, or None where the row with this
    key no longer answers for the submission."""
    found = None if key in _stored else _insert_at_once(undo).fetch(values)
    return found or _repeat_at_once(undo).fetch(values)


def _with_event(
    mid: int, key: str, undo: int, values: Mapping[str, str | int | None]
) -> tuple[Any, ...] | None:
    """Do as `_insert_or_repeat` does, and record a new row for the webhooks, in one transaction."""
    with transaction.atomic():
        found = _insert_or_repeat(key, undo, values)
        if found is not None and found[1] is None:
            recording.accepted(mid, [found[0]])
    return found


# Idempotency keys that this process has lately stored, or found stored. The statement that also
# notes a repetition takes PostgreSQL half as long again as a plain INSERT, so the first request
# goes without. Where this set is wrong, two statements are executed, and the result is the same.
_STORED_MAX = 10_000
_stored: set[str] = set()


def _other_digest(context: UnsubContext, digest: str) -> str:
    """Return the other digest under which rows of a subscriber may be: of the SubscriberKey, beside
    a SubscriberID; else the same again."""
    who = context.subscriber
    if who.subscriber_id is None or who.subscriber_key is None:
        return digest
    return digests.key_digests(context.mid, who.subscriber_key)[0]


def _answer() -> str:
    """Return what a statement returns: the primary key, and whether there is a time of repetition:
    None where there is none."""
    # Not `repeated_at IS NULL`: SQLite says 0 to that of a row that it has just inserted without
    # one. As text, because nobody needs the time, and making it takes psycopg a tenth of the call.
    time = "repeated_at::text" if connection.vendor == "postgresql" else "repeated_at"
    return f"RETURNING id, {time}"


@lru_cache(maxsize=4)
def _insert_at_once(undo: int) -> Prepared:
    """Return the statement that inserts an unsubscribe which can be withdrawn for `undo` seconds,
    unless its idempotency key is stored. It returns the primary key and `repeated_at`, None."""

    def write(stand_ins: Mapping[str, str]) -> Written:
        insert, parameters = _new_row(undo, stand_ins)
        return f"{insert} ON CONFLICT DO NOTHING {_answer()}", parameters

    return Prepared(write, _VALUES)


@lru_cache(maxsize=4)
def _repeat_at_once(undo: int) -> Prepared:
    """Return the statement that inserts an unsubscribe which can be withdrawn for `undo` seconds;
    or stores that the one with its idempotency key was requested again, unless that no longer
    answers for it, or is a pause. It returns the primary key and `repeated_at`, None for a new
    row."""

    def write(stand_ins: Mapping[str, str]) -> Written:
        insert, parameters = _new_row(undo, stand_ins)
        rows = _repeated(stand_ins["subscriber_digest"], stand_ins["other_digest"])
        update, more = update_statement(rows, {"repeated_at": Now()})
        _, _, change = update.partition(" SET ")
        text = f"{insert} ON CONFLICT (idempotency_key) DO UPDATE SET {change}"
        return f"{text} {_answer()}", (*parameters, *more)

    return Prepared(write, _VALUES)


def _new_row(undo: int, stand_ins: Mapping[str, str]) -> Written:
    return insert_statement(SubscriberRequest(**_times(undo), value=""), stand_ins)


def _repeated(digest: str, other: str) -> RequestQuerySet:
    """Return the rows that answer for an unsubscribe now, of a subscriber with these two
    digests."""
    old = Q(received_at__lt=Now() - KINDS[Kind.UNSUBSCRIBE].same_within, status__in=SETTLED)
    unsubscribe = SubscriberRequest(kind=Kind.UNSUBSCRIBE)
    contrary = reduce(
        or_,
        (
            precedence.superseded_since(unsubscribe, theirs, until=Now())
            for theirs in identity.digests_in_sql((digest, other))
        ),
    )
    rows = SubscriberRequest.objects.filter(~_is_paused())
    return rows.exclude(old | Q(status=Status.WITHDRAWN) | contrary)


def _is_paused() -> Exists:
    """Return the condition that a row is a running pause."""
    return Exists(Pause.objects.filter(request=OuterRef("pk"), ended_at=None))


def write(submission: Submission) -> tuple[SubscriberRequest, bool]:
    """Return the row that answers for the submission, and whether it is new.

    The unique column `idempotency_key` decides, so that any number of processes may write at once
    and no statement fails on it. A settled row that is older than its kind's `same_within` releases
    its key for the new row.

    Joins the caller's transaction, or opens its own for each insert. Raises IntegrityError where no
    row could be written.
    """
    submission = _under_unit_rules(submission)
    key, *_former = keys = identity.idempotency_keys(submission)
    identity.adopt(submission.context.mid, submission.context.subscriber, keys)
    for _ in range(_TRIES):
        with transaction.atomic(savepoint=False):
            request = _insert(submission, key)
        if request:
            _note_origin(request, submission)
            return request, True
        _release_key(submission, key)
        found = SubscriberRequest.objects.filter(idempotency_key=key).first()
        if found:
            _repeat(found, submission)
            _note_origin(found, submission)
            return found, False
    raise IntegrityError("not stored: the idempotency key was taken again and again")


def _note_origin(request: SubscriberRequest, submission: Submission) -> None:
    """Store by which key of the API the submission came, and who asked there."""
    origin = submission.origin
    if origin is None:
        return
    at = {"received_at": submission.received_at} if submission.received_at else {}
    RequestOrigin.objects.create(
        request_id=request.pk, api_key_id=origin.key_id, asked_by=origin.asked_by, **at
    )


def _under_unit_rules(submission: Submission) -> Submission:
    """Return the submission with the unit's All Subscribers list in its context, on which its
    target depends."""
    context = submission.context
    if context.all_subscribers is not None or context.job.list_id is None:
        return submission
    known = all_subscribers.list_ids(context.mid)
    return replace(submission, context=replace(context, all_subscribers=known))


def _repeat(found: SubscriberRequest, submission: Submission) -> None:
    """Apply the effects of a repeated request: the time of the row, the pause, and the confirmation
    email."""
    if _is_latest(found, submission) and found.kind == Kind.UNSUBSCRIBE:
        _update_pause(found, submission)
    if found.status == Status.WAITING:
        # The subscriber asks again: the email may be lost. Another is sent at most once an hour.
        _request_confirmation(found, submission)


def _request_confirmation(request: SubscriberRequest, submission: Submission) -> None:
    """Queue the email that confirms a request, unless that of its topic does so, too."""
    if not topic_lists.is_confirmed_with_topic(request, submission.received_at):
        link_emails.request_confirmation(request, submission.received_at)


def _is_latest(found: SubscriberRequest, submission: Submission) -> bool:
    """Return whether a repeated request is the last one that this row answers for; if so, store its
    time. A spooled one may be read after later ones, which may have been for good, or for a
    pause; and a contrary one may be read that was received before this repetition."""
    at = submission.received_at or Now()
    rows = SubscriberRequest.objects.filter(pk=found.pk, received_at__lte=at)
    rows = rows.filter(Q(repeated_at=None) | Q(repeated_at__lte=at))
    return bool(rows.update(repeated_at=at))


def _insert(submission: Submission, key: str) -> SubscriberRequest | None:
    """Return a new row, or None where a row with this idempotency key exists."""
    request = SubscriberRequest(
        **_columns(submission, key),
        **_times(_undo_seconds(submission)),
        **_change_columns(submission),
    )
    if submission.received_at:
        request.received_at = submission.received_at
    if not insert_unless_present(request):
        return None
    if submission.pause_days:
        _update_pause(request, submission)
    if request.status == Status.PENDING:
        recording.accepted(request.unit_id, [request.pk])
    if request.status == Status.WAITING:
        if request.kind == Kind.ADDRESS:
            address_rules.supersede_waiting(request)
        _request_confirmation(request, submission)
    return request


_COLUMNS = (
    "unit_id", "subscriber_id", "subscriber_key", "email_address", "address_digest", "address_mask",
    "subscriber_digest", "job_id", "list_id", "batch_id", "scope", "channel", "reason_id",
    "reason_text", "language", "link_age", "scanner", "idempotency_key", "target_type", "target_id",
    "target_name",
)  # fmt: skip
_VALUES = (*_COLUMNS, "seal_salt", "other_digest")


def _columns(submission: Submission, key: str) -> dict[str, Any]:
    """Return the columns of a row that depend on the submission: those of _COLUMNS."""
    context, who = submission.context, submission.context.subscriber
    address = who.email_address or ""
    reason = None
    if submission.reason:
        reason = Reason.objects.offered_to(context.mid).filter(code=submission.reason).first()
    return {
        "unit_id": context.mid,
        "subscriber_id": who.subscriber_id,
        "subscriber_key": who.subscriber_key or "",
        "email_address": address,
        "address_digest": digests.address_digest(address),
        "address_mask": address_mask(address),
        "subscriber_digest": digests.subscriber_digests(context.mid, who)[0],
        "job_id": context.job.job_id,
        "list_id": context.job.list_id,
        "batch_id": context.job.batch_id,
        "scope": context.scope.value,
        "channel": Channel(submission.channel).value,
        "reason_id": reason.pk if reason else None,
        "reason_text": reason_text(reason.label if reason else "", submission.words),
        "language": submission.language,
        "link_age": _link_age(submission),
        "scanner": submission.scanner,
        "idempotency_key": key,
        **target_columns(submission.target),
    }


def _times(undo: int) -> dict[str, Any]:
    """Return the times of a row that is received now and can be withdrawn for `undo` seconds."""
    return {
        "received_at": _now_and(timedelta()),
        "next_attempt_at": _now_and(timedelta(seconds=undo)),
        "give_up_at": _now_and(HORIZON),
    }


@lru_cache(maxsize=8)
def _now_and(later: timedelta) -> Now | CombinedExpression:
    """Return the expression for the database's time, and some time later. The same object each
    time, so that Django need not compare what it consists of."""
    return Now() + later if later else Now()


def _change_columns(submission: Submission) -> dict[str, Any]:
    """Return the columns of a change; none for an unsubscribe."""
    change = submission.change
    if change is None:
        return {"value": ""}
    waits = change.needs_confirmation or (
        bool(change.consent_text) and _confirms_joining(submission.context.mid)
    )
    return {
        "kind": change.kind,
        "value": change.value,
        "consent_text": _consent_text(submission, change.consent_text)
        if change.consent_text
        else None,
        "status": Status.WAITING if waits else Status.PENDING,
    }


def _confirms_joining(mid: int) -> bool:
    """Return whether the unit confirms subscribing by email (double opt-in). Checked here and not
    by the page, which is also shown without the database."""
    return BusinessUnit.objects.filter(mid=mid).exclude(confirm_key="").exists()


def _consent_text(submission: Submission, text: str) -> ConsentText:
    """Return the version of the consent text, inserted the first time that a subscriber agrees to
    it."""
    # A hash without a key: the text itself is in the row. So the same text stays the same version
    # when the digest keys change.
    number = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    key = {
        "unit_id": submission.context.mid,
        "language": submission.language,
        "text_digest": number,
    }
    consent_text, _ = find_or_insert(
        ConsentText.objects.filter(**key), ConsentText(text=text, **key)
    )
    return consent_text


def _update_pause(request: SubscriberRequest, submission: Submission) -> None:
    """Make an unsubscribe a pause, or end its pause. The submission must be the last one."""
    if not submission.pause_days:
        running = Pause.objects.filter(request=request, ended_at=None)
        running.update(ended_at=Now(), result=PauseResult.STAYED)
        return
    unit = BusinessUnit.objects.filter(mid=submission.context.mid).first()
    if unit is None or not unit.offers_pause:
        return
    began = submission.received_at or Now()
    pause = Pause(
        request=request,
        began_at=began,
        until=began + timedelta(days=submission.pause_days),
        end_action=unit.pause_end_action,
        ended_at=None,
        result="",
    )
    Pause.objects.bulk_create(
        [pause],
        update_conflicts=True,
        unique_fields=["request"],
        update_fields=["began_at", "until", "end_action", "ended_at", "result"],
    )


def add_reason(context: UnsubContext, *, reason: str, words: str) -> bool:
    """Add a reason to the unsubscribe of this link if it has none. Return whether it was added. It
    is sent with the call if that is not made yet; else it is only stored here."""
    chosen = Reason.objects.offered_to(context.mid).filter(code=reason).first() if reason else None
    text = reason_text(chosen.label if chosen else "", words)
    without = answering(context).filter(reason=None, reason_text="")
    without = without.exclude(status=Status.WITHDRAWN)
    changes = {"reason": chosen, "reason_text": text, "reason_added_at": Now()}
    return bool(text and without.update(**changes))


def _link_age(submission: Submission) -> int | None:
    """Return the seconds from the making of the link to the submission, or None where the link has
    no time."""
    if submission.context.issued_at is None:
        return None
    at = submission.received_at or timezone.now()
    return min(max(int(at.timestamp()) - submission.context.issued_at, 0), LINK_AGE_MAX)


def undo_seconds(channel: str) -> int:
    """Return the seconds for which a request can be withdrawn before it is sent."""
    return settings.UNDO_SECONDS if channel == Channel.PAGE else 0


def _undo_seconds(submission: Submission) -> int:
    """Return the seconds for which this submission can be withdrawn before it is sent: also a pause
    and an unsubscribe from everything in the profile centre. A list can be ticked again."""
    is_undoable = submission.channel == Channel.PROFILE and submission.change is None
    if is_undoable and (submission.pause_days or submission.target == EVERYTHING):
        return undo_seconds(Channel.PAGE)
    return undo_seconds(submission.channel)


def _release_key(submission: Submission, key: str) -> None:
    """Release the idempotency key of a row that no longer answers for the submission, as of its
    `received_at`: a spooled request keeps its original time, however late it is written."""
    at = submission.received_at or Now()
    # A row that is still on its way keeps its key however old it is: one request, one event.
    old = Q(received_at__lt=at - submission.spec.same_within, status__in=SETTLED)
    # A withdrawal also covers requests received before it: a submission that was spooled while the
    # database was unavailable may be read only after the subscriber pressed again, and then Undo.
    taken_back = Q(status=Status.WITHDRAWN, finished_at__lte=at)
    theirs = identity.digests_of(submission.context.mid, submission.context.subscriber)
    contrary = precedence.superseded_since(submission, theirs, until=at)
    SubscriberRequest.objects.filter(old | taken_back | contrary, idempotency_key=key).update(
        idempotency_key=None
    )


def reason_text(label: str, words: str) -> str:
    """Return the Reason parameter: the unit's label of the chosen reason and the subscriber's own
    words, cleaned, at most 100 characters; empty where neither was given."""
    parts = [part for part in (clean(label), clean(words)) if part]
    return ": ".join(parts)[:REASON_LENGTH].rstrip()
