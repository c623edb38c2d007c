"""Whoever signs in with a password has a second factor, or gets one before anything else."""

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
# Ways in that need no second factor of ours: the company's account has its own, and the second
# step was taken.
_ENOUGH = frozenset({"socialaccount", "mfa"})


class SecondFactorMiddleware:
    """Leads who came with a password alone to the page that sets a second factor up."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Return the response, or the way to that page."""
        if settings.SECOND_FACTOR and _is_inside(request) and _lacks_one(request):
            messages.warning(request, _("Set up a second factor first: an app or a passkey."))
            return redirect("mfa_index")
        return self._get_response(request)


def _is_inside(request: HttpRequest) -> bool:
    """Return whether the admin's pages are asked for, but for those about one's own account."""
    path = request.path_info
    return path.startswith(PREFIX) and not path.startswith((ACCOUNT, "/admin/logout/"))


def _lacks_one(request: HttpRequest) -> bool:
    """Return whether somebody is signed in without a second factor."""
    user = request.user
    if not user.is_authenticated:
        return False
    methods = {record.get("method") for record in get_authentication_records(request, user)}
    return not methods & _ENOUGH and not is_mfa_enabled(user)
