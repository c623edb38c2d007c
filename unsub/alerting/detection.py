"""Detection of alarms about units: one alarm for each cause and unit, or send. `outages` has those
about the deployment, and `notifications` tells people."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import redis
import structlog
from django.conf import settings
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Now

from unsub.audit import sealing
from unsub.domain.outcomes import Outcome
from unsub.infra import link_counts
from unsub.infra.inserts import insert_unless_present
from unsub.infra.link_counts import Counted, Name
from unsub.infra.redis_client import quick_client
from unsub.infra.spool_queue import SpoolQueue
from unsub.links.tokens import PAYLOAD
from unsub.models import (
    DEPLOYMENT,
    NO_SEND,
    OUTAGES,
    Alarm,
    BackupSchedule,
    BusinessUnit,
    Cause,
    DeliveryAttempt,
    DeliveryState,
    EndpointState,
    ExportPlan,
    ExportRun,
    Kind,
    LinkEmail,
    MessageType,
    MessageTypeState,
    QueueState,
    ResolutionNote,
    RestoreHold,
    SealCursor,
    Status,
    SubscriberRequest,
    WebhookDelivery,
    WebhookEndpoint,
)
from unsub.models.request import waits_longer_than
from unsub.reporting import send_spikes, unsubscribe_rate
from unsub.reporting.late_calls import late_calls
from unsub.reporting.send_spikes import SendSpike
from unsub.units import queue_state
from unsub.units.queue_state import CIRCUIT_OPEN

log = structlog.get_logger(__name__)
_spool = SpoolQueue(quick_client(1.0))

LATE = timedelta(hours=1)
NOT_SEALED = timedelta(hours=1)
EXPORT_LATE = timedelta(hours=1)
LATE_BACKUP = 1.5  # intervals of the schedule
WEBHOOK_FAILING = timedelta(hours=1)
RECENT = timedelta(days=1)  # refusals older than this are known
UNIT_CAUSES = tuple(cause for cause in Cause if cause not in OUTAGES)
# Spooled requests are an alarm when the oldest waits for so long, or when the unit's limit is near.
SPOOLED_SECONDS = 300
SPOOLED_SHARE = 0.8
# Bad claims of so many hours are an alarm. Test links are, where one hour has at least so many, and
# so many times the mean of the day before: everybody makes a few while an email is being built.
BAD_CLAIM_HOURS = 24
TEST_LINKS_LEAST, TEST_LINKS_TIMES = 20, 5
NAME_LENGTH = 40  # of an email in an alarm's detail
DETAIL_LENGTH = Alarm._meta.get_field("detail").max_length  # noqa: SLF001


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A cause that applies now. Of an alarm that counts requests from a certain day on, in
    the unit's time zone, `first_day` is that day."""

    cause: Cause
    mid: int
    number: int
    detail: str = ""
    job_id: int = NO_SEND
    first_day: date | None = None

    @property
    def key(self) -> tuple[str, int, int]:
        """What there is one open alarm of."""
        return self.cause.value, self.mid, self.job_id


def evaluate() -> None:
    """Update the alarms about units: raise, renew and clear them. Safe to run in several processes
    at once. Raises DatabaseError."""
    findings = list(find())
    for finding in findings:
        raise_alarm(finding)
    clear_alarms(UNIT_CAUSES, but={finding.key for finding in findings})


