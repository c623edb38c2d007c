"""Who we are: OAuth 2 client credentials, or the older WS-Security user name (manual:
"Authenticate SOAP API Calls")."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import uniform
from typing import Any, Protocol

from lxml import etree

from .errors import MisconfiguredError, SfmcError, TransientError, UnknownOutcome
from .http import Reply, new_session, post
from .tokens import Token, TokenStore

_FUELOAUTH = "{http://exacttarget.com}fueloauth"
_WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
_PASSWORD_TEXT = (
    "http://docs.oasis-open.org/wss/2004/01/"  # noqa: S105 - the name of a type
    "oasis-200401-wss-username-token-profile-1.0#PasswordText"
)
# A new token is fetched while this part of the old one's life is left, at a point drawn anew each
# time, so that the tenants of one deployment do not all come in the same second.
_EARLY = (0.1, 0.25)
_AFTER_FAILURE = 10.0  # seconds in which an early renewal that failed is not tried again
_POLL = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What one call is made with: its SOAP header, and the tenant's URL where the token says it."""

    header: etree._Element = field(repr=False)
    soap_url: str | None = None
    token: Token | None = None


class Auth(Protocol):
    """A way to authenticate."""

    def login(self, *, refused: Login | None = None) -> Login:
        """Return what to call with, and after a refusal something else than what was refused.
        Raises an SfmcError; nothing was sent to the API then."""


class UsernameToken:
    """WS-Security with a user name and a password in clear (TLS hides it)."""

    def __init__(self, *, username: str, password: str) -> None:
        self._username = username
        self._password = password

    def login(self, *, refused: Login | None = None) -> Login:
        """Return the header; raises MisconfiguredError after a refusal, there is no other."""
        if refused is not None:
            raise MisconfiguredError("credentials refused")
        security = etree.Element(f"{{{_WSSE}}}Security", nsmap={"wsse": _WSSE})
        user = etree.SubElement(security, f"{{{_WSSE}}}UsernameToken")
        etree.SubElement(user, f"{{{_WSSE}}}Username").text = self._username
        password = etree.SubElement(user, f"{{{_WSSE}}}Password", Type=_PASSWORD_TEXT)
        password.text = self._password
        return Login(header=security)


class OAuth:
    """A server-to-server integration of an installed package. The token is shared through the
    store and renewed early, by one at a time."""

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
    ) -> None:
        self._url = f"{auth_url.rstrip('/')}/v2/token"
        self._asked = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret,
        } | ({} if account_id is None else {"account_id": str(account_id)})
        self._store = store
        self._timeout = timeout
        self._clock = clock
        self._session = new_session(pool_size=2)
        self._not_early_before = 0.0

    def login(self, *, refused: Login | None = None) -> Login:
        """Return the header of a token that lives.

        Raises MisconfiguredError where the token endpoint refuses us, TransientError (RateLimited
        among them) where it does not answer.
        """
        token = self._token(refused.token if refused else None)
        header = etree.Element(_FUELOAUTH)
        header.text = token.value
        return Login(header=header, soap_url=token.soap_url or None, token=token)

    def _token(self, refused: Token | None) -> Token:
        """Return the shared token while it serves, else a new one."""
        held = self._store.get()
        if held is None or not self._serves(held, refused):
            return self._new_token(refused)
        now = self._clock()
        if now >= held.renew_at and now >= self._not_early_before:
            return self._early(held)
        return held

    def _serves(self, token: Token, refused: Token | None) -> bool:
        """Return whether a token lives and is not the one that was refused."""
        return self._clock() < token.expires_at and (
            refused is None or token.value != refused.value
        )

    def _early(self, held: Token) -> Token:
        """Return a new token, or the one in hand where it cannot be had or another gets it."""
        with self._store.lock() as mine:
            if not mine:
                return held
            try:
                return self._fetch()
            except SfmcError:
                self._not_early_before = self._clock() + _AFTER_FAILURE
                return held

    def _new_token(self, refused: Token | None) -> Token:
        """Return a token that serves: fetched here, or by whoever was first."""
        deadline = time.monotonic() + self._timeout
        while True:
            with self._store.lock() as mine:
                # Looked up under the lock: somebody may have been quicker.
                held = self._store.get()
                if held is not None and self._serves(held, refused):
                    return held
                if mine:
                    return self._fetch()
            if time.monotonic() > deadline:
                raise TransientError("no token: somebody else is still fetching it")
            time.sleep(_POLL)

    def _fetch(self) -> Token:
        """Return a new token, kept for everybody."""
        body = json.dumps(self._asked).encode()
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        asked_at = self._clock()
        try:
            reply = post(self._session, self._url, body, headers, timeout=self._timeout)
        except UnknownOutcome:
            # A token more or less is no matter: nothing was asked of the API itself.
            raise TransientError("the token endpoint does not answer") from None
        token = _read(reply, asked_at)
        self._store.put(token)
        return token


def _read(reply: Reply, asked_at: float) -> Token:
    """Return the token of a reply; raises as `OAuth.login` says."""
    if 300 <= reply.status < 500 and reply.status != 408:
        raise MisconfiguredError("the token endpoint refused us", http_status=reply.status)
    if reply.status != 200:
        raise TransientError(
            "the token endpoint failed", http_status=reply.status, retry_after=reply.retry_after
        )
    try:
        return _token(json.loads(reply.body), asked_at)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        raise TransientError("the token endpoint's answer is unreadable", http_status=200) from None


def _token(answer: Any, asked_at: float) -> Token:
    """Return the token that an answer holds; raises ValueError, TypeError or LookupError."""
    value, life = answer["access_token"], float(answer["expires_in"])
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
