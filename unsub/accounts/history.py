"""The admin's history of users: who signed in, and who changed what of whom.

The history names no client address; the log does (docs/adr/0027).
"""

from allauth.core import context
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.db.models import Model

from unsub.infra import digests, rate_limit

# A stranger must not be able to fill the table.
FAILURES_MAX = 20  # per user and day


def actor() -> User | None:
    """Return the user whose request is being handled; None in a command."""
    user = getattr(context.request, "user", None)
    return user if isinstance(user, User) else None


def add(user: User, text: str, *, about: Model | None = None) -> None:
    """Write an entry of `user` about themself, or about another object."""
    LogEntry.objects.log_actions(user.pk, [about or user], CHANGE, text)


def add_failure(user: User, text: str) -> None:
    """Write an entry about a failure that anyone can cause; the first ones of a day only."""
    who = digests.digest(digests.Purpose.CLIENT, "history", user.pk)
    if rate_limit.allow("sign_in_history", who, times=FAILURES_MAX, seconds=24 * 3600):
        add(user, text)
