"""Precedence between requests of one subscriber about the same target: which request supersedes an
earlier one, and which must wait until an earlier one is sent. The rules of the kinds are in
`KINDS`; this module queries by them.

The worker applies them, not the page, so that accepting a request is one insert and two concurrent
pages need no coordination: the order of receipt decides. That is not the order of the rows: a
request that was spooled while the database was unavailable may become a row after later requests.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any, Protocol, TypeVar

from django.db.models import (
    BigIntegerField,
    CharField,
    DateTimeField,
    Exists,
    OuterRef,
    Q,
    QuerySet,
    Value,
)
from django.db.models.functions import Coalesce, Now
from django.db.models.lookups import Exact, GreaterThan, LessThan

from unsub.domain.outcomes import MASTER_UNSUBSCRIBED
from unsub.domain.target import Target, TargetType
from unsub.infra.queries import Given, OneOf, PreparedSelect
from unsub.models import Kind, LinkEmail, Status, SubscriberAlias, SubscriberRequest
from unsub.models.kinds import KINDS, KindSpec, superseding
from unsub.models.request import target_columns
from unsub.models.statuses import NOT_IN_FORCE, ON_THEIR_WAY, in_states
from unsub.webhooks import recording

from . import identity

_Row = TypeVar("_Row", SubscriberRequest, LinkEmail)

# `SubscriberRequest.asked_at`, of a row and of the row of the outer query.
ASKED_AT = Coalesce("repeated_at", "received_at")
_OUTER_ASKED_AT = Coalesce(OuterRef("repeated_at"), OuterRef("received_at"))
_AT_ONCE = Q(Exact(ASKED_AT, _OUTER_ASKED_AT))
_EARLIER = Q(LessThan(ASKED_AT, _OUTER_ASKED_AT)) | (_AT_ONCE & Q(pk__lt=OuterRef("pk")))
_LATER = Q(GreaterThan(ASKED_AT, _OUTER_ASKED_AT)) | (_AT_ONCE & Q(pk__gt=OuterRef("pk")))


# The kinds that a kind waits for while they are being sent, and those while they are queued: from
# its `KindSpec`.
_Waits = tuple[frozenset[Kind], frozenset[tuple[Kind, TargetType]]]


class Targeted(Protocol):
    """What precedence depends on: implemented by rows and by submissions."""

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
    subscriber. A request must not overtake an earlier one that is sent in another SOAP message."""
    earlier = SubscriberRequest.objects.filter(
        _EARLIER, subscriber_digest=OuterRef("subscriber_digest")
    )
    # One subquery for all kinds that wait for the same requests.
    alike: dict[_Waits, set[Kind]] = {}
    for kind in Kind:
        spec = KINDS[kind]
        alike.setdefault((spec.waits_for_sent, spec.waits_for_queued), set()).add(kind)
    free = (Q(kind__in=kinds) & _none_of(waits, earlier) for waits, kinds in alike.items())
    return due.filter(Q(subscriber_digest="") | _either(free))


def _none_of(waits: _Waits, earlier: QuerySet[SubscriberRequest]) -> Q:
    """Return Q for rows that need not wait for any of the `earlier` ones."""
    kinds, queued = waits
    none = ~Exists(earlier.filter(status=Status.SENDING, kind__in=kinds))
    if not queued:
        return Q(none)
    named = _either(Q(kind=kind, target_type=target_type) for kind, target_type in queued)
    return Q(none) & Q(~Exists(earlier.filter(named, status=Status.PENDING)))


def _either(conditions: Iterable[Q]) -> Q:
    """Return Q for rows that meet one of the conditions."""
    return reduce(or_, conditions)


