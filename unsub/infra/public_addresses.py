"""HTTP connections to public addresses only, for URLs that users enter.

A name is resolved once, each of its addresses is checked, and the connection is made to the checked
address: whoever controls the name cannot answer differently in between. TLS still verifies the
name.
"""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, NameResolutionError

from unsub.sfmc.deadline import Watched, WatchedTls
from unsub.sfmc.http import Session

_NAT64 = ip_network("64:ff9b::/96")  # the last 32 bits are an IPv4 address


class ForbiddenAddressError(HTTPError):
    """The name resolves to no public address, or the URL names none."""


def is_public(text: str) -> bool:
    """Return whether an IP address is reachable in the internet: not private, loopback, link-local,
    multicast or reserved, and no IPv6 address that stands for such an IPv4 address."""
    address = ip_address(text.partition("%")[0])
    inner = _inner(address) if isinstance(address, IPv6Address) else None
    if inner is not None:
        return is_public(str(inner))
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not getattr(address, "is_site_local", False)
    )


def _inner(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that an IPv6 address leads to, or None."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)


def _checked(host: str, port: int) -> str:
    """Return an address of a host. Raises ForbiddenAddressError where any of its addresses is not
    public, and OSError where it has none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(one[4][0]) for one in found]
    if not addresses or not all(map(is_public, addresses)):
        raise ForbiddenAddressError("not a public address")
    return addresses[0]


def _as_gaierror(err: OSError) -> socket.gaierror:
    """Return an error of a lookup as urllib3 expects it."""
    return err if isinstance(err, socket.gaierror) else socket.gaierror(err.errno, err.strerror)


class _Public(Watched):
    """A connection to a checked address."""

    _dns_host: str

    def reach(self) -> socket.socket:
        """Look the name up, and return a connection to its checked address."""
        host = self._dns_host
        try:
            address = _checked(host, self.port)
        except OSError as err:
            # Never `super().reach()`: it looks the name up once more, and calls what it finds.
            raise NameResolutionError(host, self, _as_gaierror(err)) from err
        # `host`, which TLS verifies, is made of this.
        self._dns_host = address
        try:
            return super().reach()
        finally:
            self._dns_host = host


class _PublicTls(_Public, WatchedTls):
    """The same over TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Public


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _PublicTls


class _AnyPool(HTTPConnectionPool):
    ConnectionCls = Watched


class _AnyTlsPool(HTTPSConnectionPool):
    ConnectionCls = WatchedTls


class _Adapter(HTTPAdapter):
    def __init__(self, pools: dict[str, Any]) -> None:
        self._pools = pools
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Make the pools."""
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = self._pools


class _NoAuthentication(requests.auth.AuthBase):
    """Sends nothing of ~/.netrc."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class _Session(Session):
    """Takes from the environment which certificates are trusted, and no proxy."""

    def merge_environment_settings(self, url: Any, _proxies: Any, *more: Any) -> Any:
        """Return the options of a request. A proxy that is named, if only by "", is not taken from
        the environment."""
        return super().merge_environment_settings(url, {"http": "", "https": ""}, *more)


def new_session(*, allow_private: bool) -> requests.Session:
    """Return a session for one thread. Without proxy, because a proxy would resolve the name again;
    without retries. Its connections keep the deadline of `unsub.sfmc.deadline.exchange`."""
    session = _Session()
    session.headers["Accept-Encoding"] = "identity"
    session.auth = _NoAuthentication()
    if allow_private:
        adapter = _Adapter({"http": _AnyPool, "https": _AnyTlsPool})
    else:
        adapter = _Adapter({"http": _Pool, "https": _TlsPool})
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session
