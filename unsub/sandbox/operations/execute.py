"""Execute: LogUnsubEvent, with one result per request."""

from collections.abc import Mapping, Sequence

from unsub.sandbox.soap.envelopes import Answer, request_id
from unsub.sandbox.soap.requests import ExecuteRequest
from unsub.sandbox.soap.xml_nodes import Node
from unsub.sandbox.world.errors import RuleError
from unsub.sandbox.world.unsubscribe_rules import SUBSCRIBER_PARAMETERS

from . import faults
from .call import Call
from .results import Result, overall


def execute(call: Call, requests: Sequence[ExecuteRequest]) -> Answer:
    """Return the reply to an Execute."""
    unknown = next((r.name for r in requests if r.name != "LogUnsubEvent"), None)
    if unknown is not None:
        call.call_counts.count("results", "no handler")
        what = unknown or "a request without a name"
        return _answer(f"Error: Unable to find a handler for {what}", ())
    units = [call.unit(request.client_id) for request in requests]
    spoilt = len(requests) > 1 and call.take(faults.SECOND) is not None
    results = [
        _result(call, ordinal, mid, request, spoilt=spoilt and ordinal == 1)
        for ordinal, (mid, request) in enumerate(zip(units, requests, strict=True))
    ]
    for result in results:
        call.call_counts.count("results", result.code or result.status)
    return _answer(overall(results), results)


def _result(call: Call, ordinal: int, mid: int, request: ExecuteRequest, *, spoilt: bool) -> Result:
    if spoilt:
        return Result.refused(RuleError(12008), ordinal)
    if request.parameters is None:
        text = "Object reference not set to an instance of an object."
        return Result(status="Error", message=text, ordinal=ordinal)
    try:
        _refuse_on_cue(call, request.parameters)
        call.memory.log_unsub_event(mid, request.parameters)
    except RuleError as err:
        return Result.refused(err, ordinal)
    # A success has neither OrdinalID nor ErrorCode; an error has both.
    return Result(status="OK", message="Event posted")


def _refuse_on_cue(call: Call, parameters: Mapping[str, str]) -> None:
    several = sum(bool(parameters.get(name)) for name in SUBSCRIBER_PARAMETERS) > 1
    cue = call.take(faults.NO_JOB | faults.MISMATCH if several else faults.NO_JOB)
    if cue is not None:
        call.call_counts.count("faults", cue.kind)
        raise RuleError(int(cue.kind.removeprefix("refuse_")))


def _answer(status: str, results: Sequence[Result]) -> Answer:
    content: dict[str, Node] = {
        "OverallStatus": status,
        "RequestID": request_id(),
        "Results": [result.content for result in results],
    }
    return Answer(element="ExecuteResponseMsg", content=content)
