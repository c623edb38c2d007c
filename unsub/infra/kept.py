"""Values that a process keeps for a moment, so that pages need not read them for each request."""

import time
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

from django.db.models.signals import post_delete, post_save

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")
_MAX = 512  # values; a unit is one of them, and so is a host
_all: list["Kept[Any, Any]"] = []


class Kept(Generic[_Key, _Value]):
    """Values by key, each read again when it is `seconds` old. Threads may share it.

    A change by another process shows after that time. One by this process shows at once, where
    `forget_when_saved` names its model; `QuerySet.update` sends no signal.
    """

    def __init__(self, *, seconds: float) -> None:
        self._seconds = seconds
        self._values: dict[_Key, tuple[float, _Value]] = {}
        _all.append(self)

    def __call__(self, key: _Key, read: Callable[[], _Value]) -> _Value:
        """Return the kept value, else what `read` returns. An exception of `read` is passed on, and
        nothing is kept."""
        until, value = self._values.get(key, (0.0, None))
        if time.monotonic() < until and value is not None:
            return value
        read_value = read()
        if len(self._values) >= _MAX:
            self._values.clear()
        self._values[key] = time.monotonic() + self._seconds, read_value
        return read_value

    def forget(self) -> None:
        """Forget all values."""
        self._values.clear()


def forget_when_saved(*models: type[Any]) -> None:
    """Forget all values of this process whenever a row of one of these models is saved or
    deleted."""
    for model in models:
        for signal in (post_save, post_delete):
            signal.connect(_forget, sender=model, dispatch_uid="unsub.infra.kept")


def forget_all() -> None:
    """Forget all values of this process."""
    for kept in _all:
        kept.forget()


def _forget(**_: Any) -> None:
    forget_all()
