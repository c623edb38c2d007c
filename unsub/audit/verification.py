"""Verification of the seals: names what was altered, is missing, was moved or was added.

Reads the seals in their order, and the rows of each, in constant memory but for one bit for each
request.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from itertools import chain
from typing import Any

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from unsub.models import AuditSeal, DeliveryAttempt, SealCursor, SealedTable, SubscriberRequest
from unsub.models.request import IMPORTED_EVENT

from . import rows as sealed_rows
from . import seals
from .sealing import IMPORTS

# What ended less than an hour ago may wait for the next run.
GRACE = timedelta(hours=1)
_AT_ONCE = 20  # seals in one query
_IDS_AT_ONCE = 100_000
_BITS = 16  # of an id: a bitmap for each 65,536 requests
Line = Mapping[str, Any]


class Problem(StrEnum):
    """What is wrong with a row, or with a seal."""

    ALTERED = "altered"
    MISSING = "missing"
    MOVED = "has the content that was sealed for another row"
    ADDED = "was added among sealed rows"
    NOT_SEALED = "ended over an hour ago and is not sealed"
    NOT_THE_EXPORTED = "differs from the exported one"
    OUT_OF_ORDER = "does not follow the seal before it"
    UNKNOWN_KEY = "was made with a key that is not in DIGEST_KEYS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One seal, or one row of a table, and what is wrong with it. `detail` says more."""

    what: str
    number: int
    problem: Problem
    detail: str = ""

    def __str__(self) -> str:
        more = f" ({self.detail})" if self.detail else ""
        return f"{self.what} {self.number}: {self.problem.value}{more}"


@dataclass(slots=True, kw_only=True)
class Result:
    """The numbers of one verification so far."""

    seals: int = 0
    rows: int = 0
    last: str = ""
    # Requests that are no longer as they were sealed and that a user, or a late call, may have
    # opened again: each has a later seal, or is open. By the number of the seal.
    opened: dict[int, int] = field(default_factory=dict)


def verify(
    result: Result,
    exported: Iterable[Line] = (),
    report: Callable[[int], None] = lambda _rows: None,
) -> Iterator[Finding]:
    """Yield what is wrong, in the order of the seals; then rows that no seal has. `exported` are
    lines of `export_seals`, which must still be true. `report` gets the number of rows so far."""
    known = _Ids()
    theirs = iter(exported)
    line = next(theirs, None)
    for seal in iter_seals():
        while line is not None and line["number"] < seal.number:
            yield _missing_seal(line)
            line = next(theirs, None)
        if line is not None and line["number"] == seal.number:
            if dict(line) != seals.as_line(seal):
                yield _of_seal(seal, Problem.NOT_THE_EXPORTED)
            line = next(theirs, None)
        # What an altered seal says about rows is worth nothing.
        if (yield from _chain(result, seal)):
            yield from _rows_of(result, seal)
        if seal.table == SealedTable.REQUESTS:
            known.update(sealed_rows.unpack_ids(bytes(seal.ids)))
        result.seals, result.rows, result.last = seal.number, result.rows + seal.rows, seal.digest
        report(result.rows)
    yield from map(_missing_seal, () if line is None else chain((line,), theirs))
    yield from _not_sealed(result, known)


def iter_seals(after: int = 0) -> Iterator[AuditSeal]:
    """Yield all seals in their order, a few at a time."""
    while found := list(AuditSeal.objects.filter(number__gt=after).order_by("number")[:_AT_ONCE]):
        yield from found
        after = found[-1].number


def _chain(result: Result, seal: AuditSeal) -> Generator[Finding, None, bool]:
    """Yield whether seals are missing before this one, and whether it is as it was made; return
    the latter."""
    for number in range(result.seals + 1, min(seal.number, result.seals + 1 + _AT_ONCE)):
        yield Finding(what="seal", number=number, problem=Problem.MISSING)
    try:
        if seals.digest(seal) != seal.digest:
            yield _of_seal(seal, Problem.ALTERED)
            return False
    except seals.UnknownKeyError:
        yield _of_seal(seal, Problem.UNKNOWN_KEY)
    # After one that is missing there is nothing to compare.
    if seal.previous != result.last and seal.number == result.seals + 1:
        yield _of_seal(seal, Problem.OUT_OF_ORDER)
    return True


