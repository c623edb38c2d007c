"""What calls contain. Unknown fields are refused: a misspelt `list_id` must not be a missing
one."""

import re
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from django.conf import settings
from ninja import Schema
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

from unsub.domain.context import (
    ID_MAX,
    MID_MAX,
    TEXT_MAX,
    ContextError,
    JobContext,
    Scope,
    SubscriberContext,
)
from unsub.models import Channel, Kind, Status
from unsub.models.api_key import ASKED_BY_LENGTH
from unsub.models.request import REASON_LENGTH
from unsub.preferences.attributes import LENGTH_MAX
from unsub.preferences.forms import FORMATS

from .problems import invalid

LIMIT_MAX, LIMIT = 200, 50
ATTRIBUTE_LENGTH, CONSENT_LENGTH, CODE_LENGTH = 150, 500, 50
_TEXT = r"^[^\u0000-\u001f\u007f-\u009f]*$"
# At least one character that can be seen, and none that XML cannot carry.
_WRITTEN = (
    r"^[^\u0000-\u001f\u007f-\u009f\ufffe\uffff]*"
    r"[^\s\u0000-\u001f\u007f-\u009f\ufffe\uffff]"
    r"[^\u0000-\u001f\u007f-\u009f\ufffe\uffff]*$"
)
# Neither is an address: what is written here is kept, and shown to marketers.
_REFERENCE = r"^[^@\u0000-\u001f\u007f-\u009f]*$"

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[Tt ].+)?")
_YEARS = range(1970, 2200)  # of times: those at the ends of the calendar have no UTC


def _written_out(value: Any) -> Any:
    """Return a time that is written as RFC 3339 has it. Raises ValueError for a number."""
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError("a date or time, as RFC 3339 writes it")
    return value


def _within_years(value: datetime) -> datetime:
    if value.year not in _YEARS:
        raise ValueError("a time between 1970 and 2199")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_written_out), AfterValidator(_within_years)]
