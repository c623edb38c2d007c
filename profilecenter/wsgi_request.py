"""The requests that Django's handler makes: of any Content-Type, however damaged it is."""

from typing import Any

from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.core.wsgi import get_wsgi_application
from django.utils.http import parse_header_parameters


class Request(WSGIRequest):
    """A request whose Content-Type refuses nothing.

    Django raises while it makes a request whose Content-Type it cannot parse, or which names a
    character set that is none of text. It answers nothing then: no page, and no headers. A POST to
    a signed link unsubscribes whatever its body is (RFC 8058). Pages, forms and the API are UTF-8,
    so that the character set that a client names counts for nothing.
    """

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        """Set the content type and its parameters; neither where they cannot be parsed."""
        try:
            found = parse_header_parameters(meta.get("CONTENT_TYPE", ""))
        except Exception:  # noqa: BLE001 - the standard library's parser raises many kinds
            found = "", {}
        self.content_type, self.content_params = found


def django_application() -> WSGIHandler:
    """Return Django's WSGI application, set up, which makes such requests."""
    handler = get_wsgi_application()
    handler.request_class = Request
    return handler
