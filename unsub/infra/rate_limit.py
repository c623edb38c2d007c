"""Rate limits with a fixed window, counted in Redis."""

import redis
import structlog

from .redis_client import quick_client

log = structlog.get_logger(__name__)
_counters = quick_client()


def peek(what: str, who: str) -> int:
    """Return how often `who` did `what` in the current window, without counting. 0 where Redis does
    not answer."""
    try:
        number = _counters.get(f"profilecenter:rate_limit:{what}:{who}")
    except redis.RedisError as err:
        log.warning("rate_limit_unavailable", what=what, error=type(err).__name__)
        return 0
    return int(str(number, "ascii") if isinstance(number, bytes) else number or 0)


def allow(what: str, who: str, *, times: int, seconds: int) -> bool:
    """Count one use and return whether it is within the limit: at most `times` in a window of
    `seconds`, this one included. `who` is a digest. True where Redis does not answer."""
    key = f"profilecenter:rate_limit:{what}:{who}"
    try:
        with _counters.pipeline() as pipe:
            # Only the first use sets the expiry, so that further attempts do not extend the window.
            pipe.set(key, 0, ex=seconds, nx=True)
            pipe.incr(key)
            number = int(pipe.execute()[1])
    except redis.RedisError as err:
        log.warning("rate_limit_unavailable", what=what, error=type(err).__name__)
        return True
    return number <= times
