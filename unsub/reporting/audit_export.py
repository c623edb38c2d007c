"""The audit as rows of an export: the same for the command and for the admin."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import F

from unsub.models.request import RequestQuerySet

# The public contract (design 3.4): a column of the export, and where it comes from.
COLUMNS = {
    "id": "pk", "status": "shown_status", "outcome": "outcome", "error_code": "error_code",
    "attempts": "attempts", "mid": "unit_id", "job_id": "job_id", "list_id": "list_id",
    "batch_id": "batch_id", "scope": "scope", "reason": "reason_text", "channel": "channel",
    "received_at": "received_at", "finished_at": "finished_at",
    "sfmc_request_id": "sfmc_request_id", "kind": "kind", "about": "aspect",
}  # fmt: skip
CHUNK = 2000
# A spreadsheet takes a cell that begins so for a formula (OWASP: CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
Row = tuple[Any, ...]


def rows(requests: RequestQuerySet) -> Iterator[Row]:
    """Give a row of COLUMNS for each request, oldest first, however many there are.

    Each chunk is a question of its own: one cursor over everything would first have to read it all,
    and the database ends what takes longer than 15 s.
    """
    # The first column is the key by which the next chunk begins.
    sources = (F(source) for source in COLUMNS.values())
    found = requests.with_shown_status().order_by("pk").values_list(*sources)
    last = 0
    while chunk := list(found.filter(pk__gt=last)[:CHUNK]):
        yield from chunk
        last = chunk[-1][0]


def csv_lines(found: Iterator[Row]) -> Iterator[str]:
    """Give the lines of a CSV file, the header first. No cell is one that a spreadsheet runs."""
    yield _line(tuple(COLUMNS))
    for row in found:
        yield _line(tuple(map(_cell, row)))


def json_lines(found: Iterator[Row]) -> Iterator[str]:
    """Give a JSON object a line; times are ISO 8601 in UTC."""
    for row in found:
        fields = dict(zip(COLUMNS, map(_plain, row), strict=True))
        yield json.dumps(fields, ensure_ascii=False) + "\n"


def _line(cells: Row) -> str:
    """Return a line of CSV."""
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerow(cells)
    return written.getvalue()


def _plain(value: Any) -> Any:
    """Return a value as JSON takes it; times are ISO 8601 in UTC."""
    return value.isoformat() if isinstance(value, datetime) else value


def _cell(value: Any) -> Any:
    """Return a value as a cell that no spreadsheet runs."""
    plain = "" if value is None else _plain(value)
    return f"'{plain}" if isinstance(plain, str) and plain.startswith(_FORMULA) else plain
