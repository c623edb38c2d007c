"""Sends that far more people unsubscribe from than is usual: the data that the rule in
`domain/spikes.py` compares.

A send is compared with earlier sends of the same email, or of its business unit, until NEW after it
was sent. What runs for longer (a triggered send, a journey) is compared with its own days. All of
it comes from the daily counts, by index: nothing here depends on the number of requests.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Min, Sum
from django.utils import timezone

from unsub.domain.spikes import (
    LEAST_HISTORY,
    LEAST_NUMBER,
    Spike,
    Unsubscribes,
    known_rates,
    spike_of,
)
from unsub.models import By, DailyCount, Send
from unsub.models.daily_count import NONE

from .days import Zone, is_today, zone_of, zones

# Most unsubscribes of a send come within NEW. Then it is finished, and others are compared with it.
NEW = timedelta(days=3)
# Compared are the last COMPARED sends of LOOK_BACK, chosen from the READ newest of the unit.
COMPARED, LOOK_BACK, READ = 30, timedelta(days=90), 300
# Without Marketing Cloud's list of sends: from the daily counts of so many days.
COUNTED_DAYS = 30
# The days that one of a running send is compared with, and how many of them there have to be.
OWN_DAYS, LEAST_DAYS = 28, 7
# The size is a size when it was read so long after the sending began: sending takes its time.
SETTLES = timedelta(hours=1)

Job = tuple[int, int]  # MID and JobID


@dataclass(frozen=True, slots=True, kw_only=True)
class SendSpike:
    """A send with far more unsubscribes than usual. `number` counts those received since
    `first_day` (in the unit's time zone), all of them for None."""

    mid: int
    job_id: int
    email_name: str
    number: int
    sent: int | None
    first_day: date | None
    spike: Spike


@dataclass(frozen=True, slots=True, kw_only=True)
class _Total:
    """All unsubscribes of a job, and the first day with any."""

    number: int
    first_day: date


def find(*, known: Collection[Job] = ()) -> list[SendSpike]:
    """Return the sends that are far above what is usual, by MID and JobID. `known` are those that
    were found before, which end a little later. Two queries while no send has LEAST_NUMBER
    unsubscribes in these days, else about nine and one for each business unit with such sends."""
    now, found_zones = timezone.now(), zones()
    recent = _recent(found_zones)
    if not recent:
        return []
    totals, sends = _totals(recent), _sends(recent)
    began = {job: _began(sends.get(job), totals[job]) for job in recent if job in totals}
    fresh = {job for job, at in began.items() if at > now - NEW}
    running = {job for job in began.keys() - fresh if recent[job] >= LEAST_NUMBER}
    found = [
        *_fresh_spikes(fresh, totals, sends, known, now),
        *_running_spikes(running, recent, totals, sends, known, found_zones),
    ]
    return sorted(found, key=lambda one: (one.mid, one.job_id))


def _recent(found: Sequence[Zone]) -> dict[Job, int]:
    """Return the jobs with LEAST_NUMBER unsubscribes within NEW, each with those of today."""
    first = min(zone.today for zone in found) - NEW
    rows = (
        DailyCount.objects.filter(by=By.JOB, day__gte=first)
        .exclude(key=NONE).order_by().values_list("mid", "key")
        .annotate(sum=Sum("number"), now=Sum("number", filter=is_today(found), default=0))
        .filter(sum__gte=LEAST_NUMBER)
    )  # fmt: skip
    return {(mid, int(key)): now for mid, key, _, now in rows}


def _totals(jobs: Iterable[Job]) -> dict[Job, _Total]:
    """Return what is counted of these jobs. One query, by index."""
    wanted = set(jobs)
    rows = (
        DailyCount.objects.filter(by=By.JOB, key__in=sorted({str(job) for _, job in wanted}))
        .order_by().values_list("mid", "key").annotate(sum=Sum("number"), first=Min("day"))
    )  # fmt: skip
    found = {(mid, int(key)): _Total(number=sum_, first_day=day) for mid, key, sum_, day in rows}
    return {job: total for job, total in found.items() if job in wanted}


def _sends(jobs: Iterable[Job]) -> dict[Job, Send]:
    """Return what Marketing Cloud said of these jobs. One query."""
    wanted = set(jobs)
    rows = Send.objects.filter(
        unit__in={mid for mid, _ in wanted}, job_id__in={job for _, job in wanted}
    ).exclude(email_name="")
    return {(send.unit_id, send.job_id): send for send in rows}


def _began(send: Send | None, total: _Total) -> datetime:
    """Return when it was sent; where that is not known, the first day with an unsubscribe."""
    if send is not None and send.sent_at is not None:
        return send.sent_at
    return datetime.combine(total.first_day, time(), UTC)


def _fresh_spikes(
    jobs: set[Job],
    totals: Mapping[Job, _Total],
    sends: Mapping[Job, Send],
    known: Collection[Job],
    now: datetime,
) -> Iterable[SendSpike]:
    """Yield the sends of these days that are above earlier sends."""
    histories = _histories(jobs, sends, now)
    for mid, job in jobs:
        send, total = sends.get((mid, job)), totals[mid, job]
        one = Unsubscribes(number=total.number, sent=_size(send))
        history = histories[mid, job]
        if one.sent is None and _size_will_be_known(history, total, now):
            continue
        if spike := spike_of(one, history, was_found=(mid, job) in known):
            yield _found(mid, job, send, one, spike, None)


def _size(send: Send | None) -> int | None:
    """Return to how many it was sent; None while the sending may go on."""
    if send is None or send.number_sent is None or send.sent_at is None:
        return None
    return send.number_sent if send.read_at - send.sent_at >= SETTLES else None


def _size_will_be_known(history: Sequence[Unsubscribes], total: _Total, now: datetime) -> bool:
    """Return whether to wait for the size of a send: the sizes of others are known, and this one
    is of today."""
    is_of_today = total.first_day >= now.astimezone(UTC).date()
    return is_of_today and len(known_rates(history)) >= LEAST_HISTORY


def _histories(
    jobs: set[Job], sends: Mapping[Job, Send], now: datetime
) -> dict[Job, list[Unsubscribes]]:
    """Return for each job what it is compared with: the last COMPARED finished sends of the same
    email, where they are LEAST_HISTORY, else of its business unit."""
    finished = {mid: _finished(mid, now) for mid in sorted({mid for mid, _ in jobs})}
    chosen = {(mid, job): _comparable(sends.get((mid, job)), finished[mid]) for mid, job in jobs}
    without = {mid for (mid, _), others in chosen.items() if len(others) < LEAST_HISTORY}
    counted = _finished_by_counts(without, now.astimezone(UTC).date()) if without else {}
    totals = _totals({(one.unit_id, one.job_id) for some in chosen.values() for one in some})
    histories = {}
    for (mid, job), others in chosen.items():
        if len(others) < LEAST_HISTORY:
            histories[mid, job] = counted.get(mid, [])
            continue
        numbers = [totals.get((mid, one.job_id)) for one in others]
        histories[mid, job] = [
            Unsubscribes(number=total.number if total else 0, sent=one.number_sent)
            for one, total in zip(others, numbers, strict=True)
        ]
    return histories


def _finished(mid: int, now: datetime) -> list[Send]:
    """Return the newest finished sends of a unit. One query, by index."""
    rows = Send.objects.filter(
        unit=mid, sent_at__gt=now - LOOK_BACK, sent_at__lte=now - NEW
    ).exclude(email_name="")
    return list(rows.order_by("-sent_at")[:READ])


def _comparable(send: Send | None, finished: Sequence[Send]) -> list[Send]:
    """Return the sends that a send is compared with."""
    name = send.email_name if send else ""
    same = [one for one in finished if one.email_name == name]
    return (same if len(same) >= LEAST_HISTORY else list(finished))[:COMPARED]


def _finished_by_counts(mids: set[int], today: date) -> dict[int, list[Unsubscribes]]:
    """Return by MID the sends of the last COUNTED_DAYS that are finished, for units whose sends
    Marketing Cloud was not asked for. JobIDs grow, so that the highest are the newest."""
    rows = DailyCount.objects.filter(
        by=By.JOB, mid__in=mids, day__gt=today - timedelta(days=COUNTED_DAYS)
    ).exclude(key=NONE)
    jobs: defaultdict[int, set[int]] = defaultdict(set)
    for mid, key in rows.order_by().values_list("mid", "key").distinct():
        jobs[mid].add(int(key))
    newest = [(mid, job) for mid, all_ in jobs.items() for job in sorted(all_)[-2 * COMPARED :]]
    found: defaultdict[int, list[Unsubscribes]] = defaultdict(list)
    for (mid, _), total in sorted(_totals(newest).items(), reverse=True):
        is_finished = total.first_day < today - NEW
        is_recent = total.first_day > today - timedelta(days=COUNTED_DAYS)
        if is_finished and is_recent and len(found[mid]) < COMPARED:
            found[mid].append(Unsubscribes(number=total.number))
    return found


def _running_spikes(  # noqa: PLR0917
    jobs: set[Job],
    recent: Mapping[Job, int],
    totals: Mapping[Job, _Total],
    sends: Mapping[Job, Send],
    known: Collection[Job],
    found: Sequence[Zone],
) -> Iterable[SendSpike]:
    """Yield the running sends of which today is above their own days."""
    if not jobs:
        return
    days = _own_days(jobs, min(zone.today for zone in found))
    for mid, job in jobs:
        today = zone_of(mid, found).today
        age = (today - totals[mid, job].first_day).days
        if age < LEAST_DAYS:
            continue
        first = today - timedelta(days=OWN_DAYS)
        own = days.get((mid, job), {})
        numbers = [number for day, number in own.items() if first <= day < today]
        history = numbers + [0] * (min(age, OWN_DAYS) - len(numbers))
        one = Unsubscribes(number=recent[mid, job])
        others = [Unsubscribes(number=number) for number in history]
        if spike := spike_of(one, others, was_found=(mid, job) in known):
            yield _found(mid, job, sends.get((mid, job)), one, spike, today)


def _own_days(jobs: set[Job], today: date) -> dict[Job, dict[date, int]]:
    """Return the numbers of the last OWN_DAYS days with unsubscribes, and of today."""
    rows = DailyCount.objects.filter(
        by=By.JOB, key__in=sorted({str(job) for _, job in jobs}),
        day__gte=today - timedelta(days=OWN_DAYS),
    )  # fmt: skip
    days: defaultdict[Job, dict[date, int]] = defaultdict(dict)
    for mid, key, day, number in rows.values_list("mid", "key", "day", "number"):
        days[mid, int(key)][day] = number
    return days


def _found(  # noqa: PLR0917
    mid: int,
    job: int,
    send: Send | None,
    one: Unsubscribes,
    spike: Spike,
    first_day: date | None,
) -> SendSpike:
    return SendSpike(
        mid=mid,
        job_id=job,
        email_name=send.email_name if send else "",
        number=one.number,
        sent=one.sent,
        first_day=first_day,
        spike=spike,
    )
