"""Authentication: OAuth 2 client credentials, or WS-Security user name and password (manual:
"Authenticate SOAP API Calls")."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import uniform
from typing import Any, Protocol

from lxml import etree

from .errors import MisconfiguredError, SfmcError, TransientError, UnknownOutcomeError
from .http import Reply, new_session, post
from .tokens import Token, TokenStore
from .watch import Watch, no_watch

_FUELOAUTH = "{http://exacttarget.com}fueloauth"
_WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
_PASSWORD_TEXT = (
    "http://docs.oasis-open.org/wss/2004/01/"  # noqa: S105 - the name of a type
    "oasis-200401-wss-username-token-profile-1.0#PasswordText"
)
# Renew a token when this fraction of its life is left, at a random point in the range, so that the
# processes of a deployment do not all renew at the same second.
_EARLY = (0.1, 0.25)
_AFTER_FAILURE = 10.0  # seconds without another attempt after an early renewal failed
_POLL = 0.1
# Seconds, where the reply does not say how long the token lives: what real replies say (the manual
# says 20 minutes). A token that expires earlier is replaced when a call is refused.
_USUAL_LIFE = 1079.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Credentials of one call: its SOAP header, and the tenant's SOAP URL where the token gives
    it, beside the URL that the token came from."""

    header: etree._Element = field(repr=False)
    soap_url: str | None = None
    auth_url: str = ""
    token: Token | None = None


class Auth(Protocol):
    """A way to authenticate."""

    def login(self, *, refused: Login | None = None) -> Login:
        """Return the credentials of the next call. `refused` is the login that was just refused:
        the result must differ from it. Raises an SfmcError; nothing was sent to the SOAP API
        then."""


class UsernameToken:
    """WS-Security with user name and password in plain text (protected by TLS only)."""

    def __init__(self, *, username: str, password: str) -> None:
        self._username = username
        self._password = password

    def login(self, *, refused: Login | None = None) -> Login:
        """Return the header. Raises MisconfiguredError after a refusal: there are no other
        credentials."""
        if refused is not None:
            raise MisconfiguredError("credentials refused")
        security = etree.Element(f"{{{_WSSE}}}Security", nsmap={"wsse": _WSSE})
        user = etree.SubElement(security, f"{{{_WSSE}}}UsernameToken")
        etree.SubElement(user, f"{{{_WSSE}}}Username").text = self._username
        password = etree.SubElement(user, f"{{{_WSSE}}}Password", Type=_PASSWORD_TEXT)
        password.text = self._password
        return Login(header=security)


class OAuth:
    """Server-to-server integration of an installed package. The token is shared through `store` and
    renewed early, by one process at a time. `watch` is entered around each request for a token."""

    def __init__(
        self,
        *,
        auth_url: str,
        client_id: str,
        client_secret: str,
        account_id: int | None,
        store: TokenStore,
        timeout: float,
        clock: Callable[[], float] = time.time,
        watch: Watch = no_watch,
    ) -> None:
        self._auth_url = auth_url
        self._url = f"{auth_url.rstrip('/')}/v2/token"
        self._asked = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret,
        } | ({} if account_id is None else {"account_id": str(account_id)})
        self._store = store
        self._timeout = timeout
        self._clock = clock
        self._watch = watch
        self._session = new_session(pool_size=2)
        self._not_early_before = 0.0

    def login(self, *, refused: Login | None = None) -> Login:
        """Return the header of a valid token.

        Raises MisconfiguredError where the token endpoint refuses the credentials, TransientError
        (including RateLimitedError) where it fails or does not answer.
        """
        token = self._token(refused.token if refused else None)
        header = etree.Element(_FUELOAUTH)
        header.text = token.value
        return Login(
            header=header, soap_url=token.soap_url or None, auth_url=self._auth_url, token=token
        )

    def _token(self, refused: Token | None) -> Token:
        """Return the shared token while it is valid, else a new one."""
        held = self._store.get()
        if held is None or not self._serves(held, refused):
            return self._new_token(refused)
        now = self._clock()
        if now >= held.renew_at and now >= self._not_early_before:
            return self._early(held)
        return held

    def _serves(self, token: Token, refused: Token | None) -> bool:
        """Return whether a token is valid and not the refused one."""
        return self._clock() < token.expires_at and (
            refused is None or token.value != refused.value
        )

    def _early(self, held: Token) -> Token:
        """Return a renewed token. Keep the current one where renewal fails, or another process
        renews or has just renewed."""
        with self._store.lock() as mine:
            if not mine:
                return held
            # Read again under the lock: `held` may be as old as the store's own memory.
            now = self._store.get()
            if now is not None and self._clock() < now.renew_at:
                return now
            try:
                return self._fetch()
            except SfmcError:
                self._not_early_before = self._clock() + _AFTER_FAILURE
                return held

    def _new_token(self, refused: Token | None) -> Token:
        """Return a valid token, fetched here or by the process that holds the lock. Waits at most
        the time-out for that process; raises TransientError after it."""
        deadline = time.monotonic() + self._timeout
        while True:
            with self._store.lock() as mine:
                # Read again under the lock: another process may have renewed it.
                held = self._store.get()
                if held is not None and self._serves(held, refused):
                    return held
                if mine:
                    return self._fetch()
            if time.monotonic() > deadline:
                raise TransientError("no token: another process is still fetching it")
            time.sleep(_POLL)

    def _fetch(self) -> Token:
        """Fetch a new token and store it for all processes."""
        body = json.dumps(self._asked).encode()
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        asked_at = self._clock()
        with self._watch("token"):
            try:
                reply = post(self._session, self._url, body, headers, timeout=self._timeout)
            except UnknownOutcomeError:
                # Fetching a second token is harmless: no call was made to the SOAP API.
                raise TransientError("the token endpoint does not answer") from None
            token = _read(reply, asked_at)
        self._store.put(token)
        return token


def _read(reply: Reply, asked_at: float) -> Token:
    """Return the token of a reply. Raises as `OAuth.login` does."""
    if 300 <= reply.status < 500 and reply.status != 408:
        raise MisconfiguredError("the token endpoint refused us", http_status=reply.status)
    if reply.status != 200:
        raise TransientError(
            "the token endpoint failed", http_status=reply.status, retry_after=reply.retry_after
        )
    try:
        return _token(json.loads(reply.body), asked_at)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, OverflowError):
        raise TransientError("the token endpoint's answer is unreadable", http_status=200) from None


def _token(answer: Any, asked_at: float) -> Token:
    """Return the token in the JSON. Raises ValueError, TypeError, LookupError or OverflowError."""
    value, life = answer["access_token"], _life(answer.get("expires_in"))
    soap_url = answer.get("soap_instance_url") or ""
    if not (isinstance(value, str) and value.isascii() and value.isprintable() and value):
        raise ValueError("no token")
    if not (isinstance(soap_url, str) and 0 < life < float("inf")):
        raise ValueError("no life or no address")
    return Token(
        value=value,
        expires_at=asked_at + life,
        renew_at=asked_at + life - life * uniform(*_EARLY),  # noqa: S311 - not a secret
        soap_url=soap_url,
    )


def _life(value: object) -> float:
    """Return the life of a token in seconds. Raises ValueError, TypeError or OverflowError."""
    return _USUAL_LIFE if value is None or value == "" else float(value)  # type: ignore[arg-type]
