"""The entries of the spool in the broker: of each business unit in the order of receipt, and each
request once.

A unit has a hash of its entries by name, and a sorted set with the times at which the broker
received them. A request that is spooled again adds no entry: its name with a `+` has the time at
which it was last received, so that a contrary request between the two keeps its place. An entry
that cannot be read moves to the dead letters of its unit, with its times, so that it can return to
its place (docs/adr/0023).

Each change is one script: an entry is in one place whatever process ends meanwhile. Scripts run in
whole, or not at all where the broker refuses to take more.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from uuid import uuid4

import redis

_PREFIX = "profilecenter:spool"
# Sets of the MIDs that have entries, and of those that have dead letters.
UNITS, DEAD_UNITS = f"{_PREFIX}:units", f"{_PREFIX}:dead_units"
# A hash: the time of the last entry, and what `unsub.outbox.receipt` keeps.
CLOCK = f"{_PREFIX}:clock"
_LOCK = f"{_PREFIX}:reader"
LOCK_SECONDS = 20  # longer than the database takes for one entry; a killed reader blocks no longer
# A time never repeats and never goes back, whatever happens to the broker's clock. The last tenth
# of the memory is left to wake-ups: without one nobody would read the spool. A broker that does not
# tell its memory has no such limit.
_PUSH = """
local function is_nearly_full()
  local info = redis.pcall('INFO', 'memory')
  if type(info) ~= 'string' then return false end
  local used = tonumber(string.match(info, 'used_memory:(%d+)') or '0')
  local most = tonumber(string.match(info, 'maxmemory:(%d+)') or '0')
  return most > 0 and used > 0.9 * most
end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local last = tonumber(redis.call('HGET', KEYS[4], 'last') or '0')
if now <= last then now = last + 1 end
now = string.format('%.0f', now)
if redis.call('HEXISTS', KEYS[1], ARGV[2]) == 1 then
  redis.call('ZADD', KEYS[2], now, ARGV[2] .. '+')
elseif redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) or is_nearly_full() then
  return 0
else
  redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
  redis.call('ZADD', KEYS[2], now, ARGV[2])
end
redis.call('SADD', KEYS[3], ARGV[1])
redis.call('HSET', KEYS[4], 'last', now)
return 1
"""
_READ = """
local found = redis.call(
  'ZRANGEBYSCORE', KEYS[2], '(' .. ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[2])
