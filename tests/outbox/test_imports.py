"""Imports of unsubscribes from CSV files: each row once, as a request; bad rows and bad files lose
nothing and stop nothing."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from tests.delivery.helpers import drain
from tests.helpers import CHILD, PARENT, request, rotate_digest_key
from tests.outbox.helpers import subscribe
from unsub import tasks
from unsub.alerting import detection
from unsub.domain.context import Scope
from unsub.domain.retry import HORIZON
from unsub.links.csv_lines import LINE_MAX
from unsub.models import (
    BusinessUnit,
    Channel,
    Erasure,
    ImportPart,
    ImportStatus,
    Status,
    SubscriberRequest,
    UnsubscribeImport,
)
from unsub.outbox import erasure, event_import, imports, store
from unsub.outbox.imports import FileError, files, reading, writing
from unsub.outbox.imports.rows import Field
from unsub.outbox.submission import Submission
from unsub.reporting import latency
from unsub.sandbox import Sandbox

pytestmark = pytest.mark.django_db
COMMITS = pytest.mark.django_db(transaction=True)
KEY_AND_JOB = {Field.SUBSCRIBER_KEY: 0, Field.JOB_ID: 1}
HEAD = "SubscriberID,SubscriberKey,EmailAddress,JobID,ListID,Scope,Reason,Time\n"


def received(unit: BusinessUnit, content: str | bytes) -> UnsubscribeImport:
    """Upload a file."""
    data = content.encode() if isinstance(content, str) else content
    return imports.receive(unit, io.BytesIO(data), user_id=None)


def checked(unit: BusinessUnit, content: str | bytes, **choices: Any) -> UnsubscribeImport:
    """Upload a file and check it, as its guess says but for `choices`."""
    job = received(unit, content)
    wanted: dict[str, Any] = {
        "encoding": job.encoding, "delimiter": job.delimiter, "has_header": job.has_header,
        "columns": {Field(name): at for name, at in job.columns.items()}, "scope": Scope.LIST,
    }  # fmt: skip
    imports.check(job, **wanted | choices)
    imports.run(job.pk)
    job.refresh_from_db()
    return job


def imported(unit: BusinessUnit, content: str | bytes, **choices: Any) -> UnsubscribeImport:
    """Upload, check and import a file."""
    job = checked(unit, content, **choices)
    assert job.status == ImportStatus.CHECKED
    imports.start(job, user_id=None)
    imports.run(job.pk)
    job.refresh_from_db()
    return job


def problems(job: UnsubscribeImport) -> list[tuple[int, str, str]]:
    """Return (line, field, problem) of the rows that were not imported."""
    return list(job.problems.order_by("line").values_list("line", "field", "problem"))


def subscribers() -> list[Any]:
    """Return the SubscriberIDs of the requests."""
    return list(SubscriberRequest.objects.order_by("pk").values_list("subscriber_id", flat=True))


def test_each_row_becomes_a_request_of_the_channel_import(unit: BusinessUnit) -> None:
    content = HEAD + (
        "1001,ada,ada@example.com,88002,7001,list,Too many,2026-01-31T12:00:00Z\n1002,,,,,ALL,,\n"
    )
    before = timezone.now()
    job = imported(unit, content)
    assert (job.status, job.rows, job.accepted, job.refused) == (ImportStatus.DONE, 2, 2, 0)
    first, second = SubscriberRequest.objects.order_by("pk")
    assert (first.channel, first.status) == (Channel.IMPORT, Status.PENDING)
    assert (first.subscriber_key, first.job_id, first.list_id) == ("ada", 88002, 7001)
    assert (first.scope, first.reason_text) == ("list", "Too many")
    assert first.received_at == datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert first.give_up_at > before + timedelta(days=9)
    assert (second.scope, second.job_id) == ("all", None)
    assert second.received_at == job.default_time


def test_the_check_counts_the_rows_and_writes_no_request(unit: BusinessUnit) -> None:
    request(subscriber_id=1001)
    job = checked(unit, HEAD + "1002,,,88002,,,,\n1002,,,88002,,,,\nx,,,88002,,,,\n")
    assert SubscriberRequest.objects.count() == 1
    assert (job.status, job.rows, job.accepted, job.repeated, job.refused) == (
        ImportStatus.CHECKED, 3, 1, 1, 1,
    )  # fmt: skip
    assert problems(job) == [(4, "sid", "no_number")]


def test_an_empty_cell_never_means_everything(unit: BusinessUnit) -> None:
    job = imported(unit, HEAD + "1001,,,,,,,\n1002,,,,,list,,\n1003,,,0,0,,,\n1004,,,,,all,,\n")
    assert problems(job) == [(2, "", "no_list"), (3, "", "no_list"), (4, "", "no_list")]
    assert subscribers() == [1004]


def test_the_scope_of_the_form_does_not_fill_empty_cells_of_a_column(unit: BusinessUnit) -> None:
    job = imported(unit, "sid,scope\n1001,\n1002,all\n", scope=Scope.ALL)
    assert problems(job) == [(2, "", "no_list")]
    assert imported(unit, "sid\n1003\n", scope=Scope.ALL).accepted == 1
    assert subscribers() == [1002, 1003]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("5.10001E+05,,,88002,,,,", ("sid", "shortened")),
        ("1001,,,8.8002E4,,,,", ("jid", "shortened")),
        ("99999999999999999999,,,88002,,,,", ("sid", "range")),
        ("-5,,,88002,,,,", ("sid", "range")),
        ("0,ada,,88002,,,,", ("sid", "range")),
        ("1001.0,,,88002,,,,", ("sid", "no_number")),
        ("1001,,,88002,99999999999999999999,,,", ("lid", "range")),
        (",=cmd|' /C calc'!A0,,88002,,,,", ("sk", "formula")),
        (',"=HYPERLINK(""http://example.com"")",,88002,,,,', ("sk", "formula")),
        (",#N/A,,88002,,,,", ("sk", "failed")),
        (",NULL,,88002,,,,", ("sk", "placeholder")),
        (",%%_subscriberkey%%,,88002,,,,", ("sk", "placeholder")),
        (",a\0b,,88002,,,,", ("sk", "control")),
        (",ada,not an address,88002,,,,", ("em", "no_address")),
        (",ada,a@example.com;b@example.com,88002,,,,", ("em", "no_address")),
        (f",{'k' * 300},,88002,,,,", ("sk", "value_too_long")),
        (",,ada@example.com,88002,,,,", ("em", "address_alone")),
        (",,,88002,,,,", ("", "no_subscriber")),
        ("1001,,,88002,,everything,,", ("scope", "scope")),
        ("1001,,,88002,,,,31/01/2026", ("time", "time")),
        ("1001,,,88002,,,,2099-01-31", ("time", "future")),
        ("1001,,,88002,,,,45321.5", ("time", "time")),
        ("1001,,,88002,,,", ("", "cells")),
        ("1001,,,88002,,,,,more", ("", "cells")),
        ('"1001,,,88002,,,,', ("", "quotes")),
        (f"1001,{'k' * 1_000_000},,88002,,,,", ("", "too_long")),
        (HEAD.strip(), ("", "header_again")),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "-".join(value),
)
def test_a_bad_row_is_an_error_and_stops_no_other(
    unit: BusinessUnit, row: str, problem: tuple[str, str]
) -> None:
    job = imported(unit, f"{HEAD}1002,,,88002,,,,\n{row}\n1003,,,88002,,,,\n")
    assert problems(job) == [(3, *problem)]
    assert subscribers() == [1002, 1003]


def test_a_row_of_another_unit_is_an_error(unit: BusinessUnit, child: BusinessUnit) -> None:
    job = imported(unit, f"MID,sid,jid\n{PARENT},1001,8\n{CHILD},1002,8\n,1003,8\n3000000000,1,8\n")
    assert problems(job) == [(3, "mid", "other_unit"), (5, "mid", "range")]
    assert subscribers() == [1001, 1003]
    assert set(SubscriberRequest.objects.values_list("unit_id", flat=True)) == {PARENT}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_encodings_line_ends_and_delimiters_are_found(
    unit: BusinessUnit, encoding: str, end: str, delimiter: str
) -> None:
    content = HEAD + "1001,straße,,88002,,,,\n\n1002,,,88002,,,,\n"
    data = content.replace(",", delimiter).replace("\n", end).encode(encoding)
    assert imported(unit, data).accepted == 2
    assert SubscriberRequest.objects.order_by("pk")[0].subscriber_key == "straße"


def test_a_file_in_latin_1_is_read_as_such(unit: BusinessUnit) -> None:
    job = imported(unit, (HEAD + "1001,straße’s,,88002,,,,\n").encode("cp1252"))
    assert (job.encoding, job.accepted) == ("cp1252", 1)
    assert SubscriberRequest.objects.get().subscriber_key == "straße’s"


def test_one_damaged_line_does_not_change_the_encoding_of_the_others(unit: BusinessUnit) -> None:
    rows = "1001,straße,,88002,,,,\n".encode() + "1002,straße,,88002,,,,\n".encode("latin-1")
    job = imported(unit, HEAD.encode() + rows)
    assert problems(job) == [(3, "", "encoding")]
    assert SubscriberRequest.objects.get().subscriber_key == "straße"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf\n \r\n,,,\n", "empty"),
        (b"PK\x03\x04" + b"\0" * 200, "workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 200, "workbook"),
        (b"\x01\x02\xff\x00\x00\xfe" * 500, "binary"),
    ],
)
def test_a_file_that_is_no_csv_is_refused_as_a_whole(
    unit: BusinessUnit, content: bytes, problem: str
) -> None:
    with pytest.raises(FileError) as caught:
        received(unit, content)
    assert caught.value.problem == problem
    assert not UnsubscribeImport.objects.exists()


def test_a_file_that_is_too_large_is_refused(
    unit: BusinessUnit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "SIZE_MAX", 20)
    with pytest.raises(FileError) as caught:
        received(unit, HEAD)
    assert caught.value.problem == "too_large"


def test_a_file_without_names_and_with_two_columns_of_one_name_needs_a_choice(
    unit: BusinessUnit,
) -> None:
    assert not received(unit, "1001,88002\n").has_header
    job = received(unit, "EmailAddress,EmailAddress,JobID\n")
    assert (job.has_header, job.columns) == (True, {"jid": 2})
    for columns, problem in (
        ({Field.JOB_ID: 2}, "no_subscriber"),
        ({Field.SUBSCRIBER_ID: 0, Field.JOB_ID: 0}, "twice"),
        ({Field.SUBSCRIBER_ID: 9}, "no_column"),
    ):
        with pytest.raises(imports.ChoiceError) as caught:
            imports.check(
                job, encoding="utf-8", delimiter=",", has_header=True, columns=columns,
                scope=Scope.LIST,
            )  # fmt: skip
        assert caught.value.problem == problem


def test_the_same_file_makes_no_second_request_however_late(unit: BusinessUnit) -> None:
    content = HEAD + "1001,,,88002,,,,\n1002,,,88002,,,,2026-01-31\n"
    first = imported(unit, content)
    SubscriberRequest.objects.update(
        status=Status.DONE, outcome="posted", attempts=1, finished_at=timezone.now()
    )
    UnsubscribeImport.objects.update(default_time=timezone.now() - timedelta(days=90))
    again = imported(unit, content)
    assert again.default_time == UnsubscribeImport.objects.get(pk=first.pk).default_time
    assert (again.accepted, again.repeated) == (0, 2)
    assert SubscriberRequest.objects.count() == 2
    assert imports.same_file(again) == first


def test_two_people_are_never_taken_for_one(unit: BusinessUnit) -> None:
    content = HEAD + (
        "1001,ada,family@example.com,88002,,,,\n"
        "1002,bob,family@example.com,88002,,,,\n"
        "1001,carol,,88002,,,,\n"
    )
    job = checked(unit, content)
    assert problems(job) == [(4, "sk", "other_subscriber")]
    imports.start(job, user_id=None)
    imports.run(job.pk)
    assert problems(job) == [(4, "sk", "other_subscriber")]
    assert subscribers() == [1001, 1002]


@COMMITS
def test_what_was_asked_later_counts(unit: BusinessUnit, sandbox: Sandbox) -> None:
    subscribe(1001)
    imported(unit, HEAD + "1001,,,88002,7001,,,2026-01-31\n1002,,,88002,7001,,,2026-01-31\n")
    drain()
    found = dict(
        SubscriberRequest.objects.filter(channel=Channel.IMPORT).values_list(
            "subscriber_id", "status"
        )
    )
    assert found == {1001: Status.SUPERSEDED, 1002: Status.DONE}


def test_an_erased_subscriber_does_not_come_back(unit: BusinessUnit) -> None:
    erased = Erasure.objects.create(unit=unit, subscriber_id=1001)
    erasure.grant(erased, user_id=None, note="")  # type: ignore[arg-type]
    content = HEAD + "1001,,,88002,,,,\n1001,,,88003,,,,2026-01-31\n1002,,,88002,,,,\n"
    job = imported(unit, content)
    assert (job.accepted, job.erased, job.refused) == (1, 2, 2)
    assert subscribers() == [1002]


@COMMITS
def test_an_imported_request_that_was_sent_is_not_imported_again_as_an_event(
    unit: BusinessUnit, sandbox: Sandbox
) -> None:
    BusinessUnit.objects.update(import_events=True)
    imported(unit, HEAD + "1001,,,88002,7001,,,\n")
    drain()
    assert SubscriberRequest.objects.get().status == Status.DONE
    assert sandbox.events()
    event_import.import_unit(PARENT)
    assert SubscriberRequest.objects.count() == 1


def test_the_file_is_sealed_and_deleted_when_the_import_ends(unit: BusinessUnit) -> None:
    job = received(unit, HEAD + "1001,ada,ada@example.com,88002,,,,\n")
    assert b"ada" not in b"".join(bytes(part.content) for part in ImportPart.objects.all())
    imports.cancel(job)
    assert not ImportPart.objects.exists()
    imported(unit, HEAD + "1001,ada,ada@example.com,88002,,,,\n")
    assert not ImportPart.objects.exists()


def test_a_file_that_nobody_imports_is_deleted_after_a_week(unit: BusinessUnit) -> None:
    job = received(unit, HEAD + "1001,,,88002,,,,\n")
    tasks.apply_retention()
    assert ImportPart.objects.exists()
    UnsubscribeImport.objects.update(created_at=timezone.now() - timedelta(days=8))
    tasks.apply_retention()
    job.refresh_from_db()
    assert (job.status, ImportPart.objects.count()) == (ImportStatus.CANCELLED, 0)


def test_the_same_file_is_known_again_after_a_change_of_the_digest_key(
    unit: BusinessUnit, settings: Settings
) -> None:
    content = HEAD + "1001,,,88002,,,,\n"
    first = imported(unit, content)
    SubscriberRequest.objects.update(
        status=Status.DONE, outcome="posted", attempts=1, finished_at=timezone.now()
    )
    UnsubscribeImport.objects.update(default_time=timezone.now() - timedelta(days=90))
    rotate_digest_key(settings)
    again = imported(unit, content)
    assert imports.same_file(again) == first
    assert (again.accepted, again.repeated) == (0, 1)


def test_a_byte_order_mark_is_in_no_cell_whatever_encodings_were_tried(unit: BusinessUnit) -> None:
    content = b"\xef\xbb\xbfada,88002\nbob,88002\n"
    job = checked(unit, content, encoding="latin-1", columns=KEY_AND_JOB)
    imports.check(
        job, encoding="utf-8", delimiter=",", has_header=False, columns=KEY_AND_JOB,
        scope=Scope.LIST,
    )  # fmt: skip
    imports.run(job.pk)
    imports.start(job, user_id=None)
    imports.run(job.pk)
    rows = SubscriberRequest.objects.order_by("pk")
    assert list(rows.values_list("subscriber_key", flat=True)) == ["ada", "bob"]


def test_a_byte_that_windows_1252_has_not_spoils_its_own_line_alone(unit: BusinessUnit) -> None:
    # Behind where a line is cut, so that the encoding was chosen without it.
    long = b"1002,88002," + b"x" * LINE_MAX + b"\x81"
    job = imported(unit, b"sid,jid,reason\n1001,88002,caf\xe9\n" + long + b"\n1003,88002,\n")
    assert (job.encoding, job.status) == ("cp1252", ImportStatus.DONE)
    assert problems(job) == [(3, "", "too_long")]
    assert subscribers() == [1001, 1003]


def test_the_end_of_a_line_that_is_too_long_is_no_row_of_its_own(
    unit: BusinessUnit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "CHUNK", 1)
    begin = b"sid,jid\n1001,88002\n"
    # Where the line is cut, its rest looks like a row.
    content = begin + b"x" * (files.PART - len(begin)) + b"2002,88002\n1003,88002\n"
    job = checked(unit, content)
    imports.start(job, user_id=None)
    stops = iter((False, False, True))
    imports.run(job.pk, is_stopping=lambda: next(stops))
    imports.run(job.pk)
    job.refresh_from_db()
    assert (job.status, job.rows) == (ImportStatus.DONE, 3)
    assert problems(job) == [(3, "", "too_long")]
    assert subscribers() == [1001, 1003]


@pytest.mark.parametrize(
    "cell",
    ["hello\nbob,,all,x", "\nbob,,all,x\n", "a\r\n\r\nbob,,all,x\r\nb", 'say ""x""\nbob,,all,'],
)
def test_what_somebody_wrote_into_a_cell_is_no_row(unit: BusinessUnit, cell: str) -> None:
    content = f'sk,jid,scope,comment\nada,1,list,\neve,1,list,"{cell}"\nfay,1,list,\n'
    job = imported(unit, content)
    assert problems(job) == [(3, "", "line_break")]
    assert (job.rows, job.accepted) == (3, 2)
    rows = SubscriberRequest.objects.order_by("pk")
    assert list(rows.values_list("subscriber_key", flat=True)) == ["ada", "fay"]


def test_an_import_goes_on_behind_a_row_of_several_lines(
    unit: BusinessUnit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "CHUNK", 1)
    job = checked(unit, 'sk,jid,scope,comment\neve,1,list,"a\nbob,,all,b\nc"\nfay,1,list,\n')
    imports.start(job, user_id=None)
    stops = iter((False, True))
    imports.run(job.pk, is_stopping=lambda: next(stops))
    imports.run(job.pk)
    job.refresh_from_db()
    assert (job.status, job.rows, job.refused) == (ImportStatus.DONE, 2, 1)
    assert SubscriberRequest.objects.get().subscriber_key == "fay"


def test_a_quote_that_is_never_closed_spoils_its_own_row_alone(unit: BusinessUnit) -> None:
    # More than one row can have.
    rows = "".join(f"{1002 + n},88002,{'x' * 1000}\n" for n in range(LINE_MAX // 1000))
    job = checked(unit, f'sid,jid,reason\n1001,88002,"no\n{rows}1000,88002,"no\n')
    assert problems(job) == [(2, "", "quotes"), (LINE_MAX // 1000 + 3, "", "quotes")]
    assert job.accepted == LINE_MAX // 1000


def test_a_file_sealed_before_a_change_of_the_digest_key_is_still_read(
    unit: BusinessUnit, settings: Settings
) -> None:
    job = checked(unit, HEAD + "1001,,,88002,,,,\n")
    rotate_digest_key(settings)
    imports.start(job, user_id=None)
    imports.run(job.pk)
    assert subscribers() == [1001]


class Killed(BaseException):
    """Stands for SIGKILL: nothing after it runs in this process."""


@COMMITS
def test_an_import_that_was_killed_goes_on_where_it_was(
    unit: BusinessUnit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "CHUNK", 2)
    job = checked(unit, HEAD + "".join(f"{1000 + n},,,88002,,,,\n" for n in range(9)) + "x,,,8,,,,")
    imports.start(job, user_id=None)
    write, calls = store.write, iter(range(99))

    def dying(submission: Submission) -> Any:
        if next(calls) == 5:
            raise Killed
        return write(submission)

    monkeypatch.setattr(store, "write", dying)
    with pytest.raises(Killed):
        imports.run(job.pk)
    job.refresh_from_db()
    assert (job.accepted, SubscriberRequest.objects.count()) == (4, 4)
    assert imports.due() == [job.pk]
    tasks.run_import(job.pk)
    job.refresh_from_db()
    assert (job.status, job.rows, job.accepted) == (ImportStatus.DONE, 10, 9)
    assert subscribers() == list(range(1000, 1009))
    assert problems(job) == [(11, "sid", "no_number")]


def test_a_process_without_the_lease_writes_nothing(
    unit: BusinessUnit, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = checked(unit, HEAD + "1001,,,88002,,,,\n")
    imports.start(job, user_id=None)
    later = timezone.now() + timedelta(minutes=1)
    UnsubscribeImport.objects.update(lease_until=later, lease="0" * 32)
    imports.run(job.pk)
    assert imports.due() == []
    assert not SubscriberRequest.objects.exists()


def test_an_import_leaves_room_for_the_requests_of_recipients(
    unit: BusinessUnit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "CHUNK", 1)
    monkeypatch.setattr(writing, "PENDING_MAX", 2)
    monkeypatch.setattr(writing, "_WAITS", 1)
    monkeypatch.setattr(writing, "_WAIT", 0.0)
    job = checked(unit, HEAD + "".join(f"{1000 + n},,,88002,,,,\n" for n in range(4)))
    imports.start(job, user_id=None)
    imports.run(job.pk)
    assert SubscriberRequest.objects.count() == 2
    SubscriberRequest.objects.update(
        status=Status.DONE, outcome="posted", attempts=1, finished_at=timezone.now()
    )
    tasks.run_imports()
    imports.run(job.pk)
    job.refresh_from_db()
    assert (job.status, SubscriberRequest.objects.count()) == (ImportStatus.DONE, 4)


@COMMITS
def test_an_import_can_be_cancelled_while_it_runs(
    unit: BusinessUnit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "CHUNK", 1)
    job = checked(unit, HEAD + "1001,,,88002,,,,\n1002,,,88002,,,,\n")
    imports.start(job, user_id=None)
    write = store.write

    def and_cancel(submission: Submission) -> Any:
        found = write(submission)
        connection.on_commit(lambda: imports.cancel(UnsubscribeImport.objects.get(pk=job.pk)))
        return found

    monkeypatch.setattr(store, "write", and_cancel)
    imports.run(job.pk)
    job.refresh_from_db()
    assert (job.status, job.accepted, subscribers()) == (ImportStatus.CANCELLED, 1, [1001])


def test_an_old_time_of_a_row_is_no_late_request(unit: BusinessUnit) -> None:
    imported(unit, HEAD + "1001,,,88002,,,,2026-01-31\n")
    assert list(detection.find()) == []
    assert latency.late(PARENT) == 0
    early = timezone.now() + HORIZON - timedelta(days=3)
    SubscriberRequest.objects.update(give_up_at=early)
    assert [one.cause for one in detection.find()] == ["late"]
    assert latency.late(PARENT) == 1
