"""Paging of Retrieve."""

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

from unsub.sandbox.soap.envelopes import request_id
from unsub.sandbox.soap.requests import Retrieve
from unsub.sandbox.world.store import Memory

from .retrieve_data import DATA_ROWS, data_rows
from .retrieve_filter import RetrieveError, Row, predicate
from .retrieve_rows import ALWAYS, KINDS, PROPERTIES

PAGE_SIZE = 2500


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of rows of an object type. `overall` is OK or MoreDataAvailable."""

    overall: str
    request_id: str
    kind: str
    rows: Sequence[Row]


class RetrievePages:
    """Serves pages, and stores the rows of the following ones until they are requested."""

    def __init__(self, memory: Memory) -> None:
        self.page_size = PAGE_SIZE
        self._memory = memory
        self._rest: dict[str, tuple[str, list[Row]]] = {}
        self._lock = Lock()

    def page(self, mid: int, request: Retrieve) -> Page:
        """Return the first page, or the page that `continues` names. Raises RetrieveError."""
        if request.unserved:
            raise RetrieveError(f"The sandbox does not serve {', '.join(request.unserved)}")
        size = self._size(request.batch_size)
        if request.continues:
            with self._lock:
                kind, rows = self._rest.pop(request.continues, ("", []))
            if not kind:
                raise RetrieveError("The ContinueRequest is not known")
        else:
            kind, rows = request.object_type.partition("[")[0], self._find(mid, request)
        now, later = rows[:size], rows[size:]
        number = request_id()
        if later:
            with self._lock:
                self._rest[number] = (kind, later)
        overall = "MoreDataAvailable" if later else "OK"
        return Page(overall=overall, request_id=number, kind=kind, rows=now)

    def _size(self, given: str | None) -> int:
        """Return the rows of a page. Assumption: a BatchSize beyond the vendor's most is cut to
        it."""
        if given is None:
            return self.page_size
        if not (given.isascii() and given.isdigit() and int(given[:9]) > 0):
            raise RetrieveError("BatchSize has to be a number above 0")
        return min(int(given), self.page_size)

    def _find(self, mid: int, request: Retrieve) -> list[Row]:
        kind = request.object_type
        if kind.startswith(f"{DATA_ROWS}["):
            return data_rows(self._memory, mid, request)
        if kind not in KINDS:
            raise RetrieveError(f"The object type {kind} cannot be retrieved")
        known = PROPERTIES[kind]
        unknown = [name for name in request.properties if name not in known]
        if unknown:
            names = ", ".join(unknown)
            raise RetrieveError(
                f"The Request Property(s) {names} do not match with the fields of {kind} retrieve"
            )
        keep = predicate(request.filter, known)
        rows = [row for row in KINDS[kind](self._memory, mid, request) if keep(row)]
        # In the order of the schema, not in the order requested. Assumption: without Properties,
        # all of them.
        wanted = ALWAYS | frozenset(request.properties or known)
        return [
            # Client requests all that a row has of it, such as Client.ID.
            {x: row[x] for x in row if x in wanted or x.partition(".")[0] in wanted}
            for row in rows
        ]
