"""Progress bar for terminals."""

import time
from typing import Any

WIDTH, EVERY, AFTER = 30, 0.2, 2.0


class Progress:
    """Shows progress on a terminal, after two seconds. Without a total, as for a pipe, it shows the
    text alone. Writes nothing where the stream is not a terminal."""

    def __init__(self, stream: Any, total: int) -> None:
        self._stream, self._total = stream, total
        self._began = time.monotonic()
        self._next = self._began + AFTER
        self._drew = False

    def show(self, done: int, text: str) -> None:
        """Draw, at most every EVERY seconds."""
        now = time.monotonic()
        if now < self._next or not self._stream.isatty():
            return
        self._next, self._drew = now + EVERY, True
        if not self._total:
            self._stream.write(f"\r{text} ", ending="")
            self._stream.flush()
            return
        share = min(done / self._total, 1.0)
        left = (now - self._began) * (1 - share) / share if share else 0
        bar = "#" * round(share * WIDTH)
        self._stream.write(f"\r[{bar:<{WIDTH}}] {share:4.0%} {text}, {left:.0f} s left ", ending="")
        self._stream.flush()

    def close(self) -> None:
        """End the line."""
        if self._drew:
            self._stream.write("")
