"""Connections to Redis that survive a failover, and the addresses that they are made from.

Celery's transport, the cache and our own clients use the same pool. Independent of Django, because
the settings import it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.retry import Retry
from redis.sentinel import Sentinel

# Replies of a server that will take commands again later, possibly under the same name on another
# machine: after a failover, while it loads its data, or while its disk or memory is full.
REFUSALS = frozenset({
    "READONLY", "UNBLOCKED", "LOADING", "MASTERDOWN", "NOREPLICAS", "MISCONF", "OOM", "BUSY",
    "CLUSTERDOWN", "TRYAGAIN",
})  # fmt: skip
SENTINEL_PORT = 26379
_SENTINEL_SCHEMES = {"sentinel": "redis", "redis+sentinel": "redis", "rediss+sentinel": "rediss"}
_SENTINEL_LOGIN = {"sentinel_username": "username", "sentinel_password": "password"}


class RefusedError(redis.ConnectionError):
    """The server refuses the command for now. A connection error, so that callers reconnect."""


class AddressError(ValueError):
    """An address of Redis that has the wrong form. The message has no part of it."""


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Where Redis is: `url` in a form that redis-py reads, and the Sentinels that know the master.

    With Sentinels, the host of `url` is the first Sentinel's: only its other parts count.
    """

    url: str
    sentinels: tuple[tuple[str, int], ...] = ()
    master: str = ""
    login: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def connection(self) -> dict[str, Any]:
        """The class of connections, and its options."""
        scheme = urlsplit(self.url).scheme
        if not self.sentinels:
            return {"connection_class": _DIRECT[scheme]}
        return {
            "connection_class": _FOLLOWING[scheme],
            "sentinels": self.sentinels,
            "master": self.master,
            "login": self.login,
        }


def is_sentinel(url: str) -> bool:
    """Return whether an address names Sentinels."""
    return url.partition("://")[0] in _SENTINEL_SCHEMES


def read_address(url: str) -> RedisAddress:
    """Return the parts of an address. Raises AddressError.

    `sentinel://user:password@host:26379,host:26379/master/0` names Sentinels, a master and a
    database; user and password are the master's. `rediss+sentinel://` is the same with TLS.
    `sentinel_username` and `sentinel_password` in the query are for the Sentinels.
    """
    if not is_sentinel(url):
        return RedisAddress(url)
    parts = urlsplit(url)
    login, _, hosts = parts.netloc.rpartition("@")
    master, _, database = parts.path.strip("/").partition("/")
    if not master or (database and not database.isdecimal()):
        raise AddressError("no master")
    sentinels = tuple(map(_host_and_port, hosts.split(",")))
    query = dict(parse_qsl(parts.query))
    host, port = sentinels[0]
    shown = f"[{host}]" if ":" in host else host
    rest = urlencode({name: v for name, v in query.items() if name not in _SENTINEL_LOGIN})
    return RedisAddress(
        url=f"{_SENTINEL_SCHEMES[parts.scheme]}://{login}{'@' if login else ''}{shown}:{port}"
        f"/{database or 0}{'?' if rest else ''}{rest}",
        sentinels=sentinels,
        master=master,
        login={to: query[name] for name, to in _SENTINEL_LOGIN.items() if name in query},
    )


def _host_and_port(text: str) -> tuple[str, int]:
    """Return one Sentinel of an address. Raises AddressError."""
    try:
        one = urlsplit(f"//{text}")
        if one.hostname:
            return one.hostname, one.port or SENTINEL_PORT
    except ValueError:
        pass
    raise AddressError("a Sentinel without a host or with a wrong port")


class _Failover:
    """Turns a reply that means "not now" into a connection error, and closes the connection.

    redis-py closes none: a client whose master became a replica would be refused for as long as it
    lives, even where the name of the host leads to the new master.
    """

    def read_response(self, *args: Any, **options: Any) -> Any:
        """Return the reply. Raises RefusedError for one of REFUSALS."""
        try:
            return super().read_response(*args, **options)  # type: ignore[misc]  # a mixin
        except redis.ResponseError as err:
            if not _refuses(err):
                raise
            self.disconnect()  # type: ignore[attr-defined]  # a mixin
            raise RefusedError(f"{_code(err)}: the server takes no such command now") from err
        except redis.BusyLoadingError as err:
            self.disconnect()  # type: ignore[attr-defined]  # a mixin
            raise RefusedError("LOADING: the server is loading its data") from err


def _code(err: redis.ResponseError) -> str:
    """Return the first word of an error reply. redis-py removes it from the text of some."""
    return getattr(err, "status_code", None) or str(err).partition(" ")[0]


def _refuses(err: redis.ResponseError) -> bool:
    """Return whether a reply is one of REFUSALS, also where a script got it (before Redis 7)."""
    return _code(err) in REFUSALS or any(f" -{code} " in str(err) for code in REFUSALS)


class _Following(_Failover):
    """Asks the Sentinels for the master each time it connects."""

    def __init__(
        self, *, sentinels: tuple[tuple[str, int], ...], master: str, login: Mapping[str, str],
        **options: Any,
    ) -> None:  # fmt: skip
        shared = {
            name: value
            for name, value in options.items()
            if name.startswith(("ssl_", "socket_timeout", "socket_connect_timeout"))
        }
        self._sentinels, self._master = sentinels, master
        self._options = shared | dict(login) | {
            "ssl": isinstance(self, redis.SSLConnection), "retry": Retry(NoBackoff(), 0),
        }  # fmt: skip
        super().__init__(**options)

    def _connect(self) -> Any:
        """Return a socket to the master. Raises MasterNotFoundError where no Sentinel knows it."""
        # redis-py ships types, but not for these.
        finder: Any = Sentinel(self._sentinels, sentinel_kwargs=self._options)  # type: ignore[no-untyped-call]
        try:
            self.host, self.port = finder.discover_master(self._master)
        finally:
            for one in finder.sentinels:
                one.close()
        return super()._connect()  # type: ignore[misc]  # a mixin


class _Connection(_Failover, redis.Connection):
    pass


class _SSLConnection(_Failover, redis.SSLConnection):
    pass


class _UnixConnection(_Failover, redis.UnixDomainSocketConnection):
    pass


class _SentinelConnection(_Following, redis.Connection):
    pass


class _SentinelSSLConnection(_Following, redis.SSLConnection):
    pass


_DIRECT = {"redis": _Connection, "rediss": _SSLConnection, "unix": _UnixConnection}
_FOLLOWING = {"redis": _SentinelConnection, "rediss": _SentinelSSLConnection}


class Pool(redis.ConnectionPool):
    """A pool of these connections."""

    @classmethod
    def from_url(cls, url: str, **options: Any) -> "Pool":
        """Return the pool for an address. Raises AddressError."""
        address = read_address(url)
        return super().from_url(address.url, **(options | address.connection))


def connection_options(url: str) -> dict[str, Any]:
    """Return the keyword arguments of a pool for an address. Raises AddressError."""
    address = read_address(url)
    parts: dict[str, Any] = parse_url(address.url)  # type: ignore[no-untyped-call]
    return {"db": 0} | parts | address.connection