Day = Annotated[date, BeforeValidator(_written_out)]
# Strict: no text of digits is a number, and no fraction either.
Mid = Annotated[int, Field(strict=True, ge=1, le=MID_MAX, description="MID of a business unit.")]
Id = Annotated[int, Field(strict=True, ge=1, le=ID_MAX)]
BatchId = Annotated[int, Field(strict=True, ge=0, le=ID_MAX)]
# In a query everything is text.
QueryMid = Annotated[int, Field(ge=1, le=MID_MAX, description="MID of a business unit.")]
Cursor = Annotated[str, StringConstraints(max_length=200, pattern=r"^[A-Za-z0-9_-]*$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=TEXT_MAX, pattern=_TEXT)]
# As enumerations, so that the document has them.
Language = StrEnum("Language", {code: code for code, _ in settings.LANGUAGES})  # type: ignore[misc]
EmailFormat = StrEnum("EmailFormat", {code: code for code, _ in FORMATS})  # type: ignore[misc]


class Given(Schema):
    """Base of what a call contains. Values are not converted, and never repeated in an error."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class Subscriber(Given):
    """A subscriber, by one to three identifiers. Of several, all must be of the same person."""

    model_config = ConfigDict(
        extra="forbid", hide_input_in_errors=True, json_schema_extra={"minProperties": 1}
    )

    subscriber_id: Id | None = None
    subscriber_key: Name | None = None
    email_address: Name | None = Field(
        default=None,
        description="Alone only where the unit's SubscriberKey permission is off.",
    )

    def context(self) -> SubscriberContext:
        """Return it as a value. Raises ApiProblem."""
        try:
            return SubscriberContext(**self.model_dump())
        except ContextError as err:
            raise invalid("subscriber", f"{err}.") from None


class _AboutSend(Given):
    unit: Mid | None = Field(default=None, description="Needed where the key is for several units.")
    subscriber: Subscriber
    job_id: Id | None = Field(default=None, description="JobID of the email.")
    list_id: Id | None = Field(default=None, description="ListID.")
    batch_id: BatchId | None = Field(default=None, description="BatchID of the email.")

    def job(self) -> JobContext:
        """Return the send as a value."""
        return JobContext(job_id=self.job_id, list_id=self.list_id, batch_id=self.batch_id)


class _Asked(Given):
    asked_by: Annotated[str, StringConstraints(max_length=ASKED_BY_LENGTH, pattern=_REFERENCE)] = (
        Field(
            default="",
            description="Who received the request in your system, like `agent 17`: for marketers. "
            "No name, no address, nothing about the subscriber.",
        )
    )


class NewUnsubscribe(_AboutSend, _Asked):
    """An unsubscribe. `list` needs a `list_id` or a `job_id`; `all` is every marketing email of the
    sender. There is no default: a forgotten list never becomes everything."""

    scope: Scope
    reason: Annotated[str, StringConstraints(max_length=40, pattern=r"^[-a-zA-Z0-9_]*$")] = Field(
        default="", description="Code of one of the unit's reasons."
    )
    reason_text: Annotated[str, StringConstraints(max_length=REASON_LENGTH, pattern=_TEXT)] = Field(
        default="", description="The subscriber's own words, sent to Marketing Cloud."
    )
    language: Language | None = None


class _NewChange(_Asked):
    unit: Mid | None = Field(default=None, description="Needed where the key is for several units.")
    subscriber: Subscriber


class _Consent(_NewChange):
    consent_text: Annotated[
        str, StringConstraints(min_length=1, max_length=CONSENT_LENGTH, pattern=_WRITTEN)
    ] = Field(description="What the subscriber agreed to, word for word. It is kept as the proof.")
    language: Language = Field(description="Language of the consent text.")


class Subscribe(_Consent):
    """Join a list. Where the unit confirms by email, the request waits until that is done."""

    type: Literal["subscribe"]
    list_id: Id


class Resubscribe(_Consent):
    """Receive marketing emails again, after an unsubscribe from everything."""

    type: Literal["resubscribe"]


class ChangeAttribute(_NewChange):
    """A new value of a profile attribute."""

    type: Literal["attribute"]
    name: Annotated[
        str, StringConstraints(min_length=1, max_length=ATTRIBUTE_LENGTH, pattern=_WRITTEN)
    ]
    value: Annotated[str, StringConstraints(max_length=LENGTH_MAX, pattern=_TEXT)]


class ChangeFormat(_NewChange):
    """Another email format."""

    type: Literal["format"]
    value: EmailFormat


class ChangeTopic(_NewChange):
    """Another value of a topic of the unit: a yes or no, or one of a pick list. The mailing list
    that is left with the topic is left, too."""

    type: Literal["topic"]
    code: Annotated[str, StringConstraints(min_length=1, max_length=CODE_LENGTH, pattern=_TEXT)]
    value: Annotated[str, StringConstraints(min_length=1, max_length=LENGTH_MAX, pattern=_TEXT)]
    consent_text: Annotated[str, StringConstraints(max_length=CONSENT_LENGTH, pattern=_TEXT)] = (
        Field(default="", description="Needed for a value that stands for emails, as for a list.")
    )
    language: Language | None = Field(default=None, description="Language of the consent text.")


NewChange = Annotated[
    Subscribe | Resubscribe | ChangeAttribute | ChangeFormat | ChangeTopic,
    Field(discriminator="type"),
]


class NewLink(_AboutSend):
    """A signed link for one subscriber, as `manage.py sign_link` makes it."""

    scope: Scope
    language: Language | None = None
    expires_in: Annotated[int, Field(strict=True, ge=60, le=366 * 86_400)] | None = Field(
        default=None,
        description="Seconds. After that it still unsubscribes; the preference center is closed.",
    )
    seal: bool = Field(default=False, strict=True, description="Encrypt the link (JWE).")


class _Page(Given):
    cursor: Cursor = ""
    limit: Annotated[int, Field(strict=True, ge=1, le=LIMIT_MAX)] = LIMIT


class RequestSearch(_Page):
    """Which requests to return. A subscriber goes into the body, because URLs are logged."""

    unit: Mid | None = None
    subscriber: Subscriber | None = Field(default=None, description="Needs a unit.")
    status: Status | None = None
    kind: Kind | None = None
    channel: Channel | None = None
    since: Moment | None = Field(default=None, description="Received at this time, or later.")
    until: Moment | None = Field(default=None, description="Received before this time.")


class ReceiptSearch(Given):
    """Whose receipts to return."""

    unit: Mid | None = Field(default=None, description="Needed where the key is for several units.")
    subscriber: Subscriber
