"""The page behind the link of a confirmation email. A GET confirms nothing, because scanners follow
links in emails."""

from typing import Any

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from unsub.domain.masking import mask_email
from unsub.domain.target import TargetType
from unsub.gateway.catalogue import list_name
from unsub.links.confirmation import NotConfirmed, request_of
from unsub.models import Status, UnsubRequest
from unsub.models.statuses import NOT_CARRIED_OUT
from unsub.outbox import api as outbox
from unsub.outbox.pauses import context_of
from unsub.web.brand import Sender, find_host_sender, find_sender
from unsub.web.http import page, with_retry
from unsub.web.language import choose_language


# The signed link is the credential; there is no cookie to abuse.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Return the page with the button to confirm, or after it the page that says that it is done.

    404 where the link is invalid or the request is over, 503 where the database does not answer.
    """
    try:
        wish = _wish(token)
        if request.method == "POST" and wish.status == Status.WAITING:
            outbox.confirm(wish)
            # Read again: another POST, or the expiry of the request, may have come first.
            wish = _wish(token)
        sender = find_sender(context_of(wish))
        with translation.override(choose_language(request, link=wish.language)):
            return page("unsub/confirm.html", _shown(wish, sender))
    except NotConfirmed:
        with translation.override(choose_language(request)):
            return page("unsub/confirm_over.html", {"sender": _sender(request)}, status=404)
    except (DatabaseError, InterfaceError):
        with translation.override(choose_language(request)):
            return with_retry(page("unsub/unavailable.html", status=503))


def _sender(request: HttpRequest) -> Sender:
    """Return the brand of the host, for a page without a request."""
    try:
        return find_host_sender(request.get_host())
    except (DatabaseError, InterfaceError):
        return Sender()


def _wish(token: str) -> UnsubRequest:
    """Return the request that a token confirms. Raises NotConfirmed where it is over or unknown."""
    wish = outbox.find_waiting(request_of(token))
    if wish is None or wish.status in NOT_CARRIED_OUT:
        raise NotConfirmed
    return wish


def _shown(wish: UnsubRequest, sender: Sender) -> dict[str, Any]:
    """Return the template context of a request."""
    is_address = wish.target.type is TargetType.ADDRESS
    return {
        "sender": sender,
        "is_address": is_address,
        "is_confirmed": wish.status != Status.WAITING,
        "list_name": list_name(wish.unit_id, wish.list_id),
        "address": mask_email(wish.value) if is_address else "",
        "wording": wish.wording.text if wish.wording else "",
    }
