"""Liveness and readiness endpoints."""

import redis
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from unsub.infra import heartbeat, write_probe
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
    """Return as JSON whether database and broker take writes (503 where one does not), and the
    seconds since the last heartbeats: of a worker, of beat, of a completed sweep and of a completed
    look for alarms.

    `degraded` is true where one of the heartbeats is missing: requests are accepted, but possibly
    not delivered. The status stays 200 then, because recipients must be served: a load balancer
    that took the web processes away would turn them away as well, and delivery would not return.
    """
    parts = {
        "database": write_probe.database_takes_writes(),
        "broker": write_probe.broker_takes_writes(_broker),
    }
    ages = _ages()
    seconds = {
        f"{name}_seconds": age if age is None else round(age, 1) for name, age in ages.items()
    }
    degraded = any(heartbeat.is_silent(name, age) for name, age in ages.items())
    ready = all(parts.values())
    return JsonResponse(parts | seconds | {"degraded": degraded}, status=200 if ready else 503)


def _ages() -> dict[str, float | None]:
    """Return the ages of the heartbeats in seconds; None where unknown."""
    try:
        return heartbeat.ages(_broker)
    except redis.RedisError:
        return dict.fromkeys(heartbeat.NAMES)
