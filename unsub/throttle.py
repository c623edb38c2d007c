"""How often somebody may do something, counted in the broker."""

import redis
import structlog

from .broker import quick_client

log = structlog.get_logger(__name__)
_counters = quick_client()


def count(what: str, who: str) -> int:
    """Return how often `who` did it in the window; 0 where the broker does not answer."""
    try:
        number = _counters.get(f"profilecenter:throttle:{what}:{who}")
    except redis.RedisError as err:
        log.warning("nobody counts", what=what, error=type(err).__name__)
        return 0
    return int(str(number, "ascii") if isinstance(number, bytes) else number or 0)


def may(what: str, who: str, *, times: int, seconds: int) -> bool:
    """Return whether `who`, a digest, has done `what` fewer than `times` times in a window of
    `seconds`, this one included. Where the broker does not answer everybody may."""
    key = f"profilecenter:throttle:{what}:{who}"
    try:
        with _counters.pipeline() as pipe:
            # Only the first one sets the end, so that trying again does not move it.
            pipe.set(key, 0, ex=seconds, nx=True)
            pipe.incr(key)
            number = int(pipe.execute()[1])
    except redis.RedisError as err:
        log.warning("nobody counts", what=what, error=type(err).__name__)
        return True
    return number <= times