def claimable(ids: Sequence[int] | Mapping[int, SubscriberRequest]) -> list[int]:
    """Return those of the due rows `ids` that may be sent now. The caller must hold locks on them,
    and may pass the rows with their ids. Rows that a later request supersedes become `superseded`;
    rows of subscribers whose earlier request another worker is claiming stay as they are. All rows
    of these subscribers move to one digest first.

    Two statements where nothing else is known of these subscribers, as of most."""
    rows = ids if isinstance(ids, Mapping) else SubscriberRequest.objects.in_bulk(ids)
    _learn(rows)
    if not rows or _are_alone(rows):
        return list(ids)
    return _claimable(list(ids), rows)


def _learn(rows: Mapping[int, SubscriberRequest]) -> None:
    """Store which SubscriberIDs and SubscriberKeys these rows name together."""
    pairs: dict[int, set[tuple[int, str]]] = {}
    for row in rows.values():
        if row.subscriber_id is not None and row.subscriber_key:
            pairs.setdefault(row.unit_id, set()).add((row.subscriber_id, row.subscriber_key))
    for mid, told in pairs.items():
        identity.learn(mid, told)


def _are_alone(rows: Mapping[int, SubscriberRequest]) -> bool:
    """Return whether no other request of these subscribers, under any of their digests, needs a
    closer look, nor one of these rows because of another. What is not alone may still be free."""
    kinds = {row.kind for row in rows.values()}
    related = superseding(kinds).union(*(KINDS[kind].waits_for_sent for kind in kinds))
    subscriber_digests = {row.subscriber_digest for row in rows.values()}
    if related & kinds and len(subscriber_digests) < len(rows):
        return False
    return not _RELATED.rows(
        ids=list(rows), digests=list(subscriber_digests - {""}), kinds=sorted(related),
        since=min(row.asked_at for row in rows.values()),
    )  # fmt: skip


def _related() -> QuerySet[Any, Any]:
    """Return up to one row where the subscribers with these digests have requests or digests that
    matter: a digest of a SubscriberKey whose SubscriberID is known; requests under such a one;
    requests of a kind that concerns the rows, and which are on their way, or later."""
    theirs = Given("digests", CharField(), many=True)
    since = Given("since", DateTimeField())
    requests = SubscriberRequest.objects.order_by().values_list(Value(1))
    aliases = SubscriberAlias.objects.order_by()
    matters = in_states(*ON_THEIR_WAY) | Q(received_at__gte=since) | Q(repeated_at__gte=since)
    known = aliases.filter(OneOf("alias", theirs)).values_list(Value(1))
    elsewhere = aliases.filter(OneOf("subscriber_digest", theirs)).values("alias")
    others = requests.filter(
        OneOf("subscriber_digest", theirs),
        OneOf("kind", Given("kinds", CharField(), many=True)),
        ~OneOf("pk", Given("ids", BigIntegerField(), many=True)),
        matters,
    )
    return known.union(requests.filter(OneOf("subscriber_digest", elsewhere)), others, all=True)[:1]


_RELATED = PreparedSelect(_related)


def _claimable(ids: Sequence[int], rows: Mapping[int, SubscriberRequest]) -> list[int]:
    """Do as `claimable` does, where other requests of these subscribers may matter."""
    free, elsewhere = _under_one_digest(rows)
    ids = [pk for pk in ids if pk in free]
    rows = {pk: free[pk] for pk in ids}
    superseded = _superseded(rows) if rows else {}
    for pk, by in superseded.items():
        SubscriberRequest.objects.filter(pk=pk).update(
            status=Status.SUPERSEDED, superseded_by=by, finished_at=Now(), idempotency_key=None
        )
    recording.ended(superseded)
    busy = elsewhere | (_busy_subscribers(rows) if rows else set())
    return [pk for pk in ids if pk not in superseded and rows[pk].subscriber_digest not in busy]


