"""Imports unsubscribes that happened in Marketing Cloud without this application, so that the audit
is complete.

Each becomes a request of the channel `import` with the status `done`: there is no call to make.
Reading the same events twice does no harm, so nothing is locked during the calls to Marketing
Cloud. Events of erased subscribers are skipped: an import never brings anybody back.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from unsub.domain.context import JobContext, Scope, SubscriberContext
from unsub.domain.masking import address_mask
from unsub.domain.retry import HORIZON
from unsub.domain.target import EVERYTHING
from unsub.gateway import calls as gateway
from unsub.gateway import concurrency
from unsub.infra import digests
from unsub.models import (
    BusinessUnit,
    Channel,
    ImportState,
    Outcome,
    Status,
    SubscriberRequest,
)
from unsub.models.import_state import import_of
from unsub.models.request import IMPORTED_EVENT, target_columns
from unsub.sfmc import SfmcError, SubscriberName, UnsubEvent
from unsub.webhooks import recording

from . import erased, identity
from .erasure import lock_unit

log = structlog.get_logger(__name__)

FIRST = timedelta(days=30)  # how far back the first import reads
# Many machines write the tracking data: an event may appear after a younger one was read.
OVERLAP = timedelta(hours=1)
SKEW = timedelta(minutes=5)  # between the vendor's clock and ours
_NAMES_AT_ONCE = 100
_KEY_MAX = 254


def importing_units() -> list[int]:
    """Return the MIDs of the units that have the import switched on."""
    return list(BusinessUnit.objects.filter(import_events=True).values_list("mid", flat=True))


def import_unit(mid: int) -> set[date]:
    """Import the new unsubscribe events of a unit. Return the days (UTC) to which requests were
    written. An SfmcError is stored in the ImportState and logged; the next run then starts from the
    same time again."""
    unit = BusinessUnit.objects.filter(mid=mid, import_events=True).first()
    if unit is None:
        return set()
    newest = import_of(unit).imported_upto
    since = newest - OVERLAP if newest else timezone.now() - FIRST
    days: set[date] = set()
    try:
        for events in _pages(mid, since):
            days |= _write(mid, events)
            newest = max([event.at for event in events] + ([newest] if newest else []))
    except SfmcError as err:
        error = type(err).__name__
        log.warning("event_import_failed", mid=mid, error=error, code=err.code)
        _record(mid, error=error)
    else:
        _record(mid, imported_upto=newest, error="")
    return days


def _record(mid: int, **values: Any) -> None:
    """Write these columns of a unit's ImportState; insert it where it does not exist yet."""
    ImportState.objects.bulk_create(
        [ImportState(unit_id=mid, **values)],
        update_conflicts=True,
        unique_fields=["unit"],
        update_fields=list(values),
    )


def _pages(mid: int, since: datetime) -> Iterator[list[UnsubEvent]]:
    """Yield the pages that contain events; none where all call slots are in use."""
    with concurrency.call_slot() as free:
        if free:
            yield from (page for page in gateway.unsub_events(mid, since) if page)


def _write(mid: int, events: Sequence[UnsubEvent]) -> set[date]:
    """Insert the events that are new, did not come from our own requests, and are of nobody who was
    erased. Return the days (UTC) of the inserted rows. Locks the business unit meanwhile."""
    by_key = _new(mid, (event for event in events if len(event.subscriber_key) <= _KEY_MAX))
    names = _names(mid, sorted({event.subscriber_key for event in by_key.values()}))
    identity.learn(mid, {(name.subscriber_id, key) for key, name in names.items()})
    ours = _ours(mid, names, by_key.values())
    elsewhere = {key: event for key, event in by_key.items() if not _is_ours(event, ours)}
    _adopt(mid, {event.subscriber_key for event in elsewhere.values()} - names.keys())
    with transaction.atomic():
        lock_unit(mid)
        gone = _of_erased(mid, names, elsewhere.values())
        rows = [
            _request(mid, event, names.get(event.subscriber_key), key)
            for key, event in elsewhere.items()
            if event.subscriber_key not in gone
        ]
        # Another process may have inserted one meanwhile: the unique idempotency key decides.
        SubscriberRequest.objects.bulk_create(rows, batch_size=500, ignore_conflicts=True)
        recording.imported(rows)
    if rows or gone:
        log.info("events_imported", mid=mid, events=len(rows), subscribers_erased=len(gone))
    return {row.received_at.astimezone(UTC).date() for row in rows}


