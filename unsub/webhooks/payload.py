"""What is posted: an event as CloudEvents 1.0 in JSON (structured mode)."""

import json
from typing import Any

from django.conf import settings

from unsub.infra import sealing
from unsub.models import SubscriberRequest, WebhookEndpoint, WebhookEvent

from .recording import SUBSCRIBERS

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
_IDENTIFIERS = ("subscriber_id", "subscriber_key", "email_address")


def body(event: WebhookEvent, endpoint: WebhookEndpoint) -> bytes:
    """Return the body of the message. The same each time, but for a subscriber who is no longer
    stored, or of whom another identifier was learnt."""
    return json.dumps(as_dict(event, endpoint), ensure_ascii=False).encode()


def as_dict(event: WebhookEvent, endpoint: WebhookEndpoint) -> dict[str, Any]:
    """Return the event as the endpoint is set up to receive it."""
    found = {
        "specversion": "1.0",
        "id": str(event.pk),
        "source": f"{settings.PUBLIC_URL}/{event.unit_id or ''}".rstrip("/"),
        "type": event.type,
        "time": event.occurred_at.isoformat(),
        "datacontenttype": "application/json",
        "data": _data(event, endpoint),
    }
    return found | _subject(event)


def _subject(event: WebhookEvent) -> dict[str, str]:
    if event.request_id:
        return {"subject": f"requests/{event.request_id}"}
    return {"subject": f"erasures/{event.erasure_id}"} if event.erasure_id else {}


def _data(event: WebhookEvent, endpoint: WebhookEndpoint) -> dict[str, Any]:
    if event.request is not None:
        return _of_request(event, event.request, endpoint)
    if event.erasure_id:
        who = [_allowed(one, endpoint) for one in _sealed_subscribers(event)]
        return {
            "erasure_id": event.erasure_id,
            "mid": event.unit_id,
            "subscribers": [one for one in who if any(one.values())],
        }
    return {"mid": event.unit_id}


def _of_request(
    event: WebhookEvent, request: SubscriberRequest, endpoint: WebhookEndpoint
) -> dict[str, Any]:
    who = {name: getattr(request, name) or None for name in _IDENTIFIERS}
    if request.forgotten_at is not None:
        # What an erasure leaves as SubscriberKey is a pseudonym.
        who = dict.fromkeys(_IDENTIFIERS)
    return {
        "request_id": request.pk,
        "mid": request.unit_id,
        "kind": request.kind,
        "scope": request.scope,
        "target": {
            "type": request.target_type,
            "id": request.target_id,
            "name": request.target_name or None,
        },
        "job_id": request.job_id,
        "list_id": request.list_id,
        "batch_id": request.batch_id,
        "channel": request.channel,
        "reason_code": request.reason.code if request.reason else None,
        "received_at": request.received_at.isoformat(),
        "status": event.status,
        "outcome": event.outcome or None,
        "error_code": event.error_code,
    } | _allowed(who, endpoint)


def _allowed(who: dict[str, Any], endpoint: WebhookEndpoint) -> dict[str, Any]:
    """Return of the identifiers what the endpoint is to receive. The address where it is to have
    it, or where there is nothing else that names the subscriber."""
    shown = dict(who)
    if not endpoint.include_subscriber:
        shown["subscriber_id"] = shown["subscriber_key"] = None
    is_alone = endpoint.include_subscriber and not (who["subscriber_id"] or who["subscriber_key"])
    if not (endpoint.include_address or is_alone):
        shown["email_address"] = None
    return shown


def _sealed_subscribers(event: WebhookEvent) -> list[dict[str, Any]]:
    """Return the identifiers of an erased subscriber; none once they are no longer kept."""
    if not event.sealed_subscribers:
        return []
    try:
        found: list[dict[str, Any]] = json.loads(
            sealing.unseal(SUBSCRIBERS, event.sealed_subscribers.encode())
        )
    except sealing.SealError:
        return []
    return found
