"""The rows that are sent in one message, and how the reply is matched to them."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from uuid import UUID

from django.conf import settings

from unsub.domain.call_method import CallMethod
from unsub.domain.outcomes import Verdict, read_reply
from unsub.models import LinkEmail, MessageType, SubscriberRequest
from unsub.sfmc import CallReply

Message = TypeVar("Message")
# Delivery handles the rows of two tables with the same claim, call and settle.
Row = SubscriberRequest | LinkEmail
RowT_co = TypeVar("RowT_co", bound=Row, covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch(Generic[RowT_co]):
    """Rows of one business unit that this worker holds under one lease."""

    mid: int
    lease: UUID
    all_subscribers_list_id: int | None
    rows: tuple[RowT_co, ...]
    full: bool
    message_type: MessageType = MessageType.UNSUBSCRIBES
    # The lease, once for each message that was sent under it; `lease.check` adds it.
    calls: list[UUID] = field(default_factory=list)
    until: float = field(default_factory=lambda: time.monotonic() + settings.LEASE_SECONDS / 3)

    @property
    def has_time(self) -> bool:
        """Whether there is time for one more lookup before the call: lookups and call must both end
        while the lease holds, or another worker would make the call too."""
        return time.monotonic() < self.until

    @property
    def call_type(self) -> MessageType:
        """The type of the call, which has its own circuit: an unsubscribe that is sent as an Update
        needs the rights of a change."""
        return MessageType.CHANGES if self.is_without_event else self.message_type

    @property
    def is_without_event(self) -> bool:
        """Whether these are unsubscribes that are sent as an Update."""
        row = self.rows[0]
        return isinstance(row, SubscriberRequest) and row.call_method == CallMethod.UPDATE


def send_planned(
    plans: Sequence[Message | Verdict], send: Callable[[list[Message]], CallReply]
) -> tuple[Verdict, ...] | None:
    """Send in one message the plans that need a call. Return one verdict per plan, in order, with
    the verdicts known beforehand in their places; None where the reply does not tell which result
    belongs to which plan. Raises what `send` raises."""
    messages = [plan for plan in plans if not isinstance(plan, Verdict)]
    replied: tuple[Verdict, ...] | None = ()
    if messages:
        replied = read_reply(send(messages), sent=len(messages))
    if replied is None:
        return None
    next_one = iter(replied)
    return tuple(plan if isinstance(plan, Verdict) else next(next_one) for plan in plans)