def _under_one_digest(
    rows: Mapping[int, SubscriberRequest],
) -> tuple[Mapping[int, SubscriberRequest], set[str]]:
    """Move all requests of the subscribers of these rows, of whom several digests are known, to the
    digest of the SubscriberID. Return those of the rows that still need not wait, as they are now,
    and the digests of subscribers of whom another worker holds a row under another digest."""
    aliases = identity.aliases_of({row.subscriber_digest for row in rows.values()} - {""})
    if not aliases:
        return rows, set()
    others = SubscriberRequest.objects.filter(subscriber_digest__in=aliases)
    found = dict(others.values_list("pk", "subscriber_digest"))
    if not found:
        return rows, set()
    mine = set(lock_skipping(others.filter(pk__in=found)).values_list("pk", flat=True))
    for alias in {found[pk] for pk in mine}:
        moving = [pk for pk in mine if found[pk] == alias]
        SubscriberRequest.objects.filter(pk__in=moving).update(subscriber_digest=aliases[alias])
    # What `ready` saw of these subscribers is out of date.
    still = ready(SubscriberRequest.objects.filter(pk__in=rows)).in_bulk()
    left = {found[pk] for pk in found.keys() - mine}
    return still, left | {aliases[alias] for alias in left}


def is_superseded(row: SubscriberRequest) -> bool:
    """Return whether a later request of the subscriber supersedes this row."""
    theirs = identity.digests_of(row.unit_id, None, {row.subscriber_digest})
    # As the worker would see them, which moves them to one digest.
    return bool(_superseded({row.pk: row}, dict.fromkeys(theirs, row.subscriber_digest)))


def superseded(rows: Iterable[SubscriberRequest]) -> Collection[int]:
    """Return the ids of those rows that a later request of their subscriber supersedes. Some
    queries for each row."""
    return {row.pk for row in rows if is_superseded(row)}


def _superseded(
    rows: Mapping[int, SubscriberRequest], same: Mapping[str, str] | None = None
) -> dict[int, int]:
    """Return {superseded id: id of the superseding request} for these rows. `same` maps other
    digests of their subscribers to those of the rows."""
    same = same or {}
    if not rows:
        return {}
    # The later requests may include others of these rows.
    since = min(row.asked_at for row in rows.values())
    later = _of_subscribers(rows, same).filter(
        Q(received_at__gte=since) | Q(repeated_at__gte=since)
    )
    later = later.exclude(status__in=NOT_IN_FORCE)
    later = later.filter(kind__in=superseding({row.kind for row in rows.values()}))
    found: dict[int, int] = {}
    later = later.only(
        "pk", "received_at", "repeated_at", "subscriber_digest",
        "kind", "target_type", "target_id", "target_name",
    )  # fmt: skip
    for one in later.order_by(ASKED_AT.desc(), "-pk"):
        subscriber_digest = same.get(one.subscriber_digest, one.subscriber_digest)
        for pk, row in rows.items():
            if (
                subscriber_digest == row.subscriber_digest
                and _order(one) > _order(row)
                and supersedes(one, row)
            ):
                found[pk] = one.pk
    return found


def _order(row: SubscriberRequest) -> tuple[datetime, int]:
    """Return the sort key of a subscriber's requests: the last time of receipt, then id."""
    return row.asked_at, row.pk


def _busy_subscribers(rows: Mapping[int, SubscriberRequest]) -> set[str]:
    """Return the digests of subscribers whose earlier request, sent in another message, another
    worker is processing: it is leased, or locked by a worker that has not yet committed the state
    which `ready` needed to see."""
    earlier = _of_subscribers(rows).exclude(pk__in=rows)
    until = max(row.asked_at for row in rows.values())
    kinds = frozenset[Kind]().union(*(row.spec.waits_for_sent for row in rows.values()))
    earlier = earlier.filter(received_at__lte=until, status__in=ON_THEIR_WAY, kind__in=kinds)
    there = dict(earlier.values_list("pk", "subscriber_digest"))
    if not there:
        return set()
    free = lock_skipping(earlier.exclude(status=Status.SENDING))
    mine = set(free.values_list("pk", flat=True))
    return {subscriber_digest for pk, subscriber_digest in there.items() if pk not in mine}


