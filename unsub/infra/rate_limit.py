"""Rate limits with a fixed window, counted in Redis."""

import redis
import structlog

from .redis_client import quick_client

log = structlog.get_logger(__name__)
_counters = quick_client()
# Only a window that has not ended: a new key would have no expiry.
_GIVE_BACK = """
if tonumber(redis.call('GET', KEYS[1]) or '0') > 0 then return redis.call('DECR', KEYS[1]) end
"""


class RateLimitUnavailableError(Exception):
    """Redis does not answer, so that uses cannot be counted."""


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
    return not wait(what, who, times=times, seconds=seconds)


def wait(what: str, who: str, *, times: int, seconds: int) -> int:
    """Count one use as `allow` does. Return 0 where it is within the limit, or where Redis does not
    answer; else the seconds until the window ends."""
    try:
        return strict_wait(what, who, times=times, seconds=seconds)
    except RateLimitUnavailableError:
        return 0


def strict_wait(what: str, who: str, *, times: int, seconds: int) -> int:
    """Count one use and return the wait, as `wait` does. Raises RateLimitUnavailableError where
    Redis does not answer, for uses that must not happen without a limit."""
    key = f"profilecenter:rate_limit:{what}:{who}"
    try:
        with _counters.pipeline() as pipe:
            # Only the first use sets the expiry, so that further attempts do not extend the window.
            pipe.set(key, 0, ex=seconds, nx=True)
            pipe.incr(key)
            pipe.ttl(key)
            _, number, left = pipe.execute()
    except redis.RedisError as err:
        log.warning("rate_limit_unavailable", what=what, error=type(err).__name__)
        raise RateLimitUnavailableError from err
    return 0 if number <= times else max(left, 1)


def give_back(what: str, who: str) -> None:
    """Take one use back that `allow` counted. Nothing happens where Redis does not answer."""
    try:
        _counters.eval(_GIVE_BACK, 1, f"profilecenter:rate_limit:{what}:{who}")
    except redis.RedisError as err:
        log.warning("rate_limit_unavailable", what=what, error=type(err).__name__)


def forget(what: str, who: str) -> None:
    """End a window: all uses are allowed again. Nothing happens where Redis does not answer."""
    try:
        _counters.delete(f"profilecenter:rate_limit:{what}:{who}")
    except redis.RedisError as err:
        log.warning("rate_limit_unavailable", what=what, error=type(err).__name__)
