"""Consent receipts in the admin: looked up by ID or by person, and each as a page to print."""

from typing import Any

import structlog
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from unsub.domain.receipt_id import ReceiptIdError, looks_like_one
from unsub.infra.client_address import client_address
from unsub.models import SubscriberRequest
from unsub.models.request import RequestQuerySet
from unsub.preferences import consent_receipts, snapshot
from unsub.preferences.consent_receipts import (
    DeletedReceiptError,
    Receipt,
    UnknownReceiptError,
)
from unsub.preferences.target_names import Names
from unsub.preferences.topics import topics_of

from . import subscriber_search
from .exports import NAME_SUBSCRIBERS, record
from .formatting import unit_words
from .paper import paper_head
from .request_columns import masked

log = structlog.get_logger(__name__)
PEOPLE_MAX = 50
_REQUESTS_READ = 500


def is_receipt_id(text: str) -> bool:
    """Return whether somebody searches for a receipt by its ID."""
    return looks_like_one(text)


def look_up(rows: RequestQuerySet, text: str) -> tuple[SubscriberRequest | None, str]:
    """Return the request among `rows` whose receipt has this ID; else None, and why in words."""
    try:
        return consent_receipts.find(rows, text), ""
    except ReceiptIdError:
        return None, gettext(
            "This isn’t a valid receipt ID. Check it for a typing mistake: it begins with CR and "
            "its last character depends on all others."
        )
    except UnknownReceiptError:
        return None, gettext("There’s no receipt with this ID in your business units.")
    except DeletedReceiptError as err:
        return None, _deleted(err)


def _deleted(err: DeletedReceiptError) -> str:
    """Return that the personal data behind a receipt is deleted, since when and by what."""
    when = timezone.localtime(err.request.forgotten_at)
    known = {"number": err.request.pk, "day": f"{when:%Y-%m-%d}"}
    if err.is_erased:
        text = gettext(
            "Refused: the personal data of request #%(number)d was deleted on the subscriber’s "
            "demand. Nobody can be shown to be the person of this receipt any more."
        )
        return text % known
    text = gettext(
        "Refused: the personal data of request #%(number)d was removed on %(day)s, at the end of "
        "its retention. Nobody can be shown to be the person of this receipt any more."
    )
    return text % known


def search_page(
    request: HttpRequest, term: str, people: RequestQuerySet, context: dict[str, Any]
) -> HttpResponse:
    """Return the people whose requests are `people`, each once, with a link to their receipts; of a
    single one the receipts at once."""
    newest: dict[tuple[int, str], SubscriberRequest] = {}
    for one in people.order_by("-pk")[:_REQUESTS_READ] if term else ():
        newest.setdefault((one.unit_id, one.subscriber_digest or str(one.pk)), one)
    found = list(newest.values())
    if len(found) == 1:
        return HttpResponseRedirect(_person_url(found[0].pk))
    return _search(request, context | {"term": term, "people": _people(found[:PEOPLE_MAX])})


def problem_page(
    request: HttpRequest, term: str, problem: str, context: dict[str, Any]
) -> HttpResponse:
    """Return the search with the reason why an ID leads to no receipt (404)."""
    return _search(request, context | {"term": term, "problem": problem}, status=404)


def _search(
    request: HttpRequest, context: dict[str, Any], *, status: int = 200
) -> TemplateResponse:
    known = {"title": gettext("Consent receipts"), **context}
    template = "admin/unsub/subscriberrequest/receipt_search.html"
    return TemplateResponse(request, template, known, status=status)


def _people(rows: list[SubscriberRequest]) -> list[dict[str, Any]]:
    return [
        {
            "who": masked(one),
            "unit": unit_words(one.unit_id, getattr(one, "of_unit", None)),
            "received_at": one.received_at,
            "url": _person_url(one.pk),
        }
        for one in rows
    ]


def person_page(
    request: HttpRequest, one: SubscriberRequest, context: dict[str, Any]
) -> TemplateResponse:
    """Return the receipts of the person of a request, as a list with links."""
    names = _names(one.unit_id)
    found = [(each, each.about(names), receipt_url(each.id)) for each in _receipts(one)]
    more = {
        "title": gettext("Consent receipts"),
        "one": one,
        "who": masked(one),
        "unit": unit_words(one.unit_id, getattr(one, "of_unit", None)),
        "receipts": found,
    }
    template = "admin/unsub/subscriberrequest/receipts.html"
    return TemplateResponse(request, template, context | more)


def receipt_page(
    request: HttpRequest, one: SubscriberRequest, context: dict[str, Any]
) -> TemplateResponse:
    """Return the receipt that shows a request, to print. The user's id is logged, and the history
    of the request says so. 404 where no receipt shows it."""
    found = next((each for each in _receipts(one) if each.has(one.pk)), None)
    if found is None:
        raise Http404
    log.info(
        "receipt_opened",
        user=request.user.pk, request_id=one.pk, client=client_address(request),
    )  # fmt: skip
    record(request, "Opened a consent receipt.", about=one)
    more = {
        "title": gettext("Consent receipt"),
        "receipt": found,
        "about": found.about(_names(one.unit_id)),
        "seals": found.seals(),
        "at": timezone.now(),
        "person_url": _person_url(one.pk),
        **paper_head(one),
        **_who(request, one),
    }
    return TemplateResponse(request, "admin/unsub/subscriberrequest/receipt.html", context | more)


def receipt_url(identifier: str) -> str:
    """Return the URL of a receipt."""
    return reverse("admin:unsub_subscriberrequest_receipt", args=(identifier,))


def _person_url(pk: int) -> str:
    return reverse("admin:unsub_subscriberrequest_person_receipts", args=(pk,))


def _receipts(one: SubscriberRequest) -> list[Receipt]:
    """Return the receipts of the person of a request."""
    digests = {one.subscriber_digest, *one.identifier_digests}
    rows = consent_receipts.requests_of_person(one.unit_id, one.known_subscriber, digests)
    return consent_receipts.receipts(rows)


def _names(mid: int) -> Names:
    """Return the names of the unit's lists by ListID, with their numbers, and of its topics by
    code."""
    names: dict[int | str, str] = {one.code: one.name for one in topics_of(mid)}
    known = snapshot.known_lists(mid)
    return names | {number: f"{name} ({number})" for number, name in known}


def _who(request: HttpRequest, one: SubscriberRequest) -> dict[str, Any]:
    """Return who the person is: in clear for users who may see it, else masked."""
    who = one.known_subscriber
    if who is None or not request.user.has_perm(NAME_SUBSCRIBERS):
        return {"identifiers": [(gettext("Subscriber"), masked(one))]}
    profile = subscriber_search.name_of(one.unit_id, who)
    key = who.subscriber_key or (profile.subscriber_key if profile else "")
    known = [("SubscriberID", who.subscriber_id), ("SubscriberKey", key)]
    return {
        "address": who.email_address or (profile.email_address if profile else "") or masked(one),
        "identifiers": [(label, str(value)) for label, value in known if value],
    }
