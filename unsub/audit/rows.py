"""What of a row is sealed, as bytes: the same on both databases.

The bytes are those of PostgreSQL's binary COPY format (its manual, COPY, "Binary Format") without
the number of fields: for each column the length in 4 bytes, -1 for NULL, then the value; numbers in
8 bytes, times as microseconds since 2000, texts in UTF-8. PostgreSQL makes them faster than Python
could, and no value can contain a separator.
"""

import struct
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import (
    BigIntegerField,
    BooleanField,
    Case,
    F,
    Lookup,
    Model,
    Q,
    QuerySet,
    Value,
    When,
)
from django.db.models.functions import Cast

from unsub.models import DeliveryAttempt, SubscriberRequest

# What is final once a request has ended. Not here: what changes with the digest keys (digests, the
# idempotency key), what a repetition or the search adds (`repeated_at`, the mask), and the columns
# of the queue.
FINAL_OF_REQUEST = (
    "unit_id", "kind", "target_type", "target_id", "target_name", "scope", "channel", "job_id",
    "list_id", "batch_id", "language", "link_age", "scanner", "consent_text_id", "received_at",
    "confirmed_at", "status", "call_method", "attempts", "outcome", "error_code",
    "sfmc_request_id", "finished_at", "superseded_by_id",
)  # fmt: skip
# What retention or an erasure removes, under a salt that goes with it; and the reason, which may be
# given later.
REASON = ("reason_id", "reason_text")
PERSONAL_OF_REQUEST = (
    "seal_salt", "subscriber_id", "subscriber_key", "email_address", "value", *REASON,
)  # fmt: skip
# Not here: a late reply, which is added once to an attempt that is finished.
FINAL_OF_ATTEMPT = (
    "request_id", "link_email_id", "number", "lease", "started_at", "finished_at", "outcome",
    "status_code", "error_code", "detail", "sfmc_request_id", "call_method", "batch_size",
)  # fmt: skip
DIGEST_BYTES = 32
# A row that retention or an erasure has emptied: its personal part cannot be checked any more. One
# that is marked so and still names somebody is checked, and differs.
EMPTIED = Q(
    forgotten_at__isnull=False, seal_salt=None, subscriber_id=None, email_address="", value=""
) & (Q(subscriber_key="") | Q(subscriber_key__startswith="erased-"))

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_BEGIN = 14  # number of fields (2 bytes), length and value of the id (4 and 8)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def final_of_requests(rows: QuerySet[SubscriberRequest]) -> QuerySet[Any, Any]:
    """Return the final part of these requests, id first."""
    return rows.values_list("pk", *_columns(SubscriberRequest, FINAL_OF_REQUEST))


def final_of_attempts(rows: QuerySet[DeliveryAttempt]) -> QuerySet[Any, Any]:
    """Return the final part of these attempts, id first."""
    return rows.values_list("pk", *_columns(DeliveryAttempt, FINAL_OF_ATTEMPT))


def personal_of_requests(
    rows: QuerySet[SubscriberRequest], *, without_reason: bool = False
) -> QuerySet[Any, Any]:
    """Return the personal part of these requests, id first, and last whether the row was emptied.
    `without_reason`: as it was before a reason was given later."""
    personal = list(_columns(SubscriberRequest, PERSONAL_OF_REQUEST))
    if without_reason:
        personal[-2:] = [Cast(Value(None), BigIntegerField()), Value("")]
    emptied = Case(When(EMPTIED, then=True), default=False, output_field=BooleanField())
    return rows.values_list("pk", *personal, emptied)


def digests_of(rows: QuerySet[Any, Any]) -> tuple[list[int], list[bytes]]:
    """Return the ids of the rows, and the SHA-256 of the bytes of each."""
    ids, found = [], []
    for pk, data in read(rows):
        ids.append(pk)
        found.append(sha256(data).digest())
    return ids, found


def personal_digests_of(rows: QuerySet[Any, Any]) -> dict[int, bytes | None]:
    """Return the SHA-256 of the personal part of each row by its id; None for an emptied one."""
    return {pk: None if data[-1] else sha256(data[:-5]).digest() for pk, data in read(rows)}


class _InArray(Lookup):
    """Whether a number is in an array that is one parameter: with a parameter for each, making the
    statement takes longer than reading the rows."""

    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        """Return the condition."""
        number, params = self.process_lhs(compiler, connection)
        return f"{number} = ANY(%s::bigint[])", (*params, self.rhs)


def with_ids(ids: Collection[int]) -> QuerySet[SubscriberRequest]:
    """Return the requests with these ids, in their order."""
    requests = SubscriberRequest.objects.order_by("pk")
    if connection.vendor != "postgresql":
        return requests.filter(pk__in=ids)
    return requests.filter(_InArray(F("pk"), f"{{{','.join(map(str, ids))}}}"))


def read(rows: QuerySet[Any, Any]) -> Iterator[tuple[int, Any]]:
    """Yield the id and the bytes of each row of a query made here, in its order."""
    if connection.vendor == "postgresql":
        yield from _copy(rows)
    else:
        for pk, *values in rows.iterator():
            yield pk, b"".join(map(_field, values))


def pack_ids(ids: Iterable[int]) -> bytes:
    """Return ids as 8 bytes each."""
    found = list(ids)
    return struct.pack(f">{len(found)}q", *found)


def unpack_ids(data: bytes) -> tuple[int, ...]:
    """Return the ids of `pack_ids`."""
    return struct.unpack(f">{len(data) // 8}q", data[: len(data) // 8 * 8])


def split_digests(data: bytes) -> list[bytes]:
    """Return the single digests of several one after the other."""
    return [data[at : at + DIGEST_BYTES] for at in range(0, len(data), DIGEST_BYTES)]


def _copy(rows: QuerySet[Any, Any]) -> Iterator[tuple[int, Any]]:
    """Read the rows by COPY, of which the server sends one message for each row."""
    try:
        sql, params = rows.query.sql_with_params()
    except EmptyResultSet:  # a query for none of the ids
        return
    copy = f"COPY ({sql}) TO STDOUT (FORMAT BINARY)"
    with connection.cursor() as cursor, cursor.copy(copy, params) as copied:
        server = cursor.connection.pgconn
        block = bytes(copied.read()).removeprefix(_HEADER) or copied.read()
        while block != _TRAILER:
            yield int.from_bytes(block[6:_BEGIN], "big", signed=True), block[_BEGIN:]
            # What libpq has already, without psycopg's waiting, which takes longer than the rest.
            size, block = server.get_copy_data(1)
            if not size:
                block = copied.read()
        copied.read()  # the end of the statement


def _columns(model: type[Model], names: Collection[str]) -> Iterator[Any]:
    """Yield the columns, whole numbers all of 8 bytes."""
    for name in names:
        kind = model._meta.get_field(name).get_internal_type()  # noqa: SLF001
        is_number = kind.endswith("IntegerField") or kind == "ForeignKey"
        yield Cast(name, BigIntegerField()) if is_number else name


def _field(value: Any) -> bytes:
    """Return one value as PostgreSQL sends it."""
    if value is None:
        return struct.pack(">i", -1)
    data = _value(value)
    return struct.pack(">i", len(data)) + data


def _value(value: Any) -> bytes:
    if isinstance(value, bool):
        return bytes((value,))
    if isinstance(value, int):
        return struct.pack(">q", value)
    if isinstance(value, datetime):
        return struct.pack(">q", (value - _EPOCH) // _MICROSECOND)
    if isinstance(value, UUID):
        return value.bytes
    return str(value).encode()
