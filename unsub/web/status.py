"""Where a wish stands, as its person is told."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from unsub.models import Status, UnsubRequest

ON_ITS_WAY = frozenset({Status.PENDING, Status.SENDING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the page says. `kind`: on_its_way, done, refused, withdrawn, or test; `again`: the
    person comes back and finds it so. `can_tell_why`: no reason was given yet."""

    kind: str
    since: datetime | None = None
    can_undo: bool = False
    again: bool = False
    can_tell_why: bool = False

    def as_context(self) -> dict[str, Any]:
        """Return it as the template takes it."""
        return asdict(self)


def standing_of(request: UnsubRequest | None, *, again: bool = False) -> Standing:
    """Return where a wish stands. None: it was accepted, and the database cannot say more."""
    if request is None:
        return Standing(kind="on_its_way")
    kind = "on_its_way" if request.status in ON_ITS_WAY else str(request.status)
    return Standing(
        kind=kind,
        since=request.received_at,
        # Sure only before the first call: afterwards somebody would have to subscribe them again.
        can_undo=request.attempts == 0 and request.status == Status.PENDING,
        again=again,
        can_tell_why=not request.reason_text and kind in {"on_its_way", "done"},
    )
