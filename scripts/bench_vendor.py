"""What scripts/bench_delivery.py needs at the other end of the wire, each in a process of its own.

The stand-in answers token requests, and Execute messages after a fixed time, with as little work as
possible: the sandbox checks what it gets, which would be measured too. The raw client sends the
same message again and again, which is the most that a client of this stand-in can do here.
"""

import asyncio
import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import NamedTuple

from .servers import HOST, free_port

_REQUEST = b"<ns0:Requests"
_HEAD = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>'
    '<ExecuteResponseMsg xmlns="http://exacttarget.com/wsdl/partnerAPI">'
    "<OverallStatus>OK</OverallStatus><RequestID>9f3c1d2e</RequestID>"
)
_RESULT = (
    "<Results><StatusCode>OK</StatusCode><StatusMessage>Event posted</StatusMessage>"
    "<OrdinalID>{ordinal}</OrdinalID></Results>"
)
_TAIL = "</ExecuteResponseMsg></soap:Body></soap:Envelope>"
_TOKEN = {"access_token": "invented", "token_type": "Bearer", "expires_in": 1079}


class Message(NamedTuple):
    """An Execute message as the worker sent it."""

    path: str
    headers: dict[str, str]
    body: bytes


class Vendor(NamedTuple):
    """A running stand-in."""

    url: str
    pipe: Connection

    def last_message(self) -> Message:
        """Return the largest Execute message so far."""
        self.pipe.send("message")
        found: Message = self.pipe.recv()
        return found

    def most_at_once(self) -> int:
        """Return the largest number of calls under way at once since the last question."""
        self.pipe.send("most")
        found: int = self.pipe.recv()
        return found

    def ended(self) -> list[float]:
        """Return when calls were answered since the last question, by the monotonic clock."""
        self.pipe.send("ended")
        found: list[float] = self.pipe.recv()
        return found


@contextmanager
def vendor(latency: float, *, host: str = HOST) -> Iterator[Vendor]:
    """Yield a stand-in at this address whose calls take `latency` seconds."""
    port, context = free_port(), get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=((host, port), latency, theirs), daemon=True)
    process.start()
    try:
        ours.recv()
        yield Vendor(f"http://{host}:{port}", ours)
    finally:
        ours.send("stop")
        process.join(10)


class _Counts:
    """What the stand-in has seen."""

    def __init__(self) -> None:
        self.running = self.most = 0
        self.message = Message("", {}, b"")
        self.ended: list[float] = []


class _Http(asyncio.Protocol):
    """One connection: HTTP/1.1, kept alive, one request at a time."""

    def __init__(self, latency: float, counts: _Counts) -> None:
        self._latency, self._counts, self._read = latency, counts, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # it is TCP

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, found, rest = self._read.partition(b"\r\n\r\n")
        if not found:
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        if len(rest) < int(headers.get("Content-Length", "0")):
            return
        self._read = b""
        path = first.split()[1]
        if path.endswith("/v2/token"):
            self._answer("application/json", json.dumps(_TOKEN).encode())
            return
        counts = self._counts
        counts.running += 1
        counts.most = max(counts.most, counts.running)
        if len(rest) > len(counts.message.body):
            counts.message = Message(path, headers, rest)
        if self._latency:
            asyncio.get_running_loop().call_later(self._latency, self._done, rest)
        else:
            self._done(rest)

    def _done(self, body: bytes) -> None:
        self._counts.running -= 1
        self._answer("text/xml; charset=utf-8", _reply(body.count(_REQUEST)))
        self._counts.ended.append(time.monotonic())

    def _answer(self, kind: str, body: bytes) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)


def _reply(results: int) -> bytes:
    found = "".join(_RESULT.format(ordinal=number) for number in range(results))
    return f"{_HEAD}{found}{_TAIL}".encode()


def _serve(place: tuple[str, int], latency: float, pipe: Connection) -> None:
    asyncio.run(_run(place, latency, pipe))


async def _run(place: tuple[str, int], latency: float, pipe: Connection) -> None:
    """Serve until the pipe says stop."""
    counts, loop = _Counts(), asyncio.get_running_loop()
    await loop.create_server(lambda: _Http(latency, counts), *place)
    pipe.send("ready")
    while (asked := await loop.run_in_executor(None, pipe.recv)) != "stop":
        if asked == "ended":
            pipe.send(counts.ended)
            counts.ended = []
            continue
        pipe.send(counts.message if asked == "message" else counts.most)
        counts.most = counts.running


def raw_times(url: str, message: Message, *, calls: int) -> list[float]:
    """Return the seconds of so many calls, one after the other, of a client that only sends these
    bytes and reads the replies."""
    connection, times = http.client.HTTPConnection(url.removeprefix("http://")), []
    for _ in range(calls):
        begin = time.monotonic()
        connection.request("POST", message.path, message.body, message.headers)
        connection.getresponse().read()
        times.append(time.monotonic() - begin)
    return times


def raw_rate(url: str, message: Message, *, connections: int, seconds: float) -> float:
    """Return the messages per second of a client that only sends these bytes and reads the
    replies."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    arguments = (url, message, connections, seconds, theirs)
    process = context.Process(target=_send, args=arguments, daemon=True)
    process.start()
    rate: float = ours.recv()
    process.join(10)
    return rate


def _send(url: str, message: Message, connections: int, seconds: float, pipe: Connection) -> None:
    done: list[int] = []
    until = time.monotonic() + seconds
    threads = [
        threading.Thread(target=_send_until, args=(url, message, until, done))
        for _ in range(connections)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pipe.send(sum(done) / seconds)


def _send_until(url: str, message: Message, until: float, done: list[int]) -> None:
    connection, number = http.client.HTTPConnection(url.removeprefix("http://")), 0
    while time.monotonic() < until:
        connection.request("POST", message.path, message.body, message.headers)
        connection.getresponse().read()
        number += 1
    done.append(number)
