"""Scheduled exports: each request that ended is in one file, whatever fails meanwhile."""

import csv
import hashlib
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from tests.exporting.conftest import Bucket
from tests.exporting.sftp_server import SftpServer
from tests.helpers import CHILD, PARENT, request, settle
from unsub import tasks
from unsub.alerting import detection
from unsub.audit import sealing
from unsub.exporting import content, runs, schedule
from unsub.models import BusinessUnit, Channel, ExportPlan, ExportRun, Status, SubscriberRequest
from unsub.reporting import audit_export

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _soon_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what ended count at once."""
    monkeypatch.setattr(sealing, "LAG", timedelta())


def planned(*, everything: bool = False, **fields: Any) -> ExportPlan:
    """Make a plan."""
    plan = ExportPlan(**{"frequency": "hourly"} | fields)
    runs.begin(plan, everything=everything)
    plan.save()
    # SQLite's clock counts milliseconds: what ends from now on has a later time.
    time.sleep(0.002)
    return plan


def ended(**fields: Any) -> SubscriberRequest:
    """Make a request that has ended now, by the clock of the database."""
    one = request(status=Status.PENDING, attempts=0, **fields)
    settle(SubscriberRequest.objects.filter(pk=one.pk), Status.DONE)
    return one


def due(plan: ExportPlan) -> None:
    """Let the time of the next file come."""
    ExportPlan.objects.filter(pk=plan.pk).update(next_at=timezone.now() - timedelta(seconds=1))


def exported() -> list[ExportRun]:
    """Do what beat and workers do. Return all files."""
    tasks.start_exports()
    for pk in runs.due():
        tasks.write_export(pk)
    return list(ExportRun.objects.order_by("pk"))


def run_now(plan: ExportPlan) -> ExportRun | None:
    """Make a file now, and write it."""
    run = runs.make(plan.pk, at_once=True)
    if run:
        runs.write(run.pk)
        run.refresh_from_db()
    return run


def ids_in(folder: Path) -> list[list[int]]:
    """Return the ids of the requests in each file, in order of the files' numbers."""
    files = sorted(folder.glob("*.csv"), key=lambda one: int(one.stem.rpartition("-")[2]))
    return [
        [int(row["id"]) for row in csv.DictReader(one.read_text().splitlines())] for one in files
    ]


def test_each_request_is_in_one_file_and_in_no_other(unit: BusinessUnit, folder: Path) -> None:
    plan = planned(everything=True)
    first = ended()
    run_now(plan)
    second = ended()
    open_ = request(status=Status.PENDING)
    run_now(plan)
    settle(SubscriberRequest.objects.filter(pk=open_.pk), Status.DONE)
    run_now(plan)
    assert ids_in(folder) == [[first.pk], [second.pk], [open_.pk]]
    found = list(ExportRun.objects.order_by("pk"))
    assert found[0].since is None
    assert [one.until for one in found[:-1]] == [one.since for one in found[1:]]


def test_a_file_has_a_manifest_with_the_number_of_rows_and_the_digest(
    unit: BusinessUnit, folder: Path
) -> None:
    ended(email_address="ada@example.com", reason_text="=1+1")
    run = run_now(planned(everything=True, unit=unit))
    assert run is not None
    data = (folder / run.name).read_bytes()
    assert run.name.startswith(f"audit-{PARENT}-")
    manifest = json.loads((folder / f"{run.name}.manifest.json").read_text())
    assert manifest["sha256"] == hashlib.sha256(data).hexdigest() == run.sha256
    assert (manifest["rows"], manifest["bytes"], manifest["mid"]) == (1, len(data), PARENT)
    assert b"'=1+1" in data
    assert b"ada@" not in data


def test_subscribers_are_named_where_the_plan_says_so(unit: BusinessUnit, folder: Path) -> None:
    ended(email_address="ada@example.com")
    run = run_now(planned(everything=True, named=True, format="jsonl"))
    assert run is not None
    (line,) = (folder / run.name).read_text().splitlines()
    assert json.loads(line)["email_address"] == "ada@example.com"


