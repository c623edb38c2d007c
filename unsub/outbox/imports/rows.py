"""One row of an imported CSV file: its unsubscribe, or in words why there is none.

Strict where a link is lenient: a cell that cannot be read is an error of its row and is never
dropped, because the row could then name another subscriber, or leave more than was asked.
"""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta, tzinfo
from enum import StrEnum

from django.utils.dateparse import parse_date, parse_datetime

from unsub.domain.context import (
    ID_MAX,
    MID_MAX,
    TEXT_MAX,
    ContextError,
    JobContext,
    Scope,
    SubscriberContext,
    UnsubContext,
)
from unsub.domain.text import clean
from unsub.links.csv_lines import Line, cells_of, damage_in
from unsub.links.csv_signing import COLUMNS, plain_name


class Field(StrEnum):
    """What a column of the file can be."""

    SUBSCRIBER_ID = "sid"
    SUBSCRIBER_KEY = "sk"
    EMAIL_ADDRESS = "em"
    JOB_ID = "jid"
    LIST_ID = "lid"
    BATCH_ID = "bid"
    SCOPE = "scope"
    REASON = "reason"
    TIME = "time"
    MID = "mid"


# As Marketing Cloud and the admin call them. No translation: they are names.
FIELD_NAMES: Mapping[Field, str] = {
    Field.SUBSCRIBER_ID: "SubscriberID",
    Field.SUBSCRIBER_KEY: "SubscriberKey",
    Field.EMAIL_ADDRESS: "EmailAddress",
    Field.JOB_ID: "JobID",
    Field.LIST_ID: "ListID",
    Field.BATCH_ID: "BatchID",
    Field.SCOPE: "Scope",
    Field.REASON: "Reason",
    Field.TIME: "Time",
    Field.MID: "MID",
}
# At least one of these names the subscriber.
WHO = (Field.SUBSCRIBER_ID, Field.SUBSCRIBER_KEY, Field.EMAIL_ADDRESS)
_MORE_NAMES = {
    "reason": Field.REASON, "unsubreason": Field.REASON, "unsubscribereason": Field.REASON,
    "time": Field.TIME, "date": Field.TIME, "timestamp": Field.TIME, "eventdate": Field.TIME,
    "dateunsubscribed": Field.TIME, "unsubscribedate": Field.TIME, "unsubscribedat": Field.TIME,
    "unsubdate": Field.TIME, "optoutdate": Field.TIME, "receivedat": Field.TIME,
}  # fmt: skip


class Problem(StrEnum):
    """Why a row is not imported."""

    TOO_LONG = "too_long"
    ENCODING = "encoding"
    QUOTES = "quotes"
    LINE_BREAK = "line_break"
    CELLS = "cells"
    HEADER_AGAIN = "header_again"
    CONTROL = "control"
    SHORTENED = "shortened"
    FORMULA = "formula"
    FAILED = "failed"
    PLACEHOLDER = "placeholder"
    NO_NUMBER = "no_number"
    RANGE = "range"
    VALUE_TOO_LONG = "value_too_long"
    NO_ADDRESS = "no_address"
    NO_SUBSCRIBER = "no_subscriber"
    ADDRESS_ALONE = "address_alone"
    SCOPE = "scope"
    NO_LIST = "no_list"
    TIME = "time"
    FUTURE = "future"
    OTHER_UNIT = "other_unit"
    OTHER_SUBSCRIBER = "other_subscriber"
    ERASED = "erased"
    NOT_STORABLE = "not_storable"


