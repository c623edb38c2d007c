"""Data export: what is stored about a subscriber, in Marketing Cloud and here (GDPR, articles 15
and 20)."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext

from unsub.domain.context import UnsubContext
from unsub.domain.target import TargetType
from unsub.infra.database_timeout import fail_fast
from unsub.models import EmailStatus, Kind, LinkEmail, Pause, Purpose, Status, SubscriberRequest
from unsub.models.kinds import KINDS, LEAVING
from unsub.models.statuses import ON_THEIR_WAY
from unsub.outbox import identity

from . import consent_receipts
from .current_state import CurrentState
from .target_names import Names, target_name

REQUESTS_MAX = 500


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
    target: str = ""
    list_id: int | None = None
    # The version and language of the text agreed to, and the ID of the consent receipt; "" and None
    # where there is none.
    version: int | None = None
    language: str = ""
    receipt_id: str = ""

    @property
    def unsubscribes(self) -> bool:
        """Whether it is an unsubscribe that was not taken back."""
        return self.kind in LEAVING and self.state != Status.WITHDRAWN


def exported_requests(context: UnsubContext, names: Names) -> list[ExportedRequest]:
    """Return the requests of the subscriber that a link identifies, and the emails with links to
    them, newest first, at most MOST. Raises DatabaseError."""
    with fail_fast():
        rows = identity.requests_of(context.mid, context.subscriber).select_related(
            "consent_text", "pause"
        )
        emails = identity.emails_of(context.mid, context.subscriber)
        newest = list(rows.order_by("-pk")[:REQUESTS_MAX])
        ids = _receipt_ids(newest)
        found = [_exported(row, names, ids.get(row.pk, "")) for row in newest]
        found += [_held_email(email) for email in emails.order_by("-pk")[:REQUESTS_MAX]]
    return sorted(found, key=lambda one: one.at, reverse=True)[:REQUESTS_MAX]


def _receipt_ids(requests: list[SubscriberRequest]) -> dict[int, str]:
    """Return the IDs of the consent receipts by the numbers of the requests that they show."""
    ordered = sorted(requests, key=lambda one: (one.received_at, one.pk))
    return {
        one.pk: receipt.id
        for receipt in consent_receipts.receipts(ordered)
        for one in (receipt.withdrawn, receipt.given)
        if one
    }


def _exported(row: SubscriberRequest, names: Names, receipt: str) -> ExportedRequest:
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
        target=target_name(row.target, names) or gettext("a mailing list"),
        list_id=row.target.id if row.target.type is TargetType.LIST else None,
        version=row.consent_text_id,
        language=row.consent_text.language if row.consent_text else "",
        receipt_id=receipt,
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


def _title(row: SubscriberRequest, names: Names) -> str:
    """Return what a request asks for, in the language of the page."""
    name = target_name(row.target, names)
    if row.target.type is TargetType.JOB:
        return gettext("Unsubscribe")
    if row.kind == Kind.UNSUBSCRIBE and (pause := _pause_of(row)):
        day = date_format(timezone.localtime(pause.until))
        return gettext("Pause until %(day)s: %(what)s") % {"day": day, "what": name}
    if row.kind == Kind.TOPIC and row.consent_text_id is None:
        # Another choice of a topic that was on.
        return gettext(KINDS[Kind.ATTRIBUTE].words.page) % {"label": name}
    return gettext(row.spec.words.page) % {"what": name, "label": name}


def _pause_of(row: SubscriberRequest) -> Pause | None:
    """Return the pause that the request began, or None."""
    return getattr(row, "pause", None)


# Of the file that a person downloads; a change of its names is a new number
# (docs/profile-centre.md).
FORMAT_VERSION = 1
_STATES = {
    "on_its_way": "in_progress",
    "waiting": "waiting_for_confirmation",
    "expired": "not_confirmed_in_time",
    "refused": "being_checked",
    "withdrawn": "undone",
    "superseded": "replaced",
}


def as_json(
    state: CurrentState, requests: list[ExportedRequest], *, at: datetime, sender: str
) -> dict[str, Any]:
    """Return the export as a JSON-compatible dict. `your_profile` is None where Marketing Cloud did
    not answer; `emails_to_you` are those that the subscriber did not ask for, such as the one that
    confirms a request."""
    return {
        "format_version": FORMAT_VERSION,
        "exported_at": at.isoformat(),
        "sender": sender,
        "your_profile": _profile(state),
        "your_requests": [_json(one) for one in requests if one.is_own],
        "emails_to_you": [_json(one) for one in requests if not one.is_own],
    }


def _json(one: ExportedRequest) -> dict[str, Any]:
    return {
        "requested_at": one.at.isoformat(),
        "description": one.title,
        "type": one.kind,
        "about": one.target or one.about,
        "list_id": one.list_id,
        "status": _STATES.get(one.state, one.state),
        "completed_at": _time(one.ended_at),
        "reason": one.reason,
        "consent": _consent(one),
        "consent_receipt_id": one.receipt_id or None,
        "marketing_cloud_request_id": one.request_id or None,
    }


def _consent(one: ExportedRequest) -> dict[str, Any] | None:
    """Return what was agreed to, and when that was confirmed; None where nothing was."""
    if not (one.agreed_to or one.confirmed_at):
        return None
    return {
        "text": one.agreed_to,
        "version": one.version,
        "language": one.language,
        "confirmed_by_email_at": _time(one.confirmed_at),
    }


def _time(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _profile(state: CurrentState) -> dict[str, Any] | None:
    """Return what Marketing Cloud has about the subscriber. Attributes that are not viewable are
    left out: a marketer answers access requests about these."""
    profile = state.snapshot.profile
    if profile is None:
        return None
    seen = {one.name for one in state.snapshot.definitions or () if one.is_viewable}
    return {
        "email_address": profile.email_address,
        "subscriber_key": profile.subscriber_key,
        "status": profile.status,
        "email_format": profile.email_type,
        "details": {name: value for name, value in profile.attributes.items() if name in seen},
        "mailing_lists": [
            {"list_id": one.list_id, "name": one.name, "subscribed": one.is_on}
            for one in state.subscriptions()
        ],
        "topics": [
            {
                "code": one.topic.code,
                "name": one.topic.name,
                "value": one.value if one.is_known else None,
                "subscribed": one.is_on if one.is_known else None,
            }
            for one in state.topics()
        ],
    }
