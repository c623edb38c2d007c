"""Attempt number -> how long to wait. Pure: the caller brings the dice. Times are in seconds."""

from collections.abc import Callable
from datetime import timedelta

from .outcomes import Slow

BASE = 5.0
CAP = 3600.0
MAINTENANCE_BASE = 300.0
RATE_LIMIT_BASE = 30.0
HORIZON = timedelta(days=10)

_BASES = {Slow.NO: BASE, Slow.MAINTENANCE: MAINTENANCE_BASE, Slow.RATE_LIMIT: RATE_LIMIT_BASE}


def delay(
    attempt: int,
    *,
    draw: Callable[[], float],
    slow: Slow = Slow.NO,
    retry_after: float | None = None,
) -> float:
    """Return the seconds to wait after the `attempt`-th try (from 1): exponential, capped at one
    hour, with full jitter (`draw` gives 0..1), and never less than the other side asked for.

    Where a whole unit is slowed down the wait does not begin below its base: jitter down to
    nothing would knock again at once.
    """
    base = _BASES[slow]
    ceiling = min(CAP, base * 2.0 ** min(attempt - 1, 30))
    floor = 0.0 if slow is Slow.NO else base
    return max(floor + draw() * (ceiling - floor), min(retry_after or 0.0, CAP))
