"""The middleware that gives each request its id."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from unsub.infra import request_id, tracing


class RequestIdMiddleware:
    """Takes the id of a request from the proxy or makes one, adds it to the log lines, and returns
    it in the response. It has to be the first middleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Return the response with the header X-Request-ID."""
        mine = request_id.accepted(request.META.get("HTTP_X_REQUEST_ID")) or request_id.new()
        # Never the path: it is a credential.
        with request_id.bound(mine), tracing.span("http request", http_request_id=mine):
            response = self._get_response(request)
            view = request.resolver_match.view_name if request.resolver_match else ""
            tracing.note(view=view, status=response.status_code)
        response.headers[request_id.HEADER] = mine
        return response
