"""Settings -> credentials for Marketing Cloud."""

from django.conf import settings

from unsub.infra import digests
from unsub.sfmc import MisconfiguredError
from unsub.sfmc.auth import Auth, OAuth, UsernameToken

from .token_store import CachedTokenStore
from .watching import watch_renewal


def credentials(account_id: int | None) -> Auth:
    """Return the credentials in the settings: OAuth where complete, with tokens for the business
    unit `account_id` (None: the installed package's own), else user name and password. Raises
    MisconfiguredError where neither is."""
    if settings.SFMC_CLIENT_ID and settings.SFMC_CLIENT_SECRET and settings.SFMC_AUTH_URL:
        return OAuth(
            auth_url=settings.SFMC_AUTH_URL,
            client_id=settings.SFMC_CLIENT_ID,
            client_secret=settings.SFMC_CLIENT_SECRET,
            account_id=account_id,
            store=CachedTokenStore(_credentials_name(account_id)),
            timeout=settings.SFMC_TIMEOUT,
            watch=watch_renewal,
        )
    if settings.SFMC_USERNAME and settings.SFMC_PASSWORD and settings.SFMC_SOAP_URL:
        return UsernameToken(username=settings.SFMC_USERNAME, password=settings.SFMC_PASSWORD)
    raise MisconfiguredError("no Marketing Cloud credentials: see unsub.E001")


def _credentials_name(account_id: int | None) -> str:
    """Return a digest of the credentials, so that changed credentials, or those of another unit,
    never use a cached token."""
    return digests.digest(
        digests.Purpose.CREDENTIALS,
        settings.SFMC_AUTH_URL,
        settings.SFMC_CLIENT_ID,
        account_id,
        settings.SFMC_CLIENT_SECRET,
    )
