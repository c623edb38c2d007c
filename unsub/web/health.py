"""Liveness and readiness endpoints."""

from collections.abc import Callable

import redis
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from unsub.infra import heartbeat
from unsub.infra.database_timeout import QUERY_SECONDS, limit_queries
from unsub.infra.redis_client import quick_client

from .http import plain

_broker = quick_client(1.0)


@never_cache
@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """Return 200 while the process can answer."""
    return plain("ok")


@never_cache
@require_safe
def readyz(_request: HttpRequest) -> HttpResponse:
    """Return as JSON whether database and broker answer (503 where one does not), and the seconds
    since the last heartbeats of a worker and of beat.

    `degraded` is true where one of the two heartbeats is missing: requests are accepted, but
    possibly not delivered.
    """
    parts = {"database": _answers(_ask_database), "broker": _answers(_broker.ping)}
    ages = _ages() if parts["broker"] else dict.fromkeys(heartbeat.NAMES)
    seconds = {
        f"{name}_seconds": age if age is None else round(age, 1) for name, age in ages.items()
    }
    degraded = any(heartbeat.is_silent(age) for age in ages.values())
    ready = all(parts.values())
    return JsonResponse(parts | seconds | {"degraded": degraded}, status=200 if ready else 503)


def _ages() -> dict[str, float | None]:
    """Return the ages of the heartbeats in seconds; None where unknown."""
    try:
        return heartbeat.ages(_broker)
    except redis.RedisError:
        return dict.fromkeys(heartbeat.NAMES)


def _answers(ask: Callable[[], object]) -> bool:
    """Return whether a probe succeeds."""
    try:
        ask()
    except (DatabaseError, InterfaceError, redis.RedisError, OSError):
        return False
    return True


def _ask_database() -> None:
    """Run the smallest possible query."""
    with limit_queries(QUERY_SECONDS), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
