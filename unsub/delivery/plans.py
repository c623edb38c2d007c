"""A batch of which some rows need no call: what is to be sent, or a verdict that stands already.
Pure."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from unsub.domain.outcomes import Verdict, read_reply
from unsub.sfmc import CallReply

Message = TypeVar("Message")


def carried_out(
    plans: Sequence[Message | Verdict], send: Callable[[list[Message]], CallReply]
) -> tuple[Verdict, ...] | None:
    """Return a verdict for each plan, in order, having sent in one message what is to be sent; None
    where the reply does not tell which result is whose. Raises what `send` does."""
    messages = [plan for plan in plans if not isinstance(plan, Verdict)]
    told: tuple[Verdict, ...] | None = ()
    if messages:
        told = read_reply(send(messages), sent=len(messages))
    if told is None:
        return None
    next_one = iter(told)
    return tuple(plan if isinstance(plan, Verdict) else next(next_one) for plan in plans)
