"""Of two requests of one subscriber about the same target the later one counts: which supersedes
an earlier one, and which has to wait until an earlier one is sent. What the kinds say of each other
is in `KINDS`; here is how it is looked up.

Looked up by the worker and not by the page, so that a request is one insert, and two pages at once
need not agree on anything: the order of receipt decides. That is not the order of the rows: what
was spooled while the database was away may become a row after later requests.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Protocol, TypeVar

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from unsub.domain.outcomes import MASTER_UNSUBSCRIBED
from unsub.domain.target import Target, TargetType
from unsub.models import Kind, LinkEmail, Status, SubscriberRequest
from unsub.models.kinds import KINDS, KindSpec, superseding
from unsub.models.request import target_columns
from unsub.models.statuses import NOT_IN_FORCE, ON_THEIR_WAY

_Row = TypeVar("_Row", SubscriberRequest, LinkEmail)

_EARLIER = Q(received_at__lt=OuterRef("received_at")) | Q(
    received_at=OuterRef("received_at"), pk__lt=OuterRef("pk")
)
_LATER = Q(received_at__gt=OuterRef("received_at")) | Q(
    received_at=OuterRef("received_at"), pk__gt=OuterRef("pk")
)


# What a kind waits for, as in its `KindSpec`: when being sent, and when queued.
_Waits = tuple[frozenset[Kind], frozenset[tuple[Kind, TargetType]]]


class Targeted(Protocol):
    """What precedence depends on: of a row, or of what is to become one."""

    @property
    def kind(self) -> str:
        """The kind of the request."""

    @property
    def spec(self) -> KindSpec:
        """What the kind means."""

    @property
    def target(self) -> Target:
        """What the request is about."""


def supersedes(later: Targeted, earlier: Targeted) -> bool:
    """Return whether the later of two requests of one subscriber supersedes the earlier one."""
    return any(
        kind == earlier.kind and relation.holds(later.target, earlier.target)
        for kind, relation in later.spec.supersedes
    )


def ready(due: QuerySet[SubscriberRequest]) -> QuerySet[SubscriberRequest]:
    """Return those of the due rows that need not wait for an earlier request of the same
    subscriber, which must not be overtaken by what goes in another message."""
    earlier = SubscriberRequest.objects.filter(
        _EARLIER, subscriber_digest=OuterRef("subscriber_digest")
    )
    # One subquery for all kinds that wait for the same.
    alike: dict[_Waits, set[Kind]] = {}
    for kind in Kind:
        spec = KINDS[kind]
        alike.setdefault((spec.waits_for_sent, spec.waits_for_queued), set()).add(kind)
    free = (Q(kind__in=kinds) & _none_of(waits, earlier) for waits, kinds in alike.items())
    return due.filter(Q(subscriber_digest="") | _either(free))


def _none_of(waits: _Waits, earlier: QuerySet[SubscriberRequest]) -> Q:
    """Return Q for rows for which none of the `earlier` ones has to go first."""
    kinds, queued = waits
    none = ~Exists(earlier.filter(status=Status.SENDING, kind__in=kinds))
    if not queued:
        return Q(none)
    named = _either(Q(kind=kind, target_type=target_type) for kind, target_type in queued)
    return Q(none) & Q(~Exists(earlier.filter(named, status=Status.PENDING)))


def _either(conditions: Iterable[Q]) -> Q:
    """Return Q for rows that meet one of the conditions."""
    return reduce(or_, conditions)


def claimable(ids: Sequence[int]) -> list[int]:
    """Return those of the due rows `ids`, which the caller holds locked, that may go now. Those
    that a later wish made void are marked with it; those whose person's earlier wish another worker
    is just taking stay as they are."""
    rows = SubscriberRequest.objects.in_bulk(ids)
    superseded = _superseded(rows)
    for pk, by in superseded.items():
        SubscriberRequest.objects.filter(pk=pk).update(
            status=Status.SUPERSEDED, superseded_by=by, finished_at=Now(), idempotency_key=None
        )
    busy = _busy_subscribers(rows)
    return [pk for pk in ids if pk not in superseded and rows[pk].subscriber_digest not in busy]


def is_superseded(row: SubscriberRequest) -> bool:
    """Return whether something that makes it void was asked for since."""
    return bool(_superseded({row.pk: row}))


def _superseded(rows: Mapping[int, SubscriberRequest]) -> dict[int, int]:
    """Return the rows that are void, each with the wish that made it so."""
    # Among them may be others of these rows.
    since = min(row.received_at for row in rows.values())
    later = _of_subscribers(rows).filter(received_at__gte=since).exclude(status__in=NOT_IN_FORCE)
    later = later.filter(kind__in=superseding({row.kind for row in rows.values()}))
    found: dict[int, int] = {}
    later = later.only(
        "pk", "received_at", "subscriber_digest", "kind", "target_type", "target_id", "target_name"
    )
    for one in later.order_by("-received_at", "-pk"):
        for pk, row in rows.items():
            if (
                one.subscriber_digest == row.subscriber_digest
                and _order(one) > _order(row)
                and supersedes(one, row)
            ):
                found[pk] = one.pk
    return found


def _order(row: SubscriberRequest) -> tuple[datetime, int]:
    """Return what puts a person's wishes in order."""
    return row.received_at, row.pk


