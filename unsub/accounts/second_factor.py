"""Enforces a second factor for users who sign in with a password."""

from collections.abc import Callable

from allauth.account.authentication import get_authentication_records
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

PREFIX = "/admin/"
ACCOUNT = "/admin/account/"
# Sign-in methods that need no further factor: single sign-on has its own, and "mfa" is the second
# step itself.
_ENOUGH = frozenset({"socialaccount", "mfa"})


class SecondFactorMiddleware:
    """Redirects users without a second factor to the page that sets one up."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Return the response, or the redirect."""
        if settings.SECOND_FACTOR and _is_inside(request) and _lacks_one(request):
            messages.warning(
                request, _("Set up two-factor authentication first, with an app or a passkey.")
            )
            return redirect("mfa_index")
        return self._get_response(request)


def _is_inside(request: HttpRequest) -> bool:
    """Return whether the request is for a page of the admin other than account pages and logout."""
    path = request.path_info
    return path.startswith(PREFIX) and not path.startswith((ACCOUNT, "/admin/logout/"))


def _lacks_one(request: HttpRequest) -> bool:
    """Return whether the user is signed in without a second factor."""
    user = request.user
    if not user.is_authenticated:
        return False
    methods = {record.get("method") for record in get_authentication_records(request, user)}
    return not methods & _ENOUGH and not is_mfa_enabled(user)