def find() -> Iterator[Finding]:
    """Yield what is wrong now."""
    held, known = queue_state.held_mids(), queue_state.known_mids()
    waiting = {head.mid for head in queue_state.heads()}
    # Held queues and unknown units have findings of their own, below.
    pending = Q(status=Status.PENDING, unit_id__in=(waiting & known) - held)
    unsent = pending | Q(status=Status.SENDING)
    long_ago = Q(received_at__lt=Now() - LATE)
    # A link to an address that was changed lately waits on purpose (outbox/address_rules).
    was_due = ~Q(attempts=0, next_attempt_at__gt=Now() - LATE)
    yield from _count(
        Cause.LATE, unsent & long_ago, of_requests=waits_longer_than(LATE), of_emails=was_due
    )
    refused = Q(status=Status.REFUSED, finished_at__gt=Now() - RECENT)
    at_the_horizon = Q(finished_at__gte=F("give_up_at"))
    yield from _count(Cause.REFUSED, refused & ~at_the_horizon)
    yield from _count(Cause.GIVEN_UP, refused & at_the_horizon)
    for mid in sorted(waiting - known):
        number = queue_state.number_pending(mid)
        yield Finding(cause=Cause.UNKNOWN_UNIT, mid=mid, number=number)
    queues = list(_queues())
    yield from queues
    yield from _message_types({finding.mid for finding in queues})
    yield from _held_after_restore()
    yield from _links()
    yield from _spooled()
    yield from _late_calls()
    yield from _internal_errors()
    yield from _not_sealed()
    yield from _late_exports()
    yield from _no_backup()
    yield from _spikes()
    yield from _send_spikes()
    yield from _webhooks()


def _links() -> Iterator[Finding]:
    """Yield the units whose links record nothing. Where Redis does not answer, the open alarms stay
    as they are."""
    try:
        yield from [*_bad_claims(), *_test_links()]
    except redis.RedisError as err:
        log.warning("link_counts_unavailable", error=type(err).__name__)
        yield from _still_open(Cause.BAD_CLAIM, Cause.TEST_LINKS)


def _spooled() -> Iterator[Finding]:
    """Yield the units whose spool needs attention. Where Redis does not answer, the open alarms
    stay as they are."""
    try:
        yield from [*find_spooled()]
    except redis.RedisError as err:
        log.warning("spool_unavailable", error=type(err).__name__)
        yield from _still_open(Cause.SPOOLED, Cause.DEAD_LETTER)


def _still_open(*causes: Cause) -> Iterator[Finding]:
    """Yield the open alarms of these causes as they are."""
    for alarm in Alarm.objects.filter(cleared_at=None, cause__in=causes):
        yield Finding(
            cause=Cause(alarm.cause), mid=alarm.mid, number=alarm.number, detail=alarm.detail,
            job_id=alarm.job_id, first_day=alarm.first_day,
        )  # fmt: skip


def find_spooled() -> Iterator[Finding]:
    """Yield the units whose spooled requests wait for long, or come near to the limit, and those
    with dead letters. Makes no query. Raises RedisError."""
    for mid, size in _spool.sizes().items():
        near = SPOOLED_SHARE * settings.SPOOL_MAX_PER_UNIT
        if size.seconds > SPOOLED_SECONDS or size.number >= near:
            yield Finding(cause=Cause.SPOOLED, mid=mid, number=size.number)
    for mid, size in _spool.dead_sizes().items():
        yield Finding(cause=Cause.DEAD_LETTER, mid=mid, number=size.number)


def _bad_claims() -> Iterator[Finding]:
    """Yield the units with links whose signature is good and of which a claim cannot be used, or
    none can be read. The detail names the claim and the job of most of them."""
    found: Counter[Name] = Counter()
    for hour in link_counts.by_hour(Counted.BAD_CLAIM, BAD_CLAIM_HOURS):
        found.update(hour)
    for mid in sorted({name.mid for name in found}):
        mine = Counter({name: number for name, number in found.items() if name.mid == mid})
        [(worst, _)] = mine.most_common(1)
        claim = PAYLOAD if worst.claim == PAYLOAD else f"claim {worst.claim}"
        job = f"job {worst.job_id}" if worst.job_id else "no job"
        yield Finding(
            cause=Cause.BAD_CLAIM,
            mid=mid,
            number=mine.total(),
            detail=f"{claim}, {job}",
        )


