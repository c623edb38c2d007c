"""Disturbances: each one breaks something for `seconds` and then repairs it."""

import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import redis

from scripts.servers import free_port
from tests.chaos.disk import DISK_FULL, READ_ONLY
from tests.chaos.world import LEASE_SECONDS, World
from unsub.infra.database_timeout import RETRY_AFTER
from unsub.infra.spool_queue import UNITS

Action = Callable[[World, float], None]
REFUSED_AT_LATEST = 60.0  # seconds, after which no statement is refused
SPOOL_SECONDS = 60.0  # in which the workers have read the spool, while nothing else fails


@dataclass(frozen=True, slots=True, kw_only=True)
class Disturbance:
    """One disturbance. `times` multiplies the run's `harm` to give its duration; None draws the
    duration at random. One that is `only_pooled` needs a pooler."""

    act: Action
    times: float | None = None
    only_pooled: bool = False

    def disturb(self, world: World, harm: float, dice: Random) -> None:
        """Break something, and repair it."""
        # Drawn every time, so that the random order of the rest does not depend on this.
        thrown = dice.uniform(0.5, 1.0)
        self.act(world, harm * (self.times or thrown))


NAMES: dict[str, Disturbance] = {}


def names(*, pooled: bool) -> list[str]:
    """Return the names of the disturbances of a run with or without a pooler."""
    return [name for name, one in NAMES.items() if pooled or not one.only_pooled]


def _named(
    name: str, *, times: float | None = None, only_pooled: bool = False
) -> Callable[[Action], Action]:
    """Return a decorator that registers a disturbance under its name."""

    def keep(act: Action) -> Action:
        NAMES[name] = Disturbance(act=act, times=times, only_pooled=only_pooled)
        return act

    return keep


@contextmanager
def _cue(world: World, kind: str, *, value: float | None = None) -> Iterator[None]:
    """Inject a fault into the sandbox within the block."""
    more = {} if value is None else {"value": value}
    world.cue(kind, times=None, **more)
    try:
        yield
    finally:
        world.clear_cues()


def _sandbox(kind: str, *, value: float | None = None) -> Action:
    """Return a disturbance that injects the fault `kind` into the sandbox."""

    def disturb(world: World, seconds: float) -> None:
        with _cue(world, kind, value=value):
            time.sleep(seconds)
        world.heal()

    return disturb


for _kind, _value in (
    ("latency", 10.0), ("http_500", None), ("http_503_html", None), ("html_200", None),
    ("malformed_xml", None), ("fault_2", None), ("fault_9", None), ("fault_13", None),
    ("fault_17", None), ("token_expired", None), ("token_500", None), ("drop_before", None),
    ("drop_after_record", None), ("short_results", None), ("empty_202", None),
):  # fmt: skip
    NAMES[f"sandbox: {_kind}"] = Disturbance(act=_sandbox(_kind, value=_value))


@_named("worker killed during a call")
def kill_worker(world: World, seconds: float) -> None:
    """SIGKILL a worker while its calls are slow."""
    with _cue(world, "latency", value=1.0):
        time.sleep(min(seconds, 2.0))
        world.worker.kill()
        time.sleep(seconds / 2)
    world.worker.start()


@_named("worker terminated during a batch")
def end_worker(world: World, seconds: float) -> None:
    """SIGTERM a worker, which must finish its batch."""
    with _cue(world, "latency", value=0.5):
        time.sleep(min(seconds, 2.0))
        world.second.end(signal.SIGTERM, seconds=120)
    world.second.kill()
    world.second.start()


@_named("both workers killed")
def kill_workers(world: World, seconds: float) -> None:
    """SIGKILL both workers; both claim at the same time when they are back."""
    for worker in world.workers:
        worker.kill()
    time.sleep(seconds)
    for worker in world.workers:
        worker.start()


@_named("worker frozen past its lease")
def freeze_worker(world: World, seconds: float) -> None:
    """SIGSTOP a worker during its calls until its leases are over, then SIGCONT. Calls that the
    sandbox answers slowly arrive after those of the other worker."""
    with _cue(world, "latency", value=1.0):
        time.sleep(min(seconds, 1.0))
        world.second.signal_all(signal.SIGSTOP)
    try:
        time.sleep(max(seconds, LEASE_SECONDS + 3))
    finally:
        world.second.signal_all(signal.SIGCONT)


@_named("gunicorn killed")
def kill_web(world: World, _seconds: float) -> None:
    """SIGKILL the web processes; clients get no reply until they are back."""
    with world.without_web():
        for web in world.webs:
            web.kill()
        for web in world.webs:
            web.start()


@_named("beat killed")
def kill_beat(world: World, seconds: float) -> None:
    """SIGKILL beat."""
    world.beat.kill()
    time.sleep(seconds)
    world.beat.start()


@_named("two beats")
def run_two_beats(world: World, seconds: float) -> None:
    """Run a second beat beside the first, as while a container is replaced: everything periodic
    is started twice."""
    try:
        world.start_second_beat()
        time.sleep(max(seconds, 3.0))
    finally:
        world.second_beat.kill()


@_named("half-sent requests")
def send_half_requests(world: World, seconds: float) -> None:
    """Open more connections to each web server than it has threads, on which half a request comes,
    while others send whole ones."""
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda url: world.send_half(url, seconds), (world.url, world.ahead_url)))


