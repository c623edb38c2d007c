"""The header Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): the same call again gets
the same answer, for a day.

The first call inserts a row, and the unique constraint decides which of two at once is the first.
The row holds digests of the header and of the call, and the answer, in which there is no person.
Where the database does not answer there is no row: the outbox itself takes the same request twice
for one.
"""

import contextlib
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Status

from unsub.infra import digests
from unsub.infra.database_timeout import fail_fast
from unsub.infra.inserts import insert_unless_present
from unsub.models import ApiAnswer, ApiKey
from unsub.outbox.retention import ANSWERS_KEPT_FOR

from .problems import ApiProblem, invalid

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
# Longer than any call takes: whoever began it is gone.
ABANDONED_AFTER = timedelta(minutes=1)
_AGAIN = 5  # seconds until a call that is still being processed can be repeated
_TRIES = 5
_FORM = re.compile(r"[!-~]{1,255}")


def once(
    request: HttpRequest, response: HttpResponse, key: ApiKey, run: Callable[[], dict[str, Any]]
) -> "Status[dict[str, Any]]":
    """Return the answer (202) to a call: of `run`, or the one that the same call got before. Raises
    ApiProblem: 409 while that one is being processed, 422 where it was another call."""
    sent = request.headers.get(HEADER)
    if sent is None:
        return Status(202, run())
    if not _FORM.fullmatch(sent):
        raise invalid(HEADER, "1 to 255 visible characters of ASCII.")
    try:
        with fail_fast():
            row = _reserved(request, key, sent)
    except (DatabaseError, InterfaceError):
        return Status(202, run())
    if row.status is not None:
        response[REPLAYED] = "true"
        return Status(row.status, row.answer or {})
    try:
        answer = run()
    except BaseException:
        with contextlib.suppress(DatabaseError, InterfaceError):
            _own(row).delete()
        raise
    with contextlib.suppress(DatabaseError, InterfaceError):
        _own(row).update(status=202, answer=answer)
    return Status(202, answer)


def _reserved(request: HttpRequest, key: ApiKey, sent: str) -> ApiAnswer:
    """Return a new row for this call, or the one with the answer of before."""
    purpose = digests.Purpose.API_CALL
    names = digests.digests(purpose, "key", key.pk, sent)
    calls = digests.digests(
        purpose, "call", request.method, request.path_info, request.body.decode("latin-1")
    )
    for _ in range(_TRIES):
        row = ApiAnswer(
            api_key=key, key_digest=names[0], body_digest=calls[0], started_at=timezone.now(),
            claim=uuid4(),
        )  # fmt: skip
        found = ApiAnswer.objects.filter(api_key=key, key_digest__in=names).first()
        if found is None:
            if insert_unless_present(row):
                return row
        elif _is_over(found):
            _own(found).delete()
        else:
            return _answered(found, calls)
    raise ApiProblem(409, "still_processed", retry_after=_AGAIN)


def _is_over(found: ApiAnswer) -> bool:
    """Return whether a row no longer counts: it is a day old, or its process is gone."""
    age = timezone.now() - found.started_at
    return age > (ABANDONED_AFTER if found.status is None else ANSWERS_KEPT_FOR)


def _answered(found: ApiAnswer, calls: tuple[str, ...]) -> ApiAnswer:
    if found.body_digest not in calls:
        raise ApiProblem(422, "key_reused")
    if found.status is None:
        raise ApiProblem(409, "still_processed", retry_after=_AGAIN)
    return found


def _own(row: ApiAnswer) -> Any:
    """Return the row, unless another call has taken it over."""
    return ApiAnswer.objects.filter(pk=row.pk, claim=row.claim)
