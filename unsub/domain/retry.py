"""Exponential backoff with full jitter. All times are in seconds. No I/O: `draw` supplies the
random numbers."""

from collections.abc import Callable
from datetime import timedelta

from .outcomes import Backpressure

BASE = 5.0
CAP = 3600.0
MAINTENANCE_BASE = 300.0
RATE_LIMIT_BASE = 30.0
HORIZON = timedelta(days=10)

_BASES = {
    Backpressure.NONE: BASE,
    Backpressure.MAINTENANCE: MAINTENANCE_BASE,
    Backpressure.RATE_LIMIT: RATE_LIMIT_BASE,
}


def delay(
    attempt: int,
    *,
    draw: Callable[[], float],
    backpressure: Backpressure = Backpressure.NONE,
    retry_after: float | None = None,
) -> float:
    """Return the seconds to wait after attempt number `attempt` (from 1): exponential, at most one
    hour, with full jitter. `draw()` returns the jitter in [0, 1). Never less than `retry_after`
    (capped at one hour, too).

    Where the whole unit is slowed down (`slow`) the wait is at least that failure's base: full
    jitter could otherwise retry at once.
    """
    base = _BASES[backpressure]
    ceiling = min(CAP, base * 2.0 ** min(attempt - 1, 30))
    floor = 0.0 if backpressure is Backpressure.NONE else base
    return max(floor + draw() * (ceiling - floor), min(retry_after or 0.0, CAP))
