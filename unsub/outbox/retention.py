"""Retention: some time after a request ended, its subscriber is no longer stored in clear.

The proof stays: times, job, list, outcome, attempts, and keyed digests by which the row is found
for whoever knows the identifier (docs/operations/data.md has a table of what is kept for how
long). A unit may keep consent to a text until it is withdrawn, and then as long as the request that
withdraws it. What an erased subscriber asked for since is pseudonymised as the erasure did it.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from unsub.models import (
    ApiAnswer,
    BusinessUnit,
    Erasure,
    Kind,
    LinkEmail,
    LostLink,
    Pause,
    PauseResult,
    ResolutionNote,
    Status,
    SubscriberRequest,
    WebhookEvent,
)
from unsub.models.link_email import ENDED as EMAIL_ENDED
from unsub.models.request import IS_CONSENT
from unsub.models.statuses import ON_THEIR_WAY, in_states

from . import erased, identity, precedence
from .forgetting import Row, forget, pseudonymise, save

log = structlog.get_logger(__name__)

CHUNK = 500  # rows in one transaction
# A request can be withdrawn, and then the one that it superseded is sent after all.
ERASED_KEPT_FOR = timedelta(days=1)
# Within this time the same Idempotency-Key of the API gets the same answer.
ANSWERS_KEPT_FOR = timedelta(hours=24)
# A lost link with an erased subscriber's address, which nobody has handled.
ERASED_LOST_LINK_KEPT_FOR = timedelta(days=30)
# Pauses that put the subscription back withdrew nothing.
PUT_BACK = (PauseResult.PUT_BACK, PauseResult.CANCELLED)
# The identifiers in the event of an erasure, where a webhook has not received it: longer than it is
# tried.
ERASED_TOLD_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """Rows that are due, in one table, and what is done to a chunk of them."""

    name: str
    due: QuerySet[Any]
    apply: Callable[[QuerySet[Any]], int]


def counts() -> dict[str, int]:
    """Return how many rows of each table are due now, by the name of the table."""
    found: dict[str, int] = {}
    for step in _steps():
        found[step.name] = found.get(step.name, 0) + step.due.count()
    return found


def apply(
    *, chunks: int | None = None, report: Callable[[int], None] = lambda _done: None
) -> dict[str, int]:
    """Apply the units' retention settings. Return how many rows of each table were changed or
    deleted. At most `chunks` transactions of CHUNK rows each; `report` gets the number of rows so
    far after each. Skips rows that others have locked; the next run finds them."""
    found: dict[str, int] = {}
    for step in _steps():
        while chunks is None or chunks > 0:
            with transaction.atomic():
                number = step.apply(step.due)
            found[step.name] = found.get(step.name, 0) + number
            if number:
                report(sum(found.values()))
                chunks = chunks if chunks is None else chunks - 1
            if number < CHUNK:
                break
    if any(found.values()):
        log.info("retention_applied", **found)
    return found


def _steps() -> Iterator[_Step]:
    """Yield what is to be done, erased subscribers first; last what names nobody, so that much of
    it leaves no subscriber's data for a later run."""
    yield from _of_erased()
    yield _Step(name="webhook_erasures", due=_told_erasures(), apply=_empty_events)
    yield _Step(
        name="api_answers", apply=_delete_answers,
        due=ApiAnswer.objects.filter(started_at__lt=Now() - ANSWERS_KEPT_FOR),
    )  # fmt: skip
    units = BusinessUnit.objects.exclude(retention_days=None).order_by("mid")
    for mid, days, keeps_consent in units.values_list("mid", "retention_days", "keeps_consent"):
        until = Now() - timedelta(days=days or 0)
        requests = _requests().filter(unit_id=mid, finished_at__lt=until)
        yield _Step(name="requests", due=requests.filter(~IS_CONSENT), apply=_forget_requests)
        if not keeps_consent:
            yield _Step(name="requests", due=requests.filter(IS_CONSENT), apply=_forget_requests)
        yield _Step(
            name="emails", apply=_forget_emails,
            due=_emails().filter(unit_id=mid, finished_at__lt=until),
        )  # fmt: skip
        yield _Step(
            name="lost_links", apply=_delete,
            due=LostLink.objects.filter(unit_id=mid, handled_at__lt=until),
        )  # fmt: skip
        yield _Step(
            name="erasures", apply=_empty_erasures,
            due=_declined().filter(unit_id=mid, declined_at__lt=until),
        )  # fmt: skip
    yield _Step(name="webhook_events", due=_old_events(), apply=_delete_events)


