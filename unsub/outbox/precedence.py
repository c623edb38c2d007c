"""Of two wishes of one person about the same thing the later one counts: which makes an earlier
one void, and which has to wait until an earlier one is out.

Looked up by the worker and not by the page, so that a wish is one insert, and two pages at once
need not agree on anything: the order in which they were received decides. That is not the order of
the rows: what was kept as a letter while the database was away may become a row after what was
asked for since.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from unsub.domain.outcomes import OFF_EVERYTHING
from unsub.models import Kind, Status, UnsubRequest
from unsub.models.request import ALL, JOB, LIST

IN = frozenset({Kind.SUBSCRIBE, Kind.RESUBSCRIBE})
# A wish that nobody confirmed, took back, or that was refused makes no other one void.
_SPEAKS_FOR_NOBODY = (Status.WAITING, Status.WITHDRAWN, Status.REFUSED)


_EARLIER = Q(received_at__lt=OuterRef("received_at")) | Q(
    received_at=OuterRef("received_at"), pk__lt=OuterRef("pk")
)
_LATER = Q(received_at__gt=OuterRef("received_at")) | Q(
    received_at=OuterRef("received_at"), pk__gt=OuterRef("pk")
)


class Mark(Protocol):
    """What a wish is about: a row, or what is to become one."""

    @property
    def kind(self) -> str:
        """The kind of the wish."""

    @property
    def aspect(self) -> str:
        """What the wish is about."""


def voids(later: Mark, earlier: Mark) -> bool:
    """Return whether the later of two wishes of one person makes the earlier one void.

    Two unsubscribes never do: each is an event of its own job. A mail is never void. Of a job's
    unsubscribe nobody knows the list, so it may be the one that is being joined: leaving counts.
    """
    if later.kind == Kind.UNSUBSCRIBE:
        may_be = later.aspect.startswith(JOB) and earlier.kind == Kind.SUBSCRIBE
        return earlier.kind in IN and (may_be or later.aspect in {ALL, earlier.aspect})
    if earlier.kind == Kind.UNSUBSCRIBE:
        return later.kind in IN and later.aspect == earlier.aspect
    same = later.kind == earlier.kind and later.aspect == earlier.aspect
    return same and later.kind != Kind.MAIL


def ready(due: QuerySet[UnsubRequest]) -> QuerySet[UnsubRequest]:
    """Return those of the due rows that need not wait for an earlier wish of the same person.

    What goes to Marketing Cloud as another message must not overtake: an unsubscribe under way, or
    one of which nobody knows the list, comes before a subscription that was asked for after it.
    """
    earlier = UnsubRequest.objects.filter(_EARLIER, person=OuterRef("person"))
    under_way = earlier.filter(status=Status.SENDING).exclude(kind=Kind.MAIL)
    leaving = earlier.filter(
        Q(aspect=ALL) | Q(aspect__startswith=JOB),
        kind=Kind.UNSUBSCRIBE,
        status=Status.PENDING,
    )
    alone = Q(person="")
    leaves = Q(kind=Kind.UNSUBSCRIBE) & ~Exists(under_way.filter(kind__in=IN))
    joins = Q(kind=Kind.SUBSCRIBE) & ~Exists(under_way) & ~Exists(leaving)
    others = ~Q(kind__in=(Kind.UNSUBSCRIBE, Kind.SUBSCRIBE)) & ~Exists(under_way)
    return due.filter(alone | leaves | joins | others)


def still_wanted(ids: Sequence[int]) -> list[int]:
    """Return those of the due rows `ids`, which the caller holds locked, that may go now. Those
    that a later wish made void are marked with it; those whose person's earlier wish another worker
    is just taking stay as they are."""
    rows = UnsubRequest.objects.in_bulk(ids)
    void = _void(rows)
    for pk, by in void.items():
        UnsubRequest.objects.filter(pk=pk).update(
            status=Status.SUPERSEDED, superseded_by=by, finished_at=Now(), wish=None
        )
    busy = _busy(rows)
    return [pk for pk in ids if pk not in void and rows[pk].person not in busy]


def is_void(row: UnsubRequest) -> bool:
    """Return whether something that makes it void was asked for since."""
    return bool(_void({row.pk: row}))


def _void(rows: Mapping[int, UnsubRequest]) -> dict[int, int]:
    """Return the rows that are void, each with the wish that made it so."""
    # Among them may be others of these rows.
    since = min(row.received_at for row in rows.values())
    later = _of_persons(rows).filter(received_at__gte=since).exclude(status__in=_SPEAKS_FOR_NOBODY)
    if _are_all_unsubscribes(rows):
        later = later.filter(kind__in=IN)
    found: dict[int, int] = {}
    later = later.only("pk", "received_at", "person", "kind", "aspect")
    for one in later.order_by("-received_at", "-pk"):
        for pk, row in rows.items():
            if one.person == row.person and _order(one) > _order(row) and voids(one, row):
                found[pk] = one.pk
    return found


def _order(row: UnsubRequest) -> tuple[datetime, int]:
    """Return what puts a person's wishes in order."""
    return row.received_at, row.pk


