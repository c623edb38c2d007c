"""Unsubscribes that happened in Marketing Cloud without us, taken over so that the audit is whole.

Each becomes a request of the channel `import`, done from the start: there is nothing left to call.
Reading twice does no harm, so nothing is locked while Marketing Cloud is asked.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import islice

import structlog
from django.db.models import Q
from django.utils import timezone

from unsub.domain.context import JobContext, Scope
from unsub.domain.masking import address_mask
from unsub.domain.retry import HORIZON
from unsub.domain.target import EVERYTHING
from unsub.gateway import calls as gateway
from unsub.gateway import concurrency
from unsub.infra import digests
from unsub.models import BusinessUnit, Channel, Outcome, Status, SubscriberRequest
from unsub.models.request import target_columns
from unsub.sfmc import SfmcError, SubscriberName, UnsubEvent

log = structlog.get_logger(__name__)

FIRST = timedelta(days=30)  # how far back the first look goes
# Tracking is written by many machines: an event may turn up behind one that is younger.
OVERLAP = timedelta(hours=1)
SKEW = timedelta(minutes=5)  # between the vendor's clock and ours
_NAMES_AT_ONCE = 100
_KEY_MAX = 254


def importing_units() -> list[int]:
    """Return the MIDs of the units that want it."""
    return list(BusinessUnit.objects.filter(import_events=True).values_list("mid", flat=True))


def import_unit(mid: int) -> set[date]:
    """Return the days (UTC) to which requests were written. What goes wrong is written to the unit
    and logged, and tried again next time from where this one began."""
    unit = BusinessUnit.objects.filter(mid=mid, import_events=True).first()
    if unit is None:
        return set()
    since = unit.imported_upto - OVERLAP if unit.imported_upto else timezone.now() - FIRST
    days: set[date] = set()
    newest, trouble = unit.imported_upto, ""
    try:
        for events in _pages(mid, since):
            days |= _write(mid, events)
            newest = max([event.at for event in events] + ([newest] if newest else []))
    except SfmcError as err:
        trouble = type(err).__name__
        log.warning("event_import_failed", mid=mid, error=trouble, code=err.code)
    else:
        BusinessUnit.objects.filter(mid=mid).update(imported_upto=newest)
    BusinessUnit.objects.filter(mid=mid).update(import_trouble=trouble)
    return days


def _pages(mid: int, since: datetime) -> Iterator[list[UnsubEvent]]:
    """Give pages that hold something; none where all calls at once are taken just now."""
    with concurrency.call_slot() as free:
        if free:
            yield from (page for page in gateway.unsub_events(mid, since) if page)


def _write(mid: int, events: Sequence[UnsubEvent]) -> set[date]:
    """Write what is new among these and not ours. Return the days it was written to."""
    by_key = _new(mid, (event for event in events if len(event.subscriber_key) <= _KEY_MAX))
    names = _names(mid, sorted({event.subscriber_key for event in by_key.values()}))
    ours = _ours(mid, names, by_key.values())
    rows = [
        _request(mid, event, names.get(_fold(event.subscriber_key)), key)
        for key, event in by_key.items()
        if not _is_ours(event, ours)
    ]
    # Another process may have inserted one meanwhile: the unique idempotency key decides.
    SubscriberRequest.objects.bulk_create(rows, batch_size=500, ignore_conflicts=True)
    if rows:
        log.info("events_imported", mid=mid, events=len(rows))
    return {row.received_at.astimezone(UTC).date() for row in rows}


def _new(mid: int, events: Iterable[UnsubEvent]) -> dict[str, UnsubEvent]:
    """Return the events that have no row yet, by their idempotency key under the current digest
    key. One that was imported under a former key has its row."""
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
    """Return the names of subscribers by their key, folded."""
    left = iter(keys)
    names: dict[str, SubscriberName] = {}
    while some := list(islice(left, _NAMES_AT_ONCE)):
        found = gateway.subscriber_names(mid, some)
        names |= {_fold(name.subscriber_key): name for name in found}
    return names


Ours = Mapping[str, list[tuple[int | None, datetime]]]


def _ours(mid: int, names: Mapping[str, SubscriberName], events: Iterable[UnsubEvent]) -> Ours:
    """Return, for each key, the jobs and times of the requests that people made with us."""
    by_id = {name.subscriber_id: key for key, name in names.items()}
    by_email = {_fold(name.email_address): key for key, name in names.items()}
    keys = [event.subscriber_key for event in events]
    emails = [name.email_address for name in names.values()]
    people = Q(subscriber_id__in=by_id) | Q(subscriber_key__in=keys) | Q(email_address__in=emails)
    rows = (
        SubscriberRequest.objects.unsubscribes()
        .filter(people, unit_id=mid)
        .exclude(channel=Channel.IMPORT)
    )
    rows = rows.exclude(status__in=(Status.WITHDRAWN, Status.REFUSED)).order_by()
    found: dict[str, list[tuple[int | None, datetime]]] = {}
    for number, key, email, job_id, at in rows.values_list(
        "subscriber_id", "subscriber_key", "email_address", "job_id", "received_at"
    ):
        subscriber_digest = by_id.get(number or 0) or _fold(key) or by_email.get(_fold(email), "")
        found.setdefault(subscriber_digest, []).append((job_id, at))
    return found


def _is_ours(event: UnsubEvent, ours: Ours) -> bool:
    """Return whether the event came of a request of ours: of the same person and job, or of one
    that left the job to Marketing Cloud and may have been sent when it happened."""
    return any(
        at <= event.at + SKEW
        and (job_id == event.job_id or (job_id is None and event.at <= at + HORIZON + SKEW))
        for job_id, at in ours.get(_fold(event.subscriber_key), ())
    )


def _request(
    mid: int, event: UnsubEvent, name: SubscriberName | None, key: str
) -> SubscriberRequest:
    """Return the row of an event."""
    job = JobContext(job_id=event.job_id, list_id=event.list_id)
    return SubscriberRequest(
        unit_id=mid,
        **target_columns(EVERYTHING if event.is_master else job.target),
        subscriber_id=name.subscriber_id if name else None,
        subscriber_key=event.subscriber_key,
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


def _fold(key: str) -> str:
    """Return a key or address without case: Marketing Cloud tells none apart by it."""
    return key.casefold()