def _test_links() -> Iterator[Finding]:
    """Yield the units of which far more test links are used in this hour or the last than in the
    day before."""
    current, last, *before = link_counts.by_hour(Counted.TEST_LINK, 26)
    for mid in sorted({name.mid for name in (*current, *last)}):
        name = Name(mid=mid)
        number = max(current[name], last[name])
        mean = sum(hour[name] for hour in before) / len(before)
        if number >= TEST_LINKS_LEAST and number > TEST_LINKS_TIMES * mean:
            yield Finding(cause=Cause.TEST_LINKS, mid=mid, number=number)


def _held_after_restore() -> Iterator[Finding]:
    """Yield the units with changes or emails that wait for the release after a restore."""
    if not RestoreHold.objects.in_force().exists():
        return
    numbers: Counter[int] = Counter()
    changes = SubscriberRequest.objects.exclude(kind=Kind.UNSUBSCRIBE)
    for rows in (changes, LinkEmail.objects.all()):
        pending = rows.filter(status=Status.PENDING).order_by()
        for row in pending.values("unit_id").annotate(number=Count("pk")):
            numbers[row["unit_id"]] += row["number"]
    for mid, number in sorted(numbers.items()):
        yield Finding(cause=Cause.RESTORED, mid=mid, number=number)


def _count(
    cause: Cause, which: Q, *, of_requests: Q | None = None, of_emails: Q | None = None
) -> Iterator[Finding]:
    """Yield a finding for each unit that has any such requests or emails with links.
    `of_requests` and `of_emails` are further conditions of one of them alone."""
    numbers: Counter[int] = Counter()
    requests = SubscriberRequest.objects.filter(of_requests or Q(), which)
    if cause in {Cause.REFUSED, Cause.GIVEN_UP}:
        # What a person has marked as resolved needs nobody. Emails with links have no notes.
        requests = requests.filter(~Exists(ResolutionNote.objects.filter(request=OuterRef("pk"))))
    for rows in (requests, LinkEmail.objects.filter(of_emails or Q(), which)):
        for row in rows.order_by().values("unit_id").annotate(number=Count("pk")):
            numbers[row["unit_id"]] += row["number"]
    for mid, number in sorted(numbers.items()):
        yield Finding(cause=cause, mid=mid, number=number)


def _queues() -> Iterator[Finding]:
    """Yield the units whose queues do not send."""
    stopped = Q(held_since__isnull=False) | Q(paused_reason=CIRCUIT_OPEN)
    for queue in QueueState.objects.filter(stopped, unit__in=BusinessUnit.objects.all()).order_by(
        "unit_id"
    ):
        number = queue_state.number_pending(queue.unit_id)
        if not (queue.is_held or number or _is_sending(queue.unit_id, *MessageType)):
            continue
        yield Finding(
            cause=Cause.HELD if queue.is_held else Cause.CIRCUIT_OPEN,
            mid=queue.unit_id,
            number=number,
            detail=queue.held_reason,
        )


def _is_sending(mid: int, *message_types: MessageType) -> bool:
    """Return whether a row of these message types is with a worker, as that of a probe is. Of an
    open circuit with nothing to send nobody can know whether Marketing Cloud responds, and no
    worker is woken to find out: such a circuit is no alarm."""
    kinds = {kind for one in message_types for kind in one.kinds}
    requests = SubscriberRequest.objects.filter(kind__in=kinds)
    emails = (
        LinkEmail.objects.all() if MessageType.MAILS in message_types else LinkEmail.objects.none()
    )
    return any(
        rows.filter(unit_id=mid, status=Status.SENDING).exists() for rows in (requests, emails)
    )


def _message_types(stopped: set[int]) -> Iterator[Finding]:
    """Yield the units in which changes or emails alone do not send. Those whose queues do not send
    at all (`stopped`) have a finding already."""
    units = BusinessUnit.objects.exclude(pk__in=stopped)
    paused = MessageTypeState.objects.filter(paused_until__isnull=False, unit__in=units)
    seen = set()
    for state in paused.order_by("unit_id", F("held_since").asc(nulls_last=True)):
        cause = Cause.HELD if state.is_held else Cause.CIRCUIT_OPEN
        if (cause, state.unit_id) in seen:
            continue
        message_type = MessageType(state.message_type)
        number = queue_state.number_pending_of(state.unit_id, message_type)
        if not (state.is_held or number or _is_sending(state.unit_id, message_type)):
            continue
        seen.add((cause, state.unit_id))
        yield Finding(
            cause=cause,
            mid=state.unit_id,
            number=number,
            detail=f"{message_type.value} alone: {state.held_reason}".rstrip(": "),
        )


