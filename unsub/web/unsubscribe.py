"""The unsubscribe page, its form, and the one-click POST to the same URL (RFC 8058)."""

from dataclasses import replace
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils import timezone

from unsub.domain.scanners import scanner_of
from unsub.models import Channel, Status, SubscriberRequest
from unsub.models.kinds import SAME_UNSUBSCRIBE
from unsub.models.statuses import SETTLED
from unsub.outbox import api as outbox
from unsub.outbox.api import Submission

from .confirmation import done_context
from .forms import FORM_MARKER, ReasonForm
from .http import (
    Saved,
    SeeOther,
    TooLargeError,
    page,
    plain,
    read_form,
    unavailable,
    with_retry,
)
from .kept_pages import kept_page
from .one_click import ACCEPTED, TRIED, accept
from .page_context import PageContext, page_for
from .signed_link import EVERYTHING, Link, count_test_link, linked
from .status import status_of


@linked("GET", "HEAD", "POST")
def unsubscribe(request: HttpRequest, link: Link) -> HttpResponse:
    """Return the page, the response to its form, or the response to a one-click POST."""
    if request.method != "POST":
        with page_for(request, link) as page_context:
            return _choose_reason(page_context)
    try:
        form = read_form(request)
    except TooLargeError:
        return plain("Request body too large.", status=413)
    if form.get("form") != FORM_MARKER:
        return _one_click(link, request.META.get(TRIED))
    with page_for(request, link) as page_context:
        return _submit(
            page_context, form, scanner=scanner_of(request.headers.get("User-Agent", ""))
        )


def _choose_reason(page_context: PageContext) -> HttpResponse:
    """Return the page with its button, or the status page where a recent request is still what the
    subscriber asked last."""
    if not _may_have_earlier(page_context.link):
        return _empty_form_page(page_context)
    everything = replace(page_context, link=page_context.link.for_everything())
    done = None
    for candidate in (everything, page_context):
        earlier = _earlier(candidate)
        if earlier and not _may_submit_again(earlier):
            return page("unsub/done.html", done_context(candidate, status_of(earlier, again=True)))
        if earlier and earlier.status == Status.DONE:
            done = done or earlier
    form = ReasonForm(reasons=page_context.brand.reasons)
    return _form_page(page_context, form, earlier=done)


def _empty_form_page(page_context: PageContext) -> HttpResponse:
    """Return the page as nearly all readers see it."""
    context = page_context.as_context()
    token = page_context.link.token
    own = [name for name, one in context.items() if isinstance(one, str) and token in one]
    return kept_page(
        "unsub/choose_reason.html",
        context,
        own=("masked", *own),
        more=lambda: {"form": ReasonForm(reasons=page_context.brand.reasons), "earlier": None},
    )


def _form_page(
    page_context: PageContext,
    form: ReasonForm,
    *,
    status: int = 200,
    earlier: SubscriberRequest | None = None,
) -> HttpResponse:
    context: dict[str, Any] = {"form": form, "earlier": earlier}
    return page("unsub/choose_reason.html", page_context.as_context() | context, status=status)


def _may_have_earlier(link: Link) -> bool:
    """Return whether an unsubscribe by this link may have been requested before: one query, which
    finds nothing for most readers. False where the database does not answer."""
    try:
        return outbox.may_have_requested(link.context, link.for_everything().context)
    except (DatabaseError, InterfaceError):
        return False


def _earlier(page_context: PageContext) -> SubscriberRequest | None:
    """Return the request that this link's unsubscribe would repeat, or None; also None where the
    subscriber has since asked for the contrary, where it is a pause, after which emails may come
    again, and where the database does not answer."""
    try:
        found = outbox.find_for_good(page_context.link.context)
    except (DatabaseError, InterfaceError):
        return None
    return None if found is None or found.status == Status.WITHDRAWN else found


def _may_submit_again(earlier: SubscriberRequest) -> bool:
    """Return whether the same request now is a new one."""
    # The person may have subscribed meanwhile.
    is_old = timezone.now() - earlier.received_at > SAME_UNSUBSCRIBE
    return earlier.status in SETTLED and is_old


def _submit(page_context: PageContext, data: QueryDict, *, scanner: str) -> HttpResponse:
    """Store the request and redirect to the status page.

    422 with the form where it is invalid, 503 where the request could not be stored.
    """
    form = ReasonForm(data, reasons=page_context.brand.reasons)
    if not form.is_valid():
        return _form_page(page_context, form, status=422)
    if EVERYTHING in data:
        page_context = replace(page_context, link=page_context.link.for_everything())
    if page_context.link.context.is_test:
        count_test_link(page_context.link, Channel.PAGE)
        return SeeOther(page_context.link.url("done"))
    submission = Submission(
        token=page_context.link.token,
        context=page_context.link.context,
        channel=Channel.PAGE,
        reason=form.cleaned_data["reason"],
        words=form.cleaned_data["words"],
        language=page_context.language,
        scanner=scanner,
    )
    try:
        outbox.submit(submission)
    except outbox.UnavailableError:
        return unavailable(page_context.as_context(), saved=Saved.NOTHING)
    return SeeOther(page_context.link.url("done"))


def _one_click(link: Link, tried: Exception | None) -> HttpResponse:
    """Return 200 once the request is stored: no page, no question, no redirect (RFC 8058, 3.1).
    422 for a test link, of which nothing is stored. Nothing in the query counts. Most of these
    requests never get here: `OneClickFirst` answers them, and `tried` is how that ended."""
    if link.signed.is_test:
        count_test_link(link, Channel.ONE_CLICK)
        return plain("Not accepted: this is a test link. Nothing was saved.", status=422)
    try:
        accept(link.token, link.signed, tried=tried)
    except outbox.UnavailableError:
        return with_retry(plain("Not accepted. Try again later.", status=503))
    return plain(ACCEPTED)
