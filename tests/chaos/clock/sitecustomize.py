# ruff: noqa: INP001 - Python finds this module by its name, not in a package
"""Sets the clock of a process ahead by CLOCK_AHEAD seconds, as on a host whose clock is off.

Python imports this module at its start where the folder is in PYTHONPATH. Everything that a process
asks Python for the time gets the wrong one; monotonic clocks are right, as on such a host.
"""

import datetime
import os
import time

AHEAD = float(os.environ.get("CLOCK_AHEAD", "0"))
_DELTA = datetime.timedelta(seconds=AHEAD)
_Real = datetime.datetime
_time, _time_ns, _gmtime, _localtime = time.time, time.time_ns, time.gmtime, time.localtime


class _Type(type):
    """What is a datetime is an instance of the replacement, too."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _Real)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, _Real)


class _Shifted(_Real, metaclass=_Type):
    """The type datetime, of a host with another clock."""

    @classmethod
    def now(cls, tz: "datetime.tzinfo | None" = None) -> "datetime.datetime":  # type: ignore[override]
        """Return the time by the wrong clock."""
        return _Real.now(tz) + _DELTA

    @classmethod
    def utcnow(cls) -> "datetime.datetime":  # type: ignore[override]
        """Return the time by the wrong clock, without a time zone."""
        return _Real.now(datetime.UTC).replace(tzinfo=None) + _DELTA


if AHEAD:
    _Shifted.__name__ = _Shifted.__qualname__ = "datetime"
    _Shifted.__module__ = "datetime"
    datetime.datetime = _Shifted  # type: ignore[misc]
    time.time = lambda: _time() + AHEAD
    time.time_ns = lambda: _time_ns() + int(AHEAD * 1e9)
    time.gmtime = lambda seconds=None: _gmtime(time.time() if seconds is None else seconds)
    time.localtime = lambda seconds=None: _localtime(time.time() if seconds is None else seconds)
