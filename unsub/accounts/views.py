"""Redirect to the company's identity provider."""

import requests
import structlog
from allauth.socialaccount.providers.openid_connect import views as openid_connect
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect

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
