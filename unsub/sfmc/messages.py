"""Requests and results of calls, as frozen values."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

LOG_UNSUB_EVENT = "LogUnsubEvent"
# Characters outside XML 1.0, section 2.2.
_UNFIT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REQUEST_ID_MAX = 64
# What the databases' integers hold. A code beyond it is none of the vendor's.
_CODE_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecuteRequest:
    """One request of an Execute message. `client_mid` is the business unit where it is not the one
    that the credentials belong to."""

    name: str
    parameters: tuple[tuple[str, str], ...] = field(repr=False)
    client_mid: int | None = None

    @property
    def fits_xml(self) -> bool:
        """Whether XML 1.0 can carry all values."""
        return fits_xml(text for pair in self.parameters for text in pair)

    def as_element(self) -> dict[str, Any]:
        """Return the request as zeep takes it. Absent elements are left out: zeep refuses None."""
        return client_element(self.client_mid) | {
            "Name": self.name,
            "Parameters": pairs(self.parameters),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CallResult:
    """The result of one request or object. `ordinal_id` and `error_code` are often absent.
    `status_message` is the vendor's text and may contain personal data. `wrong_columns` are those
    of a row of a data extension whose values were refused."""

    status_code: str
    status_message: str = field(default="", repr=False)
    ordinal_id: int | None = None
    error_code: int | None = None
    wrong_columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallReply:
    """The reply to one Execute, Update or Create message."""

    overall_status: str
    request_id: str | None
    results: tuple[CallResult, ...]


class SystemStatus(StrEnum):
    """State of Marketing Cloud according to GetSystemStatus."""

    OK = "OK"
    UNPLANNED_OUTAGE = "UnplannedOutage"
    IN_MAINTENANCE = "InMaintenance"


def read_call(reply: Any) -> CallReply:
    """Convert zeep's ExecuteResponseMsg, UpdateResponse or CreateResponse. Raises AttributeError
    for another message."""
    return CallReply(
        overall_status=text(reply.OverallStatus),
        request_id=text(reply.RequestID)[:_REQUEST_ID_MAX] or None,
        results=tuple(_result(result) for result in reply.Results or ()),
    )


def _result(result: Any) -> CallResult:
    """Convert one result. An email has one recipient, so it failed if SubscriberFailures has an
    entry, whatever its own status says (manual: TriggeredSendCreateResult)."""
    failures = getattr(result, "SubscriberFailures", None)
    return CallResult(
        status_code="Error" if failures else text(result.StatusCode),
        status_message=text(failures[0].ErrorDescription if failures else result.StatusMessage),
        ordinal_id=result.OrdinalID,
        error_code=_failure_code(failures) or _code(result.ErrorCode),
        wrong_columns=(*_columns(result, "KeyError"), *_columns(result, "ValueError")),
    )


def _columns(result: Any, kind: str) -> Iterator[str]:
    """Yield the columns that a kind of error of a row names (manual: DataExtensionUpdateResult)."""
    errors = getattr(getattr(result, f"{kind}s", None), kind, None)
    for one in errors or ():
        if one is not None:
            yield text(one.Name)[:100]


def _code(value: object) -> int | None:
    """Return an error code that can be stored, or None. A reply may say of any element that it is
    of another type."""
    return value if type(value) is int and abs(value) <= _CODE_MAX else None


def _failure_code(failures: Any) -> int | None:
    """Return the code of the first failure where it is a number: the schema types it as text."""
    code = text(failures[0].ErrorCode) if failures else ""
    return _code(int(code)) if code.isascii() and code.isdigit() and len(code) < 20 else None


def read_system_status(reply: Any) -> SystemStatus:
    """Return the status in zeep's SystemStatusResponseMsg. Raises ValueError, LookupError or
    AttributeError where there is none."""
    return SystemStatus(reply.Results.Result[0].SystemStatus)


def text(value: object) -> str:
    """Return an optional text, stripped; "" for None."""
    return str(value or "").strip()


def fits_xml(texts: Iterable[str]) -> bool:
    """Return whether XML 1.0 can carry all of these texts."""
    return not any(_UNFIT.search(one) for one in texts)


def client_element(mid: int | None) -> dict[str, Any]:
    """Return the Client element of a business unit; {} for None, the unit of the credentials."""
    return {} if mid is None else {"Client": {"ID": mid}}


def pairs(of: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    """Return names and values as zeep takes them."""
    return [{"Name": name, "Value": value} for name, value in of]
