"""An identity provider for tests: the part of OpenID Connect that a sign-in needs, on 127.0.0.1."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.stand_in import Answer, Handler, Received, StandIn, as_json

CLIENT_ID = "profile-center"
# Acts before an answer; returns whether the answer is still to be sent.
Behaviour = Callable[[Handler], bool]


class IdentityProvider(StandIn):
    """Signs everyone in with `claims`. `forged` makes it sign with an unpublished key. `act` runs
    before each answer."""

    methods = frozenset({"GET", "POST"})

    def __init__(self) -> None:
        super().__init__()
        self.claims: dict[str, Any] = {"sub": "a-1", "email": "ada@example.com"}
        self.forged = False
        self.act: Behaviour | None = None
        self._key = RSAKey.generate_key(2048, {"kid": "one"})
        self._other = RSAKey.generate_key(2048, {"kid": "one"})

    def answer(self, received: Received) -> Answer:
        """Return what the endpoint says that was asked; discovery for any other address."""
        asked = urlsplit(received.path)
        if asked.path == "/authorize":
            given = parse_qs(asked.query)
            back = urlencode({"code": "code", "state": given["state"][0]})
            return Answer(status=302, headers={"Location": f"{given['redirect_uri'][0]}?{back}"})
        says: dict[str, Callable[[], dict[str, Any]]] = {
            "/token": self.token, "/keys": self.keys, "/userinfo": lambda: self.claims,
        }  # fmt: skip
        return replace(as_json(says.get(asked.path, self.discovery)()), act=self.act)

    def discovery(self) -> dict[str, Any]:
        """Return the configuration (OpenID Connect Discovery 1.0, section 3)."""
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "jwks_uri": f"{self.url}/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }

    def keys(self) -> dict[str, Any]:
        """Return the public keys."""
        return {"keys": [self._key.as_dict(private=False) | {"alg": "RS256", "use": "sig"}]}

    def token(self) -> dict[str, Any]:
        """Return the response of the token endpoint."""
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 60, **self.claims}
        key = self._other if self.forged else self._key
        signed = jwt.encode({"alg": "RS256", "kid": "one"}, claims, key)
        return {"access_token": "anything", "token_type": "Bearer", "id_token": signed}
