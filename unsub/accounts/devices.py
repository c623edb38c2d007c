"""Known devices: browsers in which a user has signed in before, recognised by a cookie.

Their failures are counted apart, so that a stranger who fails with a user's name on purpose locks
the user out of no browser that they use (docs/adr/0027). The cookie gives no access.
"""

import secrets

from django.conf import settings
from django.contrib.auth.models import User
from django.core import signing
from django.http import HttpRequest, HttpResponse

MAX_AGE = 180 * 24 * 3600  # seconds since the last sign-in
PATH = "/admin/account/"


def device_of(request: HttpRequest, user: User) -> str | None:
    """Return the id of the browser if the user has signed in with it, and the password is still
    the same; else None."""
    cookie = request.COOKIES.get(_name(user), "")
    try:
        return str(signing.loads(cookie, salt=_salt(user), max_age=MAX_AGE))
    except signing.BadSignature:
        return None


def remember(request: HttpRequest, response: HttpResponse, user: User) -> None:
    """Set the cookie. For a completed sign-in only: with the second factor, where there is one."""
    device = device_of(request, user) or secrets.token_urlsafe(12)
    response.set_cookie(
        _name(user),
        signing.dumps(device, salt=_salt(user)),
        max_age=MAX_AGE,
        path=PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _name(user: User) -> str:
    return f"device{user.pk}"


def _salt(user: User) -> str:
    """Return the salt of the signature: after a change of the password no device is known."""
    return f"unsub.accounts.devices {user.pk} {user.password}"
