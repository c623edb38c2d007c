"""Values of an unsubscribe request: subscriber, job and scope. Frozen, validated on creation."""

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum

from .target import EVERYTHING, Target, TargetType

MID_MAX = 2**31 - 1  # ClientID.ID is an int32
ID_MAX = 2**63 - 1
PROOF_SECONDS = 3600  # for which a link that was mailed to the address on file shows details
TEXT_MAX = 254  # SubscriberKey and EmailAddress
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")
# Control characters, and code points that XML 1.0 cannot carry.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
# Values of _messagecontext that mark a preview. Any other is a person's email: landing pages, SMS,
# "view as a web page" and links that are resolved when they are clicked have values of their own.
UNRESOLVED = "%%"  # a placeholder that Marketing Cloud did not replace
TESTS = frozenset({"PREVIEW", "VALIDATION", UNRESOLVED})


class ContextError(ValueError):
    """A value is not allowed in a context. The message names the field, never the value."""


class Scope(StrEnum):
    """What the link unsubscribes from."""

    LIST = "list"
    ALL = "all"


class Effect(StrEnum):
    """What the call does, and therefore what the page promises."""

    FROM_LIST = "from_list"
    FROM_EVERYTHING = "from_everything"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberContext:
    """A subscriber, identified by SubscriberID, SubscriberKey or EmailAddress; one to three of
    them."""

    subscriber_id: int | None = None
    subscriber_key: str | None = field(default=None, repr=False)
    email_address: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Raise ContextError where no identifier is given, or one is invalid."""
        _check_id("subscriber_id", self.subscriber_id, 1)
        _check_text("subscriber_key", self.subscriber_key)
        _check_text("email_address", self.email_address)
        if self.email_address is not None and not _ADDRESS.fullmatch(self.email_address):
            raise ContextError("email_address is no address")
        if (self.subscriber_id, self.subscriber_key, self.email_address) == (None, None, None):
            raise ContextError("a subscriber needs an id, a key or an address")

    @property
    def is_email_only(self) -> bool:
        """Whether the address is the only identifier. Marketing Cloud answers 404 to that under the
        SubscriberKey permission."""
        return self.subscriber_id is None and self.subscriber_key is None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobContext:
    """The send that the email came from. A BatchID of 0 is a value; JobID and ListID start at 1."""

    job_id: int | None = None
    list_id: int | None = None
    batch_id: int | None = None

    def __post_init__(self) -> None:
        """Raise ContextError for an ID out of range."""
        _check_id("job_id", self.job_id, 1)
        _check_id("list_id", self.list_id, 1)
        _check_id("batch_id", self.batch_id, 0)

    @property
    def has_list(self) -> bool:
        """Whether there is a list to unsubscribe from: the ListID, or the list that the job was
        sent to."""
        return self.job_id is not None or self.list_id is not None

    @property
    def target(self) -> Target:
        """What an unsubscribe is about that names no scope: the list, else the list of the job,
        else everything."""
        if self.list_id is not None:
            return Target(TargetType.LIST, id=self.list_id)
        return EVERYTHING if self.job_id is None else Target(TargetType.JOB, id=self.job_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsubContext:
    """Everything a signed link says. `expires_at`, `issued_at` and `proved_until` are seconds since
    1970.

    `all_subscribers` is the one field that no link has: the ListIDs of the unit's All Subscribers
    list (`BusinessUnit.all_subscribers_list_ids`), None where they were not looked up.
    """

    mid: int
    subscriber: SubscriberContext
    job: JobContext
    scope: Scope = Scope.LIST
    scope_is_explicit: bool = False
    message_context: str = ""
    expires_at: int | None = None
    issued_at: int | None = None
    # Set in links that are mailed to the address on file: until then they show a person's details.
    proved_until: int | None = None
    language: str | None = None
    all_subscribers: frozenset[int] | None = None

    def __post_init__(self) -> None:
        """Raise ContextError for a MID out of range."""
        _check_id("mid", self.mid, 1, MID_MAX)

    @property
    def is_test(self) -> bool:
        """Whether the link is from a preview or test send: the page is shown, no call is made. An
        explicit scope `list` without a list is a test link, too."""
        if self.message_context.strip().upper() in TESTS:
            return True
        return self.scope is Scope.LIST and self.scope_is_explicit and not self.job.has_list

    def is_expired(self, now: float) -> bool:
        """Return whether the link is past its `exp` (`now` in seconds since 1970). An expired link
        still unsubscribes."""
        return self.expires_at is not None and now >= self.expires_at

    def is_proved(self, now: float) -> bool:
        """Return whether the link was mailed to the address on file within the last hour (`now` in
        seconds since 1970). Times further away are no proof."""
        return self.proved_until is not None and now < self.proved_until <= now + PROOF_SECONDS

    def for_everything(self) -> "UnsubContext":
        """Return this context with scope `all`. Call it only on the subscriber's own choice: scope
        never widens by itself (design, invariant 3). Raises ContextError for a test link, which
        must never lead to a call."""
        if self.is_test:
            raise ContextError("a test link makes no call")
        return replace(self, scope=Scope.ALL, scope_is_explicit=True)

    def for_list(self, list_id: int) -> "UnsubContext":
        """Return this context for a list that the subscriber chose. The event is tracked against
        the email's job where that job was sent to this list, else against the list's newest job
        (manual: "Job Context").

        Raises ContextError for a test link, and for a ListID out of range.
        """
        if self.is_test:
            raise ContextError("a test link makes no call")
        job = self.job if self.job.list_id == list_id else JobContext(list_id=list_id)
        return replace(self, job=job, scope=Scope.LIST, scope_is_explicit=True)

    @property
    def effect(self) -> Effect:
        """What the call will do. A ListID that is the All Subscribers list unsubscribes from
        everything, whatever the scope."""
        from_list = self.scope is Scope.LIST and (self.job.has_list or self.scope_is_explicit)
        if self.job.list_id in (self.all_subscribers or ()):
            from_list = False
        return Effect.FROM_LIST if from_list else Effect.FROM_EVERYTHING

    @property
    def spares_other_lists(self) -> bool:
        """Whether the call is known to leave the subscriber's other lists as they are: it names a
        list, and which list is All Subscribers is known. A job alone does not say which list it was
        sent to."""
        is_named = self.job.list_id is not None and bool(self.all_subscribers)
        return is_named and self.effect is Effect.FROM_LIST

    @property
    def target(self) -> Target:
        """What an unsubscribe by this link is about. Raises ContextError for a test link."""
        if self.is_test:
            raise ContextError("a test link makes no call")
        return EVERYTHING if self.effect is Effect.FROM_EVERYTHING else self.job.target

    def parameters(self, *, all_subscribers_list_id: int | None) -> tuple[tuple[str, str], ...]:
        """Return the parameters of LogUnsubEvent without Reason (docs/links.md). Raises
        ContextError for a test link."""
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

    Without JobID and ListID the call is a master unsubscribe and logs no event (manual: "Job
    Context"). That happens only where the scope is `all`, or where the link named no list.
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
    """Return JobID, ListID and BatchID; none of them for a master unsubscribe."""
    list_id = job.list_id if scope is Scope.LIST else all_subscribers_list_id
    has_list = job.has_list if scope is Scope.LIST else all_subscribers_list_id is not None
    if not has_list:
        return ()
    return (("JobID", job.job_id), ("ListID", list_id), ("BatchID", job.batch_id))


def _check_id(name: str, value: int | None, least: int, most: int = ID_MAX) -> None:
    if value is not None and not least <= value <= most:
        raise ContextError(f"{name} is out of range")


def _check_text(name: str, value: str | None) -> None:
    """Raise ContextError for text that is empty, too long, or that XML cannot carry."""
    if value is not None and (not value.strip() or len(value) > TEXT_MAX or _CONTROL.search(value)):
        raise ContextError(f"{name} is empty, too long or has control characters")