local entries = {}
for i = 1, #found, 2 do
  local name = string.gsub(found[i], '%+$', '')
  entries[#entries + 1] = {found[i], found[i + 1], redis.call('HGET', KEYS[1], name) or ''}
end
return entries
"""
# Only at the time that was read: the request may have been received again since.
_REMOVE = """
local name = string.gsub(ARGV[2], '%+$', '')
if tonumber(redis.call('ZSCORE', KEYS[2], ARGV[2]) or 0) == tonumber(ARGV[3]) then
  redis.call('ZREM', KEYS[2], ARGV[2])
end
if not redis.call('ZSCORE', KEYS[2], name) and not redis.call('ZSCORE', KEYS[2], name .. '+') then
  redis.call('HDEL', KEYS[1], name)
end
if redis.call('ZCARD', KEYS[2]) == 0 then redis.call('SREM', KEYS[3], ARGV[1]) end
"""
# Dead letters: "first last error message". The earliest and the latest time are kept.
_SET_ASIDE = """
local name = string.gsub(ARGV[2], '%+$', '')
local again = redis.call('ZSCORE', KEYS[2], name .. '+')
local first = redis.call('ZSCORE', KEYS[2], name) or again
if not first then return end
local last = again or first
local message = redis.call('HGET', KEYS[1], name) or ''
local old = string.match(redis.call('HGET', KEYS[4], name) or '', '^%d+')
if old and tonumber(old) < tonumber(first) then first = old end
first, last = string.format('%.0f', first), string.format('%.0f', last)
redis.call('HSET', KEYS[4], name, first .. ' ' .. last .. ' ' .. ARGV[3] .. ' ' .. message)
redis.call('ZADD', KEYS[5], first, name)
redis.call('SADD', KEYS[6], ARGV[1])
redis.call('ZREM', KEYS[2], name, name .. '+')
redis.call('HDEL', KEYS[1], name)
if redis.call('ZCARD', KEYS[2]) == 0 then redis.call('SREM', KEYS[3], ARGV[1]) end
"""
_PUT_BACK = """
local dead = redis.call('HGET', KEYS[4], ARGV[2])
if not dead then return 0 end
local first, last, _, message = string.match(dead, '^(%d+) (%d+) (%S+) (.*)$')
local name, again = ARGV[2], ARGV[2] .. '+'
local there = redis.call('ZSCORE', KEYS[2], again) or redis.call('ZSCORE', KEYS[2], name)
if there and tonumber(there) > tonumber(last) then last = string.format('%.0f', there) end
redis.call('HSETNX', KEYS[1], name, message)
redis.call('ZADD', KEYS[2], first, name)
if last ~= first then redis.call('ZADD', KEYS[2], last, again) end
redis.call('SADD', KEYS[3], ARGV[1])
redis.call('HDEL', KEYS[4], name)
redis.call('ZREM', KEYS[5], name)
if redis.call('ZCARD', KEYS[5]) == 0 then redis.call('SREM', KEYS[6], ARGV[1]) end
return 1
"""
_UNLOCK = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"
_EXTEND = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('EXPIRE', KEYS[1], ARGV[2]) end"


class SpoolFullError(Exception):
    """The unit has as many entries as it may have, or the broker's memory is nearly full: nothing
    was added."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An entry as it was read. `at` is a time in microseconds since 1970 by the broker's clock."""

    member: str
    at: int
    message: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """An entry that could not be read. `at` is when the request was first received, in microseconds
    since 1970 by the broker's clock; `error` the name of an exception."""

    name: str
    at: int
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How many entries or dead letters a unit has, and the age of the oldest in seconds."""

    number: int
    seconds: float


class SpoolQueue:
    """The spool in one broker. Every method raises RedisError where it does not answer."""

    def __init__(self, client: redis.Redis) -> None:
        self.client = client
        self._push = client.register_script(_PUSH)
        self._read = client.register_script(_READ)
        self._remove = client.register_script(_REMOVE)
        self._set_aside = client.register_script(_SET_ASIDE)
        self._put_back = client.register_script(_PUT_BACK)
        self._unlock = client.register_script(_UNLOCK)
        self._extend = client.register_script(_EXTEND)

    def push(self, mid: int, name: str, message: bytes, *, most: int) -> None:
        """Add an entry at the broker's time, or note that the request of this name was received
        again. Raises SpoolFullError where the unit has `most` entries, or the broker's memory is
        nearly full."""
        entries, order, units, *_ = _keys(mid)
        if not self._push(keys=[entries, order, units, CLOCK], args=[mid, name, message, most]):
            raise SpoolFullError

    def received(self, mid: int, names: Iterable[str]) -> int | None:
        """Return when the request of one of these names was last received, in microseconds since
        1970 by the broker's clock; None where it is not in the spool."""
        order = _keys(mid)[1]
        with self.client.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.zscore(order, name)
                pipe.zscore(order, f"{name}+")
            found = [int(at) for at in pipe.execute() if at is not None]
        return max(found, default=None)

    def units(self) -> list[int]:
        """Return the MIDs that have entries."""
        return sorted(int(mid) for mid in self.client.smembers(UNITS))

    def read(self, mid: int, *, after: int, most: int) -> list[Entry]:
        """Return the unit's oldest entries that were received later than `after`."""
        found = self._read(keys=_keys(mid)[:2], args=[after, most])
        return [
            Entry(member=member.decode(), at=int(float(at)), message=message)
            for member, at, message in found
        ]

    def remove(self, mid: int, entry: Entry) -> None:
        """Remove an entry that was stored, unless its request was received again meanwhile."""
        self._remove(keys=_keys(mid)[:3], args=[mid, entry.member, entry.at])

    def set_aside(self, mid: int, entry: Entry, *, error: str) -> None:
        """Move an entry to the dead letters."""
        self._set_aside(keys=_keys(mid), args=[mid, entry.member, error])

    def put_back(self, mid: int, names: Iterable[str]) -> int:
        """Return dead letters to their places in the spool. Return how many."""
        keys = _keys(mid)
        return sum(int(self._put_back(keys=keys, args=[mid, name])) for name in names)

    def dead_units(self) -> list[int]:
        """Return the MIDs that have dead letters."""
        return sorted(int(mid) for mid in self.client.smembers(DEAD_UNITS))

    def dead_letters(self, mid: int, *, most: int) -> list[DeadLetter]:
        """Return the unit's oldest dead letters."""
        *_, dead, order, _ = _keys(mid)
        names: list[bytes] = self.client.zrange(order, 0, most - 1)  # type: ignore[assignment]
        found: list[bytes | None] = self.client.hmget(dead, names) if names else []  # type: ignore[assignment]
        letters = []
        for name, value in zip(names, found, strict=True):
            if value is not None:
                at, _last, error, _message = value.split(b" ", 3)
                letters.append(DeadLetter(name=name.decode(), at=int(at), error=error.decode()))
        return letters

    def sizes(self) -> dict[int, Size]:
        """Return the size of the spool of each unit that has entries."""
        return self._sizes({mid: _keys(mid)[:2] for mid in self.units()})

    def dead_sizes(self) -> dict[int, Size]:
        """Return the number and age of the dead letters of each unit that has any."""
        return self._sizes({mid: _keys(mid)[3:5] for mid in self.dead_units()})

    def now(self) -> int:
        """Return the broker's time, in microseconds since 1970."""
        seconds, microseconds = self.client.time()
        return int(seconds) * 1_000_000 + int(microseconds)

    def _sizes(self, keys: dict[int, list[str]]) -> dict[int, Size]:
        now = self.now()
        with self.client.pipeline(transaction=False) as pipe:
            for entries, order in keys.values():
                pipe.hlen(entries)
                pipe.zrange(order, 0, 0, withscores=True)
            answers = pipe.execute()
        sizes = {}
        for mid, number, oldest in zip(keys, answers[::2], answers[1::2], strict=True):
            if oldest:  # else it became empty meanwhile
                age = max(now - int(oldest[0][1]), 0) / 1_000_000
                sizes[mid] = Size(number=number, seconds=age)
        return sizes

    @contextmanager
    def reader(self) -> Iterator[str]:
        """Yield the mark of the one process that reads the spool, "" to the others. Two at once
        would do no harm, and the same work twice."""
        mark = uuid4().hex
        try:
            mine = bool(self.client.set(_LOCK, mark, nx=True, ex=LOCK_SECONDS))
        except redis.RedisError:
            # Its memory may be full, and only reading the spool makes room. Where it does not
            # answer, reading says so.
            mine = True
        try:
            yield mark if mine else ""
        finally:
            if mine:
                with suppress(redis.RedisError):
                    self._unlock(keys=[_LOCK], args=[mark])

    def extend(self, mark: str) -> None:
        """Go on being the one that reads."""
        self._extend(keys=[_LOCK], args=[mark, LOCK_SECONDS])


def _keys(mid: int) -> list[str]:
    """Return the keys of a unit: entries, order, units; dead letters, their order, their units."""
    mine = f"{_PREFIX}:{mid}"
    dead = f"{mine}:dead"
    return [f"{mine}:entries", f"{mine}:order", UNITS, dead, f"{dead}_order", DEAD_UNITS]