def _busy(rows: Mapping[int, UnsubRequest]) -> set[str]:
    """Return whose earlier wish, of another kind of message, is in another worker's hands: leased
    already, or locked by one who has not committed yet what `ready` would have had to see."""
    earlier = _of_persons(rows).exclude(pk__in=rows)
    until = max(row.received_at for row in rows.values())
    earlier = earlier.filter(received_at__lte=until, status__in=(Status.PENDING, Status.SENDING))
    if _are_all_unsubscribes(rows):
        earlier = earlier.filter(kind__in=IN)
    there = dict(earlier.values_list("pk", "person"))
    if not there:
        return set()
    free = take(earlier.exclude(status=Status.SENDING))
    mine = set(free.values_list("pk", flat=True))
    return {person for pk, person in there.items() if pk not in mine}


def take(rows: QuerySet[UnsubRequest]) -> QuerySet[UnsubRequest]:
    """Return the rows, locked as they are read; those that others hold are skipped. Without the key
    of the row: to name it as what made another one void must not wait for whoever holds it, or two
    who each hold what the other names would wait for each other."""
    return rows.select_for_update(skip_locked=True, of=("self",), no_key=True)


def _of_persons(rows: Mapping[int, UnsubRequest]) -> QuerySet[UnsubRequest]:
    """Return the wishes of these rows' persons, but for mails."""
    persons = {row.person for row in rows.values()} - {""}
    return UnsubRequest.objects.filter(person__in=persons).exclude(kind=Kind.MAIL)


def _are_all_unsubscribes(rows: Mapping[int, UnsubRequest]) -> bool:
    return all(row.kind == Kind.UNSUBSCRIBE for row in rows.values())


def left_in_vain(persons: Collection[str]) -> dict[str, set[int]]:
    """Return the lists, by person, of which Marketing Cloud said that there was nothing to leave,
    for these persons had left everything, and which they have not joined since. Whoever comes back
    has still left them, and Marketing Cloud does not know."""
    since = UnsubRequest.objects.filter(person=OuterRef("person"))
    joined = since.filter(_LATER, kind=Kind.SUBSCRIBE, aspect=OuterRef("aspect"))
    joined = joined.exclude(status__in=_SPEAKS_FOR_NOBODY)
    # What was left before they came back the last time was seen to then.
    back = since.filter(
        kind=Kind.RESUBSCRIBE, status=Status.DONE, finished_at__gt=OuterRef("finished_at")
    )
    left = UnsubRequest.objects.filter(
        ~Exists(joined), ~Exists(back),
        person__in=set(persons) - {""}, kind=Kind.UNSUBSCRIBE, aspect__startswith=LIST,
        status=Status.DONE, error_code=OFF_EVERYTHING,
    )  # fmt: skip
    found: dict[str, set[int]] = {}
    for person, aspect in left.values_list("person", "aspect"):
        found.setdefault(person, set()).add(int(aspect.removeprefix(LIST)))
    return found


def revive(ids: Sequence[int]) -> set[int]:
    """Give back their turn to the wishes that only these ones, taken back now, had made void.
    Return the MIDs of their units."""
    void = UnsubRequest.objects.filter(status=Status.SUPERSEDED, superseded_by__in=ids)
    mids = set(void.order_by().values_list("unit_id", flat=True))
    void.update(status=Status.PENDING, superseded_by=None, finished_at=None, next_attempt_at=Now())
    return mids


def answered_anew(mark: Mark, *, until: datetime | Now) -> Q:
    """Return what finds, among the rows that answer for a wish, those that no longer do: something
    to the contrary was asked for since, and before the wish, so the same words are a new one."""
    later = UnsubRequest.objects.filter(_LATER, person=OuterRef("person"), received_at__lte=until)
    later = later.exclude(status__in=_SPEAKS_FOR_NOBODY)
    if mark.kind == Kind.UNSUBSCRIBE:
        later = later.filter(kind__in=IN)
    elif mark.kind in IN:
        later = later.filter(kind=Kind.UNSUBSCRIBE)
    else:
        later = later.filter(kind=mark.kind, aspect=mark.aspect)
    return ~Q(person="") & Q(Exists(later))
