"""Status of a request, in the terms of the recipients' pages."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.formats import time_format
from django.utils.html import format_html

from unsub.models import Status, SubscriberRequest
from unsub.models.statuses import ON_THEIR_WAY

# Emails that were sent before the request arrive within this time.
LATE = timedelta(days=2)
# Shorter windows are named in seconds: a time of day would be over before it is read.
UNDO_AS_TIME = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestStatus:
    """What the page says about a request.

    `kind` is `on_its_way`, `done`, `refused`, `withdrawn` or `test`. `again`: the person opened the
    link again after an earlier request. `can_tell_why`: no reason was given yet. `is_late`: on its
    way for longer than LATE; `is_recent`: emails sent before may still arrive. `undo_until`: when
    the time to undo ends, for windows of UNDO_AS_TIME seconds or more; `undo_seconds`: the length
    of a shorter one. Neither is set where that time is over and no call was made yet.
    """

    kind: str
    since: datetime | None = None
    can_undo: bool = False
    undo_until: datetime | None = None
    undo_seconds: int = 0
    again: bool = False
    can_tell_why: bool = False
    is_late: bool = False
    is_recent: bool = True

    @property
    def is_in_force(self) -> bool:
        """Whether the request unsubscribes, or has done so."""
        return self.kind in {"on_its_way", "done"}

    def as_context(self) -> dict[str, Any]:
        """Return the template context."""
        return asdict(self) | {"is_in_force": self.is_in_force, "undo_time": self._undo_time()}

    def _undo_time(self) -> str:
        """Return the time until which the request can be undone, as HTML; "" where unknown."""
        if self.undo_until is None:
            return ""
        # The zone's own minute: a second more than the page says does no harm.
        local = timezone.localtime(self.undo_until)
        return format_html(
            '<time datetime="{}">{}</time>', local.isoformat(timespec="minutes"), time_format(local)
        )


def status_of(request: SubscriberRequest | None, *, again: bool = False) -> RequestStatus:
    """Return the status of a request. None stands for a request that was accepted while the
    database did not answer."""
    if request is None:
        return RequestStatus(kind="on_its_way")
    kind = "on_its_way" if request.status in ON_THEIR_WAY else str(request.status)
    # Possible only before the first call: afterwards, the person would have to be subscribed again.
    can_undo = request.attempts == 0 and request.status == Status.PENDING
    is_old = timezone.now() - request.received_at > LATE
    return RequestStatus(
        kind=kind,
        since=request.received_at,
        can_undo=can_undo,
        **(_undo_window(request) if can_undo else {}),
        again=again,
        can_tell_why=not request.reason_text and kind in {"on_its_way", "done"},
        is_late=kind == "on_its_way" and is_old,
        is_recent=not is_old,
    )


def _undo_window(request: SubscriberRequest) -> dict[str, Any]:
    """Return when the time to undo a request ends, as its page says it; nothing where it is
    over."""
    ends = request.next_attempt_at
    if ends <= timezone.now():
        return {}
    seconds = round((ends - request.received_at).total_seconds())
    return {"undo_until": ends} if seconds >= UNDO_AS_TIME else {"undo_seconds": seconds}
