"""Counts of what the stand-in was asked and what it answered."""

from collections import Counter
from threading import Lock
from typing import Any


class Calls:
    """Counts of what was asked and what was answered."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: dict[str, Counter[str]] = {
            name: Counter() for name in ("soap", "tokens", "results", "faults")
        }
        self._running = 0
        self._peak = 0
        self._largest = 0

    def count(self, group: str, name: str | int) -> None:
        """Add one to a count of `soap`, `tokens`, `results` or `faults`."""
        with self._lock:
            self._counts[group][str(name)] += 1

    def begin(self, size: int) -> None:
        """Note that a SOAP call of that many requests is under way."""
        with self._lock:
            self._running += 1
            self._peak = max(self._peak, self._running)
            self._largest = max(self._largest, size)

    def end(self) -> None:
        """Note that a SOAP call is over."""
        with self._lock:
            self._running -= 1

    def as_json(self) -> dict[str, Any]:
        """Return the counts; `peak` is calls at once, `largest_message` requests in one call."""
        with self._lock:
            groups: dict[str, Any] = {name: dict(group) for name, group in self._counts.items()}
            return {
                **groups,
                "token_requests": self._counts["tokens"].total(),
                "peak": self._peak,
                "largest_message": self._largest,
            }
