"""Create: accept triggered sends and store their emails, so that they can be inspected; insert
rows of data extensions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unsub.sandbox.soap.envelopes import Answer, request_id
from unsub.sandbox.soap.requests import AnyRequest, DataRow, Recipient, TriggeredSend
from unsub.sandbox.soap.xml_nodes import TYPE, Node
from unsub.sandbox.world.attributes import is_address
from unsub.sandbox.world.errors import RuleError

from .call import Call
from .results import Result, overall
from .save_row import create_row

# Codes from the vendor's table of email send errors.
_FAILURES = {
    4: "The subscriber has no email address",
    5: "The email address is not valid",
    8: "The subscriber has neither a key nor an ID",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A recipient that a triggered send rejects; `ordinal` is its position among the recipients."""

    recipient: Recipient
    code: int
    ordinal: int

    @property
    def content(self) -> Mapping[str, Node]:
        """Elements of the SubscriberResult."""
        return {
            "Subscriber": {
                "EmailAddress": self.recipient.email,
                "SubscriberKey": self.recipient.key,
            },
            "ErrorCode": self.code,
            "ErrorDescription": _FAILURES[self.code],
            "Ordinal": self.ordinal,
        }


def create(call: Call, objects: Sequence[AnyRequest]) -> Answer:
    """Return the reply to a Create. RequestID and OverallStatus are its last elements."""
    units = [call.unit(one.client_id) for one in objects]
    done = [
        _result(call, ordinal, mid, one)
        for ordinal, (mid, one) in enumerate(zip(units, objects, strict=True))
    ]
    results = [result for result, _content in done]
    for result in results:
        call.call_counts.count("results", result.code or result.status)
    content: dict[str, Node] = {
        "Results": [one for _result, one in done],
        "RequestID": request_id(),
        "OverallStatus": overall(results),
    }
    return Answer(element="CreateResponse", content=content)


def _result(call: Call, ordinal: int, mid: int, one: AnyRequest) -> tuple[Result, Node]:
    """Return the result of an object, and its content."""
    if isinstance(one, DataRow):
        return create_row(call, ordinal, mid, one)
    result, failures = _send(call, ordinal, mid, one)
    return result, _content(result, failures)


def _send(call: Call, ordinal: int, mid: int, one: AnyRequest) -> tuple[Result, Sequence[Failure]]:
    if not isinstance(one, TriggeredSend):
        return Result.refused(RuleError(5), ordinal), ()
    if one.definition not in call.memory.definitions:
        return Result.refused(RuleError(18002), ordinal), ()
    failures = _failures(one)
    failed = {failure.ordinal for failure in failures}
    valid = [x for number, x in enumerate(one.recipients) if number not in failed]
    if not valid:
        return Result.refused(RuleError(180008), ordinal), failures
    for x in valid:
        call.memory.send(mid, one.definition, key=x.key, email=x.email, attributes=x.attributes)
    return Result(status="OK", message="Created TriggeredSend", ordinal=ordinal), failures


def _failures(one: TriggeredSend) -> list[Failure]:
    codes = [_wrong(recipient) for recipient in one.recipients]
    return [
        Failure(recipient=recipient, code=code, ordinal=number)
        for number, (recipient, code) in enumerate(zip(one.recipients, codes, strict=True))
        if code is not None
    ]


def _wrong(recipient: Recipient) -> int | None:
    if not recipient.email:
        return 4
    if not is_address(recipient.email):
        return 5
    return None if recipient.key else 8


def _content(result: Result, failures: Sequence[Failure]) -> Mapping[str, Node]:
    return {
        TYPE: "TriggeredSendCreateResult",
        **result.content,
        # The vendor assigns no ID to a triggered send.
        "NewID": 0,
        "SubscriberFailures": [failure.content for failure in failures],
    }
