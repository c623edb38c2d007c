"""Settings -> one Marketing Cloud client. The seam that tests replace."""

from collections.abc import Sequence
from functools import cache

from django.conf import settings
from django.db import connection

from .privacy import keyed_digest
from .sfmc import (
    LOG_UNSUB_EVENT,
    Auth,
    Client,
    ExecuteReply,
    ExecuteRequest,
    MisconfiguredError,
    OAuth,
    SystemStatus,
    UsernameToken,
)
from .token_store import CachedTokenStore

Parameters = tuple[tuple[str, str], ...]


def log_unsub_events(mid: int, calls: Sequence[Parameters]) -> ExecuteReply:
    """Return what Marketing Cloud answers to one message of LogUnsubEvents, in the order of
    `calls`. Raises an SfmcError; see unsub.sfmc.errors for what each means."""
    if connection.in_atomic_block:
        raise RuntimeError("no network inside a transaction (design, invariant 8)")
    requests = [
        ExecuteRequest(name=LOG_UNSUB_EVENT, parameters=call, client_mid=_client_mid(mid))
        for call in calls
    ]
    return client().execute(requests)


def system_status() -> SystemStatus:
    """Return what GetSystemStatus says: the probe that costs nobody anything. Raises an
    SfmcError."""
    if connection.in_atomic_block:
        raise RuntimeError("no network inside a transaction (design, invariant 8)")
    return client().system_status()


def _client_mid(mid: int) -> int | None:
    """Return the MID for Client/ID: none where the token speaks for that unit already."""
    return None if mid == settings.SFMC_ACCOUNT_ID else mid


@cache
def client() -> Client:
    """Return this process's client; raises MisconfiguredError where credentials are missing."""
    return Client(
        auth=_auth(),
        soap_url=settings.SFMC_SOAP_URL or None,
        timeout=settings.SFMC_TIMEOUT,
        pool_size=settings.SFMC_CONCURRENCY,
    )


def _auth() -> Auth:
    """Return the way to authenticate that the settings describe."""
    if settings.SFMC_CLIENT_ID and settings.SFMC_CLIENT_SECRET and settings.SFMC_AUTH_URL:
        return OAuth(
            auth_url=settings.SFMC_AUTH_URL,
            client_id=settings.SFMC_CLIENT_ID,
            client_secret=settings.SFMC_CLIENT_SECRET,
            account_id=settings.SFMC_ACCOUNT_ID,
            store=CachedTokenStore(_credentials_name()),
            timeout=settings.SFMC_TIMEOUT,
        )
    if settings.SFMC_USERNAME and settings.SFMC_PASSWORD and settings.SFMC_SOAP_URL:
        return UsernameToken(username=settings.SFMC_USERNAME, password=settings.SFMC_PASSWORD)
    raise MisconfiguredError("no Marketing Cloud credentials: see unsub.E001")


def _credentials_name() -> str:
    """Return a name for the credentials in use, so that new ones never meet an old token."""
    parts = (settings.SFMC_AUTH_URL, settings.SFMC_CLIENT_ID, str(settings.SFMC_ACCOUNT_ID))
    secret = settings.SECRET_KEY + settings.SFMC_CLIENT_SECRET
    return keyed_digest(" ".join(parts), secret=secret, purpose="sfmc-token")[:16]