def _late_calls() -> Iterator[Finding]:
    """Yield a finding for each unit with calls whose worker had lost its lease."""
    for mid, number in sorted(late_calls(RECENT).items()):
        yield Finding(cause=Cause.LATE_CALL, mid=mid, number=number)


def _internal_errors() -> Iterator[Finding]:
    """Yield the units with rows that this application fails to send, each alone: those that were
    sent with others last are sent again before they count."""
    failing = Q(status=Status.PENDING, outcome=Outcome.INTERNAL_ERROR)
    shared = DeliveryAttempt.objects.filter(
        number=OuterRef("attempts"), outcome=Outcome.INTERNAL_ERROR, batch_size__gt=1
    )
    numbers: Counter[int] = Counter()
    for model, name in ((SubscriberRequest, "request"), (LinkEmail, "link_email")):
        was_shared = Exists(shared.filter(**{name: OuterRef("pk")}))
        rows = model.objects.filter(failing, ~was_shared).order_by()
        numbers.update(dict(rows.values_list("unit_id").annotate(Count("pk"))))
    for mid, number in sorted(numbers.items()):
        yield Finding(cause=Cause.INTERNAL_ERROR, mid=mid, number=number)


def _not_sealed() -> Iterator[Finding]:
    """Yield a finding, of no unit, where the sealing is late though there is something to seal."""
    attempts = DeliveryAttempt.objects.filter(started_at__lt=Now() - NOT_SEALED)
    runs = SealCursor.objects.filter(source=sealing.RUN, upto_at__gt=Now() - NOT_SEALED)
    if not runs.exists() and attempts.order_by("pk")[:1].exists():
        yield Finding(cause=Cause.NOT_SEALED, mid=0, number=0)


def _late_exports() -> Iterator[Finding]:
    """Yield the units of scheduled exports of which files are missing for long; of no unit those of
    all units. The detail is the error of the oldest."""
    late = ExportRun.objects.filter(finished_at=None, created_at__lt=Now() - EXPORT_LATE)
    errors: dict[int, str] = {}
    numbers: Counter[int] = Counter()
    for mid, error in late.order_by("pk").values_list("plan__unit_id", "error"):
        numbers[mid or 0] += 1
        errors.setdefault(mid or 0, error)
    # Beat, or the workers, have not made a file that is due.
    overdue = ExportPlan.objects.filter(active=True, next_at__lt=Now() - EXPORT_LATE)
    for mid in overdue.values_list("unit_id", flat=True):
        numbers[mid or 0] += 1
    for mid, number in sorted(numbers.items()):
        detail = errors.get(mid) or "not begun"
        yield Finding(cause=Cause.EXPORT_LATE, mid=mid, number=number, detail=detail)


def _no_backup() -> Iterator[Finding]:
    """Yield a finding, of no unit, where there is a schedule of backups that is not kept."""
    last = Coalesce("completed_at", "began_at")
    for row in BackupSchedule.objects.annotate(age=Now() - last):
        if row.age.total_seconds() > LATE_BACKUP * row.every_seconds:
            yield Finding(cause=Cause.BACKUP, mid=0, number=0)


