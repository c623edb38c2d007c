"""Who may use the profile centre: by the age of the link, and by the number of its changes."""

from unsub.domain.context import UnsubContext
from unsub.infra import digests, rate_limit

TIMES, SECONDS = 60, 3600  # changes per link


def may_change(token: str) -> bool:
    """Count a change with the link of this token, and return whether it is within the rate
    limit."""
    who = digests.digest(digests.Purpose.LINK, token)
    return rate_limit.allow("profile", who, times=TIMES, seconds=SECONDS)


def is_fresh(context: UnsubContext, *, days: int, now: float) -> bool:
    """Return whether a link is recent enough for the profile centre: before its `exp`, or issued at
    most `days` ago where it has none. False where it has neither `exp` nor `iat`. `now` is a Unix
    time."""
    if context.expires_at is not None:
        return not context.is_expired(now)
    return context.issued_at is not None and now - context.issued_at <= days * 86_400
