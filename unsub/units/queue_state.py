"""The state of a business unit's queue: reading, holding and releasing it, and which units have
something to send. Each function takes the same time however many requests wait."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import BooleanField, Count, ExpressionWrapper, Q
from django.db.models.functions import Coalesce, Now

from unsub.domain.outcomes import Backpressure
from unsub.infra.inserts import find_or_insert
from unsub.models import (
    BusinessUnit,
    LinkEmail,
    MessageType,
    MessageTypeState,
    QueueState,
    Status,
    SubscriberRequest,
)

HELD, CIRCUIT_OPEN, MAINTENANCE = "held", "circuit open", Backpressure.MAINTENANCE.value
HOLD_PROBE = timedelta(minutes=2)
_OPEN: Mapping[str, Any] = {
    "held_since": None, "held_reason": "", "paused_until": None, "paused_reason": "",
    "unknowns_in_a_row": 0,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueHead:
    """A MID that has pending rows, and whether the first of them is due."""

    mid: int
    is_due: bool


def lock(mid: int) -> QueueState:
    """Return the state of a unit's queue, locked until the end of the transaction; inserts it where
    it does not exist yet. Locks this row alone, never the unit's."""
    states = QueueState.objects.filter(pk=mid)
    state = states.select_for_update(of=("self",)).first()
    if state is None:
        find_or_insert(states, QueueState(unit_id=mid))
        state = states.select_for_update(of=("self",)).get()
    return state


def hold(mid: int, reason: str) -> None:
    """Hold a unit's queue until a probe succeeds or a user releases it. Its requests stay pending.
    The first probe is due in two minutes; a queue that is already held keeps its `held_since`."""
    find_or_insert(QueueState.objects.filter(pk=mid), QueueState(unit_id=mid))
    QueueState.objects.filter(pk=mid).update(
        held_since=Coalesce("held_since", Now()),
        held_reason=reason[:100],
        paused_until=Now() + HOLD_PROBE,
        paused_reason=HELD,
    )


def release(mid: int) -> bool:
    """Open a unit's queue: not held, not paused, circuits closed. Return whether it was held. Its
    requests stayed pending, so each is sent when it is due."""
    MessageTypeState.objects.filter(unit_id=mid).delete()
    state = QueueState.objects.filter(pk=mid)
    was_held = bool(state.filter(held_since__isnull=False).update(**_OPEN))
    if not was_held:
        state.update(**_OPEN)
    return was_held


def lock_type(mid: int, message_type: MessageType) -> MessageTypeState:
    """Return the state of a message type of a unit, locked until the end of the transaction;
    inserts it where it does not exist yet."""
    states = MessageTypeState.objects.filter(unit_id=mid, message_type=message_type.value)
    state = states.select_for_update(of=("self",)).first()
    if state is None:
        new = MessageTypeState(unit_id=mid, message_type=message_type.value)
        find_or_insert(states, new)
        state = states.select_for_update(of=("self",)).get()
    return state


def hold_type(mid: int, message_type: MessageType, reason: str) -> None:
    """Hold one message type of a unit until a probe of that type succeeds or a user releases the
    queue. The other types go on."""
    state = lock_type(mid, message_type)
    MessageTypeState.objects.filter(pk=state.pk).update(
        held_since=Coalesce("held_since", Now()),
        held_reason=reason[:100],
        paused_until=Now() + HOLD_PROBE,
    )


def held_types(mid: int) -> list[MessageTypeState]:
    """Return the held message types of a unit but unsubscribes, whose hold is the queue's."""
    held = MessageTypeState.objects.filter(unit_id=mid, held_since__isnull=False)
    return list(held.exclude(message_type=MessageType.UNSUBSCRIBES.value).order_by("message_type"))


def number_pending_of(mid: int, message_type: MessageType) -> int:
    """Return how many rows of one message type of a unit are pending."""
    if message_type is MessageType.MAILS:
        return LinkEmail.objects.filter(unit_id=mid, status=Status.PENDING).count()
    return SubscriberRequest.objects.filter(
        unit_id=mid, status=Status.PENDING, kind__in=message_type.kinds
    ).count()


def held_mids() -> set[int]:
    """Return the MIDs of the units whose queues are held."""
    held = QueueState.objects.filter(held_since__isnull=False)
    return set(held.values_list("unit_id", flat=True))


def known_mids() -> set[int]:
    """Return the MIDs of all units."""
    return set(BusinessUnit.objects.order_by().values_list("mid", flat=True))


def mids() -> set[int]:
    """Return the MIDs of all units, and of those without a unit that have something pending."""
    return known_mids() | {head.mid for head in heads()}


def number_pending(mid: int) -> int:
    """Return how many requests and emails with links of a MID are pending. Counted by an index
    alone."""
    tables = (SubscriberRequest.objects.all(), LinkEmail.objects.all())
    return sum(rows.filter(unit_id=mid, status=Status.PENDING).count() for rows in tables)


def numbers_pending(mids: Collection[int]) -> Counter[int]:
    """Return `number_pending` of several MIDs, in two queries; in none for none."""
    numbers: Counter[int] = Counter()
    for rows in (SubscriberRequest.objects.all(), LinkEmail.objects.all()) if mids else ():
        pending = rows.filter(unit_id__in=mids, status=Status.PENDING).order_by()
        numbers.update(dict(pending.values_list("unit_id").annotate(Count("pk"))))
    return numbers


def heads() -> Iterator[QueueHead]:
    """Yield each MID that has pending requests or emails with links, whether or not it is a unit,
    in order."""
    due: dict[int, bool] = {}
    for model in (SubscriberRequest, LinkEmail):
        for head in _heads_of(model):
            due[head.mid] = due.get(head.mid, False) or head.is_due
    for mid, is_due in sorted(due.items()):
        yield QueueHead(mid=mid, is_due=is_due)


def _heads_of(model: type[SubscriberRequest | LinkEmail]) -> Iterator[QueueHead]:
    """Yield each MID that has pending rows in one table, in order.

    One lookup in the index `request_due` or `link_email_due` for each MID instead of a DISTINCT
    over all rows (a "loose index scan", which PostgreSQL does not do by itself).
    """
    due = ExpressionWrapper(Q(next_attempt_at__lte=Now()), output_field=BooleanField())
    pending = model.objects.filter(status=Status.PENDING).order_by("unit_id", "next_attempt_at")
    after = 0
    while head := pending.filter(unit_id__gt=after).values_list("unit_id", due).first():
        after, is_due = head
        yield QueueHead(mid=after, is_due=is_due)


def mids_to_wake(*, own: int | None) -> set[int]:
    """Return the MIDs that have something due and may send it; a held queue only where its probe is
    due. Nothing is sent for an unknown MID, except `own` (SFMC_ACCOUNT_ID), whose unit is created
    when it first sends."""
    waiting = QueueState.objects.filter(held_since__isnull=False, paused_until__gt=Now())
    sending = (known_mids() | {own}) - set(waiting.values_list("unit_id", flat=True))
    return {one.mid for one in heads() if one.is_due and one.mid in sending}