def _of_erased() -> Iterator[_Step]:
    """Yield what erased subscribers asked for since, once it has ended."""
    until = Now() - ERASED_KEPT_FOR
    requests = _requests().filter(erased.IS_ERASED, finished_at__lt=until)
    for part in (~IS_CONSENT, IS_CONSENT):
        yield _Step(name="requests", due=requests.filter(part), apply=_pseudonymise_requests)
    emails = _emails().filter(erased.IS_ERASED, finished_at__lt=until)
    yield _Step(name="emails", due=emails, apply=_pseudonymise_emails)
    lost = LostLink.objects.filter(erased.ADDRESS_IS_ERASED).filter(
        Q(handled_at__isnull=False) | Q(received_at__lt=Now() - ERASED_LOST_LINK_KEPT_FOR)
    )
    yield _Step(name="lost_links", due=lost, apply=_delete)


def _old_events() -> QuerySet[WebhookEvent]:
    """Return the events of webhooks that are no longer kept."""
    until = Now() - timedelta(days=settings.WEBHOOK_RETENTION_DAYS)
    return WebhookEvent.objects.filter(occurred_at__lt=until)


def _told_erasures() -> QuerySet[WebhookEvent]:
    """Return the events that still have the identifiers of an erased subscriber."""
    sealed = WebhookEvent.objects.exclude(sealed_subscribers="")
    return sealed.filter(occurred_at__lt=Now() - ERASED_TOLD_FOR)


def _requests() -> QuerySet[SubscriberRequest]:
    """Return the requests that have ended and still name their subscriber. A refused one has ended
    once it has a resolution note; one that began a pause, when the pause is over; a superseded one,
    when the request that counts instead can no longer be withdrawn."""
    noted = Exists(ResolutionNote.objects.filter(request=OuterRef("pk")))
    paused = Exists(Pause.objects.filter(request=OuterRef("pk"), ended_at=None))
    # PostgreSQL may read all requests on their way at once: by their indexes, not by `IN`.
    on_their_way = SubscriberRequest.objects.filter(in_states(*ON_THEIR_WAY))
    instead = Exists(on_their_way.filter(pk=OuterRef("superseded_by")))
    ended = (
        Q(status__in=(Status.DONE, Status.WITHDRAWN))
        | (Q(status=Status.SUPERSEDED) & ~instead)
        | (Q(status=Status.REFUSED) & Q(noted))
    )
    return SubscriberRequest.objects.filter(ended & ~paused, forgotten_at=None)


def _emails() -> QuerySet[LinkEmail]:
    """Return the emails with links that have ended and still name their subscriber."""
    return LinkEmail.objects.filter(status__in=EMAIL_ENDED, forgotten_at=None)


def _declined() -> QuerySet[Erasure]:
    """Return the declined requests for erasure that still name their subscriber."""
    nobody = Q(subscriber_id=None, subscriber_key="", email_address="")
    return Erasure.objects.exclude(declined_at=None).exclude(nobody)


def _forget_requests(due: QuerySet[SubscriberRequest]) -> int:
    """Forget a chunk of requests, and the consents that they have withdrawn. Return how many
    requests of `due` that were."""
    rows = list(_chunk(due.select_related("reason")))
    consents = _withdrawn_by(rows)
    for row in (*rows, *consents):
        forget(row)
    save(SubscriberRequest, [*rows, *consents])
    return len(rows)


