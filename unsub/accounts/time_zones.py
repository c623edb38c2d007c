"""The time zone in which the admin shows times to a user.

It is in the session, so that no page reads it from the database: what a user chooses, or else the
one of their business units where these agree, or UTC.
"""

from collections.abc import Callable
from contextlib import nullcontext

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from unsub.models import StaffSettings
from unsub.units.access import units_of

_KEY = "time_zone"
PREFIX = "/admin/"


class TimeZoneMiddleware:
    """Shows the pages of the admin in the time zone of their user. Recipients' pages do not get
    here (docs/adr/0030)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Return the response."""
        name = request.session.get(_KEY) if request.path_info.startswith(PREFIX) else None
        with timezone.override(name) if name else nullcontext():
            return self._get_response(request)


def chosen_by(user: User) -> str:
    """Return the time zone that a user has chosen, or "" for none."""
    found = StaffSettings.objects.filter(user=user).values_list("time_zone", flat=True).first()
    return found or ""


def default_of(user: User) -> str:
    """Return the time zone of a user who has chosen none: that of their business units, where all
    have the same, or the project's."""
    zones = set(units_of(user).order_by().values_list("time_zone", flat=True).distinct()[:2])
    return zones.pop() if len(zones) == 1 else settings.TIME_ZONE


def choose(request: HttpRequest, user: User, name: str) -> None:
    """Store a user's choice, or "" for the default, for this session and those to come."""
    StaffSettings.objects.update_or_create(user=user, defaults={"time_zone": name})
    remember(request, user)


def remember(request: HttpRequest, user: User) -> None:
    """Write the user's time zone to the session."""
    request.session[_KEY] = chosen_by(user) or default_of(user)
