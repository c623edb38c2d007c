"""The body of a POST, whatever was sent in it."""

from django.conf import settings
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.http import HttpRequest, QueryDict, UnreadablePostError
from django.http.multipartparser import MultiPartParserError


class TooLarge(Exception):  # noqa: N818 - the field's word
    """The body is larger than any form of ours."""


def read_form(request: HttpRequest) -> QueryDict:
    """Return the form that was posted; an empty one for a body that is no form.

    A POST to a signed link is a wish in itself (RFC 8058), so a body that cannot be read must not
    refuse it. Raises TooLarge above DATA_UPLOAD_MAX_MEMORY_SIZE.
    """
    if _length(request) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        raise TooLarge
    try:
        return request.POST
    except (BadRequest, SuspiciousOperation, MultiPartParserError, UnreadablePostError,
            LookupError, ValueError):  # fmt: skip
        return QueryDict()


def _length(request: HttpRequest) -> int:
    """Return the length that the client announced."""
    text = request.META.get("CONTENT_LENGTH") or "0"
    return int(text) if text.isascii() and text.isdigit() else 0
