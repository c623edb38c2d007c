"""Paging of Retrieve under one simple filter."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock

from unsub.sandbox.soap.envelopes import request_id
from unsub.sandbox.soap.requests import Retrieve
from unsub.sandbox.world.store import Memory

from .retrieve_rows import ALWAYS, EXACT, KINDS, SERVER_TIME, Row

PAGE_SIZE = 2500


class RetrieveError(Exception):
    """A Retrieve that cannot be served; the reply has the message after `Error: `."""


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
        if request.continues:
            with self._lock:
                kind, rows = self._rest.pop(request.continues, ("", []))
            if not kind:
                raise RetrieveError("The ContinueRequest is not known")
        else:
            kind, rows = request.object_type, self._find(mid, request)
        now, later = rows[: self.page_size], rows[self.page_size :]
        number = request_id()
        if later:
            with self._lock:
                self._rest[number] = (kind, later)
        overall = "MoreDataAvailable" if later else "OK"
        return Page(overall=overall, request_id=number, kind=kind, rows=now)

    def _find(self, mid: int, request: Retrieve) -> list[Row]:
        if request.object_type not in KINDS:
            raise RetrieveError(f"The object type {request.object_type} cannot be retrieved")
        keep = _condition(request)
        rows = [row for row in KINDS[request.object_type](self._memory, mid, request) if keep(row)]
        # In the order of the schema, not in the order requested.
        wanted = ALWAYS | frozenset(request.properties)
        return [{name: row[name] for name in row if name in wanted} for row in rows]


def _condition(request: Retrieve) -> Callable[[Row], bool]:
    """Return the predicate of the filter. Raises RetrieveError for an unsupported one."""
    name, values = request.filtered_by, request.values
    if not name:
        return lambda _row: True
    if request.operator in EXACT:
        wanted = {value.casefold() for value in values}
        return lambda row: str(row.get(name, "")).casefold() in wanted
    if request.operator == "greaterThanOrEqual" and len(values) == 1:
        since = _time(values[0])
        return lambda row: name in row and _time(str(row[name])) >= since
    raise RetrieveError(f"The operator {request.operator} cannot be used on {name}")


def _time(text: str) -> datetime:
    """Return a time in UTC. A time without a zone is taken as the vendor's own."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise RetrieveError("A date could not be read") from None
    return (at if at.tzinfo else at.replace(tzinfo=SERVER_TIME)).astimezone(UTC)
