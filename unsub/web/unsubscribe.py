"""The unsubscribe page, its form, and the one-click POST to the same URL (RFC 8058)."""

from dataclasses import replace
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils import timezone

from unsub.domain.scanners import scanner_of
from unsub.infra import metrics
from unsub.models import Channel, Status, UnsubRequest
from unsub.models.kinds import SAME_UNSUBSCRIBE
from unsub.models.statuses import SETTLED
from unsub.outbox import api as outbox
from unsub.outbox.api import Wish

from .forms import MARK, ReasonForm
from .http import SeeOther, TooLarge, page, plain, read_form, with_retry
from .page_context import Visit, visiting
from .signed_link import EVERYTHING, Link, linked
from .status import standing_of


@linked("GET", "HEAD", "POST")
def unsubscribe(request: HttpRequest, link: Link) -> HttpResponse:
    """Return the page, the response to its form, or the response to a one-click POST."""
    if request.method != "POST":
        with visiting(request, link) as visit:
            return _choose_reason(visit)
    try:
        form = read_form(request)
    except TooLarge:
        return plain("The request is too large.", status=413)
    if form.get("form") != MARK:
        return _one_click(link)
    with visiting(request, link) as visit:
        return _submit(visit, form, scanner=scanner_of(request.headers.get("User-Agent", "")))


def _choose_reason(visit: Visit) -> HttpResponse:
    """Return the page with its button, or the status page where there is a recent request."""
    everything = replace(visit, link=visit.link.for_everything())
    earlier = None
    for asked in (everything, visit):
        earlier = _earlier(asked)
        if earlier and not _may_ask_anew(earlier):
            standing = standing_of(earlier, again=True).as_context()
            return page("unsub/done.html", asked.as_context() | standing)
    return _form_page(visit, ReasonForm(reasons=visit.sender.reasons), earlier=earlier)


def _form_page(
    visit: Visit, form: ReasonForm, *, status: int = 200, earlier: UnsubRequest | None = None
) -> HttpResponse:
    context: dict[str, Any] = {"form": form, "earlier": earlier}
    return page("unsub/choose_reason.html", visit.as_context() | context, status=status)


def _earlier(visit: Visit) -> UnsubRequest | None:
    """Return the request that this link's unsubscribe would repeat, or None; also None where the
    database does not answer."""
    try:
        found = outbox.find(visit.link.context)
    except (DatabaseError, InterfaceError):
        return None
    return None if found is None or found.status == Status.WITHDRAWN else found


def _may_ask_anew(earlier: UnsubRequest) -> bool:
    """Return whether the same request now is a new one."""
    # The person may have subscribed meanwhile.
    is_old = timezone.now() - earlier.received_at > SAME_UNSUBSCRIBE
    return earlier.status in SETTLED and is_old


def _submit(visit: Visit, data: QueryDict, *, scanner: str) -> HttpResponse:
    """Store the request and redirect to the status page.

    422 with the form where it is invalid, 503 where the request could not be stored.
    """
    form = ReasonForm(data, reasons=visit.sender.reasons)
    if not form.is_valid():
        return _form_page(visit, form, status=422)
    if EVERYTHING in data:
        visit = replace(visit, link=visit.link.for_everything())
    if visit.link.context.is_test:
        metrics.TEST_LINKS.labels(channel=Channel.PAGE.value).inc()
        return SeeOther(visit.link.url("done"))
    wish = Wish(
        token=visit.link.token,
        context=visit.link.context,
        channel=Channel.PAGE,
        reason=form.cleaned_data["reason"],
        words=form.cleaned_data["words"],
        language=visit.language,
        scanner=scanner,
    )
    try:
        outbox.enqueue(wish)
    except outbox.Unavailable:
        return with_retry(page("unsub/unavailable.html", visit.as_context(), status=503))
    return SeeOther(visit.link.url("done"))


def _one_click(link: Link) -> HttpResponse:
    """Return 200 once the request is stored: no page, no question, no redirect (RFC 8058, 3.1)."""
    if link.context.is_test:
        metrics.TEST_LINKS.labels(channel=Channel.ONE_CLICK.value).inc()
        return plain("This is a test link: nothing was recorded.")
    wish = Wish(token=link.token, context=link.context, channel=Channel.ONE_CLICK)
    try:
        outbox.enqueue(wish)
    except outbox.Unavailable:
        return with_retry(plain("Not accepted: please try again later.", status=503))
    return plain("Unsubscribe request accepted.")
