"""What goes out and what comes back, as values."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

LOG_UNSUB_EVENT = "LogUnsubEvent"
# XML 1.0, section 2.2: what a document may hold.
_UNFIT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REQUEST_ID_MAX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecuteRequest:
    """One request of an Execute message; `client_mid` names a business unit other than the one
    that the credentials speak for."""

    name: str
    parameters: tuple[tuple[str, str], ...]
    client_mid: int | None = None

    @property
    def fits_xml(self) -> bool:
        """Whether XML can carry it."""
        return not any(_UNFIT.search(text) for pair in self.parameters for text in pair)

    def as_element(self) -> dict[str, Any]:
        """Return the request as zeep takes it. What is absent stays out: zeep refuses None."""
        element: dict[str, Any] = {
            "Name": self.name,
            "Parameters": [{"Name": name, "Value": value} for name, value in self.parameters],
        }
        return element if self.client_mid is None else {"Client": {"ID": self.client_mid}} | element


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecuteResult:
    """What became of one request. `ordinal_id` and `error_code` are often absent (facts 1.3)."""

    status_code: str
    status_message: str = ""
    ordinal_id: int | None = None
    error_code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecuteReply:
    """The answer to one Execute message."""

    overall_status: str
    request_id: str | None
    results: tuple[ExecuteResult, ...]


class SystemStatus(StrEnum):
    """What GetSystemStatus says of Marketing Cloud as a whole."""

    OK = "OK"
    UNPLANNED_OUTAGE = "UnplannedOutage"
    IN_MAINTENANCE = "InMaintenance"


def read_execute(reply: Any) -> ExecuteReply:
    """Return zeep's ExecuteResponseMsg as a value; raises AttributeError where it is none."""
    return ExecuteReply(
        overall_status=_text(reply.OverallStatus),
        request_id=_text(reply.RequestID)[:_REQUEST_ID_MAX] or None,
        results=tuple(
            ExecuteResult(
                status_code=_text(result.StatusCode),
                status_message=_text(result.StatusMessage),
                ordinal_id=result.OrdinalID,
                error_code=result.ErrorCode,
            )
            for result in reply.Results or ()
        ),
    )


def read_system_status(reply: Any) -> SystemStatus:
    """Return the status of zeep's SystemStatusResponseMsg; raises ValueError, LookupError or
    AttributeError where there is none."""
    return SystemStatus(reply.Results.Result[0].SystemStatus)


def _text(value: object) -> str:
    """Return a text that may be absent, without the white space around it."""
    return str(value or "").strip()
