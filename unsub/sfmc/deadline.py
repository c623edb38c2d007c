"""A deadline for a whole HTTP exchange: name, connecting, TLS, sending, headers and body.

Socket time-outs limit the wait for the next byte only: a header every few seconds, `100 Continue`
again and again, or empty gzip blocks keep an exchange alive for as long as the other side likes. At
the deadline a thread shuts the socket down, which ends every wait for it.

A look-up of a name has no socket, nor a time-out: a resolver may take minutes. And each address of
a name would have a time-out of its own. So a thread connects, which is given up at the deadline.
"""

import math
import os
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Condition, Lock, Thread, local
from typing import TypeVar

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

_running = local()
_T = TypeVar("_T")


class Exchange:
    """One exchange under a deadline, a time of the monotonic clock. `was_sent`: whether sending
    began; `is_over`: whether the deadline passed first."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self.was_sent = False
        self.is_over = False
        self._sockets: list[socket.socket] = []
        self._lock = Lock()

    def connect(self, make: Callable[[], socket.socket]) -> socket.socket:
        """Return the connection that `make` returns, under watch. Raises what `make` raises,
        TimeoutError at the deadline, and RuntimeError where the system has no thread to spare."""
        connected = self.run(make, too_late=socket.socket.close)
        self.watch(connected)
        return connected

    def run(self, do: Callable[[], _T], *, too_late: Callable[[_T], None] | None = None) -> _T:
        """Return what `do` returns. A thread of its own calls it, so that the caller waits until
        the deadline at most, also for what has no time-out. If `do` watches a connection after the
        deadline, that is shut down at once; what it returns then goes to `too_late`. Raises as
        `connect` does."""
        done: Future[_T] = Future()
        Thread(target=_call, args=(do, done, too_late), name="until-deadline", daemon=True).start()
        try:
            return done.result(max(self._deadline - time.monotonic(), 0))
        except TimeoutError:
            if not done.cancel():
                # It ended in this moment, or raised TimeoutError itself.
                return done.result()
            self.end()
            raise

    def watch(self, connected: socket.socket) -> None:
        """Shut this connection down at the deadline; at once where it has passed."""
        # A duplicate: its number stays valid, and cannot become that of another file, when urllib3
        # closes the socket or wraps it for TLS.
        own = socket.fromfd(connected.fileno(), connected.family, connected.type)
        with self._lock:
            if not self.is_over:
                self._sockets.append(own)
                return
        _shut_down(own)
        own.close()

    def end(self) -> None:
        """Shut the connection down: the deadline has passed."""
        with self._lock:
            self.is_over = True
            for own in self._sockets:
                _shut_down(own)

    def close(self) -> None:
        """Close the duplicates; the connection itself stays as it is."""
        with self._lock:
            for own in self._sockets:
                own.close()
            self._sockets.clear()


def _call(do: Callable[[], _T], done: "Future[_T]", too_late: Callable[[_T], None] | None) -> None:
    """Call `do`, and give its result to `done`; to `too_late` where nobody waits any more."""
    try:
        result = do()
    except BaseException as err:  # noqa: BLE001 - raised to who waits
        if done.set_running_or_notify_cancel():
            done.set_exception(err)
        return
    if done.set_running_or_notify_cancel():
        done.set_result(result)
    elif too_late is not None:
        too_late(result)


def _shut_down(connected: socket.socket) -> None:
    try:
        connected.shutdown(socket.SHUT_RDWR)
    except OSError:
        # The other side has closed it already.
        return


class _Timer:
    """One thread of the process that ends the exchanges whose deadline has passed. A thread for
    each exchange would take longer to start than its message to be written."""

    def __init__(self) -> None:
        self._deadlines: dict[Exchange, float] = {}
        self._changed = Condition()
        self._thread: Thread | None = None
        # When the thread wakes up by itself.
        self._wakes_at = math.inf

    def begin(self, running: Exchange, at: float) -> None:
        """End an exchange at this time of the monotonic clock."""
        with self._changed:
            self._deadlines[running] = at
            if self._thread is None:
                thread = Thread(target=self._run, name="deadlines", daemon=True)
                try:
                    thread.start()
                except RuntimeError:
                    # The system has no thread to spare now: the next exchange tries again.
                    del self._deadlines[running]
                    raise
                self._thread = thread
            elif at < self._wakes_at:
                self._changed.notify()

    def forget(self, running: Exchange) -> None:
        """Forget an exchange that is over."""
        with self._changed:
            self._deadlines.pop(running, None)

    def _run(self) -> None:
        while True:
            for running in self._overdue():
                running.end()

    def _overdue(self) -> list[Exchange]:
        """Wait for the next deadline, or for one that is earlier. Return the exchanges that are
        past theirs, which are then forgotten."""
        with self._changed:
            self._wakes_at = min(self._deadlines.values(), default=math.inf)
            wait = self._wakes_at - time.monotonic()
            if wait > 0:
                self._changed.wait(None if math.isinf(wait) else wait)
            self._wakes_at = -math.inf  # it looks at all of them now
            now = time.monotonic()
            found = [one for one, at in self._deadlines.items() if at <= now]
            for one in found:
                del self._deadlines[one]
            return found


_timer = _Timer()


def _after_fork() -> None:
    """A child has no thread of its parent."""
    global _timer  # noqa: PLW0603 - one for each process
    _timer = _Timer()


os.register_at_fork(after_in_child=_after_fork)


@contextmanager
def exchange(seconds: float) -> Iterator[Exchange]:
    """Yield the exchange that this thread makes in the block. After `seconds` its connection is
    shut down; whoever reads or writes then gets the end of the stream, or an OSError."""
    deadline = time.monotonic() + seconds
    running = Exchange(deadline)
    _timer.begin(running, deadline)
    _running.exchange = running
    try:
        yield running
    finally:
        _running.exchange = None
        _timer.forget(running)
        running.close()


class Watched(HTTPConnection):
    """A connection that the exchange of its thread shuts down at its deadline."""

    def _new_conn(self) -> socket.socket:
        """Return a new connection; watched before the TLS handshake. Raises ConnectTimeoutError at
        the deadline."""
        running: Exchange | None = getattr(_running, "exchange", None)
        if running is None:
            return self.reach()
        try:
            return running.connect(self.reach)
        except TimeoutError:
            raise ConnectTimeoutError(self, "the deadline passed") from None
        except RuntimeError:
            raise NewConnectionError(self, "no thread to spare") from None

    def reach(self) -> socket.socket:
        """Look the name up, and return a connection to one of its addresses."""
        return super()._new_conn()

    def request(self, *args: object, **options: object) -> None:
        """Send a request; nothing is sent once the deadline has passed. Raises
        ConnectTimeoutError."""
        running = getattr(_running, "exchange", None)
        if running is not None:
            if self.sock is None:
                self.connect()
            else:
                running.watch(self.sock)
            if running.is_over:
                raise ConnectTimeoutError(self, "the deadline passed")
            running.was_sent = True
        super().request(*args, **options)  # type: ignore[arg-type]


class WatchedTls(Watched, HTTPSConnection):
    """The same over TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = Watched


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = WatchedTls


POOLS = {"http": _Pool, "https": _TlsPool}