def _busy_subscribers(rows: Mapping[int, SubscriberRequest]) -> set[str]:
    """Return whose earlier wish, of another kind of message, is in another worker's hands: leased
    already, or locked by one who has not committed yet what `ready` would have had to see."""
    earlier = _of_subscribers(rows).exclude(pk__in=rows)
    until = max(row.received_at for row in rows.values())
    kinds = frozenset[Kind]().union(*(row.spec.waits_for_sent for row in rows.values()))
    earlier = earlier.filter(received_at__lte=until, status__in=ON_THEIR_WAY, kind__in=kinds)
    there = dict(earlier.values_list("pk", "subscriber_digest"))
    if not there:
        return set()
    free = lock_skipping(earlier.exclude(status=Status.SENDING))
    mine = set(free.values_list("pk", flat=True))
    return {subscriber_digest for pk, subscriber_digest in there.items() if pk not in mine}


def lock_skipping(rows: QuerySet[_Row]) -> QuerySet[_Row]:
    """Return the rows, locked as they are read; those that others hold are skipped. Without the key
    of the row: to name it as what made another one void must not wait for whoever holds it, or two
    who each hold what the other names would wait for each other."""
    return rows.select_for_update(skip_locked=True, of=("self",), no_key=True)


def _of_subscribers(rows: Mapping[int, SubscriberRequest]) -> QuerySet[SubscriberRequest]:
    """Return all requests of these rows' subscribers."""
    subscriber_digests = {row.subscriber_digest for row in rows.values()} - {""}
    return SubscriberRequest.objects.filter(subscriber_digest__in=subscriber_digests)


def already_left_lists(subscriber_digests: Collection[str]) -> dict[str, set[int]]:
    """Return {person: ListIDs} to unsubscribe from when these subscribers subscribe again: lists
    that they left while they were unsubscribed from everything (error 12012), so that Marketing
    Cloud still has them as active, and that they have not joined since."""
    since = SubscriberRequest.objects.filter(subscriber_digest=OuterRef("subscriber_digest"))
    joined = since.filter(
        _LATER, kind=Kind.SUBSCRIBE, target_type=TargetType.LIST, target_id=OuterRef("target_id")
    ).exclude(status__in=NOT_IN_FORCE)
    # What was left before they came back the last time was seen to then.
    back = since.filter(
        kind=Kind.RESUBSCRIBE, status=Status.DONE, finished_at__gt=OuterRef("finished_at")
    )
    left = SubscriberRequest.objects.filter(
        ~Exists(joined),
        ~Exists(back),
        subscriber_digest__in=set(subscriber_digests) - {""},
        kind=Kind.UNSUBSCRIBE,
        target_type=TargetType.LIST,
        status=Status.DONE,
        error_code=MASTER_UNSUBSCRIBED,
    )
    found: dict[str, set[int]] = {}
    for subscriber_digest, list_id in left.values_list("subscriber_digest", "target_id"):
        if list_id is not None:
            found.setdefault(subscriber_digest, set()).add(list_id)
    return found


def revive(ids: Sequence[int]) -> set[int]:
    """Give back their turn to the wishes that only these ones, taken back now, had made void.
    Return the MIDs of their units."""
    superseded = SubscriberRequest.objects.filter(status=Status.SUPERSEDED, superseded_by__in=ids)
    mids = set(superseded.order_by().values_list("unit_id", flat=True))
    superseded.update(
        status=Status.PENDING, superseded_by=None, finished_at=None, next_attempt_at=Now()
    )
    return mids


def superseded_since(submission: Targeted, *, until: datetime | Now) -> Q:
    """Return Q for rows whose idempotency key is to be released: a request to the contrary was
    received after the row and up to `until`, so that the same request now is a new one.

    Contrary is what could supersede it: of another kind whatever its target, which is cautious; of
    the same kind where that carries another value for the same target.
    """
    later = SubscriberRequest.objects.filter(
        _LATER, subscriber_digest=OuterRef("subscriber_digest"), received_at__lte=until
    )
    contrary = Q(kind__in=superseding({submission.kind}) - {submission.kind})
    if submission.spec.has_value:
        contrary |= Q(kind=submission.kind, **target_columns(submission.target))
    later = later.filter(contrary).exclude(status__in=NOT_IN_FORCE)
    return ~Q(subscriber_digest="") & Q(Exists(later))