def _adopt(mid: int, keys: Iterable[str]) -> None:
    """Move the earlier requests of subscribers of whom the SubscriberKey alone is known to the
    current digest key, under which the events are written. Those of the others were told to
    `identity.learn`. A transaction for each, so that none waits while it locks another."""
    for key in keys:
        with transaction.atomic():
            identity.adopt(mid, SubscriberContext(subscriber_key=key))


def _of_erased(
    mid: int, names: Mapping[str, SubscriberName], events: Iterable[UnsubEvent]
) -> set[str]:
    """Return the SubscriberKeys of erased subscribers. An identifier that was not known when they
    were erased is remembered as theirs from now on."""
    known = {event.subscriber_key: names.get(event.subscriber_key) for event in events}
    gone = erased.which(mid, {key: _digests_of(mid, key, name) for key, name in known.items()})
    for key in gone:
        name = known[key]
        erased.remember(mid, digests.key_digests(mid, key)[:1])
        if name:
            erased.remember(mid, digests.id_digests(mid, name.subscriber_id)[:1])
    return gone


def _digests_of(mid: int, key: str, name: SubscriberName | None) -> set[str]:
    """Return the digests by which the subscriber of an event would be an erased one."""
    found = digests.key_digests(mid, key)
    if name:
        found += digests.id_digests(mid, name.subscriber_id)
    if name and name.email_address:
        found += digests.only_address_digests(mid, name.email_address)
    return set(found)


def _new(mid: int, events: Iterable[UnsubEvent]) -> dict[str, UnsubEvent]:
    """Return the events that have no row yet, by their idempotency key under the current digest
    key. An event that was imported under a former key has its row."""
    keys = {_idempotency_keys(mid, event): event for event in events}
    wanted = [one for each in keys for one in each]
    known = set(
        SubscriberRequest.objects.filter(idempotency_key__in=wanted).values_list(
            "idempotency_key", flat=True
        )
    )
    return {each[0]: event for each, event in keys.items() if known.isdisjoint(each)}


def _idempotency_keys(mid: int, event: UnsubEvent) -> tuple[str, ...]:
    return digests.event_digests(
        mid, event.subscriber_key, job_id=event.job_id, list_id=event.list_id, at=event.at
    )


def _names(mid: int, keys: Iterable[str]) -> Mapping[str, SubscriberName]:
    """Return the identifiers of subscribers by their SubscriberKey."""
    left = iter(keys)
    names: dict[str, SubscriberName] = {}
    while some := list(islice(left, _NAMES_AT_ONCE)):
        found = gateway.subscriber_names(mid, some)
        names |= {name.subscriber_key: name for name in found}
    return names


# Of rows that retention has emptied.
_DIGESTS = ("subscriber_id_digest", "subscriber_key_digest")
# The job, when the request was received, and until when a call for it may have made an event.
Ours = Mapping[str, list[tuple[int | None, datetime, datetime]]]


