"""Redis client with short time-outs, and the check that the broker's transport can be imported."""

import redis
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from kombu.transport import get_transport_cls
from redis.backoff import NoBackoff
from redis.retry import Retry

from .redis_connections import Pool


def quick_client(seconds: float = settings.REDIS_TIMEOUT) -> redis.Redis:
    """Return a client whose commands take at most `seconds` per socket operation, without
    retries."""
    pool = Pool.from_url(
        settings.REDIS_URL,
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        retry=Retry(NoBackoff(), 0),
    )
    return redis.Redis.from_pool(pool)


def require_transport() -> None:
    """Import the transport by which Celery talks to the broker.

    Raises ImproperlyConfigured where that fails: kombu imports it with the first message, and a web
    process without it would accept requests that are never delivered.
    """
    name = settings.CELERY_BROKER_TRANSPORT
    try:
        get_transport_cls(name)
    except ImportError as err:
        raise ImproperlyConfigured(
            f"CELERY_BROKER_TRANSPORT: {name} cannot be imported, "
            f"because the module {err.name or err} is missing or broken."
        ) from err
