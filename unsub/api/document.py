"""The OpenAPI document: what django-ninja makes of the operations, with problems as such."""

from typing import Any

from django.conf import settings

from .answers import Problem
from .problems import CODES, MEDIA_TYPE, phrase

PREFIX = "/api/v1/"
SUBMIT, READ, SIGN = "submit", "read", "sign"
_ALWAYS = (401, 403, 429, 503)
_OF_BODY = (400, 413, 422)
_RETRY = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
DESCRIPTION = """Submit requests of subscribers that reached you elsewhere, read what became of
them, and sign links. Authenticate with `Authorization: Bearer pck_...`.

Errors are problem details (RFC 9457); `code` says which:

"""
_IDEMPOTENCY_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": False,
    "description": "The same key with the same call gets the same answer for 24 hours.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}


def problems(*more: int, body: bool = False) -> dict[int, type[Problem]]:
    """Return the errors of an operation: those that all have, those of a body, and these."""
    return dict.fromkeys(sorted({*_ALWAYS, *(_OF_BODY if body else ()), *more}), Problem)


def described() -> str:
    """Return the description of the document, with the codes of problems."""
    return DESCRIPTION + "\n".join(f"- `{code}`: {text}" for code, text in CODES.items())


def finished(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document of django-ninja with the media type of errors, their headers, and the
    scheme of authentication described."""
    document = dict(document)
    for path in document["paths"].values():
        for operation in path.values():
            _finish(operation)
            if operation["tags"] == [SUBMIT]:
                operation["parameters"] = [*operation["parameters"], _IDEMPOTENCY_KEY]
    document["servers"] = [{"url": settings.PUBLIC_URL}]
    return document


def _finish(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    operation["responses"] = {str(status): one for status, one in responses.items()}
    for status, response in operation["responses"].items():
        if int(status) < 400:
            continue
        response["description"] = phrase(int(status))
        response["content"] = {MEDIA_TYPE: response["content"]["application/json"]}
        if status in {"429", "503", "409"}:
            response["headers"] = _RETRY