def _ours(mid: int, names: Mapping[str, SubscriberName], events: Iterable[UnsubEvent]) -> Ours:
    """Return, for each SubscriberKey, the jobs and times of the requests made in this application,
    or imported from a file.
    One without a job that was never sent has made no event.
    A request that names an address alone is of the subscriber who alone has it."""
    by_id = {name.subscriber_id: key for key, name in names.items()}
    by_address = _by_address(names)
    keys = {event.subscriber_key for event in events}
    by_digest = _by_digest(mid, names, keys)
    people = identity.with_subscriber_id((mid,), by_id) | identity.with_subscriber_key(keys)
    for column in _DIGESTS:
        people |= identity.with_digest(column, by_digest)
    nothing_else = dict.fromkeys(("subscriber_key", *_DIGESTS), "")
    by_address_alone = Q(subscriber_id=None, **nothing_else)
    people |= identity.with_digest("address_digest", by_address) & by_address_alone
    rows = (
        SubscriberRequest.objects.unsubscribes().filter(people, unit_id=mid).exclude(IMPORTED_EVENT)
    )
    rows = rows.exclude(status__in=(Status.WITHDRAWN, Status.REFUSED)).order_by()
    rows = rows.exclude(job_id=None, attempts=0)
    found: dict[str, list[tuple[int | None, datetime, datetime]]] = {}
    for number, key, address_digest, job_id, at, ended, *row_digests in rows.values_list(
        "subscriber_id", "subscriber_key", "address_digest", "job_id", "received_at", "finished_at",
        *_DIGESTS,
    ):  # fmt: skip
        subscriber_key = by_id.get(number or 0) or key
        if not subscriber_key:
            subscriber_key = next((by_digest[one] for one in row_digests if one in by_digest), "")
        subscriber_key = subscriber_key or by_address.get(address_digest, "")
        found.setdefault(subscriber_key, []).append((job_id, at, ended or at + HORIZON))
    return found


def _by_digest(
    mid: int, names: Mapping[str, SubscriberName], keys: Iterable[str]
) -> dict[str, str]:
    """Return SubscriberKeys by the digests of the subscriber's identifiers."""
    found = {one: key for key in keys for one in digests.key_digests(mid, key)}
    for key, name in names.items():
        found |= dict.fromkeys(digests.id_digests(mid, name.subscriber_id), key)
    return found


def _by_address(names: Mapping[str, SubscriberName]) -> dict[str, str]:
    """Return SubscriberKeys by the digests of the addresses that only one of them has."""
    keys: dict[str, list[str]] = {}
    for key, name in names.items():
        for digest in digests.address_digests(name.email_address) if name.email_address else ():
            keys.setdefault(digest, []).append(key)
    return {digest: found[0] for digest, found in keys.items() if len(found) == 1}


def _is_ours(event: UnsubEvent, ours: Ours) -> bool:
    """Return whether the event results from a request of ours: one of the same subscriber and job,
    or one that left the job to Marketing Cloud and may have been sent at the time of the event."""
    return any(
        at <= event.at + SKEW
        and (job_id == event.job_id or (job_id is None and event.at <= until + SKEW))
        for job_id, at, until in ours.get(event.subscriber_key, ())
    )


def _request(
    mid: int, event: UnsubEvent, name: SubscriberName | None, key: str
) -> SubscriberRequest:
    """Return the row of an event."""
    job = JobContext(job_id=event.job_id, list_id=event.list_id)
    who = SubscriberContext(
        subscriber_id=name.subscriber_id if name else None, subscriber_key=event.subscriber_key
    )
    return SubscriberRequest(
        unit_id=mid,
        **target_columns(EVERYTHING if event.is_master else job.target),
        subscriber_id=who.subscriber_id,
        subscriber_key=event.subscriber_key,
        subscriber_digest=digests.subscriber_digests(mid, who)[0],
        address_digest=digests.address_digest(name.email_address if name else ""),
        address_mask=address_mask(name.email_address if name else ""),
        job_id=event.job_id,
        list_id=event.list_id,
        batch_id=event.batch_id,
        scope=(Scope.ALL if event.is_master else Scope.LIST).value,
        channel=Channel.IMPORT,
        received_at=event.at,
        next_attempt_at=event.at,
        give_up_at=event.at,
        finished_at=event.at,
        status=Status.DONE,
        outcome=Outcome.POSTED.value,
        idempotency_key=key,
    )