# For the file of errors, in English as the file's columns are.
WORDS: Mapping[str, str] = {
    Problem.TOO_LONG: "The line is longer than 100,000 bytes.",
    Problem.ENCODING: "The line is not in the encoding of the file.",
    Problem.QUOTES: "A quote is opened and never closed, or closed too early.",
    Problem.LINE_BREAK: "A cell of the row has a line break. Each row must be one line.",
    Problem.CELLS: "The line has another number of columns than the first line.",
    Problem.HEADER_AGAIN: "The line repeats the names of the columns.",
    Problem.CONTROL: "The value has control characters, such as NUL.",
    Problem.SHORTENED: "A spreadsheet shortened the number, so digits are lost. Export it again, "
    "with the column formatted as text.",
    Problem.FORMULA: "The value is a spreadsheet's formula. Export the value alone.",
    Problem.FAILED: "The value is an error of a spreadsheet, or was cut by a narrow column.",
    Problem.PLACEHOLDER: "The value is a placeholder and names nobody.",
    Problem.NO_NUMBER: "The value is not a whole number.",
    Problem.RANGE: "The number is too large or too small.",
    Problem.VALUE_TOO_LONG: "The value is longer than 254 characters.",
    Problem.NO_ADDRESS: "The value is not an email address.",
    Problem.NO_SUBSCRIBER: "The row names no subscriber.",
    Problem.ADDRESS_ALONE: "An address alone does not identify a subscriber in this business unit. "
    "Add the SubscriberKey or the SubscriberID.",
    Problem.SCOPE: "The scope is neither list nor all.",
    Problem.NO_LIST: "The row has neither a JobID nor a ListID. Add one, or the scope all.",
    Problem.TIME: "The time cannot be read. Write it as 2026-01-31 or 2026-01-31T12:00:00Z.",
    Problem.FUTURE: "The time is in the future.",
    Problem.OTHER_UNIT: "The row is of another business unit. Import it there.",
    Problem.OTHER_SUBSCRIBER: "The SubscriberID is known with another SubscriberKey.",
    Problem.ERASED: "The personal data of this subscriber was deleted on request.",
    Problem.NOT_STORABLE: "The database does not accept the row.",
}
# What programs write for "nothing". As an identifier it would make one subscriber of many rows.
_NOTHING = frozenset({"null", "(null)", "none", "nil", "nan", "n/a", "na", "undefined", "unknown"})
_PLACEHOLDER = re.compile(r"%%.*%%|\{\{.*\}\}|<[^>]*>|\[[^\]]*\]", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_DIGITS = re.compile(r"[0-9]{1,40}")
# With AM or PM it is the American order, as Marketing Cloud's own extracts have it. Without, the
# order of day and month is not known.
_AMERICAN = ("%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M %p")
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_SKEW = timedelta(days=1)
_REASON_STARTS = "=+-@ "


class RowError(ValueError):
    """A row cannot be imported: for which problem, and in which field, if in one."""

    def __init__(self, problem: Problem, of: Field | None = None) -> None:
        super().__init__(problem.value)
        self.problem = problem
        self.field = of


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the rows of a file are read. `columns` has the position of each field, from 0; `width`
    is the number of columns; `header` the names of the first line, if it has names. `scope` is
    that of all rows where no column has it."""

    encoding: str
    delimiter: str
    columns: Mapping[Field, int]
    width: int
    header: tuple[str, ...] = field(default=(), repr=False)
    scope: Scope = Scope.LIST
    mid: int
    knows_by_address: bool
    zone: tzinfo = UTC
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedRow:
    """One unsubscribe of a file. `made_at` is None where the file does not say when it was made."""

    line: int
    context: UnsubContext
    reason: str = field(default="", repr=False)
    made_at: datetime | None = None


def field_named(name: str) -> Field | None:
    """Return the field that a column of this name has, or None."""
    plain = plain_name(name)
    known = _MORE_NAMES.get(plain) or COLUMNS.get(plain)
    return Field(known) if known in set(Field) else None


def split(line: Line, delimiter: str) -> tuple[str, ...]:
    """Return the cells of a line without white space around them. Raises RowError."""
    if line.is_cut:
        raise RowError(Problem.TOO_LONG)
    try:
        cells = cells_of(line.content.decode(), delimiter)
    except UnicodeDecodeError:
        raise RowError(Problem.ENCODING) from None
    except csv.Error:
        raise RowError(Problem.QUOTES) from None
    return tuple(cell.strip() for cell in cells)


def is_blank(line: Line, delimiter: str) -> bool:
    """Return whether a line has nothing but delimiters and white space."""
    return not line.content.strip().strip(delimiter.encode() + b" \t")


def read_row(line: Line, layout: Layout) -> ImportedRow:
    """Return the unsubscribe of a line. Raises RowError."""
    cells = _cells(line, layout)
    values = {of: cells[at] for of, at in layout.columns.items()}
    _check_unit(values, layout.mid)
    who = _subscriber(values, layout)
    scope = _scope(values, layout)
    job = _job(values)
    if scope is Scope.LIST and not job.has_list:
        raise RowError(Problem.NO_LIST)
    return ImportedRow(
        line=line.number,
        context=UnsubContext(
            mid=layout.mid, subscriber=who, job=job, scope=scope, scope_is_explicit=True
        ),
        reason=clean(values.get(Field.REASON, "")).lstrip(_REASON_STARTS),
        made_at=_time(values.get(Field.TIME, ""), layout),
    )


def _cells(line: Line, layout: Layout) -> tuple[str, ...]:
    cells = split(line, layout.delimiter)
    if layout.header and cells[: len(layout.header)] == layout.header:
        raise RowError(Problem.HEADER_AGAIN)
    # Spreadsheets write empty cells at the end of each line.
    while len(cells) > layout.width and not cells[-1]:
        cells = cells[:-1]
    if len(cells) != layout.width:
        raise RowError(Problem.CELLS)
    return cells


def _check_unit(values: Mapping[Field, str], mid: int) -> None:
    given = _number(values, Field.MID, least=1, most=MID_MAX)
    if given is not None and given != mid:
        raise RowError(Problem.OTHER_UNIT, Field.MID)


def _subscriber(values: Mapping[Field, str], layout: Layout) -> SubscriberContext:
    number = _number(values, Field.SUBSCRIBER_ID, least=1)
    key = _text(values, Field.SUBSCRIBER_KEY)
    address = _text(values, Field.EMAIL_ADDRESS)
    if number is None and not key and not address:
        raise RowError(Problem.NO_SUBSCRIBER)
    try:
        found = SubscriberContext(
            subscriber_id=number, subscriber_key=key or None, email_address=address or None
        )
    except ContextError:
        # Everything else was looked at before.
        raise RowError(Problem.NO_ADDRESS, Field.EMAIL_ADDRESS) from None
    if found.is_email_only and not layout.knows_by_address:
        raise RowError(Problem.ADDRESS_ALONE, Field.EMAIL_ADDRESS)
    return found


def _job(values: Mapping[Field, str]) -> JobContext:
    """Return the job. As in a link, 0 is no JobID and no ListID, and a BatchID beside one of
    them."""
    job_id = _number(values, Field.JOB_ID) or None
    list_id = _number(values, Field.LIST_ID) or None
    batch_id = _number(values, Field.BATCH_ID)
    return JobContext(
        job_id=job_id, list_id=list_id, batch_id=batch_id if job_id or list_id else None
    )


def _scope(values: Mapping[Field, str], layout: Layout) -> Scope:
    """Return the scope. An empty cell of a column of scopes means the list, never everything."""
    if Field.SCOPE not in values:
        return layout.scope
    given = values[Field.SCOPE].lower()
    if given not in {"", *Scope}:
        raise RowError(Problem.SCOPE, Field.SCOPE)
    return Scope(given or Scope.LIST)


def _number(
    values: Mapping[Field, str], of: Field, *, least: int = 0, most: int = ID_MAX
) -> int | None:
    """Return the number of a field, or None for an empty cell. Raises RowError."""
    value = values.get(of, "")
    if not value:
        return None
    _check(value, of)
    if not _DIGITS.fullmatch(value):
        is_number = re.fullmatch(r"[+-]?\d+", value)
        raise RowError(Problem.RANGE if is_number else Problem.NO_NUMBER, of)
    if not least <= int(value) <= most:
        raise RowError(Problem.RANGE, of)
    return int(value)


def _text(values: Mapping[Field, str], of: Field) -> str:
    """Return the text of a field. Raises RowError."""
    value = values.get(of, "")
    _check(value, of)
    if value.lower() in _NOTHING or _PLACEHOLDER.fullmatch(value):
        raise RowError(Problem.PLACEHOLDER, of)
    if len(value) > TEXT_MAX:
        raise RowError(Problem.VALUE_TOO_LONG, of)
    return value


def _check(value: str, of: Field) -> None:
    """Raise RowError for a value that is not as it was."""
    if _CONTROL.search(value):
        raise RowError(Problem.CONTROL, of)
    if damage := damage_in(value):
        raise RowError(Problem(damage.value), of)


def _time(value: str, layout: Layout) -> datetime | None:
    """Return the time, or None for an empty cell. A day alone is the end of that day in the unit's
    time zone: the order to other requests of the day is not known, and the unsubscribe counts
    (docs/adr/0020). Never later than now."""
    if not value:
        return None
    if damage := damage_in(value):
        raise RowError(Problem(damage.value), Field.TIME)
    found = _moment(value)
    if found is None:
        raise RowError(Problem.TIME, Field.TIME)
    at = found if found.tzinfo else found.replace(tzinfo=layout.zone)
    if at < _EARLIEST:
        raise RowError(Problem.TIME, Field.TIME)
    if at > layout.now + _SKEW:
        raise RowError(Problem.FUTURE, Field.TIME)
    return min(at.astimezone(UTC), layout.now)


def _moment(value: str) -> datetime | None:
    """Return the time that a text stands for; without a time zone where it has none."""
    try:
        day = parse_date(value)
        if day is not None:
            return datetime.combine(day, time(23, 59, 59))
        if found := parse_datetime(value):
            return found
    except ValueError:
        return None
    for form in _AMERICAN:
        try:
            return datetime.strptime(value, form)  # noqa: DTZ007 - the unit's, if it has none
        except ValueError:
            continue
    return None


def suggested(names: Sequence[str]) -> dict[Field, int]:
    """Return the columns whose names say what they are. None for a field that two columns have:
    which of them counts, the user has to say."""
    found = [field_named(name) for name in names]
    return {of: found.index(of) for of in Field if found.count(of) == 1}