def test_a_plan_of_a_unit_has_that_unit_alone(
    unit: BusinessUnit, child: BusinessUnit, folder: Path
) -> None:
    mine, theirs, unknown = ended(), ended(unit_id=CHILD), ended(unit_id=510099)
    run_now(planned(everything=True, unit=unit))
    run_now(planned(everything=True))
    assert ids_in(folder) == [[mine.pk], [mine.pk, theirs.pk, unknown.pk]]


def test_a_new_plan_begins_with_what_ends_from_now_on(unit: BusinessUnit, folder: Path) -> None:
    request(1)
    plan = planned()
    later = ended()
    run_now(plan)
    assert ids_in(folder) == [[later.pk]]


def test_imported_events_with_old_times_are_in_a_file(unit: BusinessUnit, folder: Path) -> None:
    plan = planned(everything=True)
    run_now(plan)
    event = request(20, channel=Channel.IMPORT, attempts=0)
    for _ in range(3):
        runs.make_due()
    run_now(plan)
    run_now(plan)
    assert [event.pk] in ids_in(folder)
    assert [pk for ids in ids_in(folder) for pk in ids] == [event.pk]


def test_many_rows_are_read_in_chunks(
    unit: BusinessUnit, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content, "CHUNK", 2)
    same = timezone.now() - HOUR
    found = {request(finished_at=same).pk for _ in range(3)} | {request(n + 1).pk for n in range(4)}
    run = run_now(planned(everything=True))
    (ids,) = ids_in(folder)
    assert (set(ids), len(ids)) == (found, 7)
    assert run is not None
    assert run.rows == 7


def test_a_file_is_made_when_its_time_has_come(unit: BusinessUnit, folder: Path) -> None:
    plan = planned()
    assert exported() == []
    due(plan)
    ExportPlan.objects.update(upto_at=timezone.now() - HOUR)
    (run,) = exported()
    assert run.finished_at is not None
    plan.refresh_from_db()
    assert plan.next_at > timezone.now()
    assert plan.upto_at == run.until
    assert len(exported()) == 1


def test_a_paused_plan_leaves_no_gap(unit: BusinessUnit, folder: Path) -> None:
    plan = planned(everything=True)
    run_now(plan)
    ExportPlan.objects.update(active=False)
    one = ended()
    due(plan)
    assert len(exported()) == 1
    ExportPlan.objects.update(active=True, next_at=timezone.now() + HOUR)
    run_now(plan)
    assert ids_in(folder) == [[], [one.pk]]


@pytest.mark.parametrize(
    ("frequency", "hour", "zone", "at", "expected"),
    [
        ("hourly", 0, "UTC", "2026-01-31T10:59:59", "2026-01-31T11:00:00"),
        ("hourly", 0, "UTC", "2026-01-31T11:00:00", "2026-01-31T12:00:00"),
        ("daily", 2, "Europe/Berlin", "2026-01-31T00:59:00", "2026-01-31T01:00:00"),
        ("daily", 2, "Europe/Berlin", "2026-01-31T01:00:00", "2026-02-01T01:00:00"),
        # The hour that daylight saving leaves out, and the one that is there twice.
        ("daily", 2, "Europe/Berlin", "2026-03-28T12:00:00", "2026-03-29T01:00:00"),
        ("daily", 2, "Europe/Berlin", "2026-10-24T12:00:00", "2026-10-25T00:00:00"),
        ("daily", 2, "Europe/Berlin", "2026-10-25T00:00:00", "2026-10-26T01:00:00"),
    ],
)
def test_a_file_ends_at_the_hour_of_the_time_zone(
    frequency: str, hour: int, zone: str, at: str, expected: str
) -> None:
    plan = ExportPlan(frequency=frequency, hour=hour, time_zone=zone)
    found = schedule.next_after(plan, datetime.fromisoformat(at).replace(tzinfo=UTC))
    assert found == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_one_file_has_what_several_have_missed(unit: BusinessUnit, folder: Path) -> None:
    plan = planned()
    now = timezone.now()
    ExportPlan.objects.update(next_at=now - 5 * HOUR, upto_at=now - 6 * HOUR)
    (run,) = exported()
    plan.refresh_from_db()
    assert run.until > now - HOUR - timedelta(minutes=1)
    assert run.until == plan.upto_at
    assert plan.next_at > now


