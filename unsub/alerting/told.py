"""What was told about outages, for the times when the table of alarms cannot be written.

Kept in the broker, and in a file for when that is away, too: each process reads both. The file is
in the folder for temporary files, so it outlives a restart of the processes, and each container has
its own.
"""

import fcntl
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, TextIO

import redis
import structlog
from django.conf import settings

from unsub.infra.redis_client import quick_client
from unsub.models import Cause, NotificationChannel

log = structlog.get_logger(__name__)

CLAIM_SECONDS = 300
_TOLD = "profilecenter:outages"
_CLAIM = "profilecenter:outages:claim"
_client = quick_client()


@dataclass(frozen=True, slots=True)
class Told:
    """One channel knows of one outage."""

    cause: Cause
    channel: NotificationChannel

    @property
    def key(self) -> str:
        """The name in Redis and in the file."""
        return f"{self.cause.value}:{self.channel.value}"

    @classmethod
    def from_key(cls, key: str) -> "Told | None":
        """Return what a name stands for; None for one of another version."""
        cause, _, channel = key.partition(":")
        try:
            return cls(Cause(cause), NotificationChannel(channel))
        except ValueError:
            return None


def known() -> dict[Told, float]:
    """Return which channels know of which outages, and since when (seconds since 1970)."""
    with _file() as kept:
        found = dict(kept.told)
    try:
        stored: Any = _client.hgetall(_TOLD)
        found = {key.decode(): float(at) for key, at in stored.items()} | found
    except redis.RedisError:
        pass
    read = {Told.from_key(key): at for key, at in found.items()}
    return {entry: at for entry, at in read.items() if entry}


def claim(told: Told, state: str) -> bool:
    """Return whether the caller is the one to send this message. Another one is after CLAIM_SECONDS
    in which it was not marked as told."""
    try:
        return bool(_client.set(f"{_CLAIM}:{told.key}:{state}", 1, nx=True, ex=CLAIM_SECONDS))
    except redis.RedisError:
        with _file() as kept:
            return kept.claim(f"{told.key}:{state}")


def replace(entries: Mapping[Told, float]) -> None:
    """Set what is known. Where the broker takes no writes, in the file alone."""
    wanted = {told.key: at for told, at in entries.items()}
    with _file() as kept:
        kept.told = dict(wanted)
    try:
        with _client.pipeline() as pipe:
            pipe.delete(_TOLD)
            if wanted:
                pipe.hset(_TOLD, mapping={key: repr(at) for key, at in wanted.items()})
            pipe.execute()
    except redis.RedisError:
        log.info("outages_kept_in_file_only")


class _Kept:
    """The content of the file."""

    def __init__(self, content: Mapping[str, Mapping[str, float]]) -> None:
        self.told = {key: float(at) for key, at in content.get("told", {}).items()}
        self.claims = {key: float(until) for key, until in content.get("claims", {}).items()}

    def claim(self, name: str) -> bool:
        """Claim a message."""
        now = time.time()
        self.claims = {key: until for key, until in self.claims.items() if until > now}
        if name in self.claims:
            return False
        self.claims[name] = now + CLAIM_SECONDS
        return True

    def dumps(self) -> str:
        """Return the content as JSON."""
        return json.dumps({"told": self.told, "claims": self.claims}, sort_keys=True)


class _Own:
    """The content for processes that can write no file."""

    kept = _Kept({})


@contextmanager
def _file() -> Iterator[_Kept]:
    """Lock and read the file; write what the block has changed."""
    try:
        stream = _open()
    except OSError:
        yield _Own.kept
        return
    with stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        kept = _read(stream)
        before = kept.dumps()
        yield kept
        if kept.dumps() != before:
            _write(stream, kept)


def _open() -> TextIO:
    """Return the file. Raises OSError, also for a folder that belongs to another user."""
    deployment = sha256(settings.PUBLIC_URL.encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"profilecenter-{os.getuid()}-{deployment}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.lstat().st_uid != os.getuid() or folder.is_symlink():
        raise PermissionError(folder.name)
    return os.fdopen(os.open(folder / "outages.json", os.O_RDWR | os.O_CREAT, 0o600), "r+")


def _read(stream: TextIO) -> _Kept:
    try:
        return _Kept(json.load(stream))
    except (ValueError, AttributeError, TypeError):
        return _Kept({})


def _write(stream: TextIO, kept: _Kept) -> None:
    """Replace the content. A full disk is no reason to be silent: the process remembers."""
    _Own.kept = kept
    try:
        stream.seek(0)
        stream.truncate()
        stream.write(kept.dumps())
        stream.flush()
    except OSError as err:
        log.warning("outages_not_kept", error=type(err).__name__)