@_named("broker killed")
def kill_broker(world: World, seconds: float) -> None:
    """Stop the broker, losing its memory; it comes back with what is on its disk."""
    world.valkey.kill()
    time.sleep(seconds)
    world.valkey.start()


@_named("broker restarted")
def restart_broker(world: World, _seconds: float) -> None:
    """Restart the broker at once."""
    world.valkey.stop()
    world.valkey.start()


@_named("broker a replica")
def demote_broker(world: World, seconds: float) -> None:
    """Make the broker the replica of a master that is away: it takes no writes, and then again."""
    with closing(redis.Redis.from_url(world.valkey.url)) as client:
        client.replicaof("127.0.0.1", str(free_port()))
        try:
            time.sleep(seconds)
        finally:
            client.replicaof("NO", "ONE")


_FLUSH_IF_EMPTY = """
if redis.call('EXISTS', KEYS[1]) > 0 then return 0 end
redis.call('FLUSHALL')
return 1
"""


@_named("broker flushed")
def flush_broker(world: World, _seconds: float) -> None:
    """FLUSHALL in the broker, three times; never while requests are spooled there only."""
    if not _becomes_empty(world):
        world.spool_not_read += 1
        return
    with closing(redis.Redis.from_url(world.valkey.url)) as client:
        for _ in range(3):
            # In one step: on a busy machine a slow INSERT can put a request there at any moment.
            client.eval(_FLUSH_IF_EMPTY, 1, UNITS)
            time.sleep(0.3)


def _becomes_empty(world: World) -> bool:
    """Wait until nothing has been spooled for longer than a page remembers a database outage.
    Return whether that was within SPOOL_SECONDS."""
    began = quiet_since = time.monotonic()
    while time.monotonic() - quiet_since < RETRY_AFTER + 2:
        if time.monotonic() - began > SPOOL_SECONDS:
            return False
        if world.spooled():
            quiet_since = time.monotonic()
        time.sleep(0.1)
    return True


@_named("database restarted")
def restart_database(world: World, _seconds: float) -> None:
    """Restart PostgreSQL; every connection breaks."""
    world.postgres.stop()
    world.postgres.start()


@_named("database down")
def stop_database(world: World, seconds: float) -> None:
    """Stop PostgreSQL for a while."""
    world.postgres.stop()
    time.sleep(seconds)
    world.postgres.start()


@_named("database hangs", times=1.25)
def hang_database(world: World, seconds: float) -> None:
    """Suspend PostgreSQL: it accepts connections and does not answer."""
    world.hang(seconds)
    try:
        time.sleep(seconds)
    finally:
        world.wake()


@_named("database read-only")
def make_database_read_only(world: World, seconds: float) -> None:
    """Let PostgreSQL refuse every change, as a standby does: sessions stay, and reads work. On a
    busy machine it lasts until a statement was refused."""
    before = world.postgres.refusals(READ_ONLY)
    world.postgres.set_read_only(on=True)
    try:
        time.sleep(seconds)
        _wait_for_refusal(world, READ_ONLY, before)
    finally:
        world.postgres.set_read_only(on=False)


@_named("database full")
def fill_database(world: World, seconds: float) -> None:
    """Leave no room for tables and indexes: what needs a new page is refused. Pages that are there
    are filled first, so it lasts until a statement was refused."""
    before = world.postgres.refusals(DISK_FULL)
    world.postgres.disk.fill()
    try:
        time.sleep(seconds)
        _wait_for_refusal(world, DISK_FULL, before)
    finally:
        world.postgres.disk.empty()


def _wait_for_refusal(world: World, words: str, before: int) -> None:
    """Wait until the database has refused more than `before`, REFUSED_AT_LATEST at most."""
    deadline = time.monotonic() + REFUSED_AT_LATEST
    while world.postgres.refusals(words) == before and time.monotonic() < deadline:
        time.sleep(0.2)


@_named("pooler killed", only_pooled=True)
def kill_pooler(world: World, seconds: float) -> None:
    """SIGKILL the pooler: every session ends in the middle of what it does."""
    assert world.pooler is not None
    world.pooler.kill()
    time.sleep(seconds)
    world.pooler.start()


@_named("database and broker down")
def stop_both(world: World, seconds: float) -> None:
    """Stop database and broker: the only time when 503 is the right answer."""
    started = time.monotonic()
    world.valkey.stop()
    world.postgres.stop()
    time.sleep(seconds)
    world.postgres.start()
    world.valkey.start()
    world.both_away.append((started, time.monotonic()))


@_named("sandbox down", times=3.0)
def stop_sandbox(world: World, seconds: float) -> None:
    """Stop the sandbox: connections are refused. Its records are on disk and come back with it."""
    world.sandbox.kill()
    time.sleep(seconds)
    world.sandbox.start()
    world.wait_for_sandbox()
    world.heal()


@_named("credentials revoked")
def revoke(world: World, seconds: float) -> None:
    """Revoke the credentials, then restore them."""
    with _cue(world, "revoke_credentials"):
        time.sleep(seconds)
    world.heal()


@_named("disk of the logs full")
def fill_disk(world: World, seconds: float) -> None:
    """Make workers and web processes log to a device that accepts no writes."""
    processes = (*world.webs, *world.workers)
    before = [process.log_to(Path("/dev/full")) for process in processes]
    with world.without_web():
        for process in processes:
            world.restart(process)
    time.sleep(seconds)
    with world.without_web():
        for process, path in zip(processes, before, strict=True):
            process.log_to(path)
            world.restart(process)
