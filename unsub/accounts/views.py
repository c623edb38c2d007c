"""Pages of accounts beside those of allauth: the way to the identity provider, the pages of an
invitation, and what users set for themselves."""

from typing import Any

import requests
import structlog
from allauth.account.forms import default_token_generator
from allauth.account.internal.flows.login import record_authentication
from allauth.account.utils import perform_login, user_pk_to_url_str
from allauth.socialaccount.providers.openid_connect import views as openid_connect
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from . import invitations, roles, time_zones
from .forms import SettingsForm

log = structlog.get_logger(__name__)


def company_login(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    """Return the redirect to the provider, or to an error page where it does not answer."""
    try:
        answer: HttpResponseBase = openid_connect.login(request, provider_id)
    except (requests.RequestException, KeyError, ValueError) as err:
        # KeyError and ValueError: it answers, but not with a discovery document.
        log.warning("identity_provider_unavailable", error=type(err).__name__)
        return redirect("socialaccount_login_error")
    return answer


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Return the page of an invitation: how do you want to sign in? Every link that lets nobody in
    has the same page. Mail scanners open links, so a GET uses nothing up."""
    if not invitations.may_open(request):
        return render(request, "account/invitation_over.html", {"is_limited": True}, status=429)
    found = invitations.find(token)
    if found is None:
        return render(request, "account/invitation_over.html", status=410)
    if request.method == "POST":
        with_passkey = request.POST.get("with") == "passkey"
        return _passkey(request, found.user) if with_passkey else _password(found.user)
    context = {
        "invited": found.user,
        "by": found.invited_by,
        "roles": [roles.described(group) for group in found.user.groups.order_by("pk")],
        "units": found.user.units.order_by("name"),
    }
    return render(request, "account/invitation.html", context)


def _password(user: User) -> HttpResponse:
    """Return the redirect to allauth's page that sets a password; it accepts the invitation."""
    kwargs = {
        "uidb36": user_pk_to_url_str(user),
        "key": default_token_generator.make_token(user),
    }
    return HttpResponseRedirect(reverse("account_reset_password_from_key", kwargs=kwargs))


def _passkey(request: HttpRequest, user: User) -> HttpResponse:
    """Accept the invitation, and return the redirect to the page that adds a passkey, signed in.
    Without a second factor the user gets no further than that."""
    if request.user.is_authenticated:
        logout(request)
    if not invitations.accept(user):
        return render(request, "account/invitation_over.html", status=410)
    record_authentication(request, user, "invitation")
    answer: HttpResponse = perform_login(request, user, redirect_url=reverse("mfa_add_webauthn"))
    return answer


@login_required
def own_settings(request: HttpRequest) -> HttpResponse:
    """Return the page of what a user sets for themself."""
    user: Any = request.user
    given = {"time_zone": time_zones.chosen_by(user)}
    form = SettingsForm(request.POST or None, initial=given, default=time_zones.default_of(user))
    if request.method == "POST" and form.is_valid():
        time_zones.choose(request, user, form.cleaned_data["time_zone"])
        messages.success(request, gettext("Your settings were saved."))
        return redirect("account_own_settings")
    return render(request, "account/settings.html", {"form": form})
