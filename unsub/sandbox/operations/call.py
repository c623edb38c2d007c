"""One call in progress: the account, and the state that operations use."""

from collections.abc import Collection
from dataclasses import dataclass

from unsub.sandbox.soap import envelopes
from unsub.sandbox.soap.elements import number
from unsub.sandbox.soap.envelopes import FaultError
from unsub.sandbox.world.store import Memory

from . import faults
from .call_counts import CallCounts
from .faults import Cue, Faults
from .retrieve_pages import RetrievePages


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call of an authenticated account. `mids` and `labels` are matched against injected
    faults."""

    account: int
    mids: Collection[int]
    labels: Collection[str]
    memory: Memory
    retrieve_pages: RetrievePages
    cues: Faults
    call_counts: CallCounts

    def take(self, kinds: Collection[str]) -> Cue | None:
        """Return the first injected fault of these kinds that is due for this call, and count
        it."""
        return self.cues.take(kinds, self.mids, self.labels)

    def unit(self, client_id: str | None) -> int:
        """Return the MID in Client/ID. Raises FaultError, which fails the whole message.

        Assumption: an unknown unit, or one that is neither the account's own nor its child, gives
        "not authorised" (11). The manual has no code for it.
        """
        if not client_id:
            return self.account
        mid = number(client_id)
        if mid is None:
            raise FaultError("client", envelopes.client_fault("Client/ID has to be an int32"))
        unit = self.memory.units.get(mid)
        if unit is None or self.account not in (unit.mid, unit.parent):
            raise api_error(11)
        return mid


def api_error(code: int) -> FaultError:
    """Return the SOAP fault with that apifault code."""
    return FaultError(f"fault_{code}", envelopes.api_fault(code, faults.API_MESSAGES[code]))
