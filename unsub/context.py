"""Who unsubscribes from what: frozen values that check themselves. Pure."""

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum

MID_MAX = 2**31 - 1  # ClientID.ID is an int32
ID_MAX = 2**63 - 1
TEXT_MAX = 254  # SubscriberKey and EmailAddress
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")
# Control characters, and what XML 1.0 cannot carry.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
# What _messagecontext says of mail that really went out; anything else is a preview or a test.
EARNEST = frozenset({"", "SEND", "VAWP", "FTAF"})


class ContextError(ValueError):
    """A value is not allowed in a context. The message names the field, never the value."""


class Scope(StrEnum):
    """What the link asks to leave."""

    LIST = "list"
    ALL = "all"


class Effect(StrEnum):
    """What the call will do, and so what the page says."""

    FROM_LIST = "from_list"
    FROM_EVERYTHING = "from_everything"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberContext:
    """The person, by one to three of Marketing Cloud's names for them."""

    subscriber_id: int | None = None
    subscriber_key: str | None = field(default=None, repr=False)
    email_address: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Raise ContextError for a person that nobody could look up."""
        _check_id("subscriber_id", self.subscriber_id, 1)
        _check_text("subscriber_key", self.subscriber_key)
        _check_text("email_address", self.email_address)
        if self.email_address is not None and not _ADDRESS.fullmatch(self.email_address):
            raise ContextError("email_address is no address")
        if (self.subscriber_id, self.subscriber_key, self.email_address) == (None, None, None):
            raise ContextError("a subscriber needs an id, a key or an address")

    @property
    def is_email_only(self) -> bool:
        """Whether the address alone names the person (error 404 under the key permission)."""
        return self.subscriber_id is None and self.subscriber_key is None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobContext:
    """The send that the mail came from. BatchID 0 is a value; a JobID or ListID of 0 is none."""

    job_id: int | None = None
    list_id: int | None = None
    batch_id: int | None = None

    def __post_init__(self) -> None:
        """Raise ContextError for ids that cannot be."""
        _check_id("job_id", self.job_id, 1)
        _check_id("list_id", self.list_id, 1)
        _check_id("batch_id", self.batch_id, 0)

    @property
    def has_list(self) -> bool:
        """Whether there is a list to leave: given, or the one that the job was sent to."""
        return self.job_id is not None or self.list_id is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsubContext:
    """All that a signed link says."""

    mid: int
    subscriber: SubscriberContext
    job: JobContext
    scope: Scope = Scope.LIST
    scope_is_explicit: bool = False
    message_context: str = ""
    expires_at: int | None = None
    issued_at: int | None = None
    language: str | None = None

    def __post_init__(self) -> None:
        """Raise ContextError for a MID that cannot be."""
        _check_id("mid", self.mid, 1, MID_MAX)

    @property
    def is_test(self) -> bool:
        """Whether the link comes from a preview or a test send: shown, but never done."""
        if self.message_context.upper() not in EARNEST:
            return True
        return self.scope is Scope.LIST and self.scope_is_explicit and not self.job.has_list

    def is_expired(self, now: float) -> bool:
        """Return whether the link is past its `exp`; unsubscribing works all the same."""
        return self.expires_at is not None and now >= self.expires_at

    def for_everything(self) -> "UnsubContext":
        """Return the context of the same person and mail who leaves everything. Only ever by their
        own choice: scope never widens by itself (design, invariant 3). Raises ContextError for a
        test link, which must not become an earnest one."""
        if self.is_test:
            raise ContextError("a test link makes no call")
        return replace(self, scope=Scope.ALL, scope_is_explicit=True)

    def for_list(self, list_id: int) -> "UnsubContext":
        """Return the context of the same person who leaves a list of their choice: tracked against
        the mail's job where that was sent to it, else against the newest job of the list (manual:
        "Job Context"). Raises ContextError for a test link, and for a ListID that cannot be."""
        if self.is_test:
            raise ContextError("a test link makes no call")
        job = self.job if self.job.list_id == list_id else JobContext(list_id=list_id)
        return replace(self, job=job, scope=Scope.LIST, scope_is_explicit=True)

    @property
    def effect(self) -> Effect:
        """What the call will do."""
        from_list = self.scope is Scope.LIST and (self.job.has_list or self.scope_is_explicit)
        return Effect.FROM_LIST if from_list else Effect.FROM_EVERYTHING

    def parameters(self, *, all_subscribers_list_id: int | None) -> tuple[tuple[str, str], ...]:
        """Return the parameters of LogUnsubEvent without Reason (design 3.2); raises ContextError
        for a test link."""
        if self.is_test:
            raise ContextError("a test link makes no call")
        return unsub_parameters(
            subscriber=self.subscriber,
            job=self.job,
            scope=self.scope,
            all_subscribers_list_id=all_subscribers_list_id,
        )


def unsub_parameters(
    *,
    subscriber: SubscriberContext,
    job: JobContext,
    scope: Scope,
    all_subscribers_list_id: int | None,
) -> tuple[tuple[str, str], ...]:
    """Return the parameters of LogUnsubEvent as (name, value), subscriber first.

    With neither JobID nor ListID the call is a master unsubscribe and logs no event (manual: "Job
    Context"); that happens only where the scope says so or the link named no list at all.
    """
    pairs = (
        ("SubscriberID", subscriber.subscriber_id),
        ("SubscriberKey", subscriber.subscriber_key),
        ("EmailAddress", subscriber.email_address),
        *_job_parameters(job, scope, all_subscribers_list_id),
    )
    return tuple((name, str(value)) for name, value in pairs if value is not None)


def _job_parameters(
    job: JobContext, scope: Scope, all_subscribers_list_id: int | None
) -> tuple[tuple[str, int | None], ...]:
    """Return the job's part: none of it for a master unsubscribe."""
    list_id = job.list_id if scope is Scope.LIST else all_subscribers_list_id
    has_list = job.has_list if scope is Scope.LIST else all_subscribers_list_id is not None
    if not has_list:
        return ()
    return (("JobID", job.job_id), ("ListID", list_id), ("BatchID", job.batch_id))


def _check_id(name: str, value: int | None, least: int, most: int = ID_MAX) -> None:
    """Raise ContextError for a number out of range."""
    if value is not None and not least <= value <= most:
        raise ContextError(f"{name} is out of range")


def _check_text(name: str, value: str | None) -> None:
    """Raise ContextError for a text that Marketing Cloud could not hold."""
    if value is not None and (not value.strip() or len(value) > TEXT_MAX or _CONTROL.search(value)):
        raise ContextError(f"{name} is empty, too long or has control characters")
