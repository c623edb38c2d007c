"""Enforces a second factor for users who sign in with a password."""

from collections.abc import Callable

from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

PREFIX = "/admin/"
ACCOUNT = "/admin/account/"
LOGOUTS = ("/admin/account/logout/", "/admin/logout/")
# Sign-in methods that need no further factor: single sign-on has its own, and "mfa" is the second
# step itself.
_ENOUGH = frozenset({"socialaccount", "mfa"})


class SecondFactorMiddleware:
    """Redirects users without a second factor to the page that sets one up. Ends sessions that were
    begun with a password alone before the user set one up, in another session."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Return the response, or the redirect."""
        if settings.SECOND_FACTOR and _is_of_admin(request) and _gave_none(request):
            if is_mfa_enabled(request.user):
                logout(request)
                return redirect("account_login")
            if _is_inside(request):
                messages.warning(
                    request, _("Set up two-factor authentication first, with an app or a passkey.")
                )
                return redirect("mfa_index")
        return self._get_response(request)


def count_as_given(request: HttpRequest, user: User, authenticator: Authenticator) -> None:
    """Note in the session that its user has a second factor at hand: the one that they have just
    set up. No other session of theirs counts so."""
    record_authentication(request, user, "mfa", id=authenticator.pk, type=str(authenticator.type))


def _is_of_admin(request: HttpRequest) -> bool:
    """Return whether the request is for a page of the admin, other than to sign out."""
    path = request.path_info
    return path.startswith(PREFIX) and not path.startswith(LOGOUTS)


def _is_inside(request: HttpRequest) -> bool:
    """Return whether it is for a page other than account pages."""
    return not request.path_info.startswith(ACCOUNT)


def _gave_none(request: HttpRequest) -> bool:
    """Return whether the user is signed in without a second factor."""
    user = request.user
    if not user.is_authenticated:
        return False
    methods = {record.get("method") for record in get_authentication_records(request, user)}
    return not methods & _ENOUGH
