"""What answers contain. A subscriber is masked, unless the key may name them."""

from datetime import date, datetime

from ninja import Schema
from pydantic import ConfigDict, Field

from unsub.domain.context import Effect, Scope
from unsub.domain.masking import mask
from unsub.domain.target import TargetType
from unsub.models import (
    ApiKey,
    Channel,
    DeliveryAttempt,
    KeyPurpose,
    Kind,
    RequestOrigin,
    Status,
    SubscriberRequest,
)
from unsub.models.kinds import SUBSCRIBING
from unsub.outbox.forgetting import ERASED
from unsub.preferences.consent_receipts import receipt_id


class Answer(Schema):
    """Base of answers."""

    model_config = ConfigDict(hide_input_in_errors=True)


class FieldProblem(Answer):
    """What is wrong with one field."""

    field: str
    problem: str


class Problem(Answer):
    """An error (RFC 9457). `code` never changes; `request_id` finds the log lines."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str
    errors: list[FieldProblem] | None = None


class Accepted(Answer):
    """A request that is stored. `spooled`: the database did not answer, and the broker keeps the
    request until it does; then it has no id yet."""

    id: int | None
    status: str
    unit: int
    repeated: bool = Field(description="It was there before, and counts as made again now.")
    effect: Effect | None = Field(default=None, description="What an unsubscribe does.")


class Who(Answer):
    """A subscriber. `shown` is masked; the others are there for keys that may name subscribers, as
    long as they are kept."""

    shown: str
    subscriber_id: int | None = None
    subscriber_key: str | None = None
    email_address: str | None = None


class About(Answer):
    """What a request is about. `id` is a ListID or a JobID, `name` that of an attribute."""

    type: TargetType
    id: int | None
    name: str


class Attempt(Answer):
    """One call of Marketing Cloud."""

    number: int
    started_at: datetime
    finished_at: datetime | None
    outcome: str
    error_code: int | None
    sfmc_request_id: str
    call_method: str


class Origin(Answer):
    """One submission through the API: by which key, and who asked there."""

    api_key: str
    asked_by: str
    received_at: datetime


class Request(Answer):
    """A request and its attempts."""

    id: int
    unit: int
    kind: Kind
    status: Status
    channel: Channel
    scope: Scope
    about: About
    subscriber: Who
    job_id: int | None
    list_id: int | None
    batch_id: int | None
    reason: str
    outcome: str
    error_code: int | None
    sfmc_request_id: str
    received_at: datetime
    repeated_at: datetime | None
    confirmed_at: datetime | None
    next_attempt_at: datetime | None = Field(description="Of a request that is not sent yet.")
    finished_at: datetime | None
    superseded_by: int | None
    receipt_id: str | None
    origins: list[Origin]
    attempts: list[Attempt]


class Requests(Answer):
    """A page of requests, the last stored first. `next_cursor` is null on the last one."""

    items: list[Request]
    next_cursor: str | None


class ReceiptSide(Answer):
    """The request by which consent was given, or withdrawn."""

    request_id: int
    at: datetime
    channel: Channel


class Receipt(Answer):
    """One consent and its withdrawal; either may be missing."""

    id: str
    unit: int
    about: About
    subscriber: Who
    given: ReceiptSide | None
    consent_text: str | None
    language: str | None
    confirmation: str = Field(
        description="`confirmed`, `waiting`, `expired`, `not_needed`, or empty without a consent."
    )
    confirmed_at: datetime | None
    withdrawn: ReceiptSide | None


class Receipts(Answer):
    """The receipts of one subscriber, the newest first."""

    items: list[Receipt]


class Count(Answer):
    """How many requests of one unit were received on one day, in its time zone, with one value."""

    day: date
    unit: int
    by: str
    value: str = Field(description="Empty: without a value for it.")
    number: int


class Counts(Answer):
    """A page of counts, by day. `next_cursor` is null on the last one."""

    items: list[Count]
    next_cursor: str | None
    counted_until: datetime | None


class HeldMessages(Answer):
    """Messages of one type that are held alone."""

    message: str
    since: datetime
    reason: str


class Alarm(Answer):
    """An alarm that lasts."""

    cause: str
    job_id: int | None
    number: int
    since: datetime


class Unit(Answer):
    """A business unit and the state of its queue."""

    unit: int
    name: str
    time_zone: str
    queue: str = Field(description="`open`, `paused` or `held`.")
    held_since: datetime | None
    held_reason: str
    paused_until: datetime | None
    held_messages: list[HeldMessages]
    requests: dict[str, int] = Field(description="Open requests, by status.")
    alarms: list[Alarm]


class Units(Answer):
    """Business units."""

    items: list[Unit]


class Link(Answer):
    """A signed link. Whoever has it acts for its subscriber."""

    unit: int
    token: str
    unsubscribe_url: str
    preference_center_url: str
    list_unsubscribe: str = Field(description="Value of the header List-Unsubscribe.")
    list_unsubscribe_post: str = Field(description="Value of the header List-Unsubscribe-Post.")
    effect: Effect


def request_of(row: SubscriberRequest, key: ApiKey, names: dict[int, str]) -> Request:
    """Return a request that was read with its origins and attempts; `names` maps the ids of API
    keys to their names."""
    return Request(
        id=row.pk,
        unit=row.unit_id,
        kind=Kind(row.kind),
        status=Status(shown_status(row)),
        channel=Channel(row.channel),
        scope=Scope(row.scope),
        about=about(row),
        subscriber=who(row, key),
        job_id=row.job_id,
        list_id=row.list_id,
        batch_id=row.batch_id,
        reason=row.reason.code if row.reason else "",
        outcome=row.outcome,
        error_code=row.error_code,
        sfmc_request_id=row.sfmc_request_id,
        received_at=row.received_at,
        repeated_at=row.repeated_at,
        confirmed_at=row.confirmed_at,
        next_attempt_at=None if row.finished_at else row.next_attempt_at,
        finished_at=row.finished_at,
        superseded_by=row.superseded_by_id,
        receipt_id=_receipt_id(row),
        origins=[_origin(one, names) for one in row.origins.all()],
        attempts=[_attempt(one) for one in row.delivery_attempts.all()],
    )


def shown_status(row: SubscriberRequest) -> str:
    """Return the status that a request shows."""
    return str(getattr(row, "shown_status", row.status))


def about(row: SubscriberRequest) -> About:
    """Return what a request is about."""
    target = row.target
    return About(type=target.type, id=target.id, name=target.name)


def who(row: SubscriberRequest, key: ApiKey) -> Who:
    """Return the subscriber of a request."""
    if row.subscriber_key.startswith(ERASED):
        return Who(shown="erased")
    known = row.known_subscriber
    shown = row.address_mask or (mask(known) if known else "removed after retention")
    if known is None or not key.may(KeyPurpose.NAME):
        return Who(shown=shown)
    return Who(
        shown=shown,
        subscriber_id=known.subscriber_id,
        subscriber_key=known.subscriber_key,
        email_address=known.email_address,
    )


def _receipt_id(row: SubscriberRequest) -> str | None:
    """Return the ID of the receipt that a request has, or None."""
    is_consent = row.kind in SUBSCRIBING and row.consent_text_id
    return (receipt_id(row) or None) if is_consent else None


def _origin(one: RequestOrigin, names: dict[int, str]) -> Origin:
    return Origin(
        api_key=names.get(one.api_key_id, ""), asked_by=one.asked_by, received_at=one.received_at
    )


def _attempt(one: DeliveryAttempt) -> Attempt:
    return Attempt(
        number=one.number,
        started_at=one.started_at,
        finished_at=one.finished_at,
        outcome=one.outcome,
        error_code=one.error_code,
        sfmc_request_id=one.sfmc_request_id,
        call_method=one.call_method,
    )
