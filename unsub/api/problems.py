"""Errors of the API as problem details (RFC 9457). They name a field, never its value."""

import json
from http import HTTPStatus
from typing import Any

from django.http import HttpResponse

from unsub.infra import request_id

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = 120  # seconds, as of the pages

# What each `code` means, for the document; the detail of a response may say more.
CODES = {
    "bad_request": "The request cannot be read, or names a field twice.",
    "unauthorized": "The key is missing, unknown, expired or revoked.",
    "not_allowed": "The key was not made for this.",
    "other_unit": "The key is for another business unit.",
    "insecure": "The key was sent without TLS. It counts as known to others: revoke it.",
    "not_found": "There is nothing here that the key may see.",
    "method_not_allowed": "The resource does not have this method.",
    "still_processed": "A call with the same Idempotency-Key is still being processed.",
    "gone": "The personal data behind this is deleted.",
    "too_large": "The body is larger than 64 KiB.",
    "invalid": "Some fields cannot be used; `errors` names them.",
    "nothing_to_leave": "The scope is `list`, and neither a list nor a job is named.",
    "key_reused": "The Idempotency-Key was sent before, with another call.",
    "too_many_calls": "The key has used up its calls of this minute.",
    "internal_error": "An error of the server; its log has the request_id.",
    "unavailable": "The database does not answer. Nothing was stored.",
}
# RFC 9110; Python's own phrases differ from one version to the next.
_PHRASES = {413: "Content Too Large", 422: "Unprocessable Content"}
_OF_STATUS = {
    400: "bad_request",
    401: "unauthorized",
    403: "not_allowed",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    422: "invalid",
    429: "too_many_calls",
    500: "internal_error",
    503: "unavailable",
}


class ApiProblem(Exception):  # noqa: N818 - RFC 9457 calls it a problem
    """An error to answer with. `fields` maps names of fields to what is wrong with them."""

    def __init__(
        self,
        status: int,
        code: str = "",
        detail: str = "",
        *,
        fields: dict[str, str] | None = None,
        retry_after: int = 0,
    ) -> None:
        self.status, self.code = status, code or _OF_STATUS[status]
        self.detail, self.fields = detail, fields or {}
        self.retry_after = retry_after
        super().__init__(self.code)


def invalid(field: str, problem: str, code: str = "invalid") -> ApiProblem:
    """Return the problem of one field that cannot be used."""
    return ApiProblem(422, code, fields={field: problem})


def unavailable() -> ApiProblem:
    """Return the problem of a database that does not answer."""
    return ApiProblem(503, retry_after=RETRY_AFTER)


def phrase(status: int) -> str:
    """Return the reason phrase of a status."""
    return _PHRASES.get(status) or HTTPStatus(status).phrase


def answer(problem: ApiProblem) -> HttpResponse:
    """Return the response of a problem."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": phrase(problem.status),
        "status": problem.status,
        "code": problem.code,
        "detail": problem.detail or CODES[problem.code],
        "request_id": request_id.current(),
    }
    if problem.fields:
        body["errors"] = [{"field": name, "problem": why} for name, why in problem.fields.items()]
    response = HttpResponse(json.dumps(body), status=problem.status, content_type=MEDIA_TYPE)
    if problem.status == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = "Bearer"
    if problem.retry_after:
        response["Retry-After"] = str(problem.retry_after)
    return response


def as_problem(response: HttpResponse) -> HttpResponse:
    """Return the response of an error as a problem; any other, and a problem, unchanged."""
    is_problem = response.headers.get("Content-Type", "").startswith(MEDIA_TYPE)
    if response.status_code < 400 or is_problem:
        return response
    found = answer(
        ApiProblem(response.status_code, _OF_STATUS.get(response.status_code, "invalid"))
    )
    if "Allow" in response.headers:
        found["Allow"] = response.headers["Allow"]
    return found
