"""Operations that read: requests with their attempts, and receipts of consent."""

from typing import Any

import structlog
from django.db.models import Q
from django.http import HttpRequest
from ninja import Path, Router

from unsub.domain.context import ID_MAX
from unsub.domain.receipt_id import ReceiptIdError
from unsub.models import ApiKey, Channel, KeyPurpose, SubscriberRequest
from unsub.models.request import RequestQuerySet, any_status
from unsub.outbox import api as outbox
from unsub.preferences import consent_receipts
from unsub.preferences.consent_receipts import DeletedReceiptError, UnknownReceiptError

from . import cursors
from .answers import Receipt, Receipts, ReceiptSide, Request, Requests, about, request_of, who
from .document import READ, problems
from .keys import ApiKeyAuth, key_of, mid_for, mids_for
from .problems import ApiProblem, invalid
from .schemas import ReceiptSearch, RequestSearch

log = structlog.get_logger(__name__)
router = Router(tags=[READ], auth=ApiKeyAuth(KeyPurpose.READ))


@router.post(
    "/requests/search",
    response={200: Requests, **problems(body=True)},
    operation_id="searchRequests",
    summary="Search requests",
)
def search(request: HttpRequest, body: RequestSearch) -> Requests:
    """Return the requests that match, the last stored first, each with its attempts. To follow what
    is new, read until an id that is known: `since` is by the time of the request, and what an
    import or the spool stores later has an earlier one."""
    key = key_of(request)
    rows = _matching(key, body)
    if body.cursor:
        (before,) = cursors.read(body.cursor, int)
        rows = rows.filter(pk__lt=before)
    found = list(_whole(rows).order_by("-pk")[: body.limit + 1])
    shown = found[: body.limit]
    names = _names_of_keys(shown)
    return Requests(
        items=[request_of(row, key, names) for row in shown],
        next_cursor=cursors.written([shown[-1].pk]) if len(found) > body.limit else None,
    )


@router.get(
    "/requests/{request_id}",
    response={200: Request, **problems(404, 422)},
    operation_id="getRequest",
    summary="Get a request",
)
def get(request: HttpRequest, request_id: int = Path(ge=1, le=ID_MAX)) -> Request:  # type: ignore[type-arg]
    """Return a request with its attempts."""
    key = key_of(request)
    row = _whole(_own(key)).filter(pk=request_id).first()
    if row is None:
        raise ApiProblem(404)
    return request_of(row, key, _names_of_keys([row]))


@router.post(
    "/receipts/search",
    response={200: Receipts, **problems(body=True)},
    operation_id="searchReceipts",
    summary="Search receipts of consent",
)
def search_receipts(request: HttpRequest, body: ReceiptSearch) -> Receipts:
    """Return the receipts of one subscriber, the newest first."""
    key = key_of(request)
    mid = mid_for(key, body.unit)
    rows = consent_receipts.requests_of_person(mid, body.subscriber.context())
    found = consent_receipts.receipts(rows)
    log.info("api_receipts_read", api_key=key.pk, mid=mid, number=len(found))
    return Receipts(items=[_receipt(one, key) for one in found])


@router.get(
    "/receipts/{receipt_id}",
    response={200: Receipt, **problems(404, 410, 422)},
    operation_id="getReceipt",
    summary="Get a receipt of consent",
)
def get_receipt(request: HttpRequest, receipt_id: str = Path(max_length=40)) -> Receipt:  # type: ignore[type-arg]
    """Return a receipt by its ID, like `CR0001ABCDEFGHJ`."""
    key = key_of(request)
    try:
        row = consent_receipts.find(_own(key), receipt_id)
    except ReceiptIdError:
        raise invalid("receipt_id", "Not the ID of a receipt.") from None
    except UnknownReceiptError:
        raise ApiProblem(404) from None
    except DeletedReceiptError:
        raise ApiProblem(410, "gone") from None
    digests = {row.subscriber_digest, *row.identifier_digests}
    rows = consent_receipts.requests_of_person(row.unit_id, row.known_subscriber, digests)
    for one in consent_receipts.receipts(rows):
        if one.has(row.pk):
            log.info("api_receipts_read", api_key=key.pk, mid=row.unit_id, number=1)
            return _receipt(one, key)
    raise ApiProblem(404)


def _own(key: ApiKey) -> RequestQuerySet:
    """Return the requests that a key may read."""
    rows = SubscriberRequest.objects.all()
    return rows if key.unit_id is None else rows.filter(any_status(), unit_id=key.unit_id)


def _matching(key: ApiKey, asked: RequestSearch) -> RequestQuerySet:
    """Return the requests that match a search, of the units that the key may read."""
    mids = mids_for(key, asked.unit)
    if asked.subscriber is not None:
        rows = outbox.requests_of(mid_for(key, asked.unit), asked.subscriber.context())
    else:
        rows = SubscriberRequest.objects.all()
    if mids is not None:
        rows = rows.filter(any_status(), unit_id__in=mids)
    if asked.status is not None:
        rows = rows.shown_as(asked.status)
    return rows.filter(_given(asked))


def _given(asked: RequestSearch) -> Q:
    """Return Q for the filters of a search that are columns."""
    found = Q()
    columns: dict[str, Any] = {
        "kind": asked.kind,
        "channel": asked.channel,
        "received_at__gte": asked.since,
        "received_at__lt": asked.until,
    }
    for name, value in columns.items():
        if value is not None:
            found &= Q(**{name: value})
    return found


def _whole(rows: RequestQuerySet) -> RequestQuerySet:
    """Return the requests with what an answer says of them."""
    found = rows.with_shown_status().select_related("reason")
    return found.prefetch_related("origins", "delivery_attempts")


def _names_of_keys(rows: list[SubscriberRequest]) -> dict[int, str]:
    """Return the names of the API keys that the requests came by, by their ids."""
    ids = {origin.api_key_id for row in rows for origin in row.origins.all()}
    return dict(ApiKey.objects.filter(pk__in=ids).values_list("pk", "name")) if ids else {}


def _receipt(one: consent_receipts.Receipt, key: ApiKey) -> Receipt:
    row, text = one.request, one.consent_text
    return Receipt(
        id=one.id,
        unit=row.unit_id,
        about=about(row),
        subscriber=who(row, key),
        given=_side(one.given),
        consent_text=text.text if text else None,
        language=text.language if text else None,
        confirmation=one.confirmation,
        confirmed_at=one.given.confirmed_at if one.given else None,
        withdrawn=_side(one.withdrawn),
    )


def _side(row: SubscriberRequest | None) -> ReceiptSide | None:
    if row is None:
        return None
    return ReceiptSide(request_id=row.pk, at=row.received_at, channel=Channel(row.channel))
