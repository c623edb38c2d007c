"""Exports: the filtered audit as a file, and the printable proof for one person."""

from dataclasses import dataclass
from typing import Any

import structlog
from django.contrib.auth.models import User
from django.db.models import Model, Prefetch, Q, prefetch_related_objects
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext

from unsub.accounts import history
from unsub.infra.client_address import client_address
from unsub.models import ResolutionNote, SubscriberRequest
from unsub.models.request import RequestQuerySet
from unsub.outbox import identity
from unsub.reporting import audit_export, sentences, timeline
from unsub.reporting.timeline import Moment

from . import subscriber_search
from .formatting import unit_label
from .paper import paper_head
from .request_columns import masked

log = structlog.get_logger(__name__)
FORMATS = {
    "csv": (audit_export.csv_lines, "text/csv; charset=utf-8"),
    "jsonl": (audit_export.json_lines, "application/x-ndjson"),
}
PROOF_MAX = 200
NAME_SUBSCRIBERS = "unsub.name_subscribers"
_EVENTS = (
    "delivery_attempts",
    Prefetch("resolution_notes", ResolutionNote.objects.select_related("user")),
    "link_emails__delivery_attempts",
    "pause__link_emails__delivery_attempts",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofRequest:
    """A request with its timeline."""

    request: SubscriberRequest
    what: str
    moments: list[Moment]


def export(request: HttpRequest, requests: RequestQuerySet, kind: str) -> HttpResponseBase:
    """Return the requests as a streamed file, oldest first, with the subscribers' identifiers for
    users who may see them. The user's id is logged, and their history says so."""
    lines, content_type = FORMATS[kind]
    named = request.user.has_perm(NAME_SUBSCRIBERS)
    log.info(
        "audit_exported",
        user=request.user.pk, format=kind, named=named, client=client_address(request),
    )  # fmt: skip
    record(request, f"Exported requests as {kind}, {'with' if named else 'without'} identifiers.")
    rows = audit_export.iter_rows(requests, named=named)
    response = StreamingHttpResponse(
        lines(rows, audit_export.columns(named=named)), content_type=content_type
    )
    name = f"unsubscribes-{timezone.now():%Y%m%d-%H%M}.{kind}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def events_of(one: SubscriberRequest) -> list[Moment]:
    """Return the timeline of a request."""
    prefetch_related_objects([one], *_EVENTS)
    return timeline.events_of(one, one.delivery_attempts.all())


def proof(
    request: HttpRequest,
    one: SubscriberRequest,
    requests: RequestQuerySet,
    context: dict[str, Any],
) -> TemplateResponse:
    """Return a printable page with all of `requests` that are of the same subscriber as `one`, and
    their timelines; the newest PROOF_MAX of them. The user's id is logged, and the
    history of `one` says so."""
    log.info(
        "proof_opened",
        user=request.user.pk, request_id=one.pk, client=client_address(request),
    )  # fmt: skip
    record(request, "Opened a subscriber record.", about=one)
    theirs = requests.filter(_same_subscriber(one)).select_related("consent_text", "pause")
    theirs = theirs.prefetch_related(*_EVENTS).order_by("-received_at", "-pk")[: PROOF_MAX + 1]
    found = list(theirs)
    newest = found[:PROOF_MAX][::-1]
    ended = sentences.ended_pauses(newest)
    is_named = request.user.has_perm(NAME_SUBSCRIBERS)
    # A subscriber who was erased or forgotten here is not looked up again.
    who = one.known_subscriber if is_named else None
    more = {
        "most": PROOF_MAX if len(found) > PROOF_MAX else 0,
        "title": gettext("Subscriber record"),
        "one": one,
        "is_named": is_named,
        "masked": masked(one),
        "profile": subscriber_search.name_of(one.unit_id, who) if who else None,
        "asked": who is not None,
        **paper_head(one),
        "unit_label": unit_label(one.unit_id, getattr(one, "of_unit", None)),
        "requests": [
            ProofRequest(
                request=row,
                what=sentences.summary(row, sentences.list_name_of(row)),
                moments=timeline.events_of(row, row.delivery_attempts.all(), ended),
            )
            for row in newest
        ],
        "now": timezone.now(),
    }
    return TemplateResponse(request, "admin/unsub/subscriberrequest/proof.html", context | more)


def record(request: HttpRequest, text: str, *, about: Model | None = None) -> None:
    """Write to the history who has taken data out. These pages are the only GETs that write; a HEAD
    does not."""
    if request.method == "GET" and isinstance(request.user, User):
        history.add(request.user, text, about=about)


def _same_subscriber(one: SubscriberRequest) -> Q:
    """Return a Q for the requests of the same subscriber of the same unit, `one` included."""
    theirs = identity.requests_of(
        one.unit_id, one.known_subscriber, {one.subscriber_digest, *one.identifier_digests}
    )
    return Q(pk=one.pk) | Q(pk__in=theirs.order_by().values("pk"))
