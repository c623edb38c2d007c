"""The sandbox of scripts/bench_centre.py, in a separate process, so that its work is not measured
with the page's."""

from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection

from unsub.sandbox import Sandbox
from unsub.sandbox.world.entities import Attribute, MailList, Subscriber
from unsub.sandbox.world.sample import PARENT

LATENCY = 0.2  # seconds that each call takes


@contextmanager
def marketing_cloud(lists: int, attributes: int) -> Iterator[str]:
    """Yield the URL of a sandbox with this number of lists and attributes."""
    ours, theirs = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=_serve, args=(theirs, lists, attributes))
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send("stop")
        process.join(10)


def _serve(pipe: Connection, lists: int, attributes: int) -> None:
    """Serve until the pipe says stop."""
    names = [f"Attribute {number:02}" for number in range(attributes)]
    ada = Subscriber(
        subscriber_id=1001, key="ada-1001", email="ada@example.com",
        attributes=dict.fromkeys(names, "A value of the usual length"),
    )  # fmt: skip
    known = [Attribute(name=name, max_length=80) for name in names]
    there = [
        MailList(
            list_id=7001 + number, mid=PARENT, name=f"List {number:02}",
            description="What is new, once a week, in a few lines.",
        )
        for number in range(lists)
    ]  # fmt: skip
    with Sandbox(lists=there, jobs=(), subscribers=[ada], attributes=known) as sandbox:
        sandbox.cue("latency", times=None, value=LATENCY)
        pipe.send(sandbox.url)
        pipe.recv()
