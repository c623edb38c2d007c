"""What goes out and what comes back, as values."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

LOG_UNSUB_EVENT = "LogUnsubEvent"
# XML 1.0, section 2.2: what a document may hold.
_UNFIT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REQUEST_ID_MAX = 64
_CODE_DIGITS = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecuteRequest:
    """One request of an Execute message; `client_mid` names a business unit other than the one
    that the credentials speak for."""

    name: str
    parameters: tuple[tuple[str, str], ...] = field(repr=False)
    client_mid: int | None = None

    @property
    def fits_xml(self) -> bool:
        """Whether XML can carry it."""
        return fits_xml(text for pair in self.parameters for text in pair)

    def as_element(self) -> dict[str, Any]:
        """Return the request as zeep takes it. What is absent stays out: zeep refuses None."""
        return client_element(self.client_mid) | {
            "Name": self.name,
            "Parameters": pairs(self.parameters),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CallResult:
    """What became of one request or object. `ordinal_id` and `error_code` are often absent (facts
    1.3). The message is the vendor's words, in which a person may stand."""

    status_code: str
    status_message: str = field(default="", repr=False)
    ordinal_id: int | None = None
    error_code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallReply:
    """The answer to one message of Execute, Update or Create."""

    overall_status: str
    request_id: str | None
    results: tuple[CallResult, ...]


class SystemStatus(StrEnum):
    """What GetSystemStatus says of Marketing Cloud as a whole."""

    OK = "OK"
    UNPLANNED_OUTAGE = "UnplannedOutage"
    IN_MAINTENANCE = "InMaintenance"


def read_call(reply: Any) -> CallReply:
    """Return zeep's ExecuteResponseMsg, UpdateResponse or CreateResponse as a value; raises
    AttributeError where it is none."""
    return CallReply(
        overall_status=text(reply.OverallStatus),
        request_id=text(reply.RequestID)[:_REQUEST_ID_MAX] or None,
        results=tuple(_result(result) for result in reply.Results or ()),
    )


def _result(result: Any) -> CallResult:
    """Return one result. A mail of ours has one reader, so it failed where that one did, whatever
    its own status says (manual: TriggeredSendCreateResult)."""
    failures = getattr(result, "SubscriberFailures", None)
    return CallResult(
        status_code="Error" if failures else text(result.StatusCode),
        status_message=text(failures[0].ErrorDescription if failures else result.StatusMessage),
        ordinal_id=result.OrdinalID,
        error_code=_failure_code(failures) or result.ErrorCode,
    )


def _failure_code(failures: Any) -> int | None:
    """Return the code of the first failure where it is a number: by the schema it is a text."""
    code = text(failures[0].ErrorCode) if failures else ""
    return int(code) if code.isascii() and code.isdigit() and len(code) <= _CODE_DIGITS else None


def read_system_status(reply: Any) -> SystemStatus:
    """Return the status of zeep's SystemStatusResponseMsg; raises ValueError, LookupError or
    AttributeError where there is none."""
    return SystemStatus(reply.Results.Result[0].SystemStatus)


def text(value: object) -> str:
    """Return a text that may be absent, without the white space around it."""
    return str(value or "").strip()


def fits_xml(texts: Iterable[str]) -> bool:
    """Return whether XML can carry all of these."""
    return not any(_UNFIT.search(one) for one in texts)


def client_element(mid: int | None) -> dict[str, Any]:
    """Return the element that names a business unit: none where the credentials speak for it."""
    return {} if mid is None else {"Client": {"ID": mid}}


def pairs(of: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    """Return names and values as zeep takes them."""
    return [{"Name": name, "Value": value} for name, value in of]
