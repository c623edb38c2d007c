"""HTTP replies, and those that an injected fault sends instead."""

from dataclasses import dataclass

from unsub.sandbox.operations.faults import Cue
from unsub.sandbox.soap.namespaces import SOAP_12

_ERROR = b"Internal Server Error"
_HTML = b"<!doctype html><title>Please wait</title><h1>We will be back shortly</h1>"
_BAD_REQUEST = b"Bad Request"
_XML_TYPE = "text/xml; charset=utf-8"
_XML_TYPE_12 = "application/soap+xml; charset=utf-8"
_HTML_TYPE = "text/html; charset=utf-8"
_TEXT_TYPE = "text/plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An HTTP reply. `drop` closes the socket without one. `retry_after` is in seconds."""

    status: int = 200
    body: bytes = b""
    content_type: str = _XML_TYPE
    retry_after: float | None = None
    drop: bool = False


def soap_reply(body: bytes, soap: str, *, status: int = 200, drop: bool = False) -> Reply:
    """Return a reply with an envelope of the SOAP version with that namespace."""
    content_type = _XML_TYPE_12 if soap == SOAP_12 else _XML_TYPE
    return Reply(status=status, body=body, content_type=content_type, drop=drop)


def bad_request() -> Reply:
    """Return what the vendor answers to a body that is no envelope."""
    return Reply(status=400, body=_BAD_REQUEST, content_type=_TEXT_TYPE)


def trouble(cue: Cue) -> Reply:
    """Return the reply of an injected fault from the group BEFORE or TOKEN."""
    wait = 1.0 if cue.value is None else cue.value
    return {
        "http_400": bad_request(),
        "http_500": Reply(status=500, body=_ERROR, content_type=_TEXT_TYPE),
        "http_503_html": Reply(status=503, body=_HTML, content_type=_HTML_TYPE),
        "html_200": Reply(status=200, body=_HTML, content_type=_HTML_TYPE),
        "empty_202": Reply(status=202),
        "drop_before": Reply(drop=True),
        "rate_limit_429": Reply(status=429, content_type=_TEXT_TYPE, retry_after=wait),
        "token_429": Reply(status=429, content_type=_TEXT_TYPE, retry_after=wait),
        "token_500": Reply(status=500, body=_ERROR, content_type=_TEXT_TYPE),
    }[cue.kind]
