"""Redis, asked quickly: what does not answer in a blink counts as away."""

import redis
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from kombu.transport import get_transport_cls
from redis.backoff import NoBackoff
from redis.retry import Retry


def quick_client(seconds: float = settings.REDIS_TIMEOUT) -> redis.Redis:
    """Return a client whose every command ends within `seconds`, tried once."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        retry=Retry(NoBackoff(), 0),
    )


def require_transport() -> None:
    """Import what Celery talks to the broker with.

    Raises ImproperlyConfigured where that cannot be done: kombu imports it with the first message,
    and a web process without it accepts requests that nothing delivers.
    """
    name = settings.CELERY_BROKER_TRANSPORT
    try:
        get_transport_cls(name)
    except ImportError as err:
        raise ImproperlyConfigured(
            f"CELERY_BROKER_TRANSPORT: {name} cannot be imported, "
            f"because the module {err.name or err} is missing or broken."
        ) from err