def _of_seal(seal: AuditSeal, problem: Problem) -> Finding:
    return Finding(
        what="seal", number=seal.number, problem=problem,
        detail=f"{seal.rows} {seal.table} from {seal.first_id} to {seal.last_id}",
    )  # fmt: skip


def _missing_seal(line: Line) -> Finding:
    return Finding(what="seal", number=int(line["number"]), problem=Problem.MISSING)


def _rows_of(result: Result, seal: AuditSeal) -> Iterator[Finding]:
    """Yield what is wrong with the rows of a seal."""
    if seal.table == SealedTable.ATTEMPTS:
        yield from _attempts_of(seal)
        return
    ids = sealed_rows.unpack_ids(bytes(seal.ids))
    rows = sealed_rows.with_ids(ids)
    there, final = sealed_rows.digests_of(sealed_rows.final_of_requests(rows))
    changed: frozenset[int] = frozenset()
    if tuple(there) != ids or b"".join(final) != bytes(seal.final):
        changed = yield from _changed_requests(result, seal, dict(zip(there, final, strict=True)))
    for pk in set(result.opened).intersection(ids) - changed:
        del result.opened[pk]
    personal = sealed_rows.personal_digests_of(sealed_rows.personal_of_requests(rows))
    differ = [
        pk
        for pk, sealed in _sealed(seal, seal.personal).items()
        if pk not in changed and personal.get(pk, sealed) not in {sealed, None}
    ]
    if differ:
        yield from _personal_changed(seal, differ)


def _changed_requests(
    result: Result, seal: AuditSeal, there: Mapping[int, bytes]
) -> Generator[Finding, None, frozenset[int]]:
    """Yield the requests that are not as they were sealed. Return the ids of all that differ."""
    sealed = _sealed(seal, seal.final)
    differ = [pk for pk in sealed if there.get(pk) != sealed[pk]]
    again = Q(finished_at=None) | Q(finished_at__gt=seal.sealed_at)
    rows = SubscriberRequest.objects.filter(again, pk__in=differ)
    opened = set(rows.values_list("pk", flat=True))
    for pk in differ:
        if pk in opened:
            result.opened[pk] = seal.number
        else:
            result.opened.pop(pk, None)
            yield _changed(seal, "request", pk, sealed, there)
    return frozenset(differ)


def _attempts_of(seal: AuditSeal) -> Iterator[Finding]:
    """Yield what is wrong with the attempts of a seal: it has all of its range."""
    rows = DeliveryAttempt.objects.filter(pk__gte=seal.first_id, pk__lte=seal.last_id)
    there, final = sealed_rows.digests_of(sealed_rows.final_of_attempts(rows.order_by("pk")))
    if sealed_rows.pack_ids(there) == bytes(seal.ids) and b"".join(final) == bytes(seal.final):
        return
    sealed, now = _sealed(seal, seal.final), dict(zip(there, final, strict=True))
    for pk in sorted(sealed.keys() | now.keys()):
        if pk not in sealed:
            yield _of_row(seal, "attempt", pk, Problem.ADDED)
        elif now.get(pk) != sealed[pk]:
            yield _changed(seal, "attempt", pk, sealed, now)


def _sealed(seal: AuditSeal, part: bytes | memoryview) -> dict[int, bytes]:
    """Return the digests of one part by the ids of the rows."""
    ids = sealed_rows.unpack_ids(bytes(seal.ids))
    return dict(zip(ids, sealed_rows.split_digests(bytes(part)), strict=True))


