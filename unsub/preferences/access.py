"""Which links open the profile centre: by their age."""

from unsub.domain.context import UnsubContext


def is_fresh(context: UnsubContext, *, days: int, now: float) -> bool:
    """Return whether a link is recent enough for the profile centre: before its `exp`, or issued at
    most `days` ago where it has none. False where it has neither `exp` nor `iat`. `now` is a Unix
    time."""
    if context.expires_at is not None:
        return not context.is_expired(now)
    return context.issued_at is not None and now - context.issued_at <= days * 86_400
