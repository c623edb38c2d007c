"""Counters of calls and results."""

from collections import Counter
from threading import Lock
from typing import Any


class CallCounts:
    """Thread-safe counters of SOAP calls, token requests, results and faults."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: dict[str, Counter[str]] = {
            name: Counter() for name in ("soap", "tokens", "results", "faults")
        }
        self._running = 0
        self._peak = 0
        self._largest = 0

    def count(self, group: str, name: str | int) -> None:
        """Add one to a counter in the group `soap`, `tokens`, `results` or `faults`."""
        with self._lock:
            self._counts[group][str(name)] += 1

    def begin(self, size: int) -> None:
        """Record the start of a SOAP call with `size` requests."""
        with self._lock:
            self._running += 1
            self._peak = max(self._peak, self._running)
            self._largest = max(self._largest, size)

    def end(self) -> None:
        """Record the end of a SOAP call."""
        with self._lock:
            self._running -= 1

    def as_json(self) -> dict[str, Any]:
        """Return the counters. `peak` is the most concurrent calls, `largest_message` the most
        requests in one call."""
        with self._lock:
            groups: dict[str, Any] = {name: dict(group) for name, group in self._counts.items()}
            return {
                **groups,
                "token_requests": self._counts["tokens"].total(),
                "peak": self._peak,
                "largest_message": self._largest,
            }
