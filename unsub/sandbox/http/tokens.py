"""The token endpoint: client credentials -> bearer token."""

import hmac
import secrets
import time
from collections.abc import Collection
from dataclasses import dataclass
from threading import Lock
from typing import Any

CLIENT_ID = "sandbox"
CLIENT_SECRET = "sandbox"  # noqa: S105 - opens nothing but the stand-in
EXPIRES_IN = 1079

Reply = tuple[int, dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token of one account. `good_until` is in seconds of the monotonic clock."""

    account: int
    good_until: float
    scopes: frozenset[str]


class Tokens:
    """The issued tokens. `lifetime` is in seconds, `scopes` are those of the package."""

    def __init__(
        self, *, accounts: Collection[int], default: int, lifetime: float, scopes: Collection[str]
    ) -> None:
        self._accounts = accounts
        self._default = default
        self._lifetime = lifetime
        self._scopes = frozenset(scopes)
        self._tokens: dict[str, Token] = {}
        self._lock = Lock()

    def answer(self, form: object, *, base_url: str) -> Reply:
        """Return HTTP status and JSON of the reply to a token request (RFC 6749, 4.4 and 5.2)."""
        if not isinstance(form, dict):
            return _refusal(400, "invalid_request", "The body has to be a JSON object")
        if form.get("grant_type") != "client_credentials":
            return _refusal(400, "unsupported_grant_type", "Only client_credentials is served")
        if not _is_client(form):
            return _refusal(401, "invalid_client", "Unknown client, or the wrong secret")
        account = self._account(form.get("account_id"))
        if account is None:
            return _refusal(400, "invalid_request", "No such account_id")
        scopes = frozenset(str(form.get("scope") or "").split()) or self._scopes
        if not scopes <= self._scopes:
            return _refusal(400, "invalid_scope", "The package does not have this scope")
        return 200, self._grant(account, scopes, base_url)

    def find(self, value: str) -> Token | None:
        """Return a valid token, or None."""
        with self._lock:
            token = self._tokens.get(value)
        return token if token and time.monotonic() < token.good_until else None

    def expire(self, value: str) -> None:
        """Expire a token at once."""
        with self._lock:
            self._tokens.pop(value, None)

    def _account(self, given: object) -> int | None:
        if given in (None, ""):
            return self._default
        text = str(given)
        known = text.isascii() and text.isdigit() and int(text) in self._accounts
        return int(text) if known else None

    def _grant(self, account: int, scopes: frozenset[str], base_url: str) -> dict[str, Any]:
        value = secrets.token_urlsafe(32)
        now = time.monotonic()
        with self._lock:
            self._tokens = {k: t for k, t in self._tokens.items() if now < t.good_until}
            until = now + self._lifetime
            self._tokens[value] = Token(account=account, good_until=until, scopes=scopes)
        return {
            "access_token": value,
            "token_type": "Bearer",
            "expires_in": int(self._lifetime),
            "scope": " ".join(sorted(scopes)),
            "soap_instance_url": base_url,
            "rest_instance_url": base_url,
        }


def modern_form(form: object) -> object:
    """Return a request of /v1/requestToken, which the vendor's SDKs still make, as one of
    /v2/token."""
    if not isinstance(form, dict):
        return form
    names = {"client_id": "clientId", "client_secret": "clientSecret", "scope": "scope"}
    renamed = {new: form[old] for new, old in names.items() if old in form}
    return {"grant_type": "client_credentials", **renamed}


def legacy_reply(status: int, answer: dict[str, Any]) -> Reply:
    """Return a reply of /v2/token as one of /v1/requestToken."""
    if status != 200:
        return status, {"message": "Unauthorized", "errorcode": 1, "documentation": ""}
    token = answer["access_token"]
    return 200, {"accessToken": token, "legacyToken": token, "expiresIn": answer["expires_in"]}


def _is_client(form: dict[str, Any]) -> bool:
    given = (str(form.get("client_id", "")).encode(), str(form.get("client_secret", "")).encode())
    same_id = hmac.compare_digest(given[0], CLIENT_ID.encode())
    return hmac.compare_digest(given[1], CLIENT_SECRET.encode()) and same_id


def _refusal(status: int, error: str, description: str) -> Reply:
    return status, {"error": error, "error_description": description}
