"""Status of a request, in the terms of the recipients' pages."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from unsub.models import Status, SubscriberRequest
from unsub.models.statuses import ON_THEIR_WAY

# Emails that were sent before the request arrive within this time.
LATE = timedelta(days=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestStatus:
    """What the page says about a request.

    `kind` is `on_its_way`, `done`, `refused`, `withdrawn` or `test`. `again`: the person opened the
    link again after an earlier request. `can_tell_why`: no reason was given yet. `is_late`: on its
    way for longer than LATE.
    """

    kind: str
    since: datetime | None = None
    can_undo: bool = False
    again: bool = False
    can_tell_why: bool = False
    is_late: bool = False

    @property
    def is_in_force(self) -> bool:
        """Whether the request unsubscribes, or has done so."""
        return self.kind in {"on_its_way", "done"}

    def as_context(self) -> dict[str, Any]:
        """Return the template context."""
        return asdict(self)


def status_of(request: SubscriberRequest | None, *, again: bool = False) -> RequestStatus:
    """Return the status of a request. None stands for a request that was accepted while the
    database did not answer."""
    if request is None:
        return RequestStatus(kind="on_its_way")
    kind = "on_its_way" if request.status in ON_THEIR_WAY else str(request.status)
    return RequestStatus(
        kind=kind,
        since=request.received_at,
        # Possible only before the first call: afterwards, the person would have to be subscribed
        # again.
        can_undo=request.attempts == 0 and request.status == Status.PENDING,
        again=again,
        can_tell_why=not request.reason_text and kind in {"on_its_way", "done"},
        is_late=kind == "on_its_way" and timezone.now() - request.received_at > LATE,
    )