def _changed(
    seal: AuditSeal, what: str, pk: int, sealed: Mapping[int, bytes], now: Mapping[int, bytes]
) -> Finding:
    """Return what is wrong with a row that differs."""
    if pk not in now:
        return _of_row(seal, what, pk, Problem.MISSING)
    other = next((one for one, digest in sealed.items() if digest == now[pk]), None)
    if other is None:
        return _of_row(seal, what, pk, Problem.ALTERED)
    return _of_row(seal, what, pk, Problem.MOVED, f", that of {other}")


def _personal_changed(seal: AuditSeal, ids: list[int]) -> Iterator[Finding]:
    """Yield those of the requests whose personal part differs for another reason than a reason that
    was given later."""
    rows = SubscriberRequest.objects.filter(pk__in=ids, reason_added_at__isnull=False)
    before = sealed_rows.personal_digests_of(
        sealed_rows.personal_of_requests(rows, without_reason=True)
    )
    sealed = _sealed(seal, seal.personal)
    for pk in ids:
        if before.get(pk) != sealed[pk]:
            yield _of_row(seal, "request", pk, Problem.ALTERED, ", who asked, the value or reason")


def _of_row(seal: AuditSeal, what: str, pk: int, problem: Problem, more: str = "") -> Finding:
    return Finding(what=what, number=pk, problem=problem, detail=f"seal {seal.number}{more}")


def _not_sealed(result: Result, known: "_Ids") -> Iterator[Finding]:
    """Yield the requests that have ended, and the attempts, that no seal has, or none any more."""
    yet = _cursor(IMPORTS)
    ended = SubscriberRequest.objects.filter(finished_at__lt=Now() - GRACE).order_by("pk")
    ended = ended.exclude(IMPORTED_EVENT, pk__gt=yet)
    for pk in _ids_of(ended):
        if pk not in known:
            yield Finding(what="request", number=pk, problem=Problem.NOT_SEALED)
    again = ended.filter(pk__in=list(result.opened))
    for pk in again.values_list("pk", flat=True):
        detail = f"seal {result.opened[pk]}"
        yield Finding(what="request", number=pk, problem=Problem.ALTERED, detail=detail)
    last = AuditSeal.objects.filter(table=SealedTable.ATTEMPTS).order_by("-number")
    upto = last.values_list("last_id", flat=True).first() or 0
    attempts = DeliveryAttempt.objects.filter(pk__gt=upto, finished_at__lt=Now() - GRACE)
    for pk in attempts.order_by("pk").values_list("pk", flat=True):
        yield Finding(what="attempt", number=pk, problem=Problem.NOT_SEALED)


def _ids_of(rows: QuerySet[SubscriberRequest]) -> Iterator[int]:
    """Yield the ids of requests. In chunks: the database cancels statements after 15 s."""
    after = 0
    while found := [pk for pk, _ in sealed_rows.read(_next_ids(rows, after))]:
        yield from found
        after = found[-1]


def _next_ids(rows: QuerySet[SubscriberRequest], after: int) -> QuerySet[Any, Any]:
    return rows.filter(pk__gt=after).values_list("pk")[:_IDS_AT_ONCE]


def _cursor(source: str) -> int:
    found = SealCursor.objects.filter(source=source).values_list("upto_id", flat=True).first()
    return found or 0


class _Ids:
    """A set of ids, one bit each where they are dense."""

    def __init__(self) -> None:
        self._maps: dict[int, bytearray] = {}

    def update(self, ids: Iterable[int]) -> None:
        """Add ids."""
        for pk in ids:
            bits = self._maps.get(pk >> _BITS)
            if bits is None:
                bits = self._maps[pk >> _BITS] = bytearray(1 << (_BITS - 3))
            bits[(pk & 0xFFFF) >> 3] |= 1 << (pk & 7)

    def __contains__(self, pk: int) -> bool:
        bits = self._maps.get(pk >> _BITS)
        return bits is not None and bool(bits[(pk & 0xFFFF) >> 3] & (1 << (pk & 7)))
