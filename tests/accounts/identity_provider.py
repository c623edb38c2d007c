"""An identity provider for tests: the part of OpenID Connect that a sign-in needs, on 127.0.0.1."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT_ID = "profile-center"


class IdentityProvider:
    """Signs everyone in with `claims`. `forged` makes it sign with an unpublished key."""

    def __init__(self) -> None:
        self.claims: dict[str, Any] = {"sub": "a-1", "email": "ada@example.com"}
        self.forged = False
        self.url = ""
        self._key = RSAKey.generate_key(2048, {"kid": "one"})
        self._other = RSAKey.generate_key(2048, {"kid": "one"})

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


@contextmanager
def running() -> Iterator[IdentityProvider]:
    """Yield a provider that runs on a port of its own."""
    provider = IdentityProvider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            if asked.path == "/authorize":
                given = parse_qs(asked.query)
                back = urlencode({"code": "code", "state": given["state"][0]})
                self.send_response(302)
                self.send_header("Location", f"{given['redirect_uri'][0]}?{back}")
                self.end_headers()
                return
            if asked.path == "/keys":
                self._say(provider.keys())
            elif asked.path == "/userinfo":
                self._say(provider.claims)
            else:
                self._say(provider.discovery())

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._say(provider.token())

        def _say(self, answer: dict[str, Any]) -> None:
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: Any) -> None:
            """Do not log."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        provider.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield provider
        server.shutdown()
        thread.join()