def _withdrawn_by(rows: Collection[SubscriberRequest]) -> list[SubscriberRequest]:
    """Return the consents, locked, that these requests of one unit have withdrawn."""
    back = Pause.objects.filter(request__in=rows, result__in=PUT_BACK).values_list("request")
    put_back = {pk for (pk,) in back}
    withdrawals = [
        row
        for row in rows
        if row.kind == Kind.UNSUBSCRIBE
        and row.status != Status.WITHDRAWN
        and row.pk not in put_back
    ]
    if not withdrawals:
        return []
    mid = withdrawals[0].unit_id
    by_name = _by_name(withdrawals)
    ids = {row.subscriber_id for row in withdrawals if row.subscriber_id}
    keys = {row.subscriber_key for row in withdrawals if row.subscriber_key}
    theirs = Q(subscriber_digest__in={row.subscriber_digest for row in withdrawals} - {""})
    theirs |= identity.with_subscriber_id((mid,), ids) | identity.with_subscriber_key(keys)
    consents = SubscriberRequest.objects.filter(theirs, IS_CONSENT, unit_id=mid, forgotten_at=None)
    # Waits for rows that others have locked: with what withdrew them they would not be found again.
    return [
        consent
        for consent in consents.select_related("reason").select_for_update(of=("self",))
        if any(
            later.received_at > consent.received_at and precedence.supersedes(later, consent)
            for name in _names(consent)
            for later in by_name.get(name, ())
        )
    ]


def _by_name(rows: Iterable[SubscriberRequest]) -> dict[str | int | None, list[SubscriberRequest]]:
    """Return the requests by each name of their subscriber."""
    found: dict[str | int | None, list[SubscriberRequest]] = {}
    for row in rows:
        for name in _names(row):
            found.setdefault(name, []).append(row)
    return found


def _names(row: SubscriberRequest) -> set[str | int | None]:
    """Return what a request names its subscriber by, within its unit."""
    return {row.subscriber_digest, row.subscriber_id, row.subscriber_key} - {None, ""}


def _forget_emails(due: QuerySet[LinkEmail]) -> int:
    return _change(LinkEmail, due, forget)


def _pseudonymise_requests(due: QuerySet[SubscriberRequest]) -> int:
    return _change(SubscriberRequest, due.select_related("reason"), pseudonymise)


def _pseudonymise_emails(due: QuerySet[LinkEmail]) -> int:
    return _change(LinkEmail, due, pseudonymise)


def _change(model: type[Row], due: QuerySet[Any], change: Callable[[Any], None]) -> int:
    """Change a chunk of rows, locked. Return how many."""
    rows = list(_chunk(due))
    for row in rows:
        change(row)
    save(model, rows)
    return len(rows)


def _chunk(due: QuerySet[Any]) -> QuerySet[Any]:
    """Return the rows to change next, locked."""
    return precedence.lock_skipping(due).order_by("finished_at", "pk")[:CHUNK]


def _delete(due: QuerySet[LostLink]) -> int:
    """Delete a chunk of lost links. Return how many."""
    ids = list(due.order_by("pk").values_list("pk", flat=True)[:CHUNK])
    return LostLink.objects.filter(pk__in=ids).delete()[0]


def _delete_answers(due: QuerySet[ApiAnswer]) -> int:
    """Delete a chunk of answers of the API. Return how many."""
    ids = list(due.order_by("pk").values_list("pk", flat=True)[:CHUNK])
    return ApiAnswer.objects.filter(pk__in=ids).delete()[0]


def _delete_events(due: QuerySet[WebhookEvent]) -> int:
    """Delete a chunk of events, with their deliveries and attempts. Return how many events."""
    ids = list(due.order_by("pk").values_list("pk", flat=True)[:CHUNK])
    WebhookEvent.objects.filter(pk__in=ids).delete()
    return len(ids)


def _empty_events(due: QuerySet[WebhookEvent]) -> int:
    """Remove the identifiers from a chunk of events. Return how many."""
    ids = list(due.order_by("pk").values_list("pk", flat=True)[:CHUNK])
    return WebhookEvent.objects.filter(pk__in=ids).update(sealed_subscribers="")


def _empty_erasures(due: QuerySet[Erasure]) -> int:
    """Empty the identifiers of a chunk of declined requests for erasure. Return how many."""
    ids = list(due.order_by("pk").values_list("pk", flat=True)[:CHUNK])
    return Erasure.objects.filter(pk__in=ids).update(
        subscriber_id=None, subscriber_key="", email_address=""
    )