def lock_skipping(rows: QuerySet[_Row]) -> QuerySet[_Row]:
    """Return the rows with FOR NO KEY UPDATE SKIP LOCKED: locked as they are read, without rows
    that others hold. NO KEY, because writing a row's id into `superseded_by` must not wait for the
    lock on that row: two workers that each hold the row which the other refers to would
    deadlock."""
    return rows.select_for_update(skip_locked=True, of=("self",), no_key=True)


def _of_subscribers(
    rows: Mapping[int, SubscriberRequest], more: Collection[str] = ()
) -> QuerySet[SubscriberRequest]:
    """Return all requests of these rows' subscribers, of whom `more` are other digests."""
    subscriber_digests = {row.subscriber_digest for row in rows.values()} | {*more} - {""}
    return SubscriberRequest.objects.filter(subscriber_digest__in=subscriber_digests)


def already_left_lists(ids: Collection[int]) -> dict[int, set[int]]:
    """Return {id: ListIDs} to unsubscribe from when the subscribers of these rows subscribe again:
    lists that they unsubscribed from while they were unsubscribed from everything (error 12012), so
    that Marketing Cloud still has them as Active, and to which they have not subscribed since."""
    # As they are now: another process may have moved the rows to another digest since the claim.
    rows = SubscriberRequest.objects.filter(pk__in=ids).exclude(subscriber_digest="")
    now = dict(rows.values_list("pk", "subscriber_digest"))
    since = SubscriberRequest.objects.filter(subscriber_digest=OuterRef("subscriber_digest"))
    joined = since.filter(
        _LATER, kind=Kind.SUBSCRIBE, target_type=TargetType.LIST, target_id=OuterRef("target_id")
    ).exclude(status__in=NOT_IN_FORCE)
    # Lists left before the last completed resubscribe were handled by that resubscribe.
    back = since.filter(
        kind=Kind.RESUBSCRIBE, status=Status.DONE, finished_at__gt=OuterRef("finished_at")
    )
    left = SubscriberRequest.objects.filter(
        ~Exists(joined),
        ~Exists(back),
        subscriber_digest__in=set(now.values()),
        kind=Kind.UNSUBSCRIBE,
        target_type=TargetType.LIST,
        status=Status.DONE,
        error_code=MASTER_UNSUBSCRIBED,
    )
    found: dict[str, set[int]] = {}
    for subscriber_digest, list_id in left.values_list("subscriber_digest", "target_id"):
        if list_id is not None:
            found.setdefault(subscriber_digest, set()).add(list_id)
    return {pk: found[digest] for pk, digest in now.items() if digest in found}


def revive(ids: Sequence[int]) -> set[int]:
    """Make the requests pending again that the withdrawn requests `ids` had superseded. Return the
    MIDs of their units."""
    superseded = SubscriberRequest.objects.filter(status=Status.SUPERSEDED, superseded_by__in=ids)
    mids = dict(superseded.order_by().values_list("pk", "unit_id"))
    superseded.update(
        status=Status.PENDING, superseded_by=None, finished_at=None, next_attempt_at=Now()
    )
    recording.accepted_of(mids)
    return set(mids.values())


def superseded_since(
    submission: Targeted,
    subscriber_digests: Collection[str] | QuerySet[Any],
    *,
    until: datetime | Now,
) -> Q:
    """Return Q for rows whose idempotency key is to be released: a contrary request of the same
    subscriber, who has these digests, was received after the row and up to `until`, so that the
    same request now is a new one.

    Contrary is any request that could supersede it: of another kind whatever its target, which is
    cautious; of the same kind where that carries another value for the same target.
    """
    later = SubscriberRequest.objects.filter(
        _LATER, subscriber_digest__in=subscriber_digests, received_at__lte=until
    )
    contrary = Q(kind__in=superseding({submission.kind}) - {submission.kind})
    if submission.spec.has_value:
        contrary |= Q(kind=submission.kind, **target_columns(submission.target))
    later = later.filter(contrary).exclude(status__in=NOT_IN_FORCE)
    return Q(Exists(later))
