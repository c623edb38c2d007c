"""Whether a business unit's queue is held: holding its requests and releasing them."""

from django.db.models.functions import Now

from unsub.domain.outcomes import Slow
from unsub.models import BusinessUnit, Status, UnsubRequest

HELD, CIRCUIT_OPEN, MAINTENANCE = "held", "circuit open", Slow.MAINTENANCE.value


def hold_rows(mid: int) -> int:
    """Return how many pending requests of a unit are held now."""
    return UnsubRequest.objects.filter(unit_id=mid, status=Status.PENDING).update(
        status=Status.HELD
    )


def release(mid: int) -> int:
    """Return how many held requests of a unit are pending again; its queue is open."""
    BusinessUnit.objects.filter(mid=mid).update(
        held_since=None, held_reason="", paused_until=None, paused_reason="", unknowns_in_a_row=0
    )
    return UnsubRequest.objects.filter(unit_id=mid, status=Status.HELD).update(
        status=Status.PENDING, next_attempt_at=Now()
    )
