"""Who calls: the key in the Authorization header, what it is for, and how often it may call."""

from typing import Any

import structlog
from django.http import HttpRequest
from ninja.security import HttpBearer

from unsub.accounts import api_keys
from unsub.infra import digests, rate_limit
from unsub.infra.client_address import client_address, client_network
from unsub.models import ApiKey, KeyPurpose
from unsub.units.opening import only_mid

from .problems import ApiProblem, invalid

log = structlog.get_logger(__name__)

MINUTE = 60  # seconds
LINES_MAX = 5  # in the log, of one client in a minute
UNIT_NEEDED = "The key is for several business units: name one."


class ApiKeyAuth(HttpBearer):
    """Accepts a valid key that was made for one purpose."""

    def __init__(self, purpose: KeyPurpose) -> None:
        super().__init__()
        self._purpose = purpose

    def __call__(self, request: HttpRequest) -> ApiKey:
        """Return the key. Raises ApiProblem: 401, 403 or 429."""
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != self.openapi_scheme:
            raise ApiProblem(401)
        return self.authenticate(request, text.strip())

    def authenticate(self, request: HttpRequest, token: str) -> ApiKey:
        """Return the key. Raises ApiProblem."""
        key = api_keys.find(token, or_known=self._purpose is KeyPurpose.SUBMIT)
        if key is None:
            _log_refusal(request)
            raise ApiProblem(401)
        wait = rate_limit.wait("api", str(key.pk), times=key.per_minute, seconds=MINUTE)
        if wait:
            raise ApiProblem(429, retry_after=wait)
        api_keys.note_use(key)
        if not key.may(self._purpose):
            raise ApiProblem(403)
        return key


def _log_refusal(request: HttpRequest) -> None:
    """Log a key that is refused, of one client a few times in a minute."""
    who = digests.digest(digests.Purpose.CLIENT, "api", client_network(request))
    if rate_limit.allow("api_refused", who, times=LINES_MAX, seconds=MINUTE):
        log.info("api_key_refused", client=client_address(request))


def key_of(request: HttpRequest) -> ApiKey:
    """Return the key of a call that was authenticated."""
    key: Any = getattr(request, "auth", None)
    if not isinstance(key, ApiKey):
        raise TypeError("the call has no key")
    return key


def mid_for(key: ApiKey, unit: int | None) -> int:
    """Return the business unit that a call is about: the one it names, else the key's, else the
    only one. Raises ApiProblem where the key is for another, or none is named."""
    if key.unit_id is not None:
        if unit not in {None, key.unit_id}:
            raise ApiProblem(403, "other_unit")
        return key.unit_id
    mid = only_mid() if unit is None else unit
    if mid is None:
        raise invalid("unit", UNIT_NEEDED)
    return mid


def mids_for(key: ApiKey, unit: int | None) -> list[int] | None:
    """Return the business units that a call reads: the one it names, else the key's, else None for
    all. Raises ApiProblem where the key is for another."""
    if key.unit_id is None and unit is None:
        return None
    return [mid_for(key, unit)]
