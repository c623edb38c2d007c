"""Retrieve: read rows of Marketing Cloud objects page by page (manual: "Retrieve")."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

# Tracking data is in the vendor's own time, without a zone: Central Standard Time, all year.
SERVER_TIME = timezone(timedelta(hours=-6))
MORE = "MoreDataAvailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """A condition on one property. `operator` is one of the WSDL's SimpleOperators. Set either
    `values` or `times` (aware)."""

    property: str
    operator: str
    values: tuple[str, ...] = field(default=(), repr=False)
    times: tuple[datetime, ...] = ()

    def as_element(self) -> dict[str, Any]:
        """Return the condition as zeep takes it."""
        return {
            "Property": self.property,
            "SimpleOperator": self.operator,
            "Value": list(self.values),
            "DateValue": [server_time(at) for at in self.times],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrieveRequest:
    """Object type, properties and filter to read. `continues` is the RequestID of the previous
    page; the filter is not sent then."""

    object_type: str
    properties: tuple[str, ...]
    filter: Filter | None = None
    client_mid: int | None = None
    continues: str | None = None

    def as_element(self, new_filter: Callable[..., Any]) -> dict[str, Any]:
        """Return the request as zeep takes it. `new_filter` builds a SimpleFilterPart: the message
        must name this type, because the schema's is its base."""
        element: dict[str, Any] = {
            "ObjectType": self.object_type,
            "Properties": list(self.properties),
        }
        if self.client_mid is not None:
            element["ClientIDs"] = [{"ID": self.client_mid}]
        if self.continues is not None:
            element["ContinueRequest"] = self.continues
        elif self.filter is not None:
            element["Filter"] = new_filter(**self.filter.as_element())
        return element


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of zeep's rows. `next_id` continues; None on the last page."""

    rows: Sequence[Any]
    next_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsubEvent:
    """An unsubscribe event from tracking. `at` is aware. `list_id` is None for most sends."""

    subscriber_key: str = field(repr=False)
    at: datetime
    job_id: int | None
    batch_id: int | None
    list_id: int | None
    is_master: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MailList:
    """A list of a unit. `is_public`: a publication list that subscribers may see; no group, no
    suppression list. `is_all_subscribers`: leaving it means leaving everything."""

    list_id: int
    name: str
    description: str
    is_public: bool
    is_all_subscribers: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """A subscriber's membership in a list. `status` is Marketing Cloud's: Active, Bounced, Held,
    Unsubscribed or Deleted."""

    list_id: int
    status: str
    subscriber_key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SentEmail:
    """A send: the email of a job. `sent_at` is aware. Numbers are None where Marketing Cloud does
    not say."""

    job_id: int
    email_name: str
    subject: str
    sent_at: datetime | None
    number_sent: int | None
    number_delivered: int | None


LIST_PROPERTIES = ("ID", "ListName", "Type", "Description", "ListClassification")
LIST_SUBSCRIBER_PROPERTIES = ("Status", "ListID", "SubscriberKey")
SEND_PROPERTIES = ("ID", "EmailName", "Subject", "SentDate", "NumberSent", "NumberDelivered")
UNSUB_EVENT_PROPERTIES = (
    "SendID", "SubscriberKey", "EventDate", "BatchID", "List.ID", "IsMasterUnsubscribed",
)  # fmt: skip


def server_time(at: datetime) -> datetime:
    """Return an aware time as the vendor writes it: in its own time, without a zone."""
    return at.astimezone(SERVER_TIME).replace(tzinfo=None)


def aware(at: datetime) -> datetime:
    """Return a time in UTC. A time without a zone is taken as the vendor's own."""
    return (at if at.tzinfo else at.replace(tzinfo=SERVER_TIME)).astimezone(UTC)


def read_page(reply: Any) -> Page:
    """Convert zeep's RetrieveResponseMsg. Raises ValueError where the status is an error,
    AttributeError for another message."""
    status = str(reply.OverallStatus or "").strip()
    if status not in {"OK", MORE}:
        raise ValueError("the retrieve was refused")
    request_id = str(reply.RequestID or "").strip()
    if status == MORE and not request_id:
        raise ValueError("more data, and no way to it")
    return Page(rows=reply.Results or (), next_id=request_id if status == MORE else None)


def read_unsub_event(row: Any) -> UnsubEvent:
    """Convert a row. Raises AttributeError, TypeError or ValueError where subscriber or time is
    missing."""
    key = str(row.SubscriberKey or "").strip()
    if not key or not isinstance(row.EventDate, datetime):
        raise ValueError("an event without a person or a time")
    return UnsubEvent(
        subscriber_key=key,
        at=aware(row.EventDate),
        job_id=row.SendID or None,
        batch_id=row.BatchID,
        list_id=(row.List.ID or None) if row.List else None,
        is_master=bool(row.IsMasterUnsubscribed),
    )


def read_list(row: Any) -> MailList:
    """Convert a row. Raises AttributeError or TypeError without an ID."""
    return MailList(
        list_id=int(row.ID),
        name=str(row.ListName or "").strip(),
        description=str(row.Description or "").strip(),
        is_public=row.Type == "Public" and row.ListClassification == "PublicationList",
        is_all_subscribers=row.Type == "Master",
    )


def read_sent_email(row: Any) -> SentEmail:
    """Convert a row. Raises AttributeError or TypeError without an ID."""
    return SentEmail(
        job_id=int(row.ID),
        email_name=str(row.EmailName or "").strip(),
        subject=str(row.Subject or "").strip(),
        sent_at=aware(row.SentDate) if isinstance(row.SentDate, datetime) else None,
        number_sent=row.NumberSent,
        number_delivered=row.NumberDelivered,
    )


def read_membership(row: Any) -> Membership:
    """Convert a row. Raises AttributeError or TypeError without a ListID."""
    return Membership(
        list_id=int(row.ListID),
        status=str(row.Status or ""),
        subscriber_key=str(row.SubscriberKey or ""),
    )