def _webhooks() -> Iterator[Finding]:
    """Yield the units with webhooks that fail, or that were disabled because of it; those for all
    units count for the deployment."""
    failed = WebhookDelivery.objects.filter(
        state=DeliveryState.FAILED, finished_at__gt=Now() - RECENT, endpoint=OuterRef("pk")
    )
    number = failed.order_by().values("endpoint").annotate(number=Count("pk")).values("number")
    rows = WebhookEndpoint.objects.annotate(failed=Coalesce(Subquery(number), 0))
    failing = rows.filter(Q(failed__gt=0) | Q(failing_since__lt=Now() - WEBHOOK_FAILING))
    failing = failing.exclude(state=EndpointState.DISABLED)
    yield from _of_webhooks(Cause.WEBHOOK_FAILING, failing)
    yield from _of_webhooks(Cause.WEBHOOK_DISABLED, rows.exclude(disabled_reason=""))


def _of_webhooks(cause: Cause, rows: QuerySet[Any]) -> Iterator[Finding]:
    """Yield a finding for each unit of these endpoints: of failing ones with the number of failed
    deliveries, of others with their own; the detail names one."""
    numbers: Counter[int] = Counter()
    names: dict[int, str] = {}
    for mid, name, failed in rows.order_by("pk").values_list("unit_id", "name", "failed"):
        of = mid or DEPLOYMENT
        numbers[of] += failed if cause is Cause.WEBHOOK_FAILING else 1
        names.setdefault(of, name)
    for mid, number in sorted(numbers.items()):
        yield Finding(cause=cause, mid=mid, number=number, detail=names[mid])


def _spikes() -> Iterator[Finding]:
    """Yield the units with far more unsubscribes today than on their busy days."""
    for mid, rate in sorted(unsubscribe_rate.today().items()):
        if rate.is_spike:
            yield Finding(
                cause=Cause.SPIKE, mid=mid, number=rate.number, first_day=rate.day,
                detail=f"usually up to {rate.usual}",
            )  # fmt: skip


def _send_spikes() -> Iterator[Finding]:
    """Yield the sends with far more unsubscribes than usual."""
    rows = Alarm.objects.filter(cause=Cause.SEND_SPIKE, cleared_at=None)
    known = set(rows.values_list("mid", "job_id"))
    for one in send_spikes.find(known=known):
        yield Finding(
            cause=Cause.SEND_SPIKE, mid=one.mid, job_id=one.job_id, number=one.number,
            first_day=one.first_day, detail=_in_words(one),
        )  # fmt: skip


def _in_words(one: SendSpike) -> str:
    """Return the send and its numbers, such as "Weekly offers: 1.20% of 5,000, usually 0.15%"."""
    name = one.email_name or f"Job {one.job_id}"
    if len(name) > NAME_LENGTH:
        name = f"{name[: NAME_LENGTH - 1]}…"
    spike = one.spike
    if spike.is_rate:
        return f"{name}: {spike.value:.2%} of {one.sent:,}, usually {spike.usual:.2%}"
    days = "today" if one.first_day else "unsubscribed"
    return f"{name}: {one.number:,} {days}, usually {spike.usual:g}"


def raise_alarm(finding: Finding) -> None:
    """Insert the alarm of a finding, or renew its number and detail."""
    cause, mid, job_id = finding.key
    mine = Alarm.objects.filter(cause=cause, mid=mid, job_id=job_id, cleared_at=None)
    # Cut, because PostgreSQL refuses a longer text: then nobody would be told of any alarm.
    seen: dict[str, Any] = {
        "number": finding.number, "detail": finding.detail[:DETAIL_LENGTH],
        "first_day": finding.first_day,
    }  # fmt: skip
    if not mine.update(**seen):
        # Where another process is faster, the unique constraint decides.
        insert_unless_present(Alarm(cause=cause, mid=mid, job_id=job_id, **seen))


def clear_alarms(causes: Iterable[Cause], *, but: Collection[tuple[str, int, int]] = ()) -> None:
    """Close the open alarms of these causes, but for those of these findings (`Finding.key`)."""
    for alarm in Alarm.objects.filter(cleared_at=None, cause__in=causes):
        if (alarm.cause, alarm.mid, alarm.job_id) not in but:
            Alarm.objects.filter(pk=alarm.pk, cleared_at=None).update(cleared_at=Now())
