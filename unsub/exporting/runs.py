"""The files of scheduled exports: made when they are due, written, and tried again until they are
there.

What a file has is fixed when it becomes due: it begins where the one before it ended, so there is
no gap and no overlap, whatever fails meanwhile.
"""

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, Max, OuterRef
from django.db.models.functions import Now

from unsub.audit.sealing import safe_id, settled_until
from unsub.models import ExportPlan, ExportRun, SubscriberRequest

from . import content, schedule, storage
from .storage import Storage, StorageError

log = structlog.get_logger(__name__)

AT_ONCE = 2  # files that are written at a time
LEASE = timedelta(minutes=5)
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)


class LeaseLostError(Exception):
    """Another process writes this file."""


def begin(plan: ExportPlan, *, everything: bool) -> None:
    """Set where a new plan begins: with what ends from now on, or with everything. Not saved."""
    now, _ = settled_until()
    plan.next_at = schedule.next_after(plan, now)
    if not everything:
        plan.upto_at = now
        plan.upto_id = SubscriberRequest.objects.aggregate(last=Max("pk"))["last"] or 0


def reschedule(plan: ExportPlan) -> None:
    """Set when the next file of a changed plan ends. Not saved."""
    now, _ = settled_until()
    plan.next_at = schedule.next_after(plan, now)


def make_due() -> None:
    """Make the files that are due: one for each active plan whose time has come."""
    for pk in ExportPlan.objects.filter(active=True).values_list("pk", flat=True):
        make(pk)


def make(pk: int, *, at_once: bool = False) -> ExportRun | None:
    """Return a new file of a plan, if one is due, or `at_once`; else None. Locks the plan."""
    with transaction.atomic():
        locked = ExportPlan.objects.select_for_update(no_key=True, of=("self",))
        plan = locked.filter(pk=pk).first()
        if plan is None:
            return None
        _, settled = settled_until()
        _look_at_ids(plan, settled)
        is_due = plan.next_at <= settled
        if not (is_due or at_once):
            return None
        until = settled if at_once else schedule.last_until(plan, settled)
        if plan.upto_at is not None and until <= plan.upto_at:
            if is_due:
                _move(plan, next_at=schedule.next_after(plan, until))
            return None
        run = ExportRun.objects.create(
            plan=plan, since=plan.upto_at, until=until,
            events_after=plan.upto_id, events_upto=max(plan.safe_id, plan.upto_id),
        )  # fmt: skip
        _move(
            plan, upto_at=until, upto_id=run.events_upto,
            next_at=schedule.next_after(plan, until) if is_due else plan.next_at,
        )  # fmt: skip
        return run


def _move(plan: ExportPlan, **changes: Any) -> None:
    ExportPlan.objects.filter(pk=plan.pk).update(**changes)


def _look_at_ids(plan: ExportPlan, settled: datetime) -> None:
    """Store up to which id no imported event can appear any more."""
    safe, seen = safe_id(plan, settled, SubscriberRequest)
    plan.safe_id = max(plan.safe_id, safe)
    if seen:
        ExportPlan.objects.filter(pk=plan.pk).update(safe_id=plan.safe_id, **seen)


def due() -> list[int]:
    """Return the files to write now: of each plan the oldest that is missing, and not more than may
    be written at a time."""
    missing = ExportRun.objects.filter(finished_at=None)
    running = missing.filter(lease_until__gt=Now()).count()
    earlier = missing.filter(plan=OuterRef("plan"), pk__lt=OuterRef("pk"))
    free = missing.filter(~Exists(earlier), next_attempt_at__lte=Now())
    free = free.exclude(lease_until__gt=Now()).order_by("next_attempt_at")
    return list(free.values_list("pk", flat=True)[: max(AT_ONCE - running, 0)])


def write(pk: int) -> bool:
    """Write a file and its manifest. Return whether it was written; False where another process is
    at it, or the storage does not take it: it is tried again then. No transaction is open while the
    storage is called."""
    lease = uuid4()
    free = ExportRun.objects.filter(pk=pk, finished_at=None).exclude(lease_until__gt=Now())
    if not free.update(lease=lease, lease_until=Now() + LEASE, attempts=F("attempts") + 1):
        return False
    run = ExportRun.objects.select_related("plan", "plan__unit").get(pk=pk)
    try:
        written = _Writing(run, lease).write(storage.opened(settings.EXPORT_URL))
    except StorageError as err:
        _failed(run, lease, err.code)
        return False
    except LeaseLostError:
        log.info("scheduled_export_taken_over", number=pk)
        return False
    mine = ExportRun.objects.filter(pk=pk, lease=lease)
    mine.update(**written, finished_at=Now(), lease=None, lease_until=None, error="")
    log.info(
        "scheduled_export_written", number=pk, plan=run.plan_id, rows=written["rows"],
        size=written["size"],
    )  # fmt: skip
    return True


def _failed(run: ExportRun, lease: UUID, code: str) -> None:
    """Store when a file is tried again."""
    wait = min(FIRST_WAIT * 2 ** min(run.attempts - 1, 10), LONGEST_WAIT)
    ExportRun.objects.filter(pk=run.pk, lease=lease).update(
        lease=None, lease_until=None, next_attempt_at=Now() + wait, error=code[:100]
    )
    log.warning(
        "scheduled_export_failed", number=run.pk, plan=run.plan_id, error=code,
        attempts=run.attempts,
    )  # fmt: skip


def retry(pk: int) -> None:
    """Make a file that is missing due now."""
    ExportRun.objects.filter(pk=pk, finished_at=None).update(next_attempt_at=Now())


class _Writing:
    """Writes one file, and measures it meanwhile."""

    def __init__(self, run: ExportRun, lease: UUID) -> None:
        self._run = run
        self._lease = lease
        self._rows = self._size = 0
        self._sha256 = hashlib.sha256()

    def write(self, target: Storage) -> dict[str, Any]:
        """Return what was written. Raises StorageError and LeaseLostError."""
        name = name_of(self._run)
        target.write(name, self._measured(content.lines_of(self._run, self._count)))
        written = {
            "name": name, "rows": self._rows, "size": self._size,
            "sha256": self._sha256.hexdigest(),
        }  # fmt: skip
        # Last: who finds it, finds the complete file.
        manifest = json.dumps(_manifest(self._run, written), indent=2) + "\n"
        target.write(f"{name}.manifest.json", iter([manifest.encode()]))
        return written

    def _measured(self, lines: Iterator[str]) -> Iterator[bytes]:
        for block in storage.in_blocks(lines):
            self._size += len(block)
            self._sha256.update(block)
            yield block
        self._count(0)

    def _count(self, number: int) -> None:
        """Count rows, and extend the lease. Raises LeaseLostError."""
        self._rows += number
        mine = ExportRun.objects.filter(pk=self._run.pk, lease=self._lease)
        if not mine.update(lease_until=Now() + LEASE):
            raise LeaseLostError


def name_of(run: ExportRun) -> str:
    """Return the name of a file: of which unit, up to when, and the number of the export."""
    of = run.plan.unit_id or "all"
    return f"audit-{of}-{run.until:%Y%m%dT%H%M%SZ}-{run.pk}.{run.plan.format}"


def _manifest(run: ExportRun, written: dict[str, Any]) -> dict[str, Any]:
    return {
        "file": written["name"], "rows": written["rows"], "bytes": written["size"],
        "sha256": written["sha256"], "format": run.plan.format, "mid": run.plan.unit_id,
        "ended_after": run.since.isoformat() if run.since else None,
        "ended_until": run.until.isoformat(), "export": run.pk, "plan": run.plan_id,
    }  # fmt: skip
