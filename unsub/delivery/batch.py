"""The requests that travel in one message, and what became of each."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from uuid import UUID

from django.conf import settings

from unsub.domain.outcomes import Verdict, read_reply
from unsub.models import LinkEmail, MessageType, SubscriberRequest
from unsub.sfmc import CallReply

Message = TypeVar("Message")
# What is delivered: rows of two tables, by the same claim, call and settle.
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
    until: float = field(default_factory=lambda: time.monotonic() + settings.LEASE_SECONDS / 3)

    @property
    def has_time(self) -> bool:
        """Whether there is time to ask about one row more before the call: both have to be over
        while the lease still holds, or another worker would make the call, too."""
        return time.monotonic() < self.until


def send_planned(
    plans: Sequence[Message | Verdict], send: Callable[[list[Message]], CallReply]
) -> tuple[Verdict, ...] | None:
    """Return a verdict for each plan, in order, having sent in one message what is to be sent; None
    where the reply does not tell which result is whose. Raises what `send` does."""
    messages = [plan for plan in plans if not isinstance(plan, Verdict)]
    replied: tuple[Verdict, ...] | None = ()
    if messages:
        replied = read_reply(send(messages), sent=len(messages))
    if replied is None:
        return None
    next_one = iter(replied)
    return tuple(plan if isinstance(plan, Verdict) else next(next_one) for plan in plans)
