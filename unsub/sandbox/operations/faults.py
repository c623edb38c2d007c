"""Fault injection: what fails, for which unit, how often and for how long."""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from threading import Event, Lock
from typing import Any

# In the order in which a call meets them; `take` is called once per group.
BEFORE = frozenset(
    {
        "http_400",
        "http_500",
        "http_503_html",
        "html_200",
        "drop_before",
        "empty_202",
        "rate_limit_429",
    }
)
API = frozenset({"fault_2", "fault_9", "fault_10", "fault_11", "fault_13", "fault_17"})
# A right is missing: OverallStatus `API Permission Failed`, or a Client fault.
RIGHTS = frozenset({"permission_failed", "not_authorized"})
SECOND = frozenset({"fail_second"})
SHORT = frozenset({"short_results"})
CUT = frozenset({"malformed_xml", "drop_after_record"})
REPLY = SHORT | CUT
TOKEN = frozenset({"token_500", "token_429"})
LATENCY = frozenset({"latency"})
EXPIRED = frozenset({"token_expired"})
REVOKED = "revoke_credentials"
# Refuse one request of an Execute. 405-407 apply to requests with several identifiers only.
MISMATCH = frozenset({"refuse_405", "refuse_406", "refuse_407"})
NO_JOB = frozenset({"refuse_400"})
ANY_UPDATE = frozenset({"update_refused"})
# Apply to an object of an Update that would set a status to Active.
UPDATE = ANY_UPDATE | {"resubscribe_12018", "no_permission"}
KINDS = BEFORE | API | RIGHTS | SECOND | REPLY | TOKEN | LATENCY | EXPIRED | UPDATE
KINDS |= MISMATCH | NO_JOB | {REVOKED}
OPERATIONS = frozenset({"Execute", "Retrieve", "Describe", "Update", "Create", "GetSystemStatus"})

# The apifault messages are our own wording; only the code matters.
API_MESSAGES = {
    2: "An unexpected error has occurred",
    9: "The system is in maintenance",
    10: "The system is not running",
    11: "The account is not authorised to use the API for this business unit",
    13: "A synchronous request cannot be completed now. This request was not processed",
    17: "Too many requests: the rate limit was reached",
}


class CueError(ValueError):
    """An invalid fault definition; the message names the invalid part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cue:
    """One fault to inject.

    `times` None means without limit, `seconds` None without end. `after` lets that many matching
    calls through first. `mid` limits the fault to calls for one unit, `operation` to one operation
    (`Update`) or object type (`Retrieve:List`). `value` is the seconds of `latency` (default 1) and
    of Retry-After (default 1).
    """

    kind: str
    times: int | None = 1
    seconds: float | None = None
    after: int = 0
    value: float | None = None
    mid: int | None = None
    operation: str | None = None

    def __post_init__(self) -> None:
        """Raise CueError for an invalid definition."""
        if self.kind not in KINDS:
            raise CueError(f"unknown kind; one of {', '.join(sorted(KINDS))}")
        for name in ("times", "after", "mid"):
            _check_number(name, getattr(self, name), int)
        for name in ("seconds", "value"):
            _check_number(name, getattr(self, name), (int, float))
        _check_operation(self.operation, self.kind)

    @classmethod
    def from_json(cls, data: object) -> "Cue":
        """Return the fault that a `POST /faults` describes. Raises CueError.

        Without `times` it happens once; with `seconds`, or for a revocation, without limit while it
        lasts.
        """
        if not isinstance(data, Mapping) or not set(data) <= set(cls.__slots__):
            raise CueError(f"a JSON object with {', '.join(cls.__slots__)}")
        if not isinstance(data.get("kind"), str):
            raise CueError("kind has to be a string")
        lasting = data.get("seconds") is not None or data.get("kind") == REVOKED
        return cls(**{"times": None if lasting else 1, **data})


def _check_number(name: str, value: object, types: type | tuple[type, ...]) -> None:
    if value is None and name != "after":
        return
    if isinstance(value, bool) or not isinstance(value, types) or not _at_least_zero(value):
        raise CueError(f"{name} has to be a number, not below 0")


def _check_operation(value: object, kind: str) -> None:
    if value is None:
        return
    if not isinstance(value, str) or value.partition(":")[0] not in OPERATIONS:
        raise CueError(f"operation has to be one of {', '.join(sorted(OPERATIONS))}")
    if kind in TOKEN:
        raise CueError("a request for a token is no operation")


def _at_least_zero(value: object) -> bool:
    return isinstance(value, int | float) and value >= 0


class _Live:
    """An injected fault that is pending or active."""

    def __init__(self, cue: Cue, now: float) -> None:
        self.cue = cue
        self.after = cue.after
        self.times = cue.times
        self.until = None if cue.seconds is None else now + cue.seconds

    def over(self, now: float) -> bool:
        return self.times == 0 or (self.until is not None and now >= self.until)

    def matches(
        self, kinds: Collection[str], mids: Collection[int], labels: Collection[str]
    ) -> bool:
        mid, operation = self.cue.mid, self.cue.operation
        here = mid is None or mid in mids
        return self.cue.kind in kinds and here and (operation is None or operation in labels)


class Faults:
    """The injected faults. Thread-safe."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._live: list[_Live] = []
        self._lock = Lock()
        # Set when all are removed; the calls that come later wait for another one.
        self._cleared = Event()

    def add(self, cue: Cue) -> None:
        """Inject a fault."""
        with self._lock:
            self._live.append(_Live(cue, self._clock()))

    def clear(self) -> None:
        """Remove all injected faults. Calls that a latency delays go on."""
        with self._lock:
            self._live.clear()
            self._cleared.set()
            self._cleared = Event()

    def listing(self) -> list[dict[str, Any]]:
        """Return the remaining faults, with `times` and `after` counted down."""
        with self._lock:
            self._sweep()
            return [{**asdict(x.cue), "times": x.times, "after": x.after} for x in self._live]

    def take(
        self,
        kinds: Collection[str],
        mids: Collection[int] = (),
        labels: Collection[str] = (),
    ) -> Cue | None:
        """Return the first fault of these kinds that is due for this call, and count it."""
        with self._lock:
            return self._take(kinds, mids, labels)

    def _take(
        self, kinds: Collection[str], mids: Collection[int], labels: Collection[str]
    ) -> Cue | None:
        self._sweep()
        waiting = [live for live in self._live if live.matches(kinds, mids, labels)]
        due = next((live for live in waiting if live.after == 0), None)
        for live in waiting:
            live.after = max(0, live.after - 1)
        if due is None:
            return None
        if due.times is not None:
            due.times -= 1
        return due.cue

    def delay(self, mids: Collection[int], labels: Collection[str]) -> None:
        """Wait where a latency is due for this call, until it is over or all faults are removed."""
        with self._lock:
            latency, cleared = self._take(LATENCY, mids, labels), self._cleared
        if latency is not None:
            cleared.wait(1.0 if latency.value is None else latency.value)

    def holds(self, kind: str, mids: Collection[int] = (), labels: Collection[str] = ()) -> bool:
        """Return whether a fault of that kind is active, without counting it."""
        with self._lock:
            self._sweep()
            return any(x.matches((kind,), mids, labels) and x.after == 0 for x in self._live)

    def _sweep(self) -> None:
        now = self._clock()
        self._live = [live for live in self._live if not live.over(now)]