def test_a_file_that_fails_is_tried_again_with_the_same_rows(
    unit: BusinessUnit, folder: Path, settings: Settings
) -> None:
    plan = planned(everything=True)
    first = ended()
    settings.EXPORT_URL = "file:///nowhere/at/all"
    run = run_now(plan)
    assert run is not None
    assert (run.finished_at, run.error, run.attempts) == (None, "no_folder", 1)
    assert run.next_attempt_at > timezone.now()
    assert runs.due() == []
    ended()
    settings.EXPORT_URL = f"file://{folder}"
    runs.retry(run.pk)
    assert runs.due() == [run.pk]
    assert runs.write(run.pk)
    assert ids_in(folder) == [[first.pk]]


def test_later_files_wait_for_the_one_before(
    unit: BusinessUnit, folder: Path, settings: Settings
) -> None:
    plan = planned(everything=True)
    settings.EXPORT_URL = ""
    first = run_now(plan)
    second = runs.make(plan.pk, at_once=True)
    assert first is not None
    assert second is not None
    assert first.error == "no_export_url"
    runs.retry(first.pk)
    assert runs.due() == [first.pk]


class Killed(BaseException):
    """Stands for SIGKILL."""


def test_a_file_whose_worker_was_killed_is_written_by_another(
    unit: BusinessUnit, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended()
    run = runs.make(planned(everything=True).pk, at_once=True)
    assert run is not None

    def die(*_: Any, **__: Any) -> Any:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(audit_export, "read", die)
        with pytest.raises(Killed):
            runs.write(run.pk)
    assert list(folder.iterdir()) == []
    assert runs.due() == []
    assert not runs.write(run.pk)
    ExportRun.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert exported()[0].finished_at is not None
    assert len(list(folder.iterdir())) == 2


def test_a_worker_that_lost_its_lease_publishes_nothing(
    unit: BusinessUnit, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended()
    run = runs.make(planned(everything=True).pk, at_once=True)
    assert run is not None
    read = audit_export.read

    def slowly(*rows: Any, **more: Any) -> Any:
        ExportRun.objects.update(lease="0" * 32)
        return read(*rows, **more)

    monkeypatch.setattr(audit_export, "read", slowly)
    assert not runs.write(run.pk)
    assert list(folder.iterdir()) == []


def test_files_are_written_to_s3_and_by_sftp(
    unit: BusinessUnit, bucket: Bucket, tmp_path: Path, settings: Settings
) -> None:
    ended()
    run = run_now(planned(everything=True))
    assert run is not None
    assert set(bucket.files()) >= {f"audit/{run.name}", f"audit/{run.name}.manifest.json"}
    with SftpServer(tmp_path) as server:
        settings.EXPORT_URL, settings.EXPORT_SFTP_HOST_KEY = server.url, server.known_host
        run = run_now(planned(everything=True))
        assert run is not None
        data = (tmp_path / "in" / run.name).read_bytes()
    assert hashlib.sha256(data).hexdigest() == run.sha256


def test_a_file_that_is_missing_for_an_hour_is_an_alarm(
    unit: BusinessUnit, settings: Settings
) -> None:
    settings.EXPORT_URL = ""
    run = run_now(planned(everything=True, unit=unit))
    assert run is not None
    assert list(detection.find()) == []
    ExportRun.objects.update(created_at=timezone.now() - 2 * HOUR)
    (finding,) = detection.find()
    assert (finding.cause, finding.mid, finding.number, finding.detail) == (
        "export_late", PARENT, 1, "no_export_url",
    )  # fmt: skip


def test_an_export_that_nobody_begins_is_an_alarm(unit: BusinessUnit) -> None:
    planned()
    ExportPlan.objects.update(next_at=timezone.now() - 2 * HOUR)
    (finding,) = detection.find()
    assert (finding.cause, finding.mid, finding.detail) == ("export_late", 0, "not begun")
    ExportPlan.objects.update(active=False)
    assert list(detection.find()) == []


def test_no_log_line_has_the_address_or_a_password(
    unit: BusinessUnit, sftp: SftpServer, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EXPORT_URL = sftp.url.replace("sftp-password", "wrong-password")
    run = run_now(planned(everything=True))
    assert run is not None
    assert run.error == "AuthenticationException"
    assert "scheduled_export_failed" in caplog.text
    assert "wrong-password" not in caplog.text
