"""Exports: the filtered audit as a file, and the printable proof for one person."""

from dataclasses import dataclass
from typing import Any

import structlog
from django.db.models import Q
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext

from unsub.models import DeliveryAttempt, UnsubRequest
from unsub.models.request import RequestQuerySet
from unsub.reporting import audit_export, timeline
from unsub.reporting.sentences import about, name_of
from unsub.reporting.timeline import Moment

from .formatting import unit_label

log = structlog.get_logger(__name__)
FORMATS = {
    "csv": (audit_export.csv_lines, "text/csv; charset=utf-8"),
    "jsonl": (audit_export.json_lines, "application/x-ndjson"),
}
PROOF_MAX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A request with its timeline."""

    request: UnsubRequest
    what: str
    moments: list[Moment]


def export(request: HttpRequest, requests: RequestQuerySet, kind: str) -> HttpResponseBase:
    """Return the requests as a streamed file, oldest first. The user's id is logged."""
    lines, content_type = FORMATS[kind]
    log.info("audit_exported", user=request.user.pk, format=kind)
    response = StreamingHttpResponse(lines(audit_export.rows(requests)), content_type=content_type)
    name = f"unsubscribes-{timezone.now():%Y%m%d-%H%M}.{kind}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def told(one: UnsubRequest) -> list[Moment]:
    """Return the timeline of a request."""
    attempts = DeliveryAttempt.objects.filter(request=one).order_by("number")
    return timeline.story(one, attempts)


def proof(
    request: HttpRequest,
    one: UnsubRequest,
    requests: RequestQuerySet,
    context: dict[str, Any],
) -> TemplateResponse:
    """Return a printable page with all of `requests` that are of the same person as `one`, and
    their timelines; the newest PROOF_MAX of them. The user's id is logged."""
    log.info("proof_opened", user=request.user.pk, request_id=one.pk)
    theirs = requests.filter(_same_person(one)).select_related("wording")
    theirs = theirs.order_by("-received_at")[: PROOF_MAX + 1]
    newest = sorted(theirs[:PROOF_MAX], key=lambda row: row.received_at)
    more = {
        "most": PROOF_MAX if len(theirs) > PROOF_MAX else 0,
        "title": gettext("Proof for one person"),
        "one": one,
        "unit": unit_label(one.unit_id, getattr(one, "of_unit", None)),
        "told": [
            Told(request=row, what=about(row, name_of(row)), moments=told(row)) for row in newest
        ],
        "now": timezone.now(),
    }
    return TemplateResponse(request, "admin/unsub/unsubrequest/proof.html", context | more)


def _same_person(one: UnsubRequest) -> Q:
    """Return a Q for the requests with an identifier in common with `one`, in its unit."""
    names = ("subscriber_id", "subscriber_key", "email_address", "address_digest")
    same = Q(pk=one.pk)
    for name in names:
        if value := getattr(one, name):
            same |= Q(unit_id=one.unit_id, **{name: value})
    return same
