"""Data export: what is stored about a subscriber, in Marketing Cloud and here (GDPR, articles 15
and 20)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, gettext_noop

from unsub.domain.context import UnsubContext
from unsub.domain.target import Target, TargetType
from unsub.infra.database_timeout import fail_fast
from unsub.models import EmailStatus, Kind, LinkEmail, Pause, Purpose, Status, SubscriberRequest
from unsub.models.statuses import ON_THEIR_WAY
from unsub.outbox import identity

from .current_state import CurrentState

REQUESTS_MAX = 500
_LABELS = {
    TargetType.ADDRESS: gettext_noop("Email address"),
    TargetType.FORMAT: gettext_noop("Email format"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedRequest:
    """One request, or one email with a link (kind `email`), for display to its subscriber. `title`
    says what it is, in the language of the page; `state` is `done`, `on_its_way`, `waiting`,
    `refused`, `withdrawn`, `expired`, `superseded` or `cancelled`. `is_own`: the subscriber asked
    for it, which is not so for an email that another request sent."""

    at: datetime
    kind: str
    title: str
    about: str
    state: str
    reason: str = field(repr=False)
    ended_at: datetime | None
    agreed_to: str
    confirmed_at: datetime | None
    request_id: str
    is_own: bool = True

    @property
    def unsubscribes(self) -> bool:
        """Whether it is an unsubscribe that was not taken back."""
        return self.kind == Kind.UNSUBSCRIBE and self.state != Status.WITHDRAWN


def exported_requests(context: UnsubContext, names: Mapping[int, str]) -> list[ExportedRequest]:
    """Return the requests of the subscriber that a link identifies, and the emails with links to
    them, newest first, at most MOST. `names` maps ListID to list name. Raises DatabaseError."""
    with fail_fast():
        rows = identity.requests_of(context.mid, context.subscriber).select_related(
            "consent_text", "pause"
        )
        emails = identity.emails_of(context.mid, context.subscriber)
        found = [_exported(row, names) for row in rows.order_by("-pk")[:REQUESTS_MAX]]
        found += [_held_email(email) for email in emails.order_by("-pk")[:REQUESTS_MAX]]
    return sorted(found, key=lambda one: one.at, reverse=True)[:REQUESTS_MAX]


def _exported(row: SubscriberRequest, names: Mapping[int, str]) -> ExportedRequest:
    on_its_way = row.status in ON_THEIR_WAY
    return ExportedRequest(
        at=row.received_at,
        kind=row.kind,
        title=_title(row, names),
        about=str(row.target),
        state="on_its_way" if on_its_way else _ended_state(row),
        reason=row.reason_text,
        ended_at=row.finished_at,
        agreed_to=row.consent_text.text if row.consent_text else "",
        confirmed_at=row.confirmed_at,
        request_id=row.sfmc_request_id,
    )


def _ended_state(row: SubscriberRequest) -> str:
    """Return the status, `expired` for a request that was not confirmed in time: its consent or its
    new address was never confirmed, and nobody took it back."""
    if row.status == Status.WITHDRAWN and row.kind != Kind.UNSUBSCRIBE:
        return "expired"
    return str(row.status)


def _held_email(email: LinkEmail) -> ExportedRequest:
    on_its_way = email.status in {EmailStatus.PENDING, EmailStatus.SENDING}
    return ExportedRequest(
        at=email.received_at,
        kind="email",
        title=gettext("New link by email"),
        about=email.purpose,
        state="on_its_way" if on_its_way else email.status,
        reason="",
        ended_at=email.finished_at,
        agreed_to="",
        confirmed_at=None,
        request_id=email.sfmc_request_id,
        is_own=email.purpose == Purpose.NEW_LINK,
    )


def _title(row: SubscriberRequest, names: Mapping[int, str]) -> str:
    """Return what a request asks for, in the language of the page."""
    name = _name(row.target, names)
    if row.target.type is TargetType.JOB:
        return gettext("Unsubscribe")
    if row.kind == Kind.UNSUBSCRIBE and (pause := _pause_of(row)):
        day = date_format(timezone.localtime(pause.until))
        return gettext("Pause until %(day)s: %(what)s") % {"day": day, "what": name}
    return gettext(row.spec.words.page) % {"what": name, "label": name}


def _pause_of(row: SubscriberRequest) -> Pause | None:
    """Return the pause that the request began, or None."""
    return getattr(row, "pause", None)


def _name(target: Target, names: Mapping[int, str]) -> str:
    """Return the name of a list or attribute, or of what else is changed, in the language of the
    page; "" for a job."""
    if target.type in _LABELS:
        return gettext(_LABELS[target.type])
    if target.type is TargetType.ATTRIBUTE:
        return target.name
    if target.type is TargetType.LIST and target.id is not None:
        return names.get(target.id, str(target.id))
    return gettext("All marketing emails") if target.type is TargetType.EVERYTHING else ""


def as_json(
    state: CurrentState, requests: list[ExportedRequest], *, at: datetime
) -> dict[str, Any]:
    """Return the export as a JSON-compatible dict. `marketing_cloud` is None where it did not
    answer; `emails` are those that the subscriber did not ask for, such as the one that confirms a
    request."""
    return {
        "made_at": at.isoformat(),
        "marketing_cloud": _profile(state),
        "requests": [_json(one) for one in requests if one.is_own],
        "emails": [_json(one) for one in requests if not one.is_own],
    }


def _json(one: ExportedRequest) -> dict[str, Any]:
    return {
        "received_at": one.at.isoformat(),
        "kind": one.kind,
        "about": one.about,
        "state": one.state,
        "reason": one.reason,
        "finished_at": one.ended_at.isoformat() if one.ended_at else None,
        "agreed_to": one.agreed_to,
        "confirmed_at": one.confirmed_at.isoformat() if one.confirmed_at else None,
        "marketing_cloud_request_id": one.request_id,
    }


def _profile(state: CurrentState) -> dict[str, Any] | None:
    """Return what Marketing Cloud has about the subscriber. Attributes that are not viewable are
    left out: a marketer answers access requests about these."""
    profile = state.snapshot.profile
    if profile is None:
        return None
    seen = {one.name for one in state.snapshot.definitions or () if one.is_viewable}
    return {
        "subscriber_key": profile.subscriber_key,
        "email_address": profile.email_address,
        "status": profile.status,
        "email_type_preference": profile.email_type,
        "attributes": {name: value for name, value in profile.attributes.items() if name in seen},
        "lists": [
            {"list_id": one.list_id, "name": one.name, "on": one.is_on}
            for one in state.subscriptions()
        ],
    }
