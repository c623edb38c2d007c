"""Rows of the audit export, as CSV and JSON lines. Used by the command and by the admin."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError
from django.db.models import F, QuerySet

from unsub.domain.target import Target, TargetType
from unsub.infra import replica
from unsub.models.request import RequestQuerySet

# Public contract (design 3.4): column of the export, and the field it comes from. The last column,
# `about`, is the target.
_FIELDS = {
    "id": "pk", "status": "shown_status", "outcome": "outcome", "error_code": "error_code",
    "attempts": "attempts", "mid": "unit_id", "job_id": "job_id", "list_id": "list_id",
    "batch_id": "batch_id", "scope": "scope", "reason": "reason_text", "channel": "channel",
    "received_at": "received_at", "finished_at": "finished_at",
    "sfmc_request_id": "sfmc_request_id", "kind": "kind",
}  # fmt: skip
COLUMNS = (*_FIELDS, "about")
# Appended for users who may see who asked: the identifiers as the link carried them.
SUBSCRIBER_COLUMNS = ("subscriber_id", "subscriber_key", "email_address")
_TARGET = ("target_type", "target_id", "target_name")
CHUNK = 2000
# Spreadsheets interpret cells that begin with one of these as formulas (OWASP: CSV injection), in
# some languages also the wide forms of the signs.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
Row = tuple[Any, ...]


def columns(*, named: bool) -> tuple[str, ...]:
    """Return the columns of the export; `named` adds those that name the subscriber."""
    return (*COLUMNS, *SUBSCRIBER_COLUMNS) if named else COLUMNS


def iter_rows(requests: RequestQuerySet, *, named: bool = False) -> Iterator[Row]:
    """Yield one row of `columns(named=named)` per request, oldest first.

    Each chunk is a query of its own: one cursor over everything would read all of it first, and the
    database cancels statements after 15 s. Read from the replica, where there is a usable one.
    """
    # The first column is the key that the next chunk starts after.
    found = _values(requests, named=named)
    last = 0
    while chunk := _read(found.filter(pk__gt=last)[:CHUNK]):
        yield from map(_with_target, chunk)
        last = chunk[-1][0]


def read(requests: RequestQuerySet, *, named: bool = False, most: int = CHUNK) -> list[Row]:
    """Return one row of `columns(named=named)` for each of the first `most` of some requests, in
    the order of their ids. From the primary database."""
    return list(map(_with_target, _values(requests, named=named)[:most]))


def _values(requests: RequestQuerySet, *, named: bool) -> "QuerySet[Any, Row]":
    """Return the requests as the columns that rows are made of, by id."""
    who = SUBSCRIBER_COLUMNS if named else ()
    sources = (F(source) for source in (*_FIELDS.values(), *_TARGET, *who))
    return requests.with_shown_status().order_by("pk").values_list(*sources)


def _read(chunk: QuerySet[Any, Row]) -> list[Row]:
    """Return the rows; from the primary where the replica fails in the middle of an export."""
    alias = replica.for_exports()
    try:
        return list(chunk.using(alias))
    except (OperationalError, InterfaceError) as err:
        if alias == DEFAULT_DB_ALIAS:
            raise
        replica.avoid(type(err).__name__)
        return list(chunk.using(DEFAULT_DB_ALIAS))


def _with_target(row: Row) -> Row:
    """Return a row with its target as one cell."""
    number = len(_FIELDS)
    type_, id_, name, *who = row[number:]
    return (*row[:number], str(Target(TargetType(type_), id_, name)), *who)


def csv_lines(found: Iterator[Row], header: tuple[str, ...] = COLUMNS) -> Iterator[str]:
    """Yield the lines of a CSV file, header first. Cells that a spreadsheet would execute are
    escaped."""
    yield _line(header)
    for row in found:
        yield _line(tuple(map(csv_safe, row)))


def json_lines(found: Iterator[Row], header: tuple[str, ...] = COLUMNS) -> Iterator[str]:
    """Yield one JSON object per line. Times are ISO 8601 in UTC."""
    for row in found:
        fields = dict(zip(header, map(json_safe, row), strict=True))
        yield json.dumps(fields, ensure_ascii=False) + "\n"


def _line(cells: Row) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerow(cells)
    return written.getvalue()


def json_safe(value: Any) -> Any:
    """Return a JSON-compatible value. Times are ISO 8601."""
    return value.isoformat() if isinstance(value, datetime) else value


def csv_safe(value: Any) -> Any:
    """Return a value as a cell that no spreadsheet executes."""
    plain = "" if value is None else json_safe(value)
    return f"'{plain}" if isinstance(plain, str) and plain.startswith(_FORMULA) else plain
