"""Whether the process lives, and whether it can work."""

from collections.abc import Callable

import redis
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from unsub.broker import quick_client
from unsub.database import PATIENCE, patient_for

from .answers import plain

_broker = quick_client(1.0)


@never_cache
@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """Return 200 while the process answers."""
    return plain("ok")


@never_cache
@require_safe
def readyz(_request: HttpRequest) -> HttpResponse:
    """Return {"database": bool, "broker": bool} as JSON, with 503 where one is away."""
    parts = {"database": _answers(_ask_database), "broker": _answers(_broker.ping)}
    return JsonResponse(parts, status=200 if all(parts.values()) else 503)


def _answers(ask: Callable[[], object]) -> bool:
    """Return whether asking gets an answer."""
    try:
        ask()
    except (DatabaseError, InterfaceError, redis.RedisError, OSError):
        return False
    return True


def _ask_database() -> None:
    """Ask the database the least there is to ask."""
    with patient_for(PATIENCE), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
